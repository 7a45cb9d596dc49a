//! Labs whose functions do nothing, or hardly anything: they break few of the rules that only forbid something,
//! and must get no points for those. The files are in `tests/nothing` and `tests/little`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::course::{Copy, has_solutions};

/// Grades all labs of which this folder in `tests` has files, with those files.
fn graded(folder: &str) -> Vec<Value> {
    let copy = Copy::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut labs = Vec::new();
    for lab in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let id = lab.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&lab).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap();
            copy.write(&format!("labs/{id}/src/{name}"), &fs::read_to_string(&file).unwrap());
        }
        labs.push(id);
    }
    assert!(labs.len() >= 6, "the submissions are not where they were");
    let words: Vec<&str> = labs.iter().map(String::as_str).chain(["--json", "-"]).collect();
    let run = copy.grade(&words).expect_code(1).json();
    run["labs"].as_array().unwrap().clone()
}

/// The checks of a lab that passed.
fn held(lab: &Value) -> Vec<&Value> {
    let held = lab["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "passed");
    held.map(|check| &check["id"]).collect()
}

#[test]
fn who_does_nothing_has_no_points() {
    if !has_solutions() {
        return;
    }
    for lab in graded("nothing") {
        assert!(held(&lab).is_empty(), "{}: {:?}", lab["id"], held(&lab));
        assert!(lab["build_error"].is_null(), "{lab:#}");
    }
}

/// A counter, a constant, the first byte: no lab has more than this many points for it.
const MOST: u64 = 5;

#[test]
fn who_does_hardly_anything_has_hardly_a_point() {
    if !has_solutions() {
        return;
    }
    for lab in graded("little") {
        assert!(lab["score"].as_u64().unwrap() <= MOST, "{}: {:?}", lab["id"], held(&lab));
        assert!(lab["build_error"].is_null(), "{lab:#}");
    }
}
