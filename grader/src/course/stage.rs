//! A stage: a copy of the course in which files may be replaced, while the user's own files stay as they are.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

/// What a course has at its top, a hand-out's list of files among it. A copy has nothing else: teachers keep
/// submissions, results and policies there, which no submission may see, and which change from one run to the next.
const TOP: [&str; 24] = [
    ".cargo",
    ".ci",
    ".gitattributes",
    ".github",
    ".gitignore",
    ".vscode",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README-student.md",
    "README.md",
    "book",
    "grader",
    "handout.toml",
    "kernel",
    "labs",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "teaching",
];

/// A copy of the course, with a build folder of its own. Cargo decides by the
/// times of files whether to build again, so two copies that share a build
/// folder would get each other's code.
#[derive(Debug)]
pub struct Stage {
    folder: PathBuf,
    /// Held for as long as the stage is in use.
    _lock: File,
}

impl Stage {
    /// Makes a copy of the course at `from` in `folder`, or brings the copy
    /// that is there up to date. Waits while another process uses it.
    ///
    /// Files that git would not track are left out, and so is what is no part of the course.
    /// Files that have not changed are not touched, so that cargo does not build them again.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn create(from: &Path, folder: &Path) -> Result<Self> {
        Self::create_telling(from, folder, &Progress::silent())
    }

    /// As [`create`](Self::create), and says so if it has to wait.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub(crate) fn create_telling(from: &Path, folder: &Path, progress: &Progress) -> Result<Self> {
        let to = &folder.join("course");
        for folder in [to, &folder.join("scratch")] {
            fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error))?;
        }
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|error| Error::io("cannot create", &path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let course = from.display();
                progress.note(&format!("Another process grades in its copy of {course}: waiting for its end …"));
                lock.lock().map_err(|error| Error::io("cannot lock", &path, &error))?;
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("cannot lock", &path, &error)),
        }
        let mut kept = Vec::new();
        let target = to.to_owned();
        let walk = WalkBuilder::new(from)
            // Dotfiles belong to the course too; `.git` does not.
            .hidden(false)
            .require_git(false)
            .git_global(false)
            .filter_entry(move |entry| {
                let is_ours = entry.depth() != 1 || TOP.iter().any(|name| entry.file_name() == *name);
                is_ours && entry.path() != target
            })
            .build();
        for entry in walk {
            let entry = entry.map_err(|error| Error::new(format!("cannot read the course: {error}")))?;
            let Ok(name) = entry.path().strip_prefix(from) else { continue };
            if entry.file_type().is_some_and(|kind| kind.is_file()) {
                let bytes = fs::read(entry.path()).map_err(|error| Error::io("cannot read", entry.path(), &error))?;
                put(&to.join(name), &bytes)?;
                kept.push(name.to_owned());
            }
        }
        kept.sort();
        remove_others(to, to, &kept)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The copy's folder.
    pub fn root(&self) -> PathBuf {
        self.folder.join("course")
    }

    /// The folder that holds the copy and everything that is built from it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All files of the copy, by their names.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let root = self.root();
        let mut files = BTreeMap::new();
        for entry in WalkBuilder::new(&root).standard_filters(false).build() {
            let entry = entry.map_err(|error| Error::new(format!("cannot read the copy of the course: {error}")))?;
            if entry.file_type().is_some_and(|kind| kind.is_file()) {
                let bytes = fs::read(entry.path()).map_err(|error| Error::io("cannot read", entry.path(), &error))?;
                let name = entry.path().strip_prefix(&root).unwrap_or(entry.path());
                files.insert(name.to_string_lossy().into_owned(), bytes);
            }
        }
        Ok(files)
    }

    /// A folder for temporary files. It is made with the copy.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// The folder in which kernels are built from the copy.
    pub fn target_dir(&self) -> PathBuf {
        self.folder.join("kernel")
    }

    /// The folder in which the labs' tests for the host are built from the copy.
    pub fn host_target_dir(&self) -> PathBuf {
        self.folder.join("host")
    }

    /// The folder in which the labs' tests are built for Miri.
    pub fn miri_target_dir(&self) -> PathBuf {
        self.folder.join("miri")
    }

    /// Replaces all files of a folder of the copy by these texts, which have names relative to it.
    ///
    /// # Errors
    /// If a file cannot be written, or another file cannot be removed.
    pub fn replace_folder(&self, folder: &str, files: &BTreeMap<String, String>) -> Result<()> {
        let to = self.root().join(folder);
        for (name, text) in files {
            put(&to.join(name), text.as_bytes())?;
        }
        let kept: Vec<PathBuf> = files.keys().map(PathBuf::from).collect();
        remove_others(&to, &to, &kept)
    }

    /// Replaces a file of the copy. `name` is relative to the copy's folder.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn replace(&self, name: &str, text: impl AsRef<[u8]>) -> Result<()> {
        put(&self.root().join(name), text.as_ref())
    }
}

