//! What programs say about themselves, remembered between runs.
//!
//! Asking `rustc` and QEMU for their versions takes about as long as booting a
//! machine, so the answers are kept in `target/kernel/probe.json` for as long
//! as the program's file stays the same. `probe.json` is only a cache: it may be
//! missing, old, broken or not writable.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// The remembered answers.
pub struct Probes {
    file: Option<PathBuf>,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    known: BTreeMap<String, Answer>,
    changed: bool,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    /// The program's file when it gave the answer.
    stamp: String,
    text: String,
}

impl Probes {
    /// The answers that are remembered in this folder.
    pub fn load(folder: &Path) -> Self {
        let file = folder.join("probe.json");
        let known = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { file: Some(file), answers: Mutex::new(Answers { known, changed: false }) }
    }

    /// No answers, and no folder to keep them in.
    pub fn fresh() -> Self {
        Self { file: None, answers: Mutex::default() }
    }

    /// The answer that `program` gave before in this context, or else the one that it gives now.
    pub fn ask(&self, program: &Path, context: &str, ask: impl FnOnce() -> Option<String>) -> Option<String> {
        self.ask_while(program, context, "", ask)
    }

    /// As [`ask`](Self::ask), for an answer that holds only under these circumstances.
    pub fn ask_while(
        &self,
        program: &Path,
        context: &str,
        circumstances: &str,
        ask: impl FnOnce() -> Option<String>,
    ) -> Option<String> {
        let stamp = format!("{} {circumstances}", stamp(program)?).trim_end().to_owned();
        let key = format!("{} {context}", program.display()).trim_end().to_owned();
        if let Some(known) = self.answers.lock().unwrap_or_else(PoisonError::into_inner).known.get(&key)
            && known.stamp == stamp
        {
            return Some(known.text.clone());
        }
        let answer = ask()?;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.changed = true;
        answers.known.insert(key, Answer { stamp, text: answer.clone() });
        Some(answer)
    }

    /// Writes the answers for the next run, if that is possible.
    pub fn save(&self) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file
            && answers.changed
            && let Ok(text) = serde_json::to_vec_pretty(&answers.known)
        {
            answers.changed = false;
            // Written to a file beside it and renamed, so that no process ever reads half of it.
            let half = file.with_extension(format!("json.{}", std::process::id()));
            if fs::write(&half, text).and_then(|()| fs::rename(&half, file)).is_err() {
                let _ = fs::remove_file(&half);
            }
        }
    }
}

/// The size and the time of the last change of the program's file.
///
/// Debian's QEMU is a script that starts the program of the same name in
/// `libexec`, so the stamp includes that program.
fn stamp(program: &Path) -> Option<String> {
    let behind = program.ancestors().nth(2)?.join("libexec").join(program.file_name()?);
    Some(format!("{} {}", stamp_of(program)?, stamp_of(&behind).unwrap_or_default()).trim_end().to_owned())
}

/// The size and the time of the last change of a file; `None` if it is not there.
pub fn stamp_of(file: &Path) -> Option<String> {
    let metadata = fs::metadata(file).ok()?;
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    Some(format!("{} {changed}", metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_remembered_until_the_program_changes() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "one").unwrap();
        let probes = Probes::load(folder.path());
        assert_eq!(probes.ask(&program, "", || Some("1".into())).as_deref(), Some("1"));
        probes.save();
        let probes = Probes::load(folder.path());
        assert_eq!(probes.ask(&program, "", || None).as_deref(), Some("1"));
        assert_eq!(probes.ask(&program, "elsewhere", || Some("2".into())).as_deref(), Some("2"));
        fs::write(&program, "other").unwrap();
        assert_eq!(probes.ask(&program, "", || None), None);
        assert_eq!(probes.ask_while(&program, "", "today", || Some("3".into())).as_deref(), Some("3"));
        assert_eq!(probes.ask_while(&program, "", "today", || None).as_deref(), Some("3"));
        assert_eq!(probes.ask_while(&program, "", "tomorrow", || None), None);
    }

    #[test]
    fn a_broken_memory_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("probe.json"), "{").unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "").unwrap();
        assert_eq!(Probes::load(folder.path()).ask(&program, "", || Some("1".into())).as_deref(), Some("1"));
    }
}
