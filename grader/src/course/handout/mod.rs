//! The hand-out: the course without its answers, for students. A hand-out in which a student already
//! works can be brought up to date.

mod contents;
mod manifest;
mod write;

pub use contents::{Content, Contents, contents, unfinished};
pub use manifest::{MANIFEST, Manifest};
pub use write::{Outcome, write};
