//! Lab 00 with functions that call the library: for their own work, which fails every check, or for
//! something else, which breaks one rule.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::course::{Copy, has_solutions, lab};

/// Grades lab 00 with this file of `tests/own_work`.
fn graded(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own_work");
    let copy = Copy::new();
    copy.write("labs/00-memory/src/memory.rs", &fs::read_to_string(folder.join(name)).unwrap());
    copy.grade(&["00", "--json", "-"]).expect_code(1).json()
}

#[test]
fn work_that_is_left_to_the_library_counts_in_no_check() {
    let run = graded("library.rs");
    let lab = lab(&run, "00-memory");
    assert_eq!(lab["score"], 0, "{lab:#}");
    for check in lab["checks"].as_array().unwrap() {
        assert_eq!(check["status"], "failed", "{check:#}");
        // A hand-out's kernel is linked with the compiler's own functions, which are too slow before anybody asks whose
        // work it was.
        let is_slow = check["id"] == "memory-cost" && !has_solutions();
        let message = check["message"].as_str().unwrap();
        assert!(message.contains("to do its work itself") || is_slow, "{check:#}");
    }
}

#[test]
fn a_call_that_the_compiler_inserts_for_a_buffer_costs_one_rule() {
    let run = graded("buffers.rs");
    let checks = lab(&run, "00-memory")["checks"].as_array().unwrap();
    let lost: Vec<&Value> =
        checks.iter().filter(|check| check["status"] != "passed").map(|check| &check["id"]).collect();
    // It works byte by byte, too.
    assert_eq!(lost, ["own-work", "memory-cost"], "{run:#}");
}
