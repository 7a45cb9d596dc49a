//! Building the kernel by running cargo.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::build::messages::{Answer, Broken, append, host_trouble, is_about_space};
use crate::build::toolchain::Toolchain;
use crate::course::programs;
use crate::host::error::{Error, Result};
use crate::host::launcher::{self, Limits};
use crate::host::process::Process;
use crate::host::progress::Progress;

use super::freshness::BY_CONTENT;
use super::{compiler, environment, image, wrappers};

/// A bare-metal target to compile for: the name of a custom target, and its file.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub file: &'static str,
}

/// The kernel's machine.
const TARGET: Target = Target { name: "i686-folio", file: "kernel/i686-folio.json" };
const PROFILE: &str = "kernel";

/// The packages of a kernel.
const PACKAGES: [&str; 2] = ["kernel-image", "user"];

/// Cargo's options for a bare-metal target.
const BARE_METAL: [&str; 4] =
    ["-Zbuild-std=core,alloc", "-Zbuild-std-features=compiler-builtins-mem", "-Zjson-target-spec", BY_CONTENT];

/// At most so many times a kernel is built if files change meanwhile.
const MOST_TRIES: u32 = 5;

/// After so many seconds a build is stopped, if no limit of processor time has stopped it.
const MOST_SECONDS: u32 = 3600;

/// Builds kernels from a workspace into a folder.
#[derive(Clone, Copy)]
pub struct Builder<'a> {
    /// The compiler.
    pub toolchain: &'a Toolchain,
    /// The workspace.
    pub root: &'a Path,
    /// The folder for everything that is built: `target/kernel`.
    pub target_dir: &'a Path,
}

/// The result of a build.
#[derive(Debug)]
pub enum Built {
    /// The kernel was built.
    Image(Image),
    /// The kernel does not compile.
    Broken(Broken),
}

/// A kernel to boot.
#[derive(Debug)]
pub struct Image {
    /// The ELF file, with its line tables.
    pub path: PathBuf,
    /// The warnings of rustc, by the folder of the package.
    pub warnings: BTreeMap<PathBuf, String>,
    /// The source files that rustc read, by the folder of the package: only of packages in `labs/`.
    pub sources: BTreeMap<PathBuf, Vec<PathBuf>>,
}

impl Builder<'_> {
    /// Whether `core` and the other libraries of the kernel still have to be built, which takes a minute.
    pub fn is_first_time(&self) -> bool {
        let libraries = self.target_dir.join(TARGET.name).join(PROFILE).join("deps");
        let built = fs::read_dir(libraries).into_iter().flatten().flatten();
        !built.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    }

    /// Makes the folder for everything that is built.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn make_folder(&self) -> Result<()> {
        let images = self.target_dir.join("images");
        let programs = programs::folder(&images);
        fs::create_dir_all(&programs).map_err(|error| Error::io("cannot create", &programs, &error))
    }

    /// The path of the kernel with this name.
    pub fn image(&self, name: &str) -> PathBuf {
        self.target_dir.join("images").join(format!("{name}.elf"))
    }

    /// Builds the kernel. These features of the labs say what takes the place of the student's files.
    ///
    /// The folder must have been [made](Self::make_folder).
    ///
    /// # Errors
    /// If cargo cannot be run, or fails for a reason that is not in the code.
    pub fn build(&self, features: &[String], name: &str, progress: &Progress) -> Result<Built> {
        let path = self.image(name);
        let mut command = self.cargo();
        if !features.is_empty() {
            command.arg("--features").arg(features.join(","));
        }
        let (success, answer) = self.run_settled(command, progress)?;
        if !success {
            return match answer.trouble.filter(|trouble| is_so(trouble, self.target_dir)) {
                Some(trouble) => Err(cargo_failed(&trouble)),
                None => Ok(Built::Broken(answer.broken)),
            };
        }
        let executable = answer.executable.ok_or_else(|| {
            Error::new("cargo built the kernel but did not say where").output(answer.broken.output.clone())
        })?;
        for program in &answer.programs {
            if let Some(name) = program.file_name() {
                keep(program, &programs::folder(&self.target_dir.join("images")).join(name))?;
            }
        }
        if let Some(flaw) = image::flaw(&executable)? {
            return Ok(Built::Broken(Broken::of_image(flaw)));
        }
        keep(&executable, &path)?;
        Ok(Built::Image(Image { path, warnings: answer.warnings, sources: answer.sources }))
    }

    /// The cargo that builds the kernel.
    fn cargo(&self) -> Command {
        let mut command = self.bare_metal(&PACKAGES, PROFILE, TARGET);
        command.args(["--message-format=json-diagnostic-rendered-ansi", "--color=never"]);
        command.args(["--keep-going", "--target-dir"]).arg(self.target_dir);
        if let Some(launcher) = launcher::launcher() {
            compiler::limit(&mut command, &launcher, self.root);
        }
        command
    }

    /// The cargo that builds packages for a machine without a system.
    pub fn bare_metal(&self, packages: &[&str], profile: &str, target: Target) -> Command {
        let mut command = self.program(&self.toolchain.cargo);
        command.arg("build").args(scope(packages, profile, target));
        command
    }

    /// A command that runs clippy on the kernel: `program` is the toolchain's `cargo-clippy`.
    pub fn clippy(&self, program: &Path) -> Command {
        let mut command = self.program(program);
        command.env("CARGO", &self.toolchain.cargo).arg("clippy").args(scope(&PACKAGES, PROFILE, TARGET));
        command.arg("--target-dir").arg(self.target_dir);
        command
    }

    /// A command that runs a build tool, with only the part of the environment that it needs. It ends with the grader.
    pub fn program(&self, program: &Path) -> Command {
        self.limited_program(program, Limits::default())
    }

    /// As [`program`](Self::program), within limits.
    pub(super) fn limited_program(&self, program: &Path, limits: Limits) -> Command {
        let mut command = launcher::command(launcher::launcher().as_deref(), limits, program);
        command
            .env_clear()
            .envs(environment::kept())
            .current_dir(self.root)
            .env("RUSTC", &self.toolchain.rustc)
            // As Linux does for its Rust code: stable Rust, apart from how it is built.
            .env("RUSTC_BOOTSTRAP", "1")
            // Empty means none, also where the user's configuration names some.
            .env("CARGO_ENCODED_RUSTFLAGS", "")
            .envs(wrappers::kept_out(self.root).map(|key| (key, "")))
            .env("CARGO_TARGET_I686_FOLIO_LINKER", &self.toolchain.linker)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.toolchain.linker);
        command
    }

    /// Runs cargo, and again if a lab's file was changed meanwhile, so that the files as they are get graded.
    fn run_settled(&self, mut command: Command, progress: &Progress) -> Result<(bool, Answer)> {
        for _ in 0..MOST_TRIES {
            let (success, answer) = self.run(&mut command, progress)?;
            match answer.inputs.changed(self.root).filter(|_| success) {
                None => return Ok((success, answer)),
                Some(file) => progress.note(&format!("{} was changed meanwhile: building it again …", file.display())),
            }
        }
        Err(Error::new("a file is changed again and again while it is built").advise("try again when nobody edits it"))
    }

    fn run(&self, command: &mut Command, progress: &Progress) -> Result<(bool, Answer)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let cargo = &self.toolchain.cargo;
        let mut process =
            Process::spawn(command, Signal::TERM).map_err(|error| Error::io("cannot start", cargo, &error))?;
        let (stdout, stderr) = (process.stdout(), process.stderr());
        let mut answer = Answer::default();
        let waits = AtomicBool::new(false);
        let overdue = AtomicBool::new(false);
        thread::scope(|scope| {
            let complaints = scope.spawn(|| complaints(stderr, &waits, progress));
            let (ended, end) = mpsc::channel();
            scope.spawn(|| {
                if !ends_in_time(end, &waits) {
                    overdue.store(true, Ordering::Relaxed);
                    process.interrupt();
                }
            });
            lines(stdout, |line| answer.line(line, self.root, progress));
            answer.broken.output = complaints.join().unwrap_or_default();
            drop(ended);
        });
        answer.broken.note_stopped();
        if overdue.into_inner() {
            answer.broken.output = "error: cargo did not come to an end within an hour\n".to_owned();
        }
        let status = process.wait().map_err(|error| Error::new(format!("cannot tell how cargo ended: {error}")))?;
        Ok((status.success(), answer))
    }
}

