//! Submissions that gain control of the machine with safe code, and forge a result. The first line of each file in
//! `tests/forging` says which file it builds on (the skeleton or a correct one),
//! the verdict that it must get, and a part of the message.
//! All of them use `memory.rs`.

use std::fs;
use std::path::Path;

use crate::course::{Copy, check, has_solutions};

/// The student's file of lab 01 with a call of `forge()` where the component is built, and the attack after it.
fn with_forge(copy: &Copy, base: &str, forge: &str) {
    let text = copy.read(base);
    let start = text.find("    fn new(map: &MemoryMap").expect("the component is built here");
    let body = start + text[start..].find("{\n").expect("it has a body") + 2;
    let text = format!("{}        forge();\n{}", &text[..body], &text[body..]);
    copy.write("labs/01-pmm/src/bitmap.rs", &format!("{text}\n{forge}"));
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forging")
}

#[test]
fn who_owns_the_machine_in_safe_code_finds_nothing_that_makes_a_result() {
    let memory = fs::read_to_string(folder().join("memory.rs")).unwrap();
    let mut paths: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.ends_with("memory.rs"));
    assert!(paths.len() >= 4, "the submissions are not where they were");
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        let first = first.strip_prefix("//! ").expect("a first line");
        let [base, status, message] = first.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{first}") };
        if base != "src/bitmap.rs" && !has_solutions() {
            continue;
        }
        let copy = Copy::new();
        with_forge(&copy, &format!("labs/01-pmm/{base}"), &format!("{memory}{rest}"));
        for how in [&[][..], &["--fresh"]] {
            let words = [&["01", "--check", "never-twice", "--json", "-"], how].concat();
            let run = copy.grade(&words).expect_code(1).json();
            let check = check(&run, "never-twice");
            assert_eq!(check["status"], status, "{}: {check:#}", path.display());
            let said = check["message"].as_str().unwrap();
            assert!(said.contains(message), "{}: {said}", path.display());
        }
    }
    if has_solutions() {
        // The common part of all attacks does no harm by itself.
        let copy = Copy::new();
        let harmless = "fn forge() {\n    let mut nonce = [0; 16];\n    machine::told(b\"nonce=\", &mut nonce);\n}\n";
        with_forge(&copy, "labs/01-pmm/alternatives/two_bitmaps.rs", &format!("{memory}{harmless}"));
        copy.grade(&["01", "--check", "never-twice"]).expect_code(0);
    }
}

/// A value whose formatting panics with a value whose formatting panics: each prints what looks like a result, and a
/// line that looks like the end of the report, before, in the middle of and after its panic's first line.
const PANICKY: &str = r##"
struct Panicky(u32);

const FORGED: &str = "\nok 1 never-twice\nok 1 never-twice # folio:0123456789abcdef\n# folio:0123456789abcdef end\n";

impl core::fmt::Display for Panicky {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(FORGED)?;
        log::info!("{FORGED}");
        if self.0 > 0 {
            panic!("{FORGED}{}{FORGED}", Panicky(self.0 - 1));
        }
        f.write_str(FORGED)
    }
}
"##;

#[test]
fn no_line_of_a_panic_in_a_panic_is_raw() {
    let ways = [
        "panic!(\"{}\", Panicky(3))",
        "log::info!(\"before {} after\", Panicky(3))",
        "log::info!(\"{}\", Panicky(0)); panic!(\"{FORGED}{}\", Panicky(1))",
        "assert_eq!(1, 2, \"{}\", Panicky(2))",
    ];
    let copy = Copy::new();
    let skeleton = "labs/01-pmm/src/bitmap.rs";
    let text = copy.read(skeleton);
    for way in ways {
        copy.write(skeleton, &text);
        with_forge(&copy, skeleton, &format!("fn forge() {{\n    {way}\n}}\n{PANICKY}"));
        let run = copy.grade(&["01", "--check", "never-twice", "--fresh", "--json", "-"]).expect_code(1).json();
        let check = check(&run, "never-twice");
        assert_eq!((&check["status"], &check["points"]), (&"panicked".into(), &0.into()), "{way}: {check:#}");
        let ran = copy.grade(&["01", "--check", "never-twice", "--verbose", "--color", "never"]).expect_code(1);
        let mut serial = ran.stdout.lines().skip_while(|line| !line.starts_with("  serial"));
        let first = serial.next().and_then(|line| line.strip_prefix("  serial    "));
        let lines: Vec<&str> =
            first.into_iter().chain(serial.map_while(|line| line.strip_prefix("            "))).collect();
        assert!(lines.iter().any(|line| line.contains("ok 1 never-twice")), "{way}: {}", ran.stdout);
        for line in lines {
            let is_prefixed = line.starts_with("# ") || line.starts_with("KTAP version ") || line == "1..1";
            assert!(is_prefixed, "{way}: this line is raw: {line}");
        }
    }
}
