//! Writing reports to files, whole or not at all.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a report could not be written.
#[derive(Debug)]
pub struct ReportError {
    path: PathBuf,
    cause: io::Error,
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.cause.kind() {
            io::ErrorKind::NotFound => {
                write!(f, "cannot write {path}: its folder does not exist; create it, or choose another file")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                write!(f, "cannot write {path}: no permission; choose a file that you may write")
            }
            io::ErrorKind::StorageFull => write!(f, "cannot write {path}: the disk is full"),
            io::ErrorKind::IsADirectory => write!(f, "cannot write {path}: it is a folder; name a file in it"),
            _ => write!(f, "cannot write {path}: {}", self.cause),
        }
    }
}

impl std::error::Error for ReportError {}

/// Writes a report to `target`, or to standard output if that is `-`.
///
/// A file is replaced in one step, so no reader ever sees half of it.
///
/// # Errors
/// If the report cannot be written. The old file is then unchanged.
pub fn write(text: &str, target: &Path) -> Result<(), ReportError> {
    let result = if target == Path::new("-") {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    } else {
        replace(text, target)
    };
    result.map_err(|cause| ReportError { path: target.to_owned(), cause })
}

/// Removes an older report, so that a report that is found is this run's, however the run ends.
///
/// # Errors
/// If the older report cannot be removed.
pub fn remove_older(target: &Path) -> Result<(), ReportError> {
    if target == Path::new("-") || is_special(target) || target.is_dir() {
        return Ok(());
    }
    match std::fs::remove_file(target) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(ReportError { path: target.to_owned(), cause }),
        _ => Ok(()),
    }
}

/// Tries whether [`write`] will succeed, so that no user waits for a report that cannot be written.
///
/// # Errors
/// If it will not succeed. The trial leaves no file behind.
pub fn try_out(target: &Path) -> Result<(), ReportError> {
    let result = if target == Path::new("-") || is_special(target) { Ok(()) } else { beside(target).map(drop) };
    result.map_err(|cause| ReportError { path: target.to_owned(), cause })
}

fn replace(text: &str, target: &Path) -> io::Result<()> {
    if is_special(target) {
        return std::fs::write(target, text);
    }
    let mut new = beside(target)?;
    new.write_all(text.as_bytes())?;
    new.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// Whether the target is a device or a pipe, which cannot be replaced, only written to.
fn is_special(target: &Path) -> bool {
    std::fs::metadata(target).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// An empty file beside the target, removed again unless it is made to persist.
fn beside(target: &Path) -> io::Result<tempfile::NamedTempFile> {
    if target.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // The new file has to be beside the old one: only then can it take its place in one step.
    let folder = match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    tempfile::Builder::new().prefix(".folio-").permissions(readable()).tempfile_in(folder)
}

/// The permissions of any new file. The user's mask still applies.
#[cfg(unix)]
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("report.json");
        write("old", &target).unwrap();
        write("new", &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_older_report_goes_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("report.json");
        fs::write(&target, "old").unwrap();
        for target in [&target, folder.path(), Path::new("-"), Path::new("/dev/null"), &folder.path().join("no/such")] {
            remove_older(target).unwrap();
        }
        assert!(!target.exists() && folder.path().exists() && Path::new("/dev/null").exists());
    }

    #[test]
    fn what_cannot_be_written_is_said_clearly() {
        let folder = tempfile::tempdir().unwrap();
        let error = write("x", folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("it is a folder; name a file in it"), "{error}");
        let error = write("x", &folder.path().join("no/such/report.xml")).unwrap_err().to_string();
        assert!(error.contains("its folder does not exist"), "{error}");
        assert_eq!(try_out(&folder.path().join("no/such/report.xml")).unwrap_err().to_string(), error);
        assert!(try_out(folder.path()).is_err());
    }

    #[test]
    fn trying_out_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        for target in [&folder.path().join("report.json"), Path::new("-"), Path::new("/dev/null")] {
            try_out(target).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        write("x", Path::new("/dev/null")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