/// Cargo's own messages. `waits` is set while it waits for another cargo.
fn complaints(stderr: Option<impl Read>, waits: &AtomicBool, progress: &Progress) -> String {
    let mut text = String::new();
    lines(stderr, |line| {
        let line = String::from_utf8_lossy(line);
        if let Some(note) = waiting(&line).filter(|_| !waits.swap(true, Ordering::Relaxed)) {
            progress.note(note);
        }
        append(&mut text, &line);
        append(&mut text, "\n");
    });
    text
}

/// Waits until a build ends: then the other end of the channel is closed. `false` if that takes
/// longer than any build does.
///
/// It counts seconds and reads no clock: while the grader is stopped, no second counts.
fn ends_in_time(end: Receiver<()>, waits: &AtomicBool) -> bool {
    (0..MOST_SECONDS).any(|_| {
        end.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) || waits.load(Ordering::Relaxed)
    })
}

/// The longest line of cargo's that is read whole, in bytes.
const LONGEST_LINE: u64 = 8 << 20;

/// Passes each line that comes out of a pipe to `take`, up to the first error. The end of a line
/// that is too long is left out.
fn lines(pipe: Option<impl Read>, mut take: impl FnMut(&[u8])) {
    let Some(pipe) = pipe else { return };
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if line.last() == Some(&b'\n') {
            line.pop();
        } else {
            let _ = reader.skip_until(b'\n');
        }
        take(&line);
        line.clear();
    }
}

/// What cargo is to build, and how.
fn scope<'a>(packages: &[&'a str], profile: &'a str, target: Target) -> Vec<&'a str> {
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    packages.chain(["--profile", profile, "--target", target.file]).chain(BARE_METAL).collect()
}

/// Gives an image a name of its own, since the next mix's image takes the old name.
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

/// What to show the user if a line of cargo's says that it waits for another cargo.
fn waiting(line: &str) -> Option<&'static str> {
    let (_, lock) = line.split_once("waiting for file lock on ")?;
    Some(if lock.contains("package cache") {
        "Another cargo is using the package cache: waiting for it …"
    } else {
        "Another cargo is building here: waiting for it …"
    })
}

/// A disk with less free space than this counts as full, in bytes.
const FULL: u64 = 16 << 20;

/// Whether a complaint about the host is true. A name in the code could look like a full disk, too.
fn is_so(trouble: &str, folder: &Path) -> bool {
    let free = rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    !is_about_space(trouble) || free.is_none_or(|free| free < FULL)
}

/// The error for a cargo that failed, but not because of the code.
pub fn cargo_failed(output: &str) -> Error {
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
    fn who_waits_for_another_cargo_is_told() {
        for (line, note) in [
            ("    Blocking waiting for file lock on build directory", Some("building here")),
            ("    Blocking waiting for file lock on package cache", Some("package cache")),
            ("   Compiling pmm v0.1.0", None),
        ] {
            assert_eq!(waiting(line).is_some(), note.is_some(), "{line}");
            assert!(waiting(line).is_none_or(|text| text.contains(note.unwrap_or_default())), "{line}");
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
