//! `cargo grade dev browser`: tests the book in headless Chromium, as a reader uses it.
//!
//! The tests are `book/live/tests`; Node.js runs them. Without npm or Chromium they
//! are skipped, with a message.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::book::{Book, Lacking, Live, Use};
use crate::build::site::Site;
use crate::host::apt::{self, Permission};
use crate::host::error::{Error, Result};
use crate::host::path::{named_program, on_path};
use crate::host::process;
use crate::host::progress::Progress;
use crate::host::system::System;

/// Names of Chromium, on one system or another.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The oldest version of Node.js that runs the tests.
const OLDEST_NODE: u32 = 20;

/// The environment variable with the path of another Chromium.
const VARIABLE: &str = "FOLIO_CHROMIUM";

/// Builds the book and runs its tests; returns whether none failed.
///
/// # Errors
/// If the book cannot be built, or the tests cannot be started.
pub fn run(site: &Site, permission: Permission, progress: &Progress) -> Result<bool> {
    let node = match node() {
        Ok(node) => node,
        Err(why) => return Ok(skip(&why)),
    };
    let chromium = match chromium(permission) {
        Ok(chromium) => chromium,
        Err(why) => return Ok(skip(&why)),
    };
    let book = Book::prepare(site, permission, progress)?;
    let packages = match book.packages(Use::Tests, progress)? {
        Ok(packages) => packages,
        Err(lacking) => return Ok(skip(&lacking.to_string())),
    };
    if let Live::Lacking(lacking) = book.make_live(progress)? {
        return Ok(skip(&lacking.to_string()));
    }
    book.build(progress)?;
    let mut command = Command::new(&node);
    command
        .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        .args(tests(&site.workspace.root.join("book/live/tests"))?);
    command.env("FOLIO_BOOK", book.pages()).env("FOLIO_PACKAGES", packages).env(VARIABLE, chromium);
    let status = process::status(&mut command).map_err(|error| Error::io("cannot start", &node, &error))?;
    Ok(status.success())
}

/// Reports why the tests are skipped. That is no failure.
fn skip(why: &str) -> bool {
    println!("skipped, the book was not tested in a browser: {why}");
    true
}

/// A Node.js that can run the tests, or why there is none.
fn node() -> std::result::Result<PathBuf, String> {
    let node = on_path("node").ok_or_else(|| Lacking::Npm.to_string())?;
    let version = process::answer(&node, &["--version"]).unwrap_or_default();
    match major(&version) {
        Some(major) if major >= OLDEST_NODE => Ok(node),
        _ => Err(format!("Node.js is {}, and the tests need {OLDEST_NODE} or newer", version.trim())),
    }
}

/// The major version: the 20 of `v20.10.0`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The test files.
fn tests(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(folder).map_err(|error| Error::io("cannot read", folder, &error))?;
    let files = listing.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::new(format!("there are no tests in {}", folder.display())).advise("restore the folder"));
    }
    Ok(files)
}

/// Chromium, installed if necessary and if apt can do it; or why there is none.
fn chromium(permission: Permission) -> std::result::Result<PathBuf, String> {
    let found = || {
        let named = env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(|name| named_program(&name));
        named.or_else(|| NAMES.iter().find_map(|name| on_path(name)))
    };
    if let Some(chromium) = found() {
        return Ok(chromium);
    }
    if matches!(System::here(), System::Apt { .. }) {
        let what = "Chromium, which the book is tested in, is missing";
        apt::install(what, &["chromium"], permission).map_err(|error| error.to_string())?;
    }
    found().ok_or_else(|| format!("Chromium is missing; install it, or name one in {VARIABLE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.10.0\n"), Some(20));
        assert_eq!((major("20.10.0"), major("v"), major("")), (None, None, None));
    }
}
