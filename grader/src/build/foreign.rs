//! Files that a lab's code must not take in.

use std::path::{Path, PathBuf};

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};

use super::cargo::Image;

/// A file of somebody else's that a student's file takes in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// A file of the lab's own `src/` that is not handed in.
    NotHandedIn(PathBuf),
    /// Anything else, such as the reference.
    Elsewhere(PathBuf),
}

/// The first source of a lab that is neither the student's nor frozen.
///
/// # Errors
/// If rustc did not say which files it read.
pub fn foreign_source(lab: &Lab, image: &Image) -> Result<Option<Foreign>> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = real(&lab.folder);
    let (_, sources) = image
        .sources
        .iter()
        .find(|(known, _)| real(known) == folder)
        .ok_or_else(|| Error::new(format!("rustc did not say which files it read for labs/{}", lab.id)))?;
    // A student's file is where it stands, and not where a link there leads to.
    let mut allowed: Vec<PathBuf> = lab.toml.files.iter().map(|file| folder.join(file)).collect();
    allowed.push(folder.join("src/lib.rs"));
    // The frozen file takes the champion in where the kernel is linked with it; the fence keeps the student's from
    // that, and what the frozen file has of it is private there.
    let champion = folder.join("champion");
    let is_linked = |source: &PathBuf| lab.toml.symbols && source.starts_with(&champion);
    let foreign =
        sources.iter().map(|source| real(source)).find(|source| !allowed.contains(source) && !is_linked(source));
    Ok(foreign.map(|source| match source.strip_prefix(&folder) {
        Ok(inside) if inside.starts_with("src") => Foreign::NotHandedIn(inside.to_owned()),
        Ok(inside) => Foreign::Elsewhere(inside.to_owned()),
        Err(_) => Foreign::Elsewhere(source),
    }))
}
