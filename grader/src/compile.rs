//! Building the kernel, with whoever's labs.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::Signal;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::interrupt::Process;
use crate::model::Mix;
use crate::progress::Progress;
use crate::toolchain::Toolchain;
use crate::workspace::Lab;

/// The custom target, and its name.
const TARGET_FILE: &str = "kernel/i686-folio.json";
const TARGET: &str = "i686-folio";
const PROFILE: &str = "kernel";

/// What cargo is to build, and how.
const SCOPE: [&str; 9] = [
    "--package",
    "kernel",
    "--profile",
    PROFILE,
    "--target",
    TARGET_FILE,
    "-Zbuild-std=core,alloc",
    "-Zbuild-std-features=compiler-builtins-mem",
    "-Zjson-target-spec",
];

/// Where the kernel is built from and to.
#[derive(Clone, Copy)]
pub struct Builder<'a> {
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// The workspace.
    pub root: &'a Path,
    /// The folder for everything that is built: `target/kernel`.
    pub target_dir: &'a Path,
}

/// What became of a build.
#[derive(Debug)]
pub enum Built {
    /// The kernel.
    Image(Image),
    /// It does not compile.
    Broken(Broken),
}

/// A kernel to boot.
#[derive(Debug)]
pub struct Image {
    /// The ELF file, with its line tables.
    pub path: PathBuf,
    /// What rustc warns about, by the folder of the package.
    pub warnings: BTreeMap<PathBuf, String>,
    /// The sources that rustc read, by the folder of the package: only of packages in `labs/`.
    pub sources: BTreeMap<PathBuf, Vec<PathBuf>>,
}

/// Why a kernel does not compile.
#[derive(Debug, Default)]
pub struct Broken {
    /// What rustc says, with colour, by the folder of the package.
    pub errors: BTreeMap<PathBuf, String>,
    /// What cargo itself says.
    pub output: String,
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
    rendered: Option<String>,
    #[serde(default)]
    spans: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl Builder<'_> {
    /// Whether the library that the kernel needs still has to be built, which takes a minute.
    pub fn is_first_time(&self) -> bool {
        let libraries = self.target_dir.join(TARGET).join(PROFILE).join("deps");
        let built = fs::read_dir(libraries).into_iter().flatten().flatten();
        !built.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    }

    /// Makes the folder for everything that is built.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn make_folder(&self) -> Result<()> {
        let images = self.target_dir.join("images");
        fs::create_dir_all(&images).map_err(|error| Error::io("cannot create", &images, &error))
    }

    /// Where the kernel of this name is put.
    pub fn image(&self, name: &str) -> PathBuf {
        self.target_dir.join("images").join(format!("{name}.elf"))
    }

    /// Builds the kernel, with the references of the mix and the student's files for all other labs.
    ///
    /// The folder must have been [made](Self::make_folder).
    ///
    /// # Errors
    /// If cargo cannot be run, or fails for a reason that is not in the code.
    pub fn build(&self, mix: &Mix, name: &str, progress: &Progress) -> Result<Built> {
        let path = self.image(name);
        let mut command = self.cargo();
        if !mix.solutions.is_empty() {
            let features: Vec<String> = mix.solutions.iter().map(|package| format!("{package}/solution")).collect();
            command.arg("--features").arg(features.join(","));
        }
        let answer = self.run(command, progress)?;
        if !answer.success {
            if let Some(trouble) = &answer.trouble {
                return Err(cargo_failed(trouble));
            }
            if answer.broken.errors.is_empty() {
                return Err(cargo_failed(&answer.broken.output));
            }
            return Ok(Built::Broken(answer.broken));
        }
        let executable = answer.executable.ok_or_else(|| {
            Error::new("cargo built the kernel but did not say where").output(answer.broken.output.clone())
        })?;
        keep(&executable, &path)?;
        Ok(Built::Image(Image { path, warnings: answer.warnings, sources: answer.sources }))
    }

    /// The cargo that builds the kernel.
    fn cargo(&self) -> Command {
        let mut command = self.program(&self.toolchain.cargo);
        command.arg("build").args(SCOPE).args(["--message-format=json-diagnostic-rendered-ansi", "--color=never"]);
        command.args(["--keep-going", "--target-dir"]).arg(self.target_dir);
        command
    }

    /// A command that looks at the kernel with clippy: `program` is the toolchain's `cargo-clippy`.
    pub fn clippy(&self, program: &Path) -> Command {
        let mut command = self.program(program);
        command.env("CARGO", &self.toolchain.cargo).arg("clippy").args(SCOPE);
        command.arg("--target-dir").arg(self.target_dir);
        command
    }

    /// A program that builds, not influenced by the cargo which runs this one.
    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (key, _) in env::vars_os() {
            if is_of_outer_cargo(&key) {
                command.env_remove(key);
            }
        }
        command
            .current_dir(self.root)
            .env("RUSTC", &self.toolchain.rustc)
            // As Linux does for its Rust code: stable Rust, apart from how it is built.
            .env("RUSTC_BOOTSTRAP", "1")
            // Empty means none, also where the user's configuration names some.
            .env("CARGO_ENCODED_RUSTFLAGS", "")
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .env("CARGO_TARGET_I686_FOLIO_LINKER", &self.toolchain.linker);
        command
    }

    fn run(&self, mut command: Command, progress: &Progress) -> Result<Answer> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let cargo = &self.toolchain.cargo;
        let mut process =
            Process::spawn(&mut command, Signal::TERM).map_err(|error| Error::io("cannot start", cargo, &error))?;
        let (stdout, stderr) = (process.stdout(), process.stderr());
        let mut answer = Answer::default();
        thread::scope(|scope| {
            let complaints = scope.spawn(|| {
                let mut text = Vec::new();
                if let Some(mut stderr) = stderr {
                    // What was read before an error is all there is.
                    let _ = stderr.read_to_end(&mut text);
                }
                String::from_utf8_lossy(&text).into_owned()
            });
            for line in
                stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n')).map_while(io::Result::ok)
            {
                if let Ok(message) = serde_json::from_slice(&line) {
                    answer.take(message, self.root, progress);
                }
            }
            answer.broken.output = complaints.join().unwrap_or_default();
        });
        let status = process.wait().map_err(|error| Error::new(format!("cannot tell how cargo ended: {error}")))?;
        answer.success = status.success();
        Ok(answer)
    }
}

