//! `cargo grade audit`: places in the student's files that deserve a person's look.

use std::fs;

use crate::course::fence::audit::notable;
use crate::course::fence::{self, Reading};
use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::style::{self, View, plural};

/// Lists the places in the files of some labs that a person should read, one per line.
///
/// # Errors
/// If there is no such lab, or a file cannot be read.
pub fn audit(course: &Workspace, labs: &[String], view: &View) -> Result<String> {
    let mut out = String::new();
    let mut places = 0;
    for lab in course.select(labs)? {
        for name in lab.files() {
            for (place, why) in of_file(course, lab, &name)? {
                places += 1;
                out.push_str(&format!("{}  {why}\n", view.paint(style::STRONG, &place)));
            }
        }
    }
    out.push_str(&match places {
        0 => "Found nothing that a person should read.\n".to_owned(),
        _ => format!("\n{} to look at. They prove nothing by themselves.\n", plural(places, "place")),
    });
    Ok(out)
}

/// The places, and why a person should read each.
fn of_file(course: &Workspace, lab: &Lab, name: &str) -> Result<Vec<(String, String)>> {
    let path = course.root.join(name);
    // As for a build, only files of ordinary length are read.
    let length = fs::symlink_metadata(&path).map_err(|error| Error::io("cannot look at", &path, &error))?;
    if !length.is_file() || length.len() > fence::LARGEST as u64 {
        return Ok(vec![(
            name.to_owned(),
            "it is not a file, or too large to have been written by a person".to_owned(),
        )]);
    }
    let bytes = fs::read(&path).map_err(|error| Error::io("cannot read", &path, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let at = |at: usize| {
        let (line, column) = fence::place(&text, at);
        format!("{name}:{line}:{column}")
    };
    let mut found = match fence::read(&text, lab.code()) {
        Reading::Unreadable(byte) => {
            return Ok(vec![(at(byte), "this is not text that can be read as Rust's tokens".to_owned())]);
        }
        Reading::Tokens(breaches) => breaches
            .into_iter()
            .map(|breach| (breach.at, format!("`{}` is refused, for {}", breach.token, breach.what.why())))
            .collect::<Vec<_>>(),
    };
    let notable = notable(&text, lab.code()).unwrap_or_default();
    found.extend(notable.into_iter().map(|place| (place.at, place.what.why().to_owned())));
    found.sort();
    Ok(found.into_iter().map(|(byte, why)| (at(byte), why)).collect())
}
