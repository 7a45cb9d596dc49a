//! Labs whose functions do nothing: they break few of the rules that only forbid something,
//! and must get no points for those. The files are in `tests/nothing`.

use std::fs;
use std::path::Path;

use crate::course::{Copy, has_solutions};

#[test]
fn who_does_nothing_has_no_points() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nothing");
    let mut labs = Vec::new();
    for lab in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let id = lab.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&lab).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap();
            copy.write(&format!("labs/{id}/src/{name}"), &fs::read_to_string(&file).unwrap());
        }
        labs.push(id);
    }
    assert!(labs.len() >= 7, "the submissions are not where they were");
    let words: Vec<&str> = labs.iter().map(String::as_str).chain(["--json", "-"]).collect();
    let run = copy.grade(&words).expect_code(1).json();
    for lab in run["labs"].as_array().unwrap() {
        let held = lab["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "passed");
        let held: Vec<&serde_json::Value> = held.map(|check| &check["id"]).collect();
        assert!(held.is_empty(), "{}: {held:?}", lab["id"]);
    }
}
