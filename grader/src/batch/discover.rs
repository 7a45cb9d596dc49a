//! Finds a class's submissions: one per folder or archive, however they are nested.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::host::error::{Error, Result};
use crate::host::path::is_hidden;

use super::gather::Wanted;
use super::read::{Form, walk};

/// A submission's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its path below the class's folder, without an archive's ending: the submission's name.
    pub name: String,
    /// A name for its result files, made of letters, digits and `.-_%` only.
    pub key: String,
    /// Its path.
    pub path: PathBuf,
    /// Its form.
    pub form: Form,
}

impl Source {
    /// The submission at this path, under the name that the other system gave it.
    pub fn named(name: &str, path: &Path) -> Self {
        let is_folder = path.is_dir();
        let form = if is_folder { Form::Folder } else { form_of(path).unwrap_or(Form::Unknown) };
        Self { name: name.to_owned(), key: key(name.as_bytes()), path: path.to_owned(), form }
    }
}

/// Refuses a folder for results that lies among the submissions: the next run would take it for one.
///
/// # Errors
/// If it does.
pub fn keep_apart(submissions: &Path, results: &Path) -> Result<()> {
    let Ok(results) = std::path::absolute(results) else { return Ok(()) };
    // It need not be there yet. What is missing is told by whoever reads or writes it.
    let Some(there) = results.ancestors().find_map(|folder| folder.canonicalize().ok()) else { return Ok(()) };
    if submissions.canonicalize().is_ok_and(|submissions| there.starts_with(submissions)) {
        return Err(Error::new(format!("the results would lie among the submissions of {}", submissions.display()))
            .advise("name a folder outside of it with --out"));
    }
    Ok(())
}

/// The submissions in a folder, by their names.
///
/// # Errors
/// If it cannot be read, or there are none.
pub fn find(folder: &Path, wanted: &Wanted) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    let children = children(folder).map_err(|error| Error::io("cannot read", folder, &error))?;
    if children.iter().any(|child| child.ends_with("labs") || child.ends_with("src") && child.is_dir()) {
        return Err(Error::new(format!("{} is one submission", folder.display()))
            .advise("name the folder that holds one folder or archive for each student"));
    }
    for child in children {
        visit(&child, wanted, &mut found);
    }
    if found.is_empty() {
        return Err(Error::new(format!("there are no submissions in {}", folder.display()))
            .advise("it must hold a folder, a zip, a tar.gz or a git bundle for each student"));
    }
    let mut sources: Vec<Source> = found.into_iter().map(|(path, form)| source(folder, path, form)).collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.path.cmp(&b.path)));
    name_apart(&mut sources, folder);
    Ok(sources)
}

/// The entries of a folder that are not hidden.
fn children(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut children = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !is_hidden(&path) && !path.ends_with("__MACOSX") {
            children.push(path);
        }
    }
    children.sort();
    Ok(children)
}

/// Adds the submissions at a path: the path is a submission itself, or a folder of several.
fn visit(path: &Path, wanted: &Wanted, found: &mut Vec<(PathBuf, Form)>) {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        found.extend(form_of(path).map(|form| (path.to_owned(), form)));
        return;
    }
    let Holds { files, archives, is_ambiguous } = holds(path, wanted);
    match &archives[..] {
        [] if !is_ambiguous => found.push((path.to_owned(), Form::Folder)),
        [archive] if files.is_empty() => found.extend(form_of(archive).map(|form| (archive.clone(), form))),
        // Files and archives beside each other are one submission, of which the files count.
        _ if !is_ambiguous && !files.is_empty() => found.push((path.to_owned(), Form::Folder)),
        _ => children(path).unwrap_or_default().iter().for_each(|child| visit(child, wanted, found)),
    }
}

fn form_of(path: &Path) -> Option<Form> {
    Form::of_file(&path.file_name()?.to_string_lossy()).map(|(form, _)| form)
}

/// The contents of a folder and its subfolders.
struct Holds {
    /// The students' files that were found, by their indices.
    files: BTreeSet<usize>,
    archives: Vec<PathBuf>,
    /// Whether two of its folders have the same file: then each folder is a submission.
    is_ambiguous: bool,
}

fn holds(folder: &Path, wanted: &Wanted) -> Holds {
    let mut holds = Holds { files: BTreeSet::new(), archives: Vec::new(), is_ambiguous: false };
    for child in children(folder).unwrap_or_default() {
        let mut files = BTreeSet::new();
        for entry in walk(&child).flatten().map(|entry| entry.into_path()).chain([child.clone()]) {
            let name = entry.strip_prefix(folder).unwrap_or(&entry).to_string_lossy().into_owned();
            if fs::symlink_metadata(&entry).is_ok_and(|found| found.is_dir()) {
                continue;
            }
            match wanted.fit(&name) {
                Some(fit) => drop(files.insert(fit.number)),
                None if form_of(&entry).is_some() => holds.archives.push(entry),
                None => {}
            }
        }
        holds.is_ambiguous |= !holds.files.is_disjoint(&files);
        holds.files.extend(files);
    }
    holds
}

