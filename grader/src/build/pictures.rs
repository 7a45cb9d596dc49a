//! The book's pictures that a reader can change, as WebAssembly.
//!
//! The target is one of rustc's own, but its library is built from source, like the kernel's.
//! So a toolchain that can build the kernel can build the pictures.

use std::fs;
use std::path::PathBuf;

use crate::course::workspace::Reference;
use crate::host::error::{Error, Result};
use crate::host::process;
use crate::host::progress::Progress;

use super::cargo::{Target, cargo_failed};
use super::site::Site;

/// The crate, and its profile.
const PACKAGE: &str = "pictures-live";
const PROFILE: &str = "pictures";

/// The name of the file that cargo builds.
const BUILT: &str = "pictures_live.wasm";

/// The target of code that runs in a page.
const TARGET: Target = Target { name: "wasm32-unknown-unknown", file: "wasm32-unknown-unknown" };

/// The file that the pages load. Git does not track it, and a page without it shows the first states.
const FILE: &str = "book/src/pictures-live/pictures.wasm";

/// The same file in a hand-out, whose pictures were compiled when it was made.
pub const CARRIED: &str = "book/pictures-live/compiled/pictures.wasm";

/// Whether the references' source is here: the pictures show the references at work.
pub fn has_references(site: &Site) -> bool {
    site.workspace.labs.iter().all(|lab| lab.reference == Reference::Source)
}

/// Puts the pictures where mdBook finds them: compiled from the [references](has_references), or those that a
/// hand-out [carries](CARRIED). `None` in a copy of the course that has neither.
///
/// # Errors
/// If the pictures do not compile, or the file cannot be written.
pub fn build(site: &Site, progress: &Progress) -> Result<Option<PathBuf>> {
    let from = if has_references(site) { compile(site, progress)? } else { site.workspace.root.join(CARRIED) };
    if !from.exists() {
        return Ok(None);
    }
    let file = site.workspace.root.join(FILE);
    fs::copy(&from, &file).map_err(|error| Error::io("cannot write", &file, &error))?;
    Ok(Some(file))
}

/// Compiles the pictures with the references. Returns the file that a page can load: it has neither names of
/// functions nor debug information.
///
/// # Errors
/// If the pictures do not compile.
pub fn compile(site: &Site, progress: &Progress) -> Result<PathBuf> {
    let builder = site.builder();
    builder.make_folder()?;
    progress.note("Building the book's pictures …");
    let mut command = builder.bare_metal(&[PACKAGE], PROFILE, TARGET);
    command.args(["--lib", "--features", "references", "--color=never", "--quiet", "--target-dir"]);
    command.arg(builder.target_dir);
    let cargo = &site.toolchain.cargo;
    let output = process::output(&mut command).map_err(|error| Error::io("cannot start", cargo, &error))?;
    if !output.status.success() {
        return Err(cargo_failed(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(builder.target_dir.join(TARGET.name).join(PROFILE).join(BUILT))
}
