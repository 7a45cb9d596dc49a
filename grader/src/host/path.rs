//! Programs on `PATH`, and the names of files.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The first program of this name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A program that the user named. A bare name is looked for on `PATH`, as a shell does.
pub fn named_program(name: &OsStr) -> PathBuf {
    let program = PathBuf::from(name);
    if program.components().count() == 1 { on_path(&name.to_string_lossy()).unwrap_or(program) } else { program }
}

/// Whether a file's name begins with a dot. Editors and systems leave such files beside others:
/// `.#hello.rs` is a lock, `._hello.rs` holds attributes of a file on macOS.
pub fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_of_a_path_makes_it_hidden() {
        for (path, hidden) in [("a/.#b.rs", true), ("a/._b.rs", true), (".a/b.rs", false), ("a/..", false)] {
            assert_eq!(is_hidden(Path::new(path)), hidden, "{path}");
        }
    }
}
