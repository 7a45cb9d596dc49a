//! The reader's pages: the book, and the kernels that boot in them.
//!
//! mdBook renders `book/src`. Beside the pages go an emulator that runs in a browser (v86), a
//! terminal (xterm.js), and the kernel with its programs: `book/src/live/built`, which mdBook
//! copies as it copies pictures. The pages work without them, and then say what is missing.

mod mdbook;
mod packages;
mod parcel;

use std::fs;
use std::path::PathBuf;

use crate::build::pictures;
use crate::build::site::Site;
use crate::host::apt::Permission;
use crate::host::error::{Error, Result};
use crate::host::process;
use crate::host::progress::Progress;

pub use packages::{Lacking, Use};

/// The book of a course, and the tools that build it.
pub struct Book<'a> {
    /// The course, and how its kernel is built.
    site: &'a Site,
    /// Whether packages may be installed.
    permission: Permission,
    /// The program that renders it.
    mdbook: PathBuf,
}

/// The files for the kernels that boot in the pages.
#[derive(Debug)]
pub enum Live {
    /// They are complete; their total size, in bytes.
    Built(u64),
    /// They are not: what is missing, and how to get it.
    Lacking(Lacking),
}

impl<'a> Book<'a> {
    /// The book of this course, with mdBook installed if necessary.
    ///
    /// # Errors
    /// If mdBook is missing and may not be installed, the installation fails, or the book's preprocessor does not
    /// compile.
    pub fn prepare(site: &'a Site, permission: Permission, progress: &Progress) -> Result<Self> {
        let mdbook = mdbook::provide(&tools(site), &site.workspace.root, permission, progress)?;
        mdbook::build_preprocessor(&site.workspace.root, progress)?;
        Ok(Self { site, permission, mdbook })
    }

    /// Where mdBook puts the pages.
    pub fn pages(&self) -> PathBuf {
        self.source().join("book")
    }

    /// The packages for this use, or what is missing.
    ///
    /// # Errors
    /// If npm fails.
    pub fn packages(&self, what_for: Use, progress: &Progress) -> Result<std::result::Result<PathBuf, Lacking>> {
        packages::provide(&self.source(), &tools(self.site), what_for, self.permission, progress)
    }

    fn source(&self) -> PathBuf {
        self.site.workspace.root.join("book")
    }

    /// Builds the pages.
    ///
    /// # Errors
    /// If mdBook does not build them.
    pub fn build(&self, progress: &Progress) -> Result<()> {
        progress.start("Building the pages");
        let mut command = mdbook::command(&self.mdbook, &self.source());
        command.arg("build").arg(self.source());
        let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &self.mdbook, &error))?;
        progress.finish();
        if output.status.success() {
            return Ok(());
        }
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(Error::new("mdBook did not build the book").advise("this is what it said:").output(said))
    }

    /// Shows the pages in the browser, until it is interrupted.
    ///
    /// # Errors
    /// If mdBook does not build or show them.
    pub fn open(&self) -> Result<()> {
        let mut command = mdbook::command(&self.mdbook, &self.source());
        command.args(["serve", "--open"]).arg(self.source());
        let status = process::status(&mut command).map_err(|error| Error::io("cannot start", &self.mdbook, &error))?;
        // A process without an exit code was interrupted, which is how it should end.
        match status.code() {
            None | Some(0) => Ok(()),
            Some(_) => Err(Error::new("mdBook does not show the book").advise("is port 3000 in use?")),
        }
    }

    /// Puts the files that run in the pages beside them: the pictures that a reader can change, and the
    /// kernel. If something is missing for the kernel, removes older files.
    ///
    /// # Errors
    /// If the pictures or the kernel do not build, or a file cannot be written.
    pub fn make_live(&self, progress: &Progress) -> Result<Live> {
        // Without the references, and without what a hand-out carries of them, the pages show the first states.
        pictures::build(self.site, progress)?;
        let built = self.source().join("src/live/built");
        let packages = match self.packages(Use::Pages, progress)? {
            Ok(packages) => packages,
            Err(lacking) => {
                if built.exists() {
                    fs::remove_dir_all(&built).map_err(|error| Error::io("cannot remove", &built, &error))?;
                }
                return Ok(Live::Lacking(lacking));
            }
        };
        let image = self.site.image_of(&self.site.mix(&[]), progress)?;
        progress.start("Packing the kernel");
        let bytes = parcel::write(&built, &image.path, &self.site.programs()?, &packages)?;
        progress.finish();
        Ok(Live::Built(bytes))
    }
}

/// The folder for everything that is installed for the book: `target/book`.
fn tools(site: &Site) -> PathBuf {
    site.target_dir.parent().unwrap_or(&site.target_dir).join("book")
}
