//! Tests of the book: links and anchors that lead nowhere, copied
//! code, pictures without a description.

mod chapters;
mod copies;
mod documents;
mod facts;
mod limits;
mod page;
mod pages;
mod pictures;
mod terms;

use std::path::{Path, PathBuf};

/// The top folder of the course.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of the book's pages.
fn sources() -> PathBuf {
    root().join("book/src")
}

/// Reports all problems at once: one by one would be tedious.
fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
