//! Submissions that reach beyond their lab. Each file in `tests/hostile` says in its first line
//! which student's file it stands for, and what is refused in it, and where.

use std::fs;
use std::path::Path;

use crate::course::{Copy, Ran, check, has_solutions, lab};

/// A hostile submission.
struct Hostile {
    text: String,
    /// The student's file, such as `labs/01-pmm/src/bitmap.rs`.
    file: String,
    /// What the verdict begins with.
    verdict: String,
}

impl Hostile {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let first = text.lines().next().and_then(|line| line.strip_prefix("//! ")).expect("a first line");
        let [file, place, token] = first.split(' ').collect::<Vec<_>>()[..] else { panic!("{first}") };
        let (file, verdict) = (file.to_owned(), format!("{file}:{place}: {token} is refused, for "));
        Self { file, verdict, text }
    }

    fn lab(&self) -> &str {
        self.file.split('/').nth(1).unwrap()
    }
}

#[test]
fn what_reaches_beyond_a_lab_is_refused_with_its_place_before_anything_is_built() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 14, "the submissions are not where they were");
    for path in paths {
        let hostile = Hostile::read(&path);
        let copy = Copy::new();
        copy.write(&hostile.file, &hostile.text);
        let run = copy.grade(&[hostile.lab(), "--json", "-"]).expect_code(1).json();
        let lab = lab(&run, hostile.lab());
        assert_eq!(lab["score"], 0);
        let text = lab["build_error"].as_str().unwrap_or_default();
        assert!(text.contains("is refused") && !text.contains("error["), "{}\n{text}", path.display());
        for check in lab["checks"].as_array().unwrap() {
            assert_eq!(check["status"], "could_not_build", "{}\n{check:#}", path.display());
            let message = check["message"].as_str().unwrap();
            assert!(message.starts_with(&hostile.verdict), "{}: {}\n{message}", path.display(), hostile.verdict);
        }
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

/// Grades lab 01 with these bytes in the place of the student's file, and returns what there is to say about it.
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
