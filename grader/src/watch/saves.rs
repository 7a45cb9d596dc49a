//! Notices when a file is saved, however an editor does that.
//!
//! Many editors write a new file and rename it. So the folders are watched, not
//! the files, and changes of other files in them are ignored.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify_debouncer_full::notify::event::{AccessKind, AccessMode, EventKind};
use notify_debouncer_full::notify::{self, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use notify_debouncer_full::{DebounceEventResult, Debouncer, NoCache, new_debouncer_opt};

use crate::host::error::{Error, Result};

/// A burst of saves counts as one if it ends within this time and a quarter of it. A person notices a delay of twice
/// this time.
const BURST: Duration = Duration::from_millis(40);

/// How often the files are read where the system reports no saves.
const POLL: Duration = Duration::from_millis(200);

/// How saves are noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// The operating system reports them.
    Told,
    /// The files are read repeatedly.
    Polled,
}

/// Reports saves until it is dropped.
pub struct Saves {
    _watcher: Box<dyn Any>,
}

impl Saves {
    /// Calls `saved` for each of the files that was changed, created or removed.
    ///
    /// # Errors
    /// If a folder cannot be watched.
    pub fn of(files: &[PathBuf], means: Means, saved: impl Fn(PathBuf) + Send + 'static) -> Result<Self> {
        let wanted: BTreeSet<PathBuf> = files.iter().map(|file| real(file)).collect();
        let handler = move |events: DebounceEventResult| {
            let events = events.unwrap_or_default();
            let changes = events.iter().filter(|event| is_change(event.kind));
            let paths: BTreeSet<PathBuf> = changes.flat_map(|event| &event.paths).map(|path| real(path)).collect();
            paths.intersection(&wanted).cloned().for_each(&saved);
        };
        let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        match means {
            Means::Told => {
                let watcher = new_debouncer_opt::<_, RecommendedWatcher, _>(
                    BURST,
                    None,
                    handler,
                    NoCache,
                    notify::Config::default(),
                );
                watching(watcher, &folders, "`cargo grade watch --poll` does without being told")
            }
            Means::Polled => {
                let config = notify::Config::default().with_poll_interval(POLL).with_compare_contents(true);
                let watcher = new_debouncer_opt::<_, PollWatcher, _>(BURST, None, handler, NoCache, config);
                watching(watcher, &folders, "can they be read?")
            }
        }
    }
}

/// Whether a file may have changed. Reads are reported too: those of a compiler, or of this program itself,
/// which would then never stop.
fn is_change(kind: EventKind) -> bool {
    !kind.is_access() || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

/// Adds folders to a watcher.
fn watching<W: Watcher + 'static>(
    watcher: notify::Result<Debouncer<W, NoCache>>,
    folders: &BTreeSet<&Path>,
    advice: &str,
) -> Result<Saves> {
    let cannot = |error: notify::Error| Error::new(format!("cannot watch the labs' files: {error}")).advise(advice);
    let mut watcher = watcher.map_err(cannot)?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(cannot)?;
    }
    Ok(Saves { _watcher: Box::new(watcher) })
}

/// A file by the canonical path of its folder. The file itself may not exist, or be a link.
fn real(file: &Path) -> PathBuf {
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, file.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc;

    /// Longer than any event takes.
    const AGES: Duration = Duration::from_secs(60);

    fn each(means: Means) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bitmap.rs");
        fs::write(&file, "0").unwrap();
        let (tell, told) = mpsc::channel();
        let _saves = Saves::of(std::slice::from_ref(&file), means, move |path| tell.send(path).unwrap()).unwrap();
        // An editor's temporary files are ignored; the file that replaces the old one is not.
        fs::write(folder.path().join(".bitmap.rs.swp"), "swap").unwrap();
        fs::write(folder.path().join("4913"), "").unwrap();
        let new = folder.path().join("bitmap.rs~new");
        fs::write(&new, "1, of another length").unwrap();
        fs::rename(&new, &file).unwrap();
        assert_eq!(told.recv_timeout(AGES).unwrap(), real(&file));
        fs::write(&file, "2, longer than before this").unwrap();
        assert_eq!(told.recv_timeout(AGES).unwrap(), real(&file));
        fs::remove_file(&file).unwrap();
        assert_eq!(told.recv_timeout(AGES).unwrap(), real(&file));
    }

    #[test]
    fn a_file_that_is_read_was_not_saved() {
        let folder = tempfile::tempdir().unwrap();
        let [read, saved] = ["read.rs", "saved.rs"].map(|name| folder.path().join(name));
        fs::write(&read, "0").unwrap();
        let (tell, told) = mpsc::channel();
        let files = [read.clone(), saved.clone()];
        let _saves = Saves::of(&files, Means::Told, move |path| tell.send(path).unwrap()).unwrap();
        assert_eq!(fs::read(&read).unwrap(), b"0");
        fs::write(&saved, "1").unwrap();
        // An earlier event is reported earlier, or together with this one in the order of names.
        assert_eq!(told.recv_timeout(AGES).unwrap(), real(&saved));
        assert!(told.try_iter().all(|file| file == real(&saved)));
    }

    #[test]
    fn saves_are_told_of_however_they_are_made() {
        each(Means::Told);
    }

    #[test]
    fn saves_are_found_by_polling_too() {
        each(Means::Polled);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let file = PathBuf::from("/no/such/folder/bitmap.rs");
        assert!(Saves::of(&[file], Means::Told, |_| ()).is_err());
    }
}
