//! What students get: the course without its answers, and how a copy that they already work in
//! is brought up to date.

mod contents;
mod manifest;
mod write;

pub use contents::{Content, Contents, contents, unfinished};
pub use manifest::{MANIFEST, Manifest};
pub use write::{Outcome, write};