fn source(folder: &Path, path: PathBuf, form: Form) -> Source {
    let place = path.strip_prefix(folder).unwrap_or(&path);
    let name = place.to_string_lossy().into_owned();
    let end = if form == Form::Folder { 0 } else { Form::of_file(&name).map_or(0, |(_, end)| end.len()) };
    let key = key(&place.as_os_str().as_bytes()[..place.as_os_str().len() - end]);
    Source { name: name[..name.len() - end].to_owned(), key, path, form }
}

/// Gives submissions their whole file names if these differ only in the ending, or only in bytes that are not UTF-8.
fn name_apart(sources: &mut [Source], folder: &Path) {
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    for source in sources {
        if names.iter().filter(|name| **name == source.name).count() > 1 {
            let place = source.path.strip_prefix(folder).unwrap_or(&source.path);
            source.key = key(place.as_os_str().as_bytes());
            source.name = match place.to_str() {
                Some(name) => name.to_owned(),
                None => source.key.clone(),
            };
        }
    }
}

/// The longest file name that every file system allows, less room for an ending.
const LONGEST: usize = 180;

/// A name for files: every byte except small letters, digits, `.`, `-` and `_` as `%` and two digits. Capital letters, too,
/// since some file systems do not distinguish them from small ones.
fn key(place: &[u8]) -> String {
    let mut key = String::new();
    for byte in place {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => key.push(char::from(*byte)),
            _ => key.push_str(&format!("%{byte:02x}")),
        }
    }
    if key.len() > LONGEST {
        key.truncate(LONGEST - 17);
        key.push_str(&format!("-{}", &blake3::hash(place).to_hex()[..16]));
    }
    key
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn class(files: &[&str]) -> (tempfile::TempDir, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let names = find(folder.path(), &wanted()).unwrap().into_iter().map(|source| source.name).collect();
        (folder, names)
    }

    fn wanted() -> Wanted {
        Wanted::named(&["labs/01-pmm/src/bitmap.rs", "labs/03-heap/src/blocks.rs"])
    }

    #[test]
    fn results_lie_outside_of_the_class() {
        let folder = tempfile::tempdir().unwrap();
        let class = folder.path().join("class");
        fs::create_dir_all(class.join("alice")).unwrap();
        std::os::unix::fs::symlink(&class, folder.path().join("link")).unwrap();
        for (results, is_apart) in [
            ("results", true),
            ("class-2", true),
            ("class", false),
            ("class/alice/x/y", false),
            ("link/results", false),
        ] {
            assert_eq!(keep_apart(&class, &folder.path().join(results)).is_ok(), is_apart, "{results}");
        }
        assert!(keep_apart(&folder.path().join("none"), &class).is_ok(), "that is told elsewhere");
    }

    #[test]
    fn submissions_are_found_in_whatever_nesting_they_come() {
        let (_folder, names) = class(&[
            "alice/labs/01-pmm/src/bitmap.rs",
            "bob.zip",
            "carol/hw 1/mine.tar.gz",
            "dan/one/bitmap.rs",
            "dan/three/blocks.rs",
            "group/eve/bitmap.rs",
            "group/fay/bitmap.rs",
            "group/more/gil.bundle",
            "nothing/notes.txt",
            "pack.rar",
            ".hidden/bitmap.rs",
            "grades.csv",
        ]);
        let expected =
            ["alice", "bob", "carol/hw 1/mine", "dan", "group/eve", "group/fay", "group/more/gil", "nothing", "pack"];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_would_be_called_the_same_is_called_apart() {
        let (_folder, names) = class(&["alice/bitmap.rs", "alice.zip", "bob.tgz"]);
        assert_eq!(names, ["alice", "alice.zip", "bob"]);
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"J\xfcrgen"[..], b"J\xf6rgen"] {
            fs::create_dir_all(folder.path().join(OsStr::from_bytes(name))).unwrap();
        }
        let names: Vec<String> =
            find(folder.path(), &wanted()).unwrap().into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["%4a%f6rgen", "%4a%fcrgen"]);
    }

    #[test]
    fn a_key_is_a_file_s_name_everywhere() {
        assert_eq!(key(b"a/B c.zip"), "a%2f%42%20c.zip");
        assert_ne!(key(b"Ab"), key(b"ab"));
        let long = key(&[b'x'; 5000]);
        assert!(long.len() <= LONGEST && long != key(&[b'x'; 5001]));
    }

    #[test]
    fn a_folder_without_a_class_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find(folder.path(), &wanted()).unwrap_err().to_string().contains("there are no submissions"));
        fs::create_dir_all(folder.path().join("labs/01-pmm")).unwrap();
        assert!(find(folder.path(), &wanted()).unwrap_err().to_string().contains("is one submission"));
        assert!(find(&folder.path().join("none"), &wanted()).unwrap_err().to_string().contains("cannot read"));
    }
}
