//! mdBook, found or installed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::apt::Permission;
use crate::host::error::{Error, Result};
use crate::host::path::on_path;
use crate::host::process;
use crate::host::progress::Progress;

/// The version that is installed if there is none.
const VERSION: &str = "0.5.4";

/// The beginning of the versions that the book is written for.
const SERIES: &str = "0.5.";

/// The mdBook on `PATH`, if its version is right, or one in the folder `tools`, which is
/// installed if necessary.
///
/// # Errors
/// If it may not be installed, or the installation fails.
pub fn provide(tools: &Path, root: &Path, permission: Permission, progress: &Progress) -> Result<PathBuf> {
    let own = tools.join("bin").join(format!("mdbook{}", env::consts::EXE_SUFFIX));
    let is_fit = |program: &PathBuf| process::answer(program, &["--version"]).is_some_and(|said| fits(&said));
    if let Some(found) = on_path("mdbook").into_iter().chain([own.clone()]).find(is_fit) {
        return Ok(found);
    }
    let by_hand = format!("cargo install mdbook --version {VERSION} --locked");
    let refused = |what: &str| Error::new(what).advise(format!("to install it yourself: {by_hand}"));
    if permission == Permission::Refused {
        return Err(refused("mdBook is missing, and --no-install was given"));
    }
    progress.note(&format!("Installing mdBook {VERSION} in {}: once, some minutes …", tools.display()));
    progress.start("Installing mdBook");
    let mut command = cargo();
    command.args(["install", "mdbook", "--version", VERSION, "--locked", "--quiet", "--root"]).arg(tools);
    // The folder for this course's builds is no place for it.
    command.current_dir(root).env_remove("CARGO_TARGET_DIR");
    let output = process::output(&mut command);
    progress.finish();
    match output {
        Ok(output) if output.status.success() => Ok(own),
        Ok(output) => Err(refused("mdBook could not be installed").output(String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(refused(&format!("cargo, which installs mdBook, does not start: {error}"))),
    }
}

/// Builds the book's own preprocessor, which mdBook starts by `cargo run`. If that failed, mdBook would leave the
/// preprocessor out, and render pages without what it puts in.
///
/// # Errors
/// If it does not compile.
pub fn build_preprocessor(root: &Path, progress: &Progress) -> Result<()> {
    progress.start("Building the book's preprocessor");
    let mut command = cargo();
    command.current_dir(root).args(["build", "--quiet", "--package", "folio-book"]);
    let output = process::output(&mut command);
    progress.finish();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Error::new("the book's preprocessor does not compile")
            .advise("restore book/preprocessor as it came, or mend it")
            .output(String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(Error::new(format!("cargo, which builds the book's preprocessor, does not start: {error}"))),
    }
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// mdBook, for the book in this folder.
pub fn command(mdbook: &Path, book: &Path) -> Command {
    let mut command = Command::new(mdbook);
    // mdBook starts the book's own preprocessor from there.
    command.current_dir(book);
    command
}

/// Whether the output of `mdbook --version` names a version that the book is written for.
fn fits(said: &str) -> bool {
    said.trim().strip_prefix("mdbook v").is_some_and(|version| version.starts_with(SERIES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_decides() {
        assert!(fits("mdbook v0.5.4\n") && fits(&format!("mdbook v{VERSION}")));
        for other in ["mdbook v0.4.52", "mdbook v0.50.1", "0.5.4", ""] {
            assert!(!fits(other), "{other}");
        }
    }
}
