//! Whether a student's file is a regular file.
//!
//! No link is followed: a symbolic link could lead to the reference, and a pipe or a
//! device would keep the compiler waiting.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The error in a sentence, such as `src/bitmap.rs is missing`; `None` if the file is all right.
pub fn trouble(folder: &Path, name: &str) -> Option<String> {
    let mut below = PathBuf::new();
    let mut parts = Path::new(name).components().peekable();
    while let Some(part) = parts.next() {
        below.push(part);
        let found = match fs::symlink_metadata(folder.join(&below)) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(format!("{name} is missing")),
            Err(error) => return Some(format!("{name} cannot be looked at: {error}")),
        };
        let kind = found.file_type();
        match parts.peek() {
            None if !kind.is_file() => return Some(format!("{} is {}, not a file", below.display(), word(kind))),
            Some(_) if !kind.is_dir() => return Some(format!("{} is {}, not a folder", below.display(), word(kind))),
            _ => {}
        }
    }
    None
}

fn word(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        kind if kind.is_file() => "a file",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;
    use crate::host::process;

    #[test]
    fn only_a_regular_file_counts() {
        let lab = tempfile::tempdir().unwrap();
        let at = |name: &str| lab.path().join(name);
        fs::create_dir_all(at("src")).unwrap();
        fs::create_dir_all(at("solution")).unwrap();
        fs::create_dir_all(at("src/folder.rs")).unwrap();
        fs::write(at("solution/part.rs"), "").unwrap();
        fs::write(at("src/part.rs"), "").unwrap();
        symlink("../solution/part.rs", at("src/link.rs")).unwrap();
        symlink("nowhere", at("src/dangling.rs")).unwrap();
        symlink("solution", at("linked")).unwrap();
        symlink("/dev/null", at("src/null.rs")).unwrap();
        let _socket = UnixListener::bind(at("src/socket.rs")).unwrap();
        assert!(process::status(Command::new("mkfifo").arg(at("src/pipe.rs"))).unwrap().success());
        for (name, expected) in [
            ("src/part.rs", None),
            ("src/other.rs", Some("src/other.rs is missing")),
            ("src/link.rs", Some("src/link.rs is a symbolic link, not a file")),
            ("src/dangling.rs", Some("src/dangling.rs is a symbolic link, not a file")),
            ("src/null.rs", Some("src/null.rs is a symbolic link, not a file")),
            ("src/folder.rs", Some("src/folder.rs is a folder, not a file")),
            ("src/socket.rs", Some("src/socket.rs is a socket, not a file")),
            ("src/pipe.rs", Some("src/pipe.rs is a named pipe, not a file")),
            ("linked/part.rs", Some("linked is a symbolic link, not a folder")),
            ("src/part.rs/x.rs", Some("src/part.rs is a file, not a folder")),
        ] {
            assert_eq!(trouble(lab.path(), name).as_deref(), expected, "{name}");
        }
        assert_eq!(word(fs::metadata("/dev/null").unwrap().file_type()), "a device");
    }
}
