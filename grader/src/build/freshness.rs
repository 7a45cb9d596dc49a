//! Freshness: whether files still have the contents from which something was built.
//!
//! By default cargo decides by the times of files. Then a submission that is older than the last
//! build would get the verdict of the one that was graded before, and two copies of the course with
//! one build folder would get each other's verdicts. With [`BY_CONTENT`], rustc records a checksum
//! of each file that it reads, in a list beside its output, and cargo decides by the checksums.

use std::fs;
use std::path::{Path, PathBuf};

/// Cargo's option to decide by checksums.
pub const BY_CONTENT: &str = "-Zchecksum-freshness";

/// The files that rustc read for a crate, with their checksums at that time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inputs {
    files: Vec<Input>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Input {
    /// The path that rustc was given: relative to the workspace.
    path: PathBuf,
    length: u64,
    /// The BLAKE3 checksum, in hexadecimal digits.
    checksum: String,
}

impl Inputs {
    /// Reads rustc's list, the file that ends in `.d`: its lines `# checksum:blake3=… file_len:… PATH`.
    pub fn parse(list: &str) -> Self {
        let input = |line: &str| {
            let (checksum, rest) = line.strip_prefix("# checksum:blake3=")?.split_once(" file_len:")?;
            let (length, path) = rest.split_once(' ')?;
            Some(Input { path: path.into(), length: length.parse().ok()?, checksum: checksum.to_owned() })
        };
        Self { files: list.lines().filter_map(input).collect() }
    }

    /// The first file that has changed or is missing.
    pub fn changed(&self, root: &Path) -> Option<&Path> {
        self.files.iter().find(|file| !file.is_as_it_was(root)).map(|file| file.path.as_path())
    }

    /// Adds the files of another crate.
    pub fn add(&mut self, other: Self) {
        self.files.extend(other.files);
    }
}

impl Input {
    fn is_as_it_was(&self, root: &Path) -> bool {
        let bytes = fs::read(root.join(&self.path));
        bytes.is_ok_and(|bytes| bytes.len() as u64 == self.length && checksum(&bytes) == self.checksum)
    }
}

fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn list(entries: &[(&str, &str)]) -> String {
        let line = |(path, text): &(&str, &str)| {
            format!("# checksum:blake3={} file_len:{} {path}\n", checksum(text.as_bytes()), text.len())
        };
        format!("/t/pmm-1.d: a.rs b c.rs\n\na.rs:\nb\\ c.rs:\n{}", entries.iter().map(line).collect::<String>())
    }

    #[test]
    fn the_checksum_is_rustc_s() {
        // What rustc 1.96 wrote for an empty file.
        assert_eq!(checksum(b""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    }

    #[test]
    fn what_is_in_a_file_counts_and_not_its_time() {
        let root = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let write = |name: &str, text: &str| {
            fs::write(root.path().join(name), text).unwrap();
            let file = fs::File::options().write(true).open(root.path().join(name)).unwrap();
            file.set_modified(long_ago).unwrap();
        };
        write("a.rs", "one");
        write("b c.rs", "two");
        let inputs = Inputs::parse(&list(&[("a.rs", "one"), ("b c.rs", "two")]));
        assert_eq!(inputs.files.len(), 2);
        assert_eq!(inputs.changed(root.path()), None);
        fs::write(root.path().join("a.rs"), "one").unwrap();
        assert_eq!(inputs.changed(root.path()), None, "it was only written again");
        write("b c.rs", "owt");
        assert_eq!(inputs.changed(root.path()), Some(Path::new("b c.rs")), "of the same length and age");
        fs::remove_file(root.path().join("b c.rs")).unwrap();
        assert_eq!(inputs.changed(root.path()), Some(Path::new("b c.rs")));
    }

    #[test]
    fn a_list_without_checksums_says_nothing() {
        assert_eq!(
            Inputs::parse("/t/pmm-1.d: a.rs\n\na.rs:\n# env-dep:X\n# checksum:blake3=12 nonsense\n"),
            Inputs::default()
        );
    }
}
