//! The grader's error: why it could not do its work, and what the user can do about it.

use std::fmt;
use std::io;
use std::path::Path;

/// The result of an action that can keep the grader from grading.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the grader could not run: exit code 2.
///
/// It is shown as one line, `what happened; what to do`, followed by a tool's own
/// output if that says more.
#[derive(Debug)]
pub struct Error {
    what: String,
    advice: Option<String>,
    output: Option<String>,
}

impl Error {
    /// An error that says `what` happened.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, output: None }
    }

    /// An error about a file: `path: what`, and the system's reason.
    pub fn io(what: &str, path: &Path, reason: &io::Error) -> Self {
        let error = Self::new(format!("{what} {}: {}", path.display(), reason_words(reason)));
        match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                error.advise("the disk is full: free some space and try again")
            }
            io::ErrorKind::PermissionDenied if what.ends_with("read") => {
                error.advise("you may not read it: change its permissions")
            }
            io::ErrorKind::PermissionDenied if what.ends_with("start") => {
                error.advise("you may not run it: change its permissions")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => error
                .advise("you may not write there: make the folder writable, or set CARGO_TARGET_DIR to one that is"),
            _ => error,
        }
    }

    /// Adds what the user should do next.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds what a tool printed, to be shown below.
    #[must_use]
    pub fn output(mut self, output: impl Into<String>) -> Self {
        let output: String = output.into();
        self.output = (!output.trim().is_empty()).then_some(output);
        self
    }

    /// The output of a tool that [`output`](Self::output()) added, if any.
    pub fn tool_output(&self) -> Option<&str> {
        self.output.as_deref()
    }
}

/// The system's reason without `(os error 2)`.
fn reason_words(reason: &io::Error) -> String {
    let text = reason.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_what_to_do() {
        let error = Error::new("QEMU is missing").advise("run `cargo grade setup`").output("");
        assert_eq!(error.to_string(), "QEMU is missing; run `cargo grade setup`");
        assert_eq!(error.tool_output(), None);
    }

    #[test]
    fn a_system_s_reason_is_told_without_its_number() {
        let error = Error::io("cannot read", Path::new("x"), &io::ErrorKind::PermissionDenied.into());
        assert!(error.to_string().ends_with("you may not read it: change its permissions"), "{error}");
        let error = Error::io("cannot read", Path::new("x"), &io::Error::from_raw_os_error(2));
        assert_eq!(error.to_string(), "cannot read x: no such file or directory");
    }
}
