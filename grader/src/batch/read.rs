//! Reads a submission in any form: a folder, a zip, a tar, a git bundle.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use ignore::WalkBuilder;
use tar::EntryType;

use super::bundle;
use super::gather::{Files, Gatherer, Kind, Trouble, Wanted};

/// The largest archive that is read, in bytes, and the largest size when it is unpacked.
const MOST_UNPACKED: u64 = 256 << 20;

/// The form of a submission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A folder.
    Folder,
    /// `.zip`
    Zip,
    /// `.tar.gz`, `.tgz`
    TarGz,
    /// `.tar`
    Tar,
    /// `.bundle`, git's.
    Bundle,
    /// An archive of another kind.
    Unknown,
}

impl Form {
    /// The form of a file, and the ending of its name that tells it. `None` if it is no archive.
    pub fn of_file(name: &str) -> Option<(Self, &'static str)> {
        let lower = name.to_lowercase();
        [
            (".zip", Self::Zip),
            (".tar.gz", Self::TarGz),
            (".tgz", Self::TarGz),
            (".tar", Self::Tar),
            (".bundle", Self::Bundle),
            (".rar", Self::Unknown),
            (".7z", Self::Unknown),
            (".xz", Self::Unknown),
            (".bz2", Self::Unknown),
            (".zst", Self::Unknown),
        ]
        .into_iter()
        .find(|(end, _)| lower.ends_with(end) && lower.len() > end.len())
        .map(|(end, form)| (form, end))
    }
}

/// The student's files in a submission.
///
/// # Errors
/// If the submission must not be graded.
pub fn read(path: &Path, form: Form, wanted: &Wanted) -> Result<Files, Trouble> {
    let mut gatherer = Gatherer::new(wanted);
    match form {
        Form::Folder => folder(path, &mut gatherer),
        Form::Zip => zip(open(path)?, &mut gatherer),
        Form::TarGz => tar(MultiGzDecoder::new(open(path)?), &mut gatherer),
        Form::Tar => tar(open(path)?, &mut gatherer),
        Form::Bundle => open(path).and_then(|_| bundle::read(path, &mut gatherer)),
        Form::Unknown => Err(Trouble::Unreadable("is neither a folder nor a zip, tar.gz or git bundle".to_owned())),
    }?;
    gatherer.finish()
}

fn unreadable(error: impl std::fmt::Display) -> Trouble {
    Trouble::Unreadable(format!("cannot be read: {error}"))
}

/// Opens an archive, if it is a file and not too large.
fn open(path: &Path) -> Result<File, Trouble> {
    let found = fs::symlink_metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return Err(Trouble::Unreadable("is not a file".to_owned()));
    }
    if found.len() > MOST_UNPACKED {
        return Err(Trouble::Unreadable(format!("is larger than {} MiB", MOST_UNPACKED >> 20)));
    }
    File::open(path).map_err(unreadable)
}

/// Reads at most this many bytes.
fn start(from: impl Read, most: u64) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    from.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// The entries of a folder whose names do not begin with a dot, sorted; links are not followed.
pub fn walk(folder: &Path) -> impl Iterator<Item = Result<ignore::DirEntry, ignore::Error>> {
    WalkBuilder::new(folder).standard_filters(false).hidden(true).sort_by_file_name(Ord::cmp).build().skip(1)
}

fn folder(path: &Path, gatherer: &mut Gatherer<'_>) -> Result<(), Trouble> {
    for entry in walk(path) {
        let entry = entry.map_err(unreadable)?;
        let kind = match entry.file_type() {
            Some(kind) if kind.is_dir() => continue,
            Some(kind) if kind.is_file() => Kind::File,
            Some(kind) if kind.is_symlink() => Kind::SymbolicLink,
            _ => Kind::Special,
        };
        let name: PathBuf = entry.path().strip_prefix(path).unwrap_or(entry.path()).to_owned();
        gatherer.entry(name.as_os_str().as_bytes(), kind, |most| {
            start(File::open(entry.path()).map_err(unreadable)?, most)
        })?;
    }
    Ok(())
}

