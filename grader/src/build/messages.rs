//! Cargo's messages during a build: lines of JSON, as The Cargo Book's chapter
//! "External tools" describes them, and the lists of files that rustc writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::course::programs;
use crate::host::progress::Progress;

use super::freshness::Inputs;
use super::stopped::{self, Stopped};

/// Why a kernel does not compile.
#[derive(Debug, Default)]
pub struct Broken {
    /// The errors of rustc, with colour, by the folder of the package.
    pub errors: BTreeMap<PathBuf, String>,
    /// The messages of cargo itself.
    pub output: String,
    /// Packages whose compiler was stopped or crashed.
    pub stopped: Vec<Stopped>,
    /// What is wrong with the image, if one was linked.
    pub flaw: Option<String>,
}

impl Broken {
    /// For an image that was built, but that no machine can boot.
    pub fn of_image(flaw: String) -> Self {
        Self { flaw: Some(flaw), ..Self::default() }
    }

    /// Fills [`stopped`](Self::stopped) from the messages of cargo.
    pub fn note_stopped(&mut self) {
        self.stopped = stopped::all(&self.output);
    }

    /// Whether the code, and not the computer that builds, is the cause.
    pub fn is_about_code(&self) -> bool {
        !self.errors.is_empty() || !self.stopped.is_empty() || self.flaw.is_some()
    }

    /// All errors and messages as one text.
    pub fn text(self) -> String {
        let text: String = self.errors.into_values().chain(self.flaw).collect();
        if text.trim().is_empty() { self.output } else { text }
    }
}

/// The messages and results of a run of cargo.
#[derive(Default)]
pub struct Answer {
    /// The kernel.
    pub executable: Option<PathBuf>,
    /// The programs that run in ring 3.
    pub programs: Vec<PathBuf>,
    /// The warnings of rustc, by the folder of the package.
    pub warnings: BTreeMap<PathBuf, String>,
    /// The source files that rustc read, by the folder of the package: only of labs.
    pub sources: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// The files that rustc read, with their checksums at that time.
    pub inputs: Inputs,
    /// The reasons why it does not compile.
    pub broken: Broken,
    /// A complaint of rustc about the host, such as a full disk.
    pub trouble: Option<String>,
}

impl Answer {
    /// Adds one line of cargo's output. Unknown lines are left out.
    pub fn line(&mut self, line: &[u8], root: &Path, progress: &Progress) {
        if let Ok(message) = serde_json::from_slice(line) {
            self.take(message, root, progress);
        }
    }

    fn take(&mut self, message: Message, root: &Path, progress: &Progress) {
        match message {
            Message::Diagnostic { manifest_path, message } => {
                let (Some(folder), Some(rendered)) = (manifest_path.parent(), message.rendered) else { return };
                // A diagnostic with a place is about code, and may quote anything; so may a linker.
                let is_about_code = !message.spans.is_empty() || is_of_linker(&message.message);
                if message.level == "error" && !is_about_code && host_trouble(&rendered).is_some() {
                    self.trouble.get_or_insert(rendered);
                    return;
                }
                let texts = match message.level.as_str() {
                    "error" | "error: internal compiler error" => &mut self.broken.errors,
                    "warning" => &mut self.warnings,
                    _ => return,
                };
                // "aborting due to 3 previous errors" adds nothing to the errors themselves.
                let text = texts.entry(folder.to_owned()).or_default();
                if text.is_empty() || !message.spans.is_empty() {
                    append(text, &rendered);
                }
            }
            Message::Artifact { manifest_path, target, filenames, executable } => {
                progress.built(&target.name);
                match executable {
                    Some(program) if manifest_path.parent().is_some_and(programs::is_theirs) => {
                        self.programs.push(program);
                    }
                    Some(kernel) => self.executable = Some(kernel),
                    None => {}
                }
                if let Some(folder) = manifest_path.parent()
                    && folder.parent().is_some_and(|parent| parent.ends_with("labs"))
                    && let Some(list) = filenames.iter().find_map(|library| list_of_sources(library))
                {
                    let sources = dependencies(&list).into_iter().map(|file| root.join(file)).collect();
                    self.sources.insert(folder.to_owned(), sources);
                    self.inputs.add(Inputs::parse(&list));
                }
            }
            Message::Other => {}
        }
    }
}

