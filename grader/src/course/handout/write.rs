//! Writing a hand-out, or bringing one up to date.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::host::error::{Error, Result};

use super::contents::{Content, Contents};
use super::manifest::{MANIFEST, Manifest, hash};

/// The files of a hand-out that was written, by what happened to them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Files that are new.
    pub added: Vec<String>,
    /// Files that were replaced by a newer version.
    pub updated: Vec<String>,
    /// Files that were replaced although they had been changed here. The changed file is kept beside each.
    pub replaced: Vec<String>,
    /// The student's files, which were left alone.
    pub kept: Vec<String>,
    /// Files that are no part of the course any more, and were removed.
    pub removed: Vec<String>,
}

/// The ending of the name under which a changed file is kept when it is replaced.
const YOURS: &str = ".yours";

/// Writes the files into a folder. `old` is the manifest of the hand-out that is there, if one is. A
/// student's file that exists is neither changed nor removed.
///
/// # Errors
/// If a file cannot be written. The manifest is written last, so the call can be repeated.
pub fn write(
    contents: &Contents,
    compiler: &str,
    student: &BTreeSet<String>,
    old: &Manifest,
    to: &Path,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut manifest = Manifest { compiler: compiler.to_owned(), student: student.clone(), ..Manifest::default() };
    let is_student_s = |name: &String| student.contains(name) || old.student.contains(name);
    for (name, content) in contents {
        let path = to.join(name);
        let is_there = path.symlink_metadata().is_ok();
        if is_student_s(name) && is_there {
            outcome.kept.push(name.clone());
            continue;
        }
        let bytes = content.bytes()?;
        if !is_student_s(name) {
            manifest.frozen.insert(name.clone(), hash(&bytes));
        }
        let here = if is_there { Some(there(&path)?) } else { None };
        match here {
            Some(here) if here == bytes => continue,
            Some(here) if old.frozen.get(name).is_some_and(|known| *known == hash(&here)) => {
                outcome.updated.push(name.clone())
            }
            Some(here) => {
                put(&to.join(format!("{name}{YOURS}")), &here, &Content::Made(Vec::new()))?;
                outcome.replaced.push(name.clone());
            }
            None => outcome.added.push(name.clone()),
        }
        put(&path, &bytes, content)?;
    }
    for (name, known) in old.frozen.iter().filter(|(name, _)| !contents.contains_key(*name)) {
        let path = to.join(name);
        match path.symlink_metadata() {
            // A file that was changed here may be a student's work.
            Ok(found) if found.is_file() && !is_student_s(name) && hash(&there(&path)?) == *known => {
                fs::remove_file(&path).map_err(|error| Error::io("cannot remove", &path, &error))?;
                outcome.removed.push(name.clone());
            }
            Ok(_) => outcome.kept.push(name.clone()),
            Err(_) => {}
        }
    }
    // A file that the course no longer asks for stays the student's.
    manifest.student.extend(old.student.iter().filter(|name| to.join(name).exists()).cloned());
    put(&to.join(MANIFEST), manifest.text().as_bytes(), &Content::Made(Vec::new()))?;
    Ok(outcome)
}

/// The present contents of a file.
fn there(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io("cannot read", path, &error))
}

/// Writes a file whole or not at all. It is executable if the file that it is copied from is.
fn put(path: &Path, bytes: &[u8], content: &Content) -> Result<()> {
    let failed = |error: io::Error| Error::io("cannot write", path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error))?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    fs::write(&beside, bytes).map_err(failed)?;
    if let Content::Copied(from) = content
        && let Ok(found) = fs::metadata(from)
    {
        fs::set_permissions(&beside, found.permissions()).map_err(failed)?;
    }
    fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "labs/01-pmm/src/bitmap.rs";

    fn made(files: &[(&str, &str)]) -> Contents {
        files.iter().map(|(name, text)| ((*name).to_owned(), Content::Made(text.as_bytes().to_vec()))).collect()
    }

    fn update(files: &[(&str, &str)], to: &Path) -> Outcome {
        let old = Manifest::read(to).unwrap().unwrap_or_default();
        write(&made(files), "rustc 1.95.0", &[MINE.to_owned()].into(), &old, to).unwrap()
    }

    fn read(to: &Path, name: &str) -> String {
        fs::read_to_string(to.join(name)).unwrap()
    }

    #[test]
    fn an_update_never_touches_the_student_s_files() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path();
        let first = update(&[(MINE, "todo"), ("kernel/a.rs", "1"), ("kernel/b.rs", "1"), ("kernel/c.rs", "1")], to);
        assert_eq!(first.added.len(), 4);
        fs::write(to.join(MINE), "work").unwrap();
        fs::write(to.join("notes.txt"), "mine").unwrap();
        let second = update(&[(MINE, "todo, better"), ("kernel/a.rs", "2"), ("kernel/b.rs", "1"), ("new.rs", "")], to);
        let expected = Outcome {
            added: vec!["new.rs".into()],
            updated: vec!["kernel/a.rs".into()],
            kept: vec![MINE.into()],
            removed: vec!["kernel/c.rs".into()],
            ..Outcome::default()
        };
        assert_eq!(second, expected);
        assert_eq!(
            (read(to, MINE), read(to, "kernel/a.rs"), read(to, "notes.txt")),
            ("work".into(), "2".into(), "mine".into())
        );
        assert!(!to.join("kernel/c.rs").exists());
    }

    #[test]
    fn what_was_changed_in_a_frozen_file_is_kept_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path();
        update(&[("kernel/a.rs", "1"), ("kernel/b.rs", "1")], to);
        fs::write(to.join("kernel/a.rs"), "mine").unwrap();
        fs::write(to.join("kernel/b.rs"), "mine, too").unwrap();
        let outcome = update(&[("kernel/a.rs", "2")], to);
        assert_eq!((outcome.replaced, outcome.kept), (vec!["kernel/a.rs".to_owned()], vec!["kernel/b.rs".to_owned()]));
        assert_eq!((read(to, "kernel/a.rs"), read(to, "kernel/a.rs.yours")), ("2".into(), "mine".into()));
        assert_eq!(read(to, "kernel/b.rs"), "mine, too");
    }

    #[test]
    fn a_student_s_file_that_is_no_longer_asked_for_stays() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path();
        update(&[(MINE, "todo")], to);
        fs::write(to.join(MINE), "work").unwrap();
        let old = Manifest::read(to).unwrap().unwrap();
        let outcome = write(&made(&[(MINE, "frozen now")]), "rustc", &BTreeSet::new(), &old, to).unwrap();
        assert_eq!(outcome.kept, [MINE]);
        assert_eq!(read(to, MINE), "work");
        assert!(Manifest::read(to).unwrap().unwrap().student.contains(MINE));
    }
}
