//! The reader's pages: the book, and what boots in them.
//!
//! mdBook renders `book/src`. Beside the pages go an emulator that runs in a browser (v86), a
//! terminal (xterm.js), and the kernel with its programs: `book/src/live/built`, which mdBook
//! copies as it copies pictures. The pages work without them, and say then what is missing.

mod mdbook;
mod packages;
mod parcel;

use std::fs;
use std::path::PathBuf;

use crate::build::site::Site;
use crate::host::apt::Permission;
use crate::host::error::{Error, Result};
use crate::host::process;
use crate::host::progress::Progress;

pub use packages::{Lacking, Use, provide as provide_packages};

/// The book of a course, and what may be installed to build it.
pub struct Book<'a> {
    /// The course, and how its kernel is built.
    pub site: &'a Site,
    /// Whether anything may be installed.
    pub permission: Permission,
}

/// What boots in the pages.
#[derive(Debug)]
pub enum Live {
    /// What the files beside the pages weigh together, in bytes.
    Built(u64),
    /// Nothing: what is missing, and how to get it.
    Lacking(Lacking),
}

impl Book<'_> {
    /// Where mdBook puts the pages.
    pub fn pages(&self) -> PathBuf {
        self.source().join("book")
    }

    /// The folder of everything that is installed for the book: `target/book`.
    pub fn tools(&self) -> PathBuf {
        let kernels = &self.site.target_dir;
        kernels.parent().unwrap_or(kernels).join("book")
    }

    fn source(&self) -> PathBuf {
        self.site.workspace.root.join("book")
    }

    /// Builds the pages.
    ///
    /// # Errors
    /// If mdBook is not there and cannot be installed, or does not build them.
    pub fn build(&self, progress: &Progress) -> Result<()> {
        let mdbook = mdbook::provide(&self.tools(), &self.site.workspace.root, self.permission, progress)?;
        progress.start("Building the pages");
        let mut command = mdbook::command(&mdbook, &self.source());
        command.arg("build").arg(self.source());
        let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &mdbook, &error))?;
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
    /// As [`build`](Self::build), and if mdBook does not show them.
    pub fn open(&self, progress: &Progress) -> Result<()> {
        let mdbook = mdbook::provide(&self.tools(), &self.site.workspace.root, self.permission, progress)?;
        let mut command = mdbook::command(&mdbook, &self.source());
        command.args(["serve", "--open"]).arg(self.source());
        let status = process::status(&mut command).map_err(|error| Error::io("cannot start", &mdbook, &error))?;
        // Without a code it was interrupted, which is how it ends.
        match status.code() {
            None | Some(0) => Ok(()),
            Some(_) => Err(Error::new("mdBook does not show the book").advise("is port 3000 in use?")),
        }
    }

    /// Puts what boots in the pages beside them, or removes what is there of an earlier time if
    /// something is missing.
    ///
    /// # Errors
    /// If the kernel does not build, or a file cannot be written.
    pub fn make_live(&self, progress: &Progress) -> Result<Live> {
        let built = self.source().join("src/live/built");
        let packages = packages::provide(&self.source(), &self.tools(), Use::Pages, self.permission, progress)?;
        let packages = match packages {
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