/// The lines of cargo's JSON that matter.
#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-message")]
    Diagnostic { manifest_path: PathBuf, message: Diagnostic },
    #[serde(rename = "compiler-artifact")]
    Artifact { manifest_path: PathBuf, target: Target, filenames: Vec<PathBuf>, executable: Option<PathBuf> },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    #[serde(default)]
    message: String,
    rendered: Option<String>,
    #[serde(default)]
    spans: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// At most so many bytes of messages are kept for one package.
const MOST_KEPT: usize = 1 << 20;

/// Adds as much of `more` to a text as there is room for.
pub fn append(text: &mut String, more: &str) {
    let room = MOST_KEPT.saturating_sub(text.len());
    text.push_str(&more[..more.floor_char_boundary(room)]);
}

/// Whether a message of rustc's is a linker's, which names symbols of the code.
fn is_of_linker(message: &str) -> bool {
    message.starts_with("linking with")
}

/// The list of source files that rustc wrote beside a library.
fn list_of_sources(library: &Path) -> Option<String> {
    let stem = library.file_stem()?.to_str()?;
    fs::read_to_string(library.with_file_name(format!("{}.d", stem.strip_prefix("lib")?))).ok()
}

/// The files that a makefile rule names after its colon; spaces in names are escaped.
fn dependencies(text: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for line in text.lines() {
        let Some((_, rest)) = line.split_once(": ") else { continue };
        if line.starts_with('#') {
            continue;
        }
        let mut name = String::new();
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => name.extend(chars.next()),
                ' ' => files.extend((!name.is_empty()).then(|| PathBuf::from(std::mem::take(&mut name)))),
                c => name.push(c),
            }
        }
        files.extend((!name.is_empty()).then(|| PathBuf::from(name)));
    }
    files.sort();
    files.dedup();
    files
}

/// Advice about a host that keeps cargo from its work, if the text complains of one.
pub fn host_trouble(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    if is_about_space(text) {
        Some("the disk is full: free some space and try again")
    } else if lower.contains("permission denied") || lower.contains("read-only file system") {
        Some("target/ cannot be written: make it writable, or set CARGO_TARGET_DIR to a folder that is")
    } else {
        None
    }
}

/// Whether a text complains of a full disk.
pub fn is_about_space(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower.contains("no space left on device") || lower.contains("disk quota exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_a_makefile_rule() {
        let text = "/t/libpmm-1.rmeta: labs/01-pmm/src/lib.rs labs/a\\ b/x.rs\n\n/t/pmm-1.d: labs/01-pmm/src/lib.rs\n\n\
                    labs/01-pmm/src/lib.rs:\n# env-dep:X: y\n";
        let files: Vec<_> = dependencies(text).iter().map(|file| file.display().to_string()).collect();
        assert_eq!(files, ["labs/01-pmm/src/lib.rs", "labs/a b/x.rs"]);
    }

    #[test]
    fn cargo_s_json_is_understood() {
        let line = r#"{"reason":"compiler-message","package_id":"x","manifest_path":"/w/labs/01-pmm/Cargo.toml","target":{"name":"pmm"},"message":{"level":"error","rendered":"error: no","spans":[]}}"#;
        let mut answer = Answer::default();
        answer.take(serde_json::from_str(line).unwrap(), Path::new("/w"), &Progress::silent());
        assert_eq!(answer.broken.errors[Path::new("/w/labs/01-pmm")], "error: no");
        let other = r#"{"reason":"build-finished","success":false}"#;
        assert!(matches!(serde_json::from_str(other), Ok(Message::Other)));
    }
}