/// What a run of cargo had to say.
#[derive(Default)]
struct Answer {
    success: bool,
    executable: Option<PathBuf>,
    warnings: BTreeMap<PathBuf, String>,
    sources: BTreeMap<PathBuf, Vec<PathBuf>>,
    broken: Broken,
    /// What rustc says about the host, such as that its disk is full.
    trouble: Option<String>,
}

impl Answer {
    fn take(&mut self, message: Message, root: &Path, progress: &Progress) {
        match message {
            Message::Diagnostic { manifest_path, message } => {
                let (Some(folder), Some(rendered)) = (manifest_path.parent(), message.rendered) else { return };
                // A diagnostic with a place is about code, and may quote anything.
                if message.level == "error" && message.spans.is_empty() && host_trouble(&rendered).is_some() {
                    self.trouble.get_or_insert(rendered);
                    return;
                }
                let texts = match message.level.as_str() {
                    "error" | "error: internal compiler error" => &mut self.broken.errors,
                    "warning" => &mut self.warnings,
                    _ => return,
                };
                // "aborting due to 3 previous errors" says nothing that is not said already.
                let text = texts.entry(folder.to_owned()).or_default();
                if text.is_empty() || !message.spans.is_empty() {
                    text.push_str(&rendered);
                }
            }
            Message::Artifact { manifest_path, target, filenames, executable } => {
                progress.built(&target.name);
                if executable.is_some() {
                    self.executable = executable;
                }
                if let Some(folder) = manifest_path.parent()
                    && folder.parent().is_some_and(|parent| parent.ends_with("labs"))
                    && let Some(sources) = filenames.iter().find_map(|library| sources(library, root))
                {
                    self.sources.insert(folder.to_owned(), sources);
                }
            }
            Message::Other => {}
        }
    }
}

/// The sources of a library, from the file that rustc writes beside it.
fn sources(library: &Path, root: &Path) -> Option<Vec<PathBuf>> {
    let stem = library.file_stem()?.to_str()?;
    let text = fs::read_to_string(library.with_file_name(format!("{}.d", stem.strip_prefix("lib")?))).ok()?;
    Some(dependencies(&text).into_iter().map(|file| root.join(file)).collect())
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

/// A file of somebody else's that a student's file takes in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// A file of the lab's own `src/` that is not handed in.
    NotHandedIn(PathBuf),
    /// Anything else, such as the reference.
    Elsewhere(PathBuf),
}

