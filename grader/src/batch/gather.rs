//! Selects the student's files in a submission, however they are nested, and refuses
//! dangerous entries.
//!
//! Nothing is ever unpacked onto the disk. A file counts by the end of its path, compared with
//! what `lab.toml` lists, and its bytes are kept in memory until they are laid over a copy of the
//! course.

use std::collections::BTreeMap;
use std::fmt;

use crate::course::fence::LARGEST;
use crate::course::workspace::Lab;

/// The most entries that a submission may have.
pub const MOST_ENTRIES: usize = 200_000;

/// Folders whose files are not handed in, even if they have the right names.
const NOT_THEIRS: [&str; 6] = ["solution", "mistakes", "alternatives", "champion", "target", "__MACOSX"];

/// A student's files by their names in the course, such as `labs/01-pmm/src/bitmap.rs`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Why a submission is not graded at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// It is made to do harm.
    Hostile(String),
    /// It cannot be read, or is ambiguous.
    Unreadable(String),
    /// It has none of the files.
    Empty(String),
}

/// The kind of an entry of a submission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file.
    File,
    /// A symbolic link.
    SymbolicLink,
    /// A hard link, in an archive.
    HardLink,
    /// A pipe, a socket or a device.
    Special,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a file",
            Self::SymbolicLink => "a symbolic link",
            Self::HardLink => "a hard link",
            Self::Special => "a pipe or a device",
        })
    }
}

/// The files to look for.
#[derive(Clone, Debug)]
pub struct Wanted {
    names: Vec<String>,
}

/// How well a path matches one of these files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fit {
    /// The index of the file.
    pub number: usize,
    /// How many parts of the two paths are the same, from the end.
    strength: usize,
    /// How many parts the path has.
    length: usize,
    /// Whether they are the same in capital and small letters, too.
    is_exact: bool,
}

impl Wanted {
    /// The files in these labs' `lab.toml`.
    pub fn of(labs: &[&Lab]) -> Self {
        Self { names: labs.iter().flat_map(|lab| lab.files()).collect() }
    }

    /// These files.
    #[cfg(test)]
    pub fn named(names: &[&str]) -> Self {
        Self { names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// How well a path matches, if it does. Hidden files and folders do not.
    pub fn fit(&self, path: &str) -> Option<Fit> {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.iter().any(|part| part.starts_with('.') || NOT_THEIRS.contains(part)) {
            return None;
        }
        let fits = self.names.iter().enumerate().filter_map(|(number, name)| {
            let pairs = || name.rsplit('/').zip(parts.iter().rev());
            let strength = pairs().take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
            let is_exact = pairs().take(strength).all(|(a, b)| a == *b);
            (strength > 0).then_some(Fit { number, strength, length: parts.len(), is_exact })
        });
        fits.max_by_key(|fit| fit.strength)
    }
}

/// The files found so far in a submission.
pub struct Gatherer<'a> {
    wanted: &'a Wanted,
    found: Vec<Found>,
    entries: usize,
}

struct Found {
    fit: Fit,
    path: String,
    bytes: Vec<u8>,
}

impl<'a> Gatherer<'a> {
    /// No files yet.
    pub fn new(wanted: &'a Wanted) -> Self {
        Self { wanted, found: Vec::new(), entries: 0 }
    }

    /// Takes an entry of an archive or a folder, if it is one of the files. `read` reads at most as many
    /// bytes as it is told, and returns an error in words if it cannot.
    ///
    /// # Errors
    /// If the entry means that the whole submission must not be graded.
    pub fn entry(
        &mut self,
        path: &[u8],
        kind: Kind,
        read: impl FnOnce(u64) -> Result<Vec<u8>, Trouble>,
    ) -> Result<(), Trouble> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(Trouble::Hostile(format!("has more than {MOST_ENTRIES} entries")));
        }
        let path = inside(&String::from_utf8_lossy(path))?;
        let Some(fit) = self.wanted.fit(&path) else { return Ok(()) };
        if kind != Kind::File {
            return Err(Trouble::Hostile(format!("{path} is {kind}, not a file")));
        }
        let bytes = read(LARGEST as u64 + 1)?;
        if bytes.len() > LARGEST {
            return Err(Trouble::Hostile(format!("{path} is larger than {} MiB", LARGEST >> 20)));
        }
        self.found.push(Found { fit, path, bytes });
        Ok(())
    }

    /// The student's files. If there are several for one, the one counts whose path has the most parts in common
    /// with the course's path, and of those the one that is nested least.
    ///
    /// # Errors
    /// If there are none, or if it is not clear which one is meant.
    pub fn finish(self) -> Result<Files, Trouble> {
        let mut files = Files::new();
        for (number, name) in self.wanted.names.iter().enumerate() {
            let all: Vec<&Found> = self.found.iter().filter(|found| found.fit.number == number).collect();
            let rank = |found: &Found| (found.fit.strength, usize::MAX - found.fit.length);
            let Some(best) = all.iter().map(|found| rank(found)).max() else { continue };
            let best: Vec<&Found> = all.into_iter().filter(|found| rank(found) == best).collect();
            if let Some(file) = the_one(&best)? {
                files.insert(name.clone(), file.bytes.clone());
            }
        }
        if !files.is_empty() {
            return Ok(files);
        }
        Err(Trouble::Empty(match self.found.first() {
            Some(found) => format!("has none of the labs' files; the name of {} has other capital letters", found.path),
            None => "has none of the labs' files".to_owned(),
        }))
    }
}

