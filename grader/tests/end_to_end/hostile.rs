//! Submissions that reach beyond their lab, or whose builds would never end. The first line of each file in
//! `tests/hostile` names the student's file and the verdict:
//!
//! - `FILE LINE:COLUMN TOKEN`: it replaces that file, and the token there is refused before anything is built;
//! - `FILE could_not_build WORDS`: it is appended to that file and cannot be built; these words tell why.

use std::fs;
use std::path::Path;

use crate::course::{Copy, Ran, check, has_solutions, lab};

/// A hostile submission.
struct Hostile {
    name: String,
    /// The student's file, such as `labs/01-pmm/src/bitmap.rs`.
    file: String,
    text: String,
    verdict: Verdict,
}

enum Verdict {
    /// The beginning of the message.
    Refused(String),
    /// A part of the compiler's or the grader's message.
    CouldNotBuild(String),
}

impl Hostile {
    /// All hostile submissions.
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= 20, "the submissions are not where they were");
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let first = text.lines().next().and_then(|line| line.strip_prefix("//! ")).expect("a first line");
        let (file, rest) = first.split_once(' ').unwrap();
        let verdict = match rest.split_once(' ').unwrap() {
            ("could_not_build", words) => Verdict::CouldNotBuild(words.to_owned()),
            (place, token) => Verdict::Refused(format!("{file}:{place}: {token} is refused, for ")),
        };
        Self { name: path.display().to_string(), file: file.to_owned(), verdict, text }
    }

    fn lab(&self) -> &str {
        self.file.split('/').nth(1).unwrap()
    }

    /// The text without the lines that must stand at a file's start.
    fn addition(&self) -> String {
        self.text.lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect()
    }
}

#[test]
fn what_reaches_beyond_a_lab_is_refused_with_its_place_before_anything_is_built() {
    for hostile in Hostile::all() {
        let Verdict::Refused(verdict) = &hostile.verdict else { continue };
        let copy = Copy::new();
        copy.write(&hostile.file, &hostile.text);
        let run = copy.grade(&[hostile.lab(), "--json", "-"]).expect_code(1).json();
        let lab = lab(&run, hostile.lab());
        assert_eq!(lab["score"], 0);
        let text = lab["build_error"].as_str().unwrap_or_default();
        assert!(text.contains("is refused") && !text.contains("error["), "{}\n{text}", hostile.name);
        for check in lab["checks"].as_array().unwrap() {
            assert_eq!(check["status"], "could_not_build", "{}\n{check:#}", hostile.name);
            let message = check["message"].as_str().unwrap();
            assert!(message.starts_with(verdict), "{}: {verdict}\n{message}", hostile.name);
        }
    }
}

#[test]
fn what_cannot_be_built_is_the_lab_s_verdict_and_no_other_s() {
    if !has_solutions() {
        return;
    }
    for hostile in Hostile::all() {
        let Verdict::CouldNotBuild(words) = &hostile.verdict else { continue };
        let copy = Copy::new();
        copy.write(&hostile.file, &format!("{}\n{}", copy.read(&hostile.file), hostile.addition()));
        could_not_build(&copy, hostile.lab(), words);
    }
}

/// Grades all labs, of which this one cannot be built, and expects these words.
#[track_caller]
fn could_not_build(copy: &Copy, id: &str, words: &str) {
    let report = copy.root().join("report.json");
    let junit = copy.root().join("report.xml");
    let ran = copy.grade(&["--json", report.to_str().unwrap(), "--junit", junit.to_str().unwrap()]);
    ran.expect_code(1).says(words);
    let run = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let broken = lab(&run, id);
    assert!(broken["build_error"].as_str().is_some_and(|text| text.contains(words)), "{words}\n{broken:#}");
    for check in broken["checks"].as_array().unwrap() {
        assert_eq!(check["status"], "could_not_build", "{check:#}");
    }
    for other in run["labs"].as_array().unwrap().iter().filter(|other| other["id"] != id) {
        assert!(other.get("build_error").is_none(), "{words}\n{other:#}");
    }
    assert!(fs::read_to_string(junit).unwrap().contains("could_not_build"));
}