fn zip(file: File, gatherer: &mut Gatherer<'_>) -> Result<(), Trouble> {
    const TYPE: u32 = 0o170_000;
    let mut archive = zip::ZipArchive::new(file).map_err(unreadable)?;
    if archive.has_duplicate_names() {
        // Whoever looks at it by hand could see another file than the one that is graded.
        return Err(Trouble::Unreadable("has several entries of the same name in it".to_owned()));
    }
    for number in 0..archive.len() {
        let entry = archive.by_index_raw(number).map_err(unreadable)?;
        // Windows may write its own separator.
        let name: Vec<u8> = entry.name_raw().iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
        let kind = match entry.unix_mode().map(|mode| mode & TYPE) {
            _ if entry.is_symlink() => Kind::SymbolicLink,
            None | Some(0 | 0o100_000 | 0o040_000) => Kind::File,
            Some(_) => Kind::Special,
        };
        let (is_dir, is_encrypted) = (entry.is_dir(), entry.encrypted());
        drop(entry);
        if kind == Kind::Special {
            return Err(special(&name));
        }
        gatherer.entry(&name, kind, |most| match (is_dir, is_encrypted) {
            (true, _) => Err(Trouble::Hostile(format!("{} is a folder, not a file", String::from_utf8_lossy(&name)))),
            (_, true) => Err(Trouble::Unreadable("is encrypted".to_owned())),
            _ => start(archive.by_index(number).map_err(unreadable)?, most),
        })?;
    }
    Ok(())
}

/// A reader of at most [`MOST_UNPACKED`] bytes, which notes whether there were more.
struct Bounded<'a, R> {
    inner: R,
    left: u64,
    is_over: &'a Cell<bool>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_over.set(true);
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(count)
    }
}

fn tar(from: impl Read, gatherer: &mut Gatherer<'_>) -> Result<(), Trouble> {
    let is_over = Cell::new(false);
    let archive = tar::Archive::new(Bounded { inner: from, left: MOST_UNPACKED, is_over: &is_over });
    let read = entries(archive, gatherer);
    match is_over.get() {
        true => Err(Trouble::Hostile(format!(
            "unpacks to more than {} MiB, with `target/` in it or made to",
            MOST_UNPACKED >> 20
        ))),
        false => read,
    }
}

fn entries(mut archive: tar::Archive<impl Read>, gatherer: &mut Gatherer<'_>) -> Result<(), Trouble> {
    for entry in archive.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.path_bytes().into_owned();
        let kind = match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Symlink => Kind::SymbolicLink,
            EntryType::Link => Kind::HardLink,
            EntryType::Char | EntryType::Block | EntryType::Fifo => return Err(special(&name)),
            _ => Kind::File,
        };
        let target = entry.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default();
        if target.starts_with(b"/") || target.split(|byte| *byte == b'/').any(|part| part == b"..") {
            return Err(Trouble::Hostile(format!(
                "has a link in it that leads out of it: {}",
                String::from_utf8_lossy(&name)
            )));
        }
        gatherer.entry(&name, kind, |most| start(entry, most))?;
    }
    Ok(())
}

fn special(name: &[u8]) -> Trouble {
    Trouble::Hostile(format!("has a pipe or a device in it: {}", String::from_utf8_lossy(name)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A zip with these entries. Programs that write zips refuse two of the same name, so the name `src/bitmap.xy`
    /// becomes `src/bitmap.rs` afterwards.
    fn zip_of(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, text) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        let mut bytes = zip.finish().unwrap().into_inner();
        let other = b"src/bitmap.xy";
        while let Some(at) = bytes.windows(other.len()).position(|window| window == other) {
            bytes[at..at + other.len()].copy_from_slice(b"src/bitmap.rs");
        }
        bytes
    }

    fn read_zip(entries: &[(&str, &str)]) -> Result<Files, Trouble> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip");
        fs::write(&path, zip_of(entries)).unwrap();
        read(&path, Form::Zip, &Wanted::named(&["labs/01-pmm/src/bitmap.rs"]))
    }

    #[test]
    fn a_zip_with_two_entries_of_one_name_is_not_graded() {
        assert_eq!(read_zip(&[("src/bitmap.rs", "1"), ("b", "2")]).unwrap().len(), 1);
        let refused = read_zip(&[("src/bitmap.rs", "1"), ("src/bitmap.xy", "2")]);
        assert!(matches!(refused, Err(Trouble::Unreadable(text)) if text.contains("the same name")));
    }
}