/// The one of several files that is meant; `None` if the case of its name is wrong.
fn the_one<'f>(files: &[&'f Found]) -> Result<Option<&'f Found>, Trouble> {
    let exact: Vec<&&Found> = files.iter().filter(|found| found.fit.is_exact).collect();
    if let ([first, ..], Some(other)) = (&exact[..], files.iter().find(|found| !found.fit.is_exact)) {
        let names = format!("{} and {}", first.path, other.path);
        return Err(Trouble::Unreadable(format!("{names} differ in capital and small letters only")));
    }
    let [first, rest @ ..] = &exact[..] else { return Ok(None) };
    match rest.iter().find(|other| other.bytes != first.bytes) {
        Some(other) => {
            Err(Trouble::Unreadable(format!("{} and {} could both be meant, and differ", first.path, other.path)))
        }
        None => Ok(Some(first)),
    }
}

/// A path without parts such as `.`, which name the folder itself.
fn inside(path: &str) -> Result<String, Trouble> {
    if path.starts_with('/') || path.split('/').next().is_some_and(|first| first.ends_with(':')) {
        return Err(Trouble::Hostile(format!("has an absolute path in it: {path}")));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(Trouble::Hostile(format!("has a path in it that leads out of it: {path}")));
    }
    Ok(path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted::named(&["labs/01-pmm/src/bitmap.rs", "labs/03-heap/src/blocks.rs"])
    }

    fn gathered(entries: &[(&str, &str)]) -> Result<Files, Trouble> {
        let wanted = wanted();
        let mut gatherer = Gatherer::new(&wanted);
        for (path, text) in entries {
            gatherer.entry(path.as_bytes(), Kind::File, |_| Ok(text.as_bytes().to_owned()))?;
        }
        gatherer.finish()
    }

    #[test]
    fn a_file_is_found_however_it_is_nested() {
        for path in [
            "labs/01-pmm/src/bitmap.rs",
            "./alice/folio-main/labs/01-pmm/src/bitmap.rs",
            "lab 1/src/bitmap.rs",
            "bitmap.rs",
            "J\u{fffd}rgen/01-pmm//src/bitmap.rs",
        ] {
            let files = gathered(&[(path, "1"), ("notes.txt", "2"), ("src/main.rs", "3")]).unwrap();
            assert_eq!(
                files.into_iter().collect::<Vec<_>>(),
                [("labs/01-pmm/src/bitmap.rs".to_owned(), b"1".to_vec())]
            );
        }
    }

    #[test]
    fn the_path_that_has_most_in_common_counts() {
        let files = gathered(&[
            ("bitmap.rs", "draft"),
            ("target/staged/labs/01-pmm/src/bitmap.rs", "built"),
            ("x/labs/01-pmm/src/bitmap.rs", "handed in"),
            ("x/old/labs/01-pmm/src/bitmap.rs", "old"),
            ("x/labs/01-pmm/src/._bitmap.rs", "macOS"),
            ("labs/01-pmm/solution/bitmap.rs", "not theirs"),
        ]);
        assert_eq!(files.unwrap()["labs/01-pmm/src/bitmap.rs"], b"handed in");
    }

    #[test]
    fn what_cannot_be_told_apart_is_named() {
        let same = [("a/src/bitmap.rs", "1"), ("b/src/bitmap.rs", "1")];
        assert!(gathered(&same).is_ok());
        for (entries, expected) in [
            (&[("a/src/bitmap.rs", "1"), ("b/src/bitmap.rs", "2")][..], "could both be meant"),
            (&[("src/bitmap.rs", "1"), ("src/Bitmap.rs", "1")][..], "capital and small letters"),
        ] {
            let Err(Trouble::Unreadable(text)) = gathered(entries) else { panic!("{entries:?}") };
            assert!(text.contains(expected), "{text}");
        }
        for entries in [&[("src/BITMAP.RS", "1")][..], &[("notes.txt", "")][..], &[][..]] {
            assert!(matches!(gathered(entries), Err(Trouble::Empty(_))), "{entries:?}");
        }
    }

    #[test]
    fn a_path_that_leads_out_is_hostile() {
        for path in ["../bitmap.rs", "a/../../x", "/etc/passwd", "C:/x", "a/.."] {
            assert!(matches!(gathered(&[(path, "")]), Err(Trouble::Hostile(_))), "{path}");
        }
    }

    #[test]
    fn only_a_file_of_a_size_that_somebody_wrote_counts() {
        let wanted = wanted();
        let path = b"labs/01-pmm/src/bitmap.rs";
        for kind in [Kind::SymbolicLink, Kind::HardLink, Kind::Special] {
            let refused = Gatherer::new(&wanted).entry(path, kind, |_| panic!("it is read"));
            assert!(matches!(refused, Err(Trouble::Hostile(text)) if text.contains(&kind.to_string())));
        }
        let refused =
            Gatherer::new(&wanted).entry(path, Kind::File, |most| Ok(vec![0; usize::try_from(most).unwrap()]));
        assert_eq!(refused, Err(Trouble::Hostile("labs/01-pmm/src/bitmap.rs is larger than 4 MiB".to_owned())));
    }
}