#[test]
fn a_compiler_that_crashes_is_the_lab_s_verdict() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let file = "labs/01-pmm/src/bitmap.rs";
    let skeleton = copy.read(file);
    for deep in [format!("{}true", "!".repeat(200_000)), format!("{}true", "true & ".repeat(200_000))] {
        copy.write(file, &format!("{skeleton}\npub const DEEP: bool = {deep};\n"));
        could_not_build(&copy, "01-pmm", "the compiler crashed on it");
    }
}

#[test]
fn a_refusal_is_in_every_report_and_costs_no_other_lab() {
    if !has_solutions() {
        return;
    }
    let copy =
        Copy::with_student("pub struct Pmm;\n\nfn f() {\n    unsafe { core::hint::unreachable_unchecked() }\n}\n");
    let words = ["--check", "never-twice", "--check", "stack-create", "--color", "never"];
    let ran = copy.grade(&words).expect_code(1);
    ran.says("error: `unsafe` is refused").says("labs/01-pmm/src/bitmap.rs:4:5").says("✘ could not build:");
    let xml = copy.grade(&[&words[..4], &["--junit", "-"]].concat()).expect_code(1).stdout;
    assert!(
        xml.contains("labs/01-pmm/src/bitmap.rs:4:5: `unsafe` is refused, for this lab forbids unsafe code"),
        "{xml}"
    );
    let run = copy.grade(&[&words[..4], &["--json", "-"]].concat()).expect_code(1).json();
    assert_eq!(check(&run, "never-twice")["status"], "could_not_build");
    assert_eq!(check(&run, "stack-create")["status"], "not_started", "{run:#}");
}

/// Grades lab 01 with these bytes in place of the student's file, and returns the report's texts.
fn refused(bytes: &[u8]) -> (Ran, String, String) {
    let copy = Copy::new();
    fs::write(copy.root().join("labs/01-pmm/src/bitmap.rs"), bytes).unwrap();
    let ran = copy.grade(&["--check", "never-twice", "--json", "-"]).expect_code(1);
    let run = ran.json();
    let check = check(&run, "never-twice");
    assert_eq!(check["status"], "could_not_build", "{run:#}");
    let message = check["message"].as_str().unwrap_or_default().to_owned();
    let error = lab(&run, "01-pmm")["build_error"].as_str().unwrap_or_default().to_owned();
    (ran, message, error)
}

#[test]
fn of_a_file_that_is_no_rust_the_compiler_says_why_and_shows_no_other_file() {
    let secret = "const X: &str = include_str!(\"/etc/hostname\");\n#[path = \"/etc/hostname\"]\nmod x;\n";
    for (text, expected) in [
        (format!("{secret}fn f() {{\n").into_bytes(), "unclosed delimiter"),
        (format!("{secret}fn f() {{ ) }}\n").into_bytes(), "unexpected closing delimiter"),
        ([secret.as_bytes(), b"// \xff\n"].concat(), "UTF-8"),
    ] {
        let (_, message, error) = refused(&text);
        assert!(error.contains(expected) && error.contains("labs/01-pmm/src/bitmap.rs"), "{expected}\n{error}");
        assert_eq!(message, "the lab does not compile");
    }
}

#[test]
fn what_rustc_can_read_and_the_fence_cannot_is_refused() {
    let (_, message, _) = refused(b"#!/*\nfn f() { unsafe { core::hint::unreachable_unchecked() } }\n// */\n");
    assert_eq!(message, "labs/01-pmm/src/bitmap.rs:1:1: is not text that can be read as Rust's tokens");
}

#[test]
fn a_file_that_nobody_wrote_is_not_read() {
    let (_, message, _) = refused("ä".repeat((2 << 20) + 1).as_bytes());
    assert_eq!(message, "labs/01-pmm/src/bitmap.rs is too large to have been written by a person");
    let deep = format!("const X: u8 = {}0{};\n", "(".repeat(50_000), ")".repeat(50_000));
    let (_, message, _) = refused(deep.as_bytes());
    assert!(message.starts_with("labs/01-pmm/src/bitmap.rs:1:215: `(` is refused, for it is nested"), "{message}");
}