/// The first source of a lab that is neither the student's nor frozen.
///
/// # Errors
/// If rustc did not say which files it read.
pub fn foreign_source(lab: &Lab, image: &Image) -> Result<Option<Foreign>> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = real(&lab.folder);
    let (_, sources) = image
        .sources
        .iter()
        .find(|(known, _)| real(known) == folder)
        .ok_or_else(|| Error::new(format!("rustc did not say which files it read for labs/{}", lab.id)))?;
    let mut allowed: Vec<PathBuf> = lab.toml.files.iter().map(|file| real(&folder.join(file))).collect();
    allowed.push(folder.join("src/lib.rs"));
    let foreign = sources.iter().map(|source| real(source)).find(|source| !allowed.contains(source));
    Ok(foreign.map(|source| match source.strip_prefix(&folder) {
        Ok(inside) if inside.starts_with("src") => Foreign::NotHandedIn(inside.to_owned()),
        Ok(inside) => Foreign::Elsewhere(inside.to_owned()),
        Err(_) => Foreign::Elsewhere(source),
    }))
}

/// Whether a variable is one that the cargo which runs this program set, or
/// that would make ours build something else.
fn is_of_outer_cargo(key: &OsString) -> bool {
    const KEPT: [&str; 4] = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR"];
    let key = key.to_string_lossy();
    match key.as_ref() {
        "RUSTC"
        | "RUSTDOC"
        | "RUSTFLAGS"
        | "RUSTDOCFLAGS"
        | "RUSTUP_TOOLCHAIN"
        | "RUSTC_LOG"
        | "LD_LIBRARY_PATH"
        | "DYLD_FALLBACK_LIBRARY_PATH" => true,
        key => {
            key.starts_with("RUSTC_")
                || key == "CARGO"
                || key.starts_with("CARGO_") && !KEPT.iter().any(|kept| key.starts_with(kept))
        }
    }
}

/// Gives an image a name of its own: the next mix's takes the old one.
fn keep(executable: &Path, path: &Path) -> Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let linked = fs::remove_file(&beside)
        .or(Ok(()))
        .and_then(|()| fs::hard_link(executable, &beside))
        // Not every file system has links.
        .or_else(|_: io::Error| fs::copy(executable, &beside).map(drop))
        .and_then(|()| fs::rename(&beside, path));
    // Of two names for the same file, `rename` leaves both.
    let _ = fs::remove_file(&beside);
    linked.map_err(|error| Error::io("cannot write", path, &error))
}

/// What to do about a host that keeps cargo from its work, if the text tells of one.
fn host_trouble(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    if lower.contains("no space left on device") || lower.contains("disk quota exceeded") {
        Some("the disk is full: free some space and try again")
    } else if lower.contains("permission denied") || lower.contains("read-only file system") {
        Some("target/ cannot be written: make it writable, or set CARGO_TARGET_DIR to a folder that is")
    } else {
        None
    }
}

/// cargo failed, and not because of an error in the code.
fn cargo_failed(output: &str) -> Error {
    let error = Error::new("cargo could not build the kernel");
    if let Some(advice) = host_trouble(output) {
        // The same is said for every crate: once is enough.
        let is_reason = |line: &&str| host_trouble(line).is_some();
        return error.advise(advice).output(output.lines().find(is_reason).unwrap_or_default());
    }
    let lower = output.to_lowercase();
    if ["download", "network", "could not resolve", "failed to fetch"].iter().any(|sign| lower.contains(sign)) {
        error.advise("the first build fetches a few packages: check the network and try again").output(output)
    } else {
        error.advise("this is what it said:").output(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_cargo_has_no_influence() {
        for key in [
            "RUSTC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "RUSTC_WRAPPER",
            "CARGO_PROFILE_DEV_OPT_LEVEL",
        ] {
            assert!(is_of_outer_cargo(&key.into()), "{key}");
        }
        for key in [
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_AUTO_INSTALL",
            "CARGO_NET_OFFLINE",
            "CARGO_HTTP_PROXY",
            "CARGO_REGISTRIES_X_INDEX",
            "PATH",
            "HOME",
        ] {
            assert!(!is_of_outer_cargo(&key.into()), "{key}");
        }
    }

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

    #[test]
    fn why_cargo_failed_is_explained() {
        for (output, advice) in [
            ("error: No space left on device (os error 28)", "disk is full"),
            ("failed to open: x\nPermission denied", "make it writable"),
            ("error: failed to download from `https://x`", "check the network"),
        ] {
            assert!(cargo_failed(output).to_string().contains(advice), "{output}");
        }
    }

    #[test]
    fn an_image_replaces_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let (built, kept) = (folder.path().join("kernel"), folder.path().join("pmm.elf"));
        for text in ["one", "two"] {
            let _ = fs::remove_file(&built);
            fs::write(&built, text).unwrap();
            keep(&built, &kept).unwrap();
            keep(&built, &kept).unwrap();
            assert_eq!(fs::read_to_string(&kept).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
