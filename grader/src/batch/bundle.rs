//! Submissions as git bundles: `git bundle create mine.bundle HEAD`. The `git` program reads them,
//! within limits, into a folder of its own; nothing is checked out.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::host::launcher::{self, Limits};
use crate::host::path::on_path;
use crate::host::process;

use super::gather::{Gatherer, Kind, Trouble};

/// How much time git may take for a submission.
const LIMITS: Limits = Limits { processor: Some(60), memory: Some(1 << 30), file: Some(256 << 20) };

/// Hands over the files of the commit that a bundle's `HEAD` names, or else of its only branch.
///
/// # Errors
/// If git cannot read it.
pub fn read(bundle: &Path, gatherer: &mut Gatherer<'_>) -> Result<(), Trouble> {
    let repository = Repository::clone(bundle)?;
    let commit = repository.commit()?;
    let listing = repository.git(&["ls-tree", "-r", "-z", &commit])?;
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        // MODE TYPE OBJECT, a tab, and the path.
        let (entry, path) = line.split_at(line.iter().position(|byte| *byte == b'\t').unwrap_or(line.len()));
        let entry = String::from_utf8_lossy(entry).into_owned();
        let mut words = entry.split(' ');
        let kind = match words.next() {
            Some("120000") => Kind::SymbolicLink,
            Some("100644" | "100755") => Kind::File,
            _ => Kind::Special,
        };
        let object = words.nth(1).unwrap_or_default();
        gatherer.entry(path.get(1..).unwrap_or_default(), kind, |_| repository.git(&["cat-file", "blob", object]))?;
    }
    Ok(())
}

/// A temporary repository of the grader's.
pub struct Repository {
    folder: TempDir,
}

impl Repository {
    /// An empty one.
    ///
    /// # Errors
    /// If git cannot make one.
    pub fn empty() -> Result<Self, Trouble> {
        let repository = Self::place()?;
        repository.git(&["init", "--quiet", "--bare", "."])?;
        Ok(repository)
    }

    /// Lets git read another repository's objects, and nothing else of that repository.
    ///
    /// # Errors
    /// If the file that names the other repository cannot be written.
    pub fn borrow_objects(&self, objects: &Path) -> std::io::Result<()> {
        let mut line = objects.as_os_str().as_bytes().to_owned();
        line.push(b'\n');
        fs::write(self.folder.path().join("objects/info/alternates"), line)
    }

    /// Clones a bundle.
    ///
    /// # Errors
    /// If git cannot read it.
    pub fn clone(bundle: &Path) -> Result<Self, Trouble> {
        let bundle = std::path::absolute(bundle).unwrap_or_else(|_| bundle.to_owned());
        let repository = Self::place()?;
        let mut command = repository.command()?;
        command.args([
            "-c",
            "transfer.fsckObjects=true",
            "-c",
            "protocol.allow=never",
            "-c",
            "protocol.file.allow=always",
        ]);
        command.args(["clone", "--quiet", "--bare", "--"]).arg(bundle).arg(".");
        run(command)?;
        Ok(repository)
    }

    fn place() -> Result<Self, Trouble> {
        let folder = tempfile::tempdir().map_err(|error| Trouble::Unreadable(format!("has no place: {error}")))?;
        Ok(Self { folder })
    }

    /// The name of the commit that was handed in.
    ///
    /// # Errors
    /// If the bundle has no `HEAD` and several branches.
    pub fn commit(&self) -> Result<String, Trouble> {
        if self.git(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]).is_ok() {
            return Ok("HEAD".to_owned());
        }
        let branches =
            String::from_utf8_lossy(&self.git(&["for-each-ref", "--format=%(refname)", "refs/heads"])?).into_owned();
        match branches.lines().collect::<Vec<_>>()[..] {
            [only] => Ok(only.to_owned()),
            _ => Err(Trouble::Unreadable("is a git bundle without a HEAD: which branch is meant?".to_owned())),
        }
    }

    /// Runs git, and returns its output.
    ///
    /// # Errors
    /// The message is git's own.
    pub fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, Trouble> {
        let mut command = self.command()?;
        command.args(arguments);
        run(command)
    }

    fn command(&self) -> Result<Command, Trouble> {
        let git =
            on_path("git").ok_or_else(|| Trouble::Unreadable("cannot be read: git is not installed".to_owned()))?;
        let mut command = launcher::command(launcher::launcher().as_deref(), LIMITS, &git);
        // The user's configuration may name programs to run.
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        command
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env("LC_ALL", "C");
        command.current_dir(self.folder.path());
        Ok(command)
    }
}

fn run(mut command: Command) -> Result<Vec<u8>, Trouble> {
    let output =
        process::output(&mut command).map_err(|error| Trouble::Unreadable(format!("cannot be read: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = words.lines().rfind(|line| line.starts_with("fatal: ")).unwrap_or("git cannot read it");
    Err(Trouble::Unreadable(format!("is not a git bundle that can be read: {why}")))
}
