//! The implementations of a lab that the course itself comes with: the
//! skeleton, the reference, known mistakes and alternatives.

use std::fs;
use std::path::{Path, PathBuf};

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};

use super::patch::Mistake;

/// One implementation, and what has to come of it.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Where it comes from, relative to the lab's folder.
    pub origin: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// The text of each of the student's files, by its name in `lab.toml`.
    pub files: Vec<(String, String)>,
}

/// What a variant is there to prove.
#[derive(Clone, Debug)]
pub enum Kind {
    /// What the student begins with: no check may pass.
    Skeleton,
    /// The reference: every check has to pass.
    Reference,
    /// A mistake: the check that it names has to fail.
    Mistake(Mistake),
    /// Correct, but unlike the reference: every check has to pass that does not judge cost.
    Alternative,
}

impl Kind {
    /// The kind in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Skeleton => "skeleton",
            Self::Reference => "reference",
            Self::Mistake(_) => "mistake",
            Self::Alternative => "alternative",
        }
    }
}

/// The text of the reference for each of the student's files, by its name in `lab.toml`.
///
/// # Errors
/// The first file that cannot be read.
pub fn reference(lab: &Lab) -> Result<Vec<(String, String)>> {
    files(lab, "solution")
}

/// All variants of a lab, in the order: skeleton, reference, mistakes, alternatives.
///
/// # Errors
/// The first file that cannot be read or does not fit.
pub fn all(lab: &Lab) -> Result<Vec<Variant>> {
    let student = files(lab, "src")?;
    let reference = files(lab, "solution")?;
    let mut variants = vec![
        Variant { origin: PathBuf::from("src"), kind: Kind::Skeleton, files: student },
        Variant { origin: PathBuf::from("solution"), kind: Kind::Reference, files: reference.clone() },
    ];
    for path in entries(&lab.folder.join("mistakes"), "patch")? {
        let shown = PathBuf::from(format!("labs/{}/mistakes", lab.id)).join(path.file_name().unwrap_or_default());
        let mistake = Mistake::parse(&read(&path)?, &shown)?;
        if !lab.toml.checks.iter().any(|check| check.name == mistake.caught_by) {
            return Err(Error::new(format!("{}: there is no check `{}`", shown.display(), mistake.caught_by))
                .advise(format!("name one of labs/{}/lab.toml", lab.id)));
        }
        let mut files = reference.clone();
        let Some((_, text)) = files.iter_mut().find(|(name, _)| base_name(name) == mistake.file) else {
            return Err(Error::new(format!("{}: {} is not one of the lab's files", shown.display(), mistake.file))
                .advise("a mistake is a change of the reference"));
        };
        let wrong = mistake.apply(text, &shown)?;
        *text = wrong;
        variants.push(Variant { origin: origin(&path, "mistakes"), kind: Kind::Mistake(mistake), files });
    }
    for (index, (name, _)) in reference.iter().enumerate() {
        let below = alternatives_to(name, index);
        for path in entries(&lab.folder.join(&below), "rs")? {
            let mut files = reference.clone();
            files[index].1 = read(&path)?;
            variants.push(Variant { origin: origin(&path, &below), kind: Kind::Alternative, files });
        }
    }
    Ok(variants)
}

/// Where the alternatives to a student's file are: those to the first file in
/// `alternatives` itself, those to another one in a folder there that is named after it.
fn alternatives_to(name: &str, index: usize) -> String {
    match index {
        0 => "alternatives".to_owned(),
        _ => format!("alternatives/{}", base_name(name).trim_end_matches(".rs")),
    }
}

/// The student's files as they are in the folder `from`: `src` or `solution`.
fn files(lab: &Lab, from: &str) -> Result<Vec<(String, String)>> {
    lab.toml
        .files
        .iter()
        .map(|name| {
            let below = name.strip_prefix("src/").unwrap_or(name);
            Ok((name.clone(), read(&lab.folder.join(from).join(below))?))
        })
        .collect()
}

/// The files of a folder that end in `extension`, sorted; none if there is no folder.
fn entries(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("cannot read", folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        let path = entry.map_err(|error| Error::io("cannot read", folder, &error))?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Error::io("cannot read", path, &error))
}

fn origin(path: &Path, folder: &str) -> PathBuf {
    Path::new(folder).join(path.file_name().unwrap_or_default())
}

fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_a_labs_files_has_alternatives_of_its_own() {
        assert_eq!(alternatives_to("src/blocks.rs", 0), "alternatives");
        assert_eq!(alternatives_to("src/shared.rs", 1), "alternatives/shared");
    }
}
