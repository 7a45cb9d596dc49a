//! `cargo grade book`: the book, with a kernel that boots in its pages.

use crate::book::{Book, Live};
use crate::build::site::Site;
use crate::host::error::Result;
use crate::host::progress::Progress;
use crate::host::style::{ACTION, NOTICE};

use super::arguments::{BookArgs, CommonArgs};
use super::output::{print, view};

/// Builds the book, and with `--open` shows it.
///
/// # Errors
/// If mdBook or the kernel's compiler is missing and cannot be installed, or one of them fails.
pub fn book(arguments: &BookArgs, site: &Site, common: &CommonArgs) -> Result<()> {
    let (progress, view) = (Progress::new(), view(common));
    let book = Book::prepare(site, common.permission(), &progress)?;
    let live = match book.make_live(&progress)? {
        Live::Built(bytes) => {
            format!("In its chapters on labs the kernel boots; that loads up to {} KiB.\n", bytes / 1024)
        }
        Live::Lacking(lacking) => {
            format!("{}: no kernel boots in its pages: {lacking}.\n", view.paint(NOTICE, "note"))
        }
    };
    if arguments.open {
        print(&live)?;
        return book.open();
    }
    book.build(&progress)?;
    let first = book.pages().join("index.html");
    let shown = first.strip_prefix(&site.workspace.root).unwrap_or(&first).display().to_string();
    print(&format!("The book: {}\n{live}", view.paint(ACTION, &shown)))?;
    print(&format!(
        "The kernels in its pages need a web server, such as that of {}. Any host of static files serves the folder.\n",
        view.paint(ACTION, "cargo grade book --open")
    ))
}
