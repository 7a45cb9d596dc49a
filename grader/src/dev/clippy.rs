//! `cargo grade dev clippy`: clippy on everything, with warnings denied.
//!
//! The kernel and its labs are checked for the kernel's own
//! target, by the compiler that builds them; everything else as cargo builds it
//! for this computer.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::build::pictures;
use crate::course::workspace::Lab;
use crate::host::apt::{self, Permission};
use crate::host::error::{Error, Result};
use crate::host::process;
use crate::host::style::View;
use crate::host::style::{BAD, FAINT, GOOD};
use crate::host::system::System;
use crate::judge::Engine;
use crate::peers;

/// The clippy that belongs to Debian's compiler.
const DEBIAN_CLIPPY: &str = "rust-web-clippy";

/// Runs clippy on everything; returns whether it found nothing.
///
/// # Errors
/// If clippy is missing or cannot be run.
pub fn run(engine: &Engine, view: &View, permission: Permission) -> Result<bool> {
    let root = &engine.site.workspace.root;
    let target = engine.site.target_dir.parent().unwrap_or(&engine.site.target_dir);
    let mut fine = true;

    let mut host = cargo(root);
    host.args(["--all-targets", "--target-dir"]).arg(target);
    fine &= look("this machine's programs", host, view)?;
    for lab in &engine.site.workspace.labs {
        for (whose, feature) in implementations(lab) {
            let package = &lab.toml.package;
            let mut clippy = cargo(root);
            clippy.args(["--package", package, "--all-targets", "--target-dir"]).arg(target);
            clippy.args(feature.iter().flat_map(|feature| ["--features", feature]));
            fine &= look(&format!("{whose} {package}"), clippy, view)?;
        }
    }
    let mut pictures = cargo(root);
    pictures.args(["--package", "pictures-live", "--all-targets", "--target-dir"]).arg(target);
    if pictures::has_references(&engine.site) {
        pictures.args(["--features", "references"]);
    }
    fine &= look("the book's pictures", pictures, view)?;
    let program = kernel_clippy(engine, permission)?;
    let mut kernel = engine.site.builder().clippy(&program);
    let mut features = engine.site.features(&engine.site.mix(&[]));
    // The features for hand-outs are in no kernel of the course itself.
    kernel.args(["--package", "lab-abi", "--package", "reference"]);
    // The benchmark's own target needs a library of its own; its code is the same on this one.
    if root.join("kernel/bench/Cargo.toml").is_file() {
        kernel.args(["--package", "kernel-bench"]);
        features.extend(peers::champions(&engine.site.workspace));
    }
    if !features.is_empty() {
        kernel.arg("--features").arg(features.join(","));
    }
    fine &= look("the kernel and its benchmark", kernel, view)?;
    Ok(fine)
}

/// The roles of a lab's package, and the feature for each.
fn implementations(lab: &Lab) -> Vec<(&'static str, Option<&'static str>)> {
    let mut found = vec![("the student's", None)];
    if lab.has_solution() {
        found.push(("the reference of", Some("solution")));
    }
    if lab.has_champion() {
        found.push(("the champion of", Some("champion")));
    }
    found
}

/// `cargo clippy`, by the cargo that runs this program.
fn cargo(root: &std::path::Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).arg("clippy");
    command
}

/// Runs one clippy, with warnings denied; its output goes to standard error.
fn look(what: &str, mut command: Command, view: &View) -> Result<bool> {
    eprintln!("{}", view.paint(FAINT, &format!("clippy: {what}")));
    command.args(["--", "--deny", "warnings"]).stdin(Stdio::null());
    let status = process::status(&mut command).map_err(|error| {
        Error::new(format!("cannot start {}: {error}", command.get_program().to_string_lossy()))
            .advise("with rustup: `rustup component add clippy`")
    })?;
    let (style, word) = if status.success() { (GOOD, "clean") } else { (BAD, "not clean") };
    println!("{what}: {}", view.paint(style, word));
    Ok(status.success())
}

/// The clippy of the compiler that builds the kernel, installed if necessary.
fn kernel_clippy(engine: &Engine, permission: Permission) -> Result<PathBuf> {
    let program = engine.site.toolchain.cargo.with_file_name("cargo-clippy");
    if program.is_file() {
        return Ok(program);
    }
    let by_hand = format!("{} has no clippy beside it", engine.site.toolchain.cargo.display());
    if !System::here().is_bookworm() || !engine.site.toolchain.cargo.starts_with("/usr/bin") {
        return Err(Error::new(by_hand).advise("with rustup: `rustup component add clippy`"));
    }
    apt::install("clippy for the kernel's compiler is missing", &[DEBIAN_CLIPPY], permission)?;
    if program.is_file() { Ok(program) } else { Err(Error::new(by_hand).advise(format!("install {DEBIAN_CLIPPY}"))) }
}
