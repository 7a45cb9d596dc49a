//! What the grader writes for other programs.

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