/// Writes a file, unless it has these bytes already.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error))?;
    }
    fs::write(path, bytes).map_err(|error| Error::io("cannot write", path, &error))
}

/// Removes files of the copy that are no longer in the course. `kept` is sorted.
fn remove_others(folder: &Path, root: &Path, kept: &[PathBuf]) -> Result<()> {
    let failed = |error: io::Error| Error::io("cannot tidy", folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Ok(name) = path.strip_prefix(root) else { continue };
        if name == Path::new("target") {
            continue;
        }
        if path.is_dir() {
            if kept.iter().any(|file| file.starts_with(name)) {
                remove_others(&path, root, kept)?;
            } else {
                fs::remove_dir_all(&path).map_err(failed)?;
            }
        } else if kept.binary_search_by(|file| file.as_path().cmp(name)).is_err() && name != Path::new("Cargo.lock") {
            fs::remove_file(&path).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_original_and_leaves_out_what_git_ignores() {
        let folder = tempfile::tempdir().unwrap();
        let (from, stage) = (folder.path().join("course"), folder.path().join("course/target/staged"));
        let to = stage.join("course");
        fs::create_dir_all(from.join("labs/a")).unwrap();
        fs::create_dir_all(from.join(".cargo")).unwrap();
        fs::write(from.join(".gitignore"), "*.orig\n/target\n").unwrap();
        fs::write(from.join("labs/a/x.rs"), "1").unwrap();
        fs::write(from.join("labs/a/x.rs.orig"), "0").unwrap();
        fs::write(from.join(".cargo/config.toml"), "").unwrap();
        // What a teacher keeps beside the course: the policy has the class's secret.
        fs::create_dir_all(from.join("results/graded")).unwrap();
        for name in ["course.toml", "times.csv", "results/graded/alice.json"] {
            fs::write(from.join(name), "secret").unwrap();
        }
        let staged = Stage::create(&from, &stage).unwrap();
        assert!(to.join(".cargo/config.toml").exists());
        let copied: BTreeMap<_, _> = staged.files().unwrap();
        let copied: Vec<&str> = copied.keys().map(String::as_str).collect();
        assert_eq!(copied, [".cargo/config.toml", ".gitignore", "labs/a/x.rs"]);
        assert!(!to.join("labs/a/x.rs.orig").exists() && !to.join("target").exists());

        staged.replace("labs/a/x.rs", "2").unwrap();
        assert_eq!(fs::read_to_string(to.join("labs/a/x.rs")).unwrap(), "2");
        assert_eq!(fs::read_to_string(from.join("labs/a/x.rs")).unwrap(), "1");

        fs::write(from.join("labs/a/y.rs"), "3").unwrap();
        fs::write(to.join("labs/stray.rs"), "").unwrap();
        drop(staged);
        Stage::create(&from, &stage).unwrap();
        assert_eq!(fs::read_to_string(to.join("labs/a/x.rs")).unwrap(), "1");
        assert!(to.join("labs/a/y.rs").exists() && !to.join("labs/stray.rs").exists());
    }

    #[test]
    fn all_that_the_course_has_at_its_top_is_copied() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut git = std::process::Command::new("git");
        let output = crate::host::process::output(git.arg("-C").arg(root).args(["ls-tree", "--name-only", "HEAD"]));
        // Without git, nobody says what is the course's.
        let names = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for name in names.lines() {
            assert!(TOP.contains(&name), "{name}: add it to TOP");
        }
    }
}
