//! Miri, the interpreter that finds undefined behaviour: runs the host tests of the
//! labs with unsafe code, if a Miri is installed.
//!
//! Nothing is installed for it, and rustup is not asked: its `cargo-miri` is on
//! `PATH` even if there is no Miri. What counts is the interpreter itself, in the
//! folder of a toolchain, with the library's source, which it interprets as well.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::course::fence::Code;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::path::is_hidden;
use crate::host::process;

use super::host_tests::{self, Outcome};

/// Pointers are made from pointers and never from numbers. The tests leak the memory of their heaps
/// on purpose, so leaks are ignored.
const FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-ignore-leaks";

/// Random programs are not run: Miri is some hundred times slower than the processor.
const TOO_SLOW: &str = "model";

/// A toolchain with a Miri in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Miri {
    /// The toolchain's programs.
    bin: PathBuf,
}

/// Finds a Miri.
///
/// # Errors
/// The reason why there is none, in half a sentence.
pub fn find() -> std::result::Result<Miri, String> {
    choose(&toolchains())
}

/// The folders of the installed toolchains: that of the cargo which runs this
/// program, rustup's, and all others on `PATH`.
fn toolchains() -> Vec<PathBuf> {
    let above = |program: PathBuf| Some(program.parent()?.parent()?.to_owned());
    let own = env::var_os("CARGO").map(PathBuf::from).and_then(above);
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".rustup"));
    let rustup = env::var_os("RUSTUP_HOME").map(PathBuf::from).or(home).map(|home| home.join("toolchains"));
    let mut installed: Vec<PathBuf> = rustup
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    // Nightlies are last and sorted by date, so that reversed the newest comes first.
    installed.sort();
    installed.reverse();
    let path = env::var_os("PATH").unwrap_or_default();
    let others = env::split_paths(&path).filter_map(|folder| Some(folder.parent()?.to_owned()));
    own.into_iter().chain(installed).chain(others).collect()
}

/// The first toolchain that is complete.
fn choose(toolchains: &[PathBuf]) -> std::result::Result<Miri, String> {
    let with_miri = |root: &&PathBuf| ["miri", "cargo-miri", "cargo"].iter().all(|name| is_program(root, name));
    let has_source = |root: &&PathBuf| root.join("lib/rustlib/src/rust/library/std/src/lib.rs").is_file();
    if let Some(root) = toolchains.iter().filter(with_miri).find(has_source) {
        return Ok(Miri { bin: root.join("bin") });
    }
    Err(match toolchains.iter().find(with_miri) {
        Some(root) => format!("the Miri in {} lacks the library's source (rust-src)", root.display()),
        None => "Miri is not installed".to_owned(),
    })
}

fn is_program(root: &Path, name: &str) -> bool {
    let bin = root.join("bin");
    bin.join(name).is_file() || bin.join(format!("{name}.exe")).is_file()
}

/// Whether the lab has unsafe code: only that can have undefined behaviour.
pub fn concerns(lab: &Lab) -> bool {
    lab.code() == Code::Unsafe
}

/// Runs a lab's host tests on the reference, in the course at `root`.
///
/// # Errors
/// If Miri cannot be started.
pub fn run(miri: &Miri, root: &Path, target: &Path, lab: &Lab) -> Result<Outcome> {
    let cargo = miri.bin.join("cargo");
    let mut path = vec![miri.bin.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(path).map_err(|error| Error::new(format!("PATH cannot be made longer: {error}")))?;
    let mut command = Command::new(&cargo);
    command.args(["miri", "test", "--package", &lab.toml.package, "--features", "solution", "--no-fail-fast"]);
    command.args(["--color=never", "--target-dir"]).arg(target);
    for name in tests(&root.join("labs").join(&lab.id).join("tests"))? {
        command.args(["--test", &name]);
    }
    command
        .current_dir(root)
        .env("PATH", path)
        .env("MIRIFLAGS", FLAGS)
        .env("RUSTUP_AUTO_INSTALL", "0")
        .env("RUST_BACKTRACE", "0")
        // These variables name the compiler that this program was built with.
        .env_remove("RUSTC")
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN");
    let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &cargo, &error))?;
    let mut outcome = host_tests::outcome_of(&output);
    // Undefined behaviour ends the whole program, so no test is named.
    let said = String::from_utf8_lossy(&output.stderr);
    if let Some(at) = said.find("error: Undefined Behavior") {
        outcome.build_error = None;
        outcome.failed.push(("undefined behaviour".to_owned(), said[at..].trim_end().to_owned()));
    }
    Ok(outcome)
}

/// The names of the test programs in a folder, except the one that is too slow.
fn tests(folder: &Path) -> Result<Vec<String>> {
    let listing = fs::read_dir(folder).map_err(|error| Error::io("cannot read", folder, &error))?;
    let mut names: Vec<String> = listing
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_test = path.extension().is_some_and(|extension| extension == "rs") && !is_hidden(&path);
            is_test.then(|| Some(path.file_stem()?.to_str()?.to_owned())).flatten()
        })
        .filter(|name| name != TOO_SLOW)
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, names: &[&str]) -> PathBuf {
        for name in names {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root.to_owned()
    }

    #[test]
    fn only_the_interpreter_with_the_librarys_source_counts() {
        let folder = tempfile::tempdir().unwrap();
        let shim = put(&folder.path().join("shim"), &["bin/cargo", "bin/cargo-miri"]);
        let programs = ["bin/cargo", "bin/cargo-miri", "bin/miri"];
        let bare = put(&folder.path().join("bare"), &programs);
        let whole = put(&folder.path().join("whole"), &programs);
        put(&whole, &["lib/rustlib/src/rust/library/std/src/lib.rs"]);
        assert_eq!(choose(&[]).unwrap_err(), "Miri is not installed");
        assert_eq!(choose(std::slice::from_ref(&shim)).unwrap_err(), "Miri is not installed");
        assert!(choose(&[shim.clone(), bare.clone()]).unwrap_err().contains("rust-src"));
        assert_eq!(choose(&[shim, bare, whole.clone()]), Ok(Miri { bin: whole.join("bin") }));
    }

    #[test]
    fn the_random_programs_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &["sharing.rs", "contract.rs", "model.rs", "common/mod.rs", "notes.txt"]);
        assert_eq!(tests(folder.path()).unwrap(), ["contract", "sharing"]);
    }
}
