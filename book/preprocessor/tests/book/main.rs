//! What a reader would stumble over: links and anchors that lead nowhere, code
//! that was pasted, pictures that nobody can have read to them.

mod chapters;
mod copies;
mod documents;
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

/// Fails with all problems at once: it is tedious to get them one by one.
fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
