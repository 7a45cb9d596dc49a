//! Foreign files, which a lab's code must not include.

use std::path::{Path, PathBuf};

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};

use super::cargo::Image;

/// A file that is not the student's, but that a student's file includes.
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
    // A student's file is the path itself, and not the target of a link there.
    let mut allowed: Vec<PathBuf> = lab.toml.files.iter().map(|file| folder.join(file)).collect();
    allowed.push(folder.join("src/lib.rs"));
    // The frozen file includes the champion where the kernel is linked with it. The fence keeps the student's file
    // from doing so, and the champion is private in the frozen file.
    let champion = folder.join("champion");
    let champion_is_linked = !lab.answers().contains(&"champion");
    let is_linked = |source: &PathBuf| champion_is_linked && source.starts_with(&champion);
    let foreign =
        sources.iter().map(|source| real(source)).find(|source| !allowed.contains(source) && !is_linked(source));
    Ok(foreign.map(|source| match source.strip_prefix(&folder) {
        Ok(inside) if inside.starts_with("src") => Foreign::NotHandedIn(inside.to_owned()),
        Ok(inside) => Foreign::Elsewhere(inside.to_owned()),
        Err(_) => Foreign::Elsewhere(source),
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::course::lab_toml::LabToml;
    use crate::course::workspace::Reference;

    /// A lab whose student's file is `src/a.rs`, in a folder of its own.
    fn lab(folder: &Path, symbols: bool) -> Lab {
        for file in ["src/lib.rs", "src/a.rs", "src/notes.rs", "solution/a.rs", "champion/a.rs"] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let text = format!(
            "title = \"Frames\"\npackage = \"pmm\"\nfiles = [\"src/a.rs\"]\nchapter = \"x.html\"\nsymbols = {symbols}\n\
             [[check]]\nname = \"right\"\npoints = 1\nrule = \"r\"\nhint = \"h\"\nchapter = \"x.html#right\"\n"
        );
        let toml = LabToml::parse(&text, Path::new("lab.toml")).unwrap();
        Lab { id: "01-pmm".to_owned(), folder: folder.to_owned(), toml, reference: Reference::Source }
    }

    /// What is found where rustc read these files for the lab, besides its own two.
    fn found(lab: &Lab, read: &[&Path]) -> Option<Foreign> {
        let own = ["src/lib.rs", "src/a.rs"].map(|file| lab.folder.join(file));
        let sources = own.into_iter().chain(read.iter().map(|file| lab.folder.join(file))).collect();
        let sources = BTreeMap::from([(lab.folder.clone(), sources)]);
        foreign_source(lab, &Image { path: PathBuf::new(), warnings: BTreeMap::new(), sources }).unwrap()
    }

    #[test]
    fn every_file_that_is_not_handed_in_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let lab = lab(&root, false);
        assert_eq!(found(&lab, &[]), None);
        for (file, expected) in [
            ("src/notes.rs", Foreign::NotHandedIn("src/notes.rs".into())),
            ("solution/a.rs", Foreign::Elsewhere("solution/a.rs".into())),
            ("src/../solution/a.rs", Foreign::Elsewhere("solution/a.rs".into())),
            ("champion/a.rs", Foreign::Elsewhere("champion/a.rs".into())),
            ("/etc/hostname", Foreign::Elsewhere("/etc/hostname".into())),
        ] {
            assert_eq!(found(&lab, &[Path::new(file)]), Some(expected), "{file}");
        }
    }

    #[test]
    fn the_champion_is_read_where_the_frozen_file_takes_it_in() {
        let folder = tempfile::tempdir().unwrap();
        let lab = lab(&folder.path().canonicalize().unwrap(), true);
        assert_eq!(found(&lab, &[Path::new("champion/a.rs")]), None);
        let reference = found(&lab, &[Path::new("solution/a.rs")]);
        assert_eq!(reference, Some(Foreign::Elsewhere("solution/a.rs".into())));
    }

    #[test]
    fn a_lab_that_rustc_said_nothing_about_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let lab = lab(folder.path(), false);
        let image = Image { path: PathBuf::new(), warnings: BTreeMap::new(), sources: BTreeMap::new() };
        assert!(foreign_source(&lab, &image).is_err());
    }
}
