//! The book's pictures that a reader can change.

use std::process::Command;

use crate::course::{Ran, course, grade, has_solutions};

/// Builds the pages' WebAssembly as the book's author does, and compares it with the crate.
#[test]
fn the_page_computes_what_the_references_do() {
    // The pictures show the references at work.
    if !has_solutions() {
        return;
    }
    let built = grade(course(), &["dev", "pictures"]).expect_code(0);
    assert!(built.stdout.trim_end().ends_with("pictures.wasm"), "{}", built.stdout);
    let mut test = Command::new(env!("CARGO"));
    test.args(["test", "--package", "pictures-live", "--features", "references"]).current_dir(course());
    Ran::of(&mut test).expect_code(0);
}
