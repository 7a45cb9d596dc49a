//! When a submission was committed: the committer's time of the newest commit, for folders and git bundles.
//!
//! The time is that of the student's computer. A teacher who does not want to rely on it gives a file of times.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::bundle::Repository;
use super::read::Form;

/// The most bytes of the files that are read here.
const MOST: u64 = 1 << 20;

/// The time of the commit that was handed in, if there is one.
pub fn of(path: &Path, form: Form) -> Option<Timestamp> {
    match form {
        Form::Folder => of_folder(path),
        Form::Bundle => {
            let repository = Repository::clone(path).ok()?;
            let commit = repository.commit().ok()?;
            committed(&repository.git(&["cat-file", "commit", &commit]).ok()?)
        }
        Form::Zip | Form::TarGz | Form::Tar | Form::Unknown => None,
    }
}

/// The time of the commit that a folder's `HEAD` names.
///
/// Git must not read the student's configuration, which may name programs to run: the grader's own repository
/// borrows the objects.
fn of_folder(folder: &Path) -> Option<Timestamp> {
    let git = folder.join(".git");
    let objects = git.join("objects").canonicalize().ok()?;
    if !fs::symlink_metadata(&git).ok()?.is_dir() || !objects.starts_with(git.canonicalize().ok()?) {
        return None;
    }
    let commit = head(&git)?;
    let repository = Repository::empty().ok()?;
    repository.borrow_objects(&objects).ok()?;
    committed(&repository.git(&["cat-file", "commit", &commit]).ok()?)
}

/// The name of the commit that `HEAD` names.
fn head(git: &Path) -> Option<String> {
    let text = |name: &str| {
        let path = git.join(name);
        let found = fs::symlink_metadata(&path).ok()?;
        (found.is_file() && found.len() <= MOST).then(|| fs::read_to_string(path).ok()).flatten()
    };
    let head = text("HEAD")?;
    let Some(branch) = head.trim().strip_prefix("ref: ") else { return hash(head.trim()) };
    let is_plain = branch.starts_with("refs/") && branch.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !is_plain {
        return None;
    }
    let packed = || text("packed-refs")?.lines().find_map(|line| hash(line.strip_suffix(branch)?.strip_suffix(' ')?));
    text(branch).and_then(|text| hash(text.trim())).or_else(packed)
}

/// A text, if it is a commit's name.
fn hash(text: &str) -> Option<String> {
    let is_hash = (40..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

/// The time in a commit, as `git cat-file commit` prints it: `committer NAME <MAIL> SECONDS ZONE`.
fn committed(commit: &[u8]) -> Option<Timestamp> {
    let text = String::from_utf8_lossy(commit);
    let line = text.lines().take_while(|line| !line.is_empty()).find(|line| line.starts_with("committer "))?;
    Timestamp::from_second(line.rsplit(' ').nth(1)?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::host::process;

    const AT: &str = "2026-10-12T23:59:00Z";

    fn git(folder: &Path, words: &[&str]) {
        let mut command = Command::new("git");
        command.current_dir(folder).args(["-c", "user.name=x y", "-c", "user.email=x@example.org"]).args(words);
        command.env("GIT_COMMITTER_DATE", AT);
        assert!(process::output(&mut command).unwrap().status.success(), "{words:?}");
    }

    fn repository(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        git(folder, &["init", "--quiet"]);
        fs::write(folder.join("bitmap.rs"), "").unwrap();
        git(folder, &["add", "."]);
        git(folder, &["commit", "--quiet", "--message", "mine\n\ncommitter x 1 +0000"]);
    }

    #[test]
    fn a_folder_and_a_bundle_have_the_time_of_their_newest_commit() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, bundle) = (folder.path().join("mine"), folder.path().join("mine.bundle"));
        repository(&mine);
        let at = Some(AT.parse().unwrap());
        assert_eq!(of(&mine, Form::Folder), at);
        git(&mine, &["bundle", "create", bundle.to_str().unwrap(), "HEAD"]);
        assert_eq!(of(&bundle, Form::Bundle), at);
        git(&mine, &["pack-refs", "--all"]);
        git(&mine, &["gc", "--quiet"]);
        assert_eq!(of(&mine, Form::Folder), at);
        git(&mine, &["checkout", "--quiet", "--detach"]);
        assert_eq!(of(&mine, Form::Folder), at);
    }

    #[test]
    fn no_program_that_a_student_names_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine");
        repository(&mine);
        let trap = folder.path().join("ran");
        let words = format!("touch {}", trap.display());
        for name in ["core.fsmonitor", "core.pager", "gpg.program", "core.sshCommand"] {
            git(&mine, &["config", name, &words]);
        }
        git(&mine, &["config", "log.showSignature", "true"]);
        assert!(of(&mine, Form::Folder).is_some());
        assert!(!trap.exists());
    }

    #[test]
    fn what_has_no_commit_has_no_time() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of(folder.path(), Form::Folder), None);
        git(folder.path(), &["init", "--quiet"]);
        assert_eq!(of(folder.path(), Form::Folder), None);
        fs::write(folder.path().join(".git/HEAD"), "ref: refs/../../secret\n").unwrap();
        assert_eq!(of(folder.path(), Form::Folder), None);
        assert_eq!(of(&folder.path().join("none.zip"), Form::Zip), None);
        // Objects elsewhere, behind a link, are not read.
        let other = folder.path().join("other");
        repository(&other);
        let theirs = folder.path().join("theirs");
        fs::create_dir_all(theirs.join(".git")).unwrap();
        std::os::unix::fs::symlink(other.join(".git/objects"), theirs.join(".git/objects")).unwrap();
        fs::write(theirs.join(".git/HEAD"), head(&other.join(".git")).unwrap()).unwrap();
        assert_eq!(of(&theirs, Form::Folder), None);
    }
}
