//! The manifest of a hand-out: its files, with their hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::host::error::{Error, Result};

/// The name of the manifest's file.
pub const MANIFEST: &str = "handout.toml";

const HEAD: &str = "\
# What this copy of the course came with. `cargo grade handout --update` goes by it:
# it never writes to the files that are the student's.
";

/// The manifest of a hand-out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The compiler that made the references, such as `rustc 1.95.0`. Students may use any other with them.
    pub compiler: String,
    /// The names of the student's files.
    pub student: BTreeSet<String>,
    /// The names of all other files, each with a hash.
    pub frozen: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of a hand-out in a folder, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("cannot read", &path, &error)),
        };
        let manifest: Self = toml::from_str(&text).map_err(|error| {
            Error::new(format!("{} cannot be read: {}", path.display(), error.message()))
                .advise("restore it from what students were given")
        })?;
        let names = manifest.frozen.keys().chain(&manifest.student);
        match names.into_iter().find(|name| !is_within(name)) {
            Some(name) => Err(Error::new(format!("{} names `{name}`, which is not in there", path.display()))),
            None => Ok(Some(manifest)),
        }
    }

    /// The manifest as TOML.
    pub fn text(&self) -> String {
        // Strings in maps and sets are all that TOML can hold.
        let table = toml::to_string(self).unwrap_or_default();
        format!("{HEAD}{table}")
    }
}

/// Whether a relative name stays within its folder.
fn is_within(name: &str) -> bool {
    name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A file's hash.
pub fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        let manifest = Manifest {
            compiler: "rustc 1.95.0".into(),
            student: ["labs/01-pmm/src/bitmap.rs".into()].into(),
            frozen: [("Cargo.toml".into(), hash(b"x"))].into(),
        };
        fs::write(folder.path().join(MANIFEST), manifest.text()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), Some(manifest));
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["../x", "/etc/passwd", "a/./b"] {
            let manifest = Manifest { frozen: [(name.to_owned(), String::new())].into(), ..Manifest::default() };
            fs::write(folder.path().join(MANIFEST), manifest.text()).unwrap();
            assert!(Manifest::read(folder.path()).unwrap_err().to_string().contains("not in there"), "{name}");
        }
    }
}
