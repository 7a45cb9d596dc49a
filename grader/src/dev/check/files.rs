//! The files of an implementation: those of a lab's `solution/`, or files that could replace them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::host::error::{Error, Result};
use crate::host::path::is_hidden;

/// Texts by their names, relative to their folder.
pub type Files = BTreeMap<String, String>;

/// All Rust files in a folder and in those below it.
///
/// # Errors
/// That of the first file that cannot be read.
pub fn read_all(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    for name in names(folder)? {
        if name.ends_with(".rs") {
            let text = read(&folder.join(&name))?;
            files.insert(name, text);
        }
    }
    Ok(files)
}

/// The text of a file.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Error::io("cannot read", path, &error))
}

/// The names of all files in a folder and its subfolders, relative to the folder and sorted. Files of
/// editors and systems, whose names begin with a dot, are left out.
///
/// # Errors
/// If a folder cannot be read.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    visit(folder, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn visit(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    let listing = fs::read_dir(folder).map_err(|error| Error::io("cannot read", folder, &error))?;
    for entry in listing {
        let entry = entry.map_err(|error| Error::io("cannot read", folder, &error))?;
        let path = entry.path();
        if is_hidden(&path) {
            continue;
        }
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            visit(&path, &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_in_folders_are_files_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("runs")).unwrap();
        for name in ["bitmap.rs", "runs/search.rs", "notes.txt", ".#bitmap.rs", "runs/._search.rs"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        assert_eq!(names(folder.path()).unwrap(), ["bitmap.rs", "notes.txt", "runs/search.rs"]);
        let files = read_all(folder.path()).unwrap();
        assert_eq!(files.into_keys().collect::<Vec<_>>(), ["bitmap.rs", "runs/search.rs"]);
    }
}
