//! The grader's output for other programs.

use std::fs;

use crate::course::{Copy, course, grade};

#[test]
fn a_report_goes_to_a_file_or_to_standard_output_and_nothing_else_does() {
    let copy = Copy::with_checks(&["harness-pass", "harness-fail", "harness-early-exit"]);
    let folder = tempfile::tempdir().unwrap();
    let (json, junit) = (folder.path().join("r.json"), folder.path().join("r.xml"));
    let ran = copy
        .grade(&["--json", json.to_str().unwrap(), "--junit", junit.to_str().unwrap(), "--color", "never"])
        .expect_code(1);
    assert!(ran.stdout.contains("harness-fail"), "the table is shown too\n{}", ran.stdout);
    let from_file: serde_json::Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    for key in ["emulator", "toolchain", "seed", "elapsed_ms", "labs"] {
        assert!(from_file.get(key).is_some(), "{key}");
    }
    let xml = fs::read_to_string(&junit).unwrap();
    for part in [r#"name="01-pmm""#, r#"tests="3""#, r#"failures="1""#, r#"errors="1""#, r#"name="harness-fail""#] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
    let printed = copy.grade(&["--junit", "-"]).expect_code(1);
    assert!(printed.stdout.starts_with("<?xml"), "{}", printed.stdout);
}

#[test]
fn exit_codes_tell_passed_from_failed_from_could_not_run() {
    let copy = Copy::with_checks(&["harness-pass", "harness-fail"]);
    copy.grade(&["--check", "harness-pass"]).expect_code(0);
    copy.grade(&["--check", "harness-pass", "--check", "harness-fail"]).expect_code(1);
    copy.grade(&["--check", "harness-nonsense"]).expect_code(2);
    grade(course(), &["--no-such-option"]).expect_code(2);
    grade(course(), &["--help"]).expect_code(0);
    grade(course(), &["--version"]).expect_code(0);
}

#[test]
fn a_report_that_cannot_be_written_is_told_in_one_line() {
    let copy = Copy::with_checks(&["harness-pass"]);
    let ran = copy.grade(&["--json", "/no/such/folder/r.json"]).expect_code(2);
    ran.says("cannot write /no/such/folder/r.json: its folder does not exist");
}

#[test]
fn two_reports_never_go_to_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    for target in ["-", file.to_str().unwrap()] {
        let ran = grade(course(), &["--json", target, "--junit", target]).expect_code(2);
        let ran = ran.says("--json and --junit both go to").says("name a file of its own");
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_run_that_says_nothing_about_the_checks_leaves_no_older_report() {
    let folder = tempfile::tempdir().unwrap();
    let (json, junit) = (folder.path().join("r.json"), folder.path().join("r.xml"));
    for (here, words) in [(course(), "--check"), (course(), "09"), (folder.path(), "01")] {
        for report in [&json, &junit] {
            fs::write(report, "somebody else's").unwrap();
        }
        let mut all = vec!["--json", json.to_str().unwrap(), "--junit", junit.to_str().unwrap(), words];
        if words == "--check" {
            all.push("no-such-check");
        }
        grade(here, &all).expect_code(2);
        assert!(!json.exists() && !junit.exists(), "{words}");
    }
}
