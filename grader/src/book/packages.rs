//! Packages from npm: those that `book/live/package-lock.json` names, with their hashes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::apt::Permission;
use crate::host::error::{Error, Result};
use crate::host::path::on_path;
use crate::host::process;
use crate::host::progress::Progress;

/// The use of the packages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// They go beside the pages.
    Pages,
    /// They test the pages, too.
    Tests,
}

/// What is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lacking {
    /// The program npm.
    Npm,
    /// The packages, which may not be installed.
    Permission,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Npm => {
                "npm is missing; it comes with Node.js (https://nodejs.org, on Debian `apt-get install npm`), version \
                 18 or newer"
            }
            Self::Permission => "packages from npm are missing, and --no-install was given",
        })
    }
}

/// The files that list the packages.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder with the packages' folder `node_modules`. The packages that `book/live` names are installed in `tools` if
/// necessary.
///
/// # Errors
/// If npm fails. Missing packages are no error.
pub fn provide(
    book: &Path,
    tools: &Path,
    what_for: Use,
    permission: Permission,
    progress: &Progress,
) -> Result<std::result::Result<PathBuf, Lacking>> {
    let folder = tools.join(match what_for {
        Use::Pages => "packages",
        Use::Tests => "packages-for-tests",
    });
    let modules = folder.join("node_modules");
    let wanted: Vec<Vec<u8>> = FILES.iter().map(|name| read(&book.join("live").join(name))).collect::<Result<_>>()?;
    // Written last, so it exists only if all packages do.
    let stamp = folder.join("installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted.concat()) {
        return Ok(Ok(modules));
    }
    let Some(npm) = on_path("npm") else { return Ok(Err(Lacking::Npm)) };
    if permission == Permission::Refused {
        return Ok(Err(Lacking::Permission));
    }
    fs::create_dir_all(&folder).map_err(|error| Error::io("cannot create", &folder, &error))?;
    for (name, text) in FILES.iter().zip(&wanted) {
        write(&folder.join(name), text)?;
    }
    progress.start("Installing packages from npm");
    let output = process::output(&mut install(&npm, &folder, what_for));
    progress.finish();
    let output = output.map_err(|error| Error::io("cannot start", &npm, &error))?;
    if !output.status.success() {
        return Err(Error::new("npm could not install the book's packages")
            .advise("this is what it said:")
            .output(String::from_utf8_lossy(&output.stderr)));
    }
    write(&stamp, &wanted.concat())?;
    Ok(Ok(modules))
}

/// npm, which installs exactly what the lock file names and runs none of its scripts.
fn install(npm: &Path, folder: &Path, what_for: Use) -> Command {
    let mut command = Command::new(npm);
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    if what_for == Use::Pages {
        command.arg("--omit=dev");
    }
    command.current_dir(folder);
    command
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io("cannot read", path, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| Error::io("cannot write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_are_installed_serve_without_npm_and_without_permission() {
        let (book, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(book.path().join("live")).unwrap();
        for name in FILES {
            fs::write(book.path().join("live").join(name), name).unwrap();
        }
        let provided =
            || provide(book.path(), tools.path(), Use::Pages, Permission::Refused, &Progress::silent()).unwrap();
        assert!(provided().is_err());
        let folder = tools.path().join("packages");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("installed"), FILES.concat()).unwrap();
        assert_eq!(provided(), Ok(folder.join("node_modules")));
        fs::write(book.path().join("live").join(FILES[1]), "another version").unwrap();
        assert!(provided().is_err(), "another lock file needs other packages");
    }
}
