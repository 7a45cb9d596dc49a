//! The benchmark's kernel: how it is built and booted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::DeserializeOwned;

use crate::build::freshness::BY_CONTENT;
use crate::course::mix::Mix;
use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::exit;
use crate::host::process;
use crate::host::progress::Progress;
use crate::judge::Engine;

const PACKAGE: &str = "kernel-bench";
const MANIFEST: &str = "kernel/bench/Cargo.toml";

/// For measurements: a processor and a profile whose figures can be compared.
const MEASURED: Recipe =
    Recipe { target: "i686-bench", target_file: "kernel/bench/i686-bench.json", profile: "kernel-bench" };

/// For a quick try: like the graded kernel, with which it shares what takes long to build.
const QUICK: Recipe = Recipe { target: "i686-folio", target_file: "kernel/i686-folio.json", profile: "kernel" };

/// Memory of the machine. The allocators' memory is only described, or much smaller.
const MEMORY: &str = "256M";

/// The implementations that are measured beside each lab's file, if they exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// The champion.
    Champion,
    /// The reference and the champion.
    ReferenceAndChampion,
}

/// What a run on this computer's own processor came to.
pub enum Native {
    /// The comma-separated values that it wrote.
    Wrote(String),
    /// Why this computer cannot run it.
    NotHere(String),
}

/// Why a static program for Linux on i386 does not run here, as far as that is known before it is tried.
fn why_not_native() -> Option<String> {
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    let is_here = system == "linux" && matches!(processor, "x86_64" | "x86");
    (!is_here).then(|| format!("it takes Linux on an x86 processor, and this is {system} on {processor}"))
}

/// How the benchmark is built.
struct Recipe {
    target: &'static str,
    target_file: &'static str,
    profile: &'static str,
}

/// The benchmark's kernel.
pub struct Kernel<'a> {
    engine: &'a Engine,
    image: PathBuf,
}

impl<'a> Kernel<'a> {
    /// Builds the benchmark. `None` if it is not in this copy of the course.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build(engine: &'a Engine, progress: &Progress) -> Result<Option<Self>> {
        Self::built(engine, &MEASURED, &engine.site.mix(&[]), Beside::Champion, progress)
    }

    /// Builds it for the files of several labs: those of a mix, of which the fence refuses none.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn of_mix(engine: &'a Engine, mix: &Mix, beside: Beside, progress: &Progress) -> Result<Option<Self>> {
        Self::built(engine, &MEASURED, mix, beside, progress)
    }

    /// Builds it only to see whether it works: its figures mean nothing.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build_quickly(engine: &'a Engine, progress: &Progress) -> Result<Option<Self>> {
        Self::built(engine, &QUICK, &engine.site.mix(&[]), Beside::Champion, progress)
    }

    fn built(
        engine: &'a Engine,
        recipe: &Recipe,
        mix: &Mix,
        beside: Beside,
        progress: &Progress,
    ) -> Result<Option<Self>> {
        if !engine.site.workspace.root.join(MANIFEST).is_file() {
            return Ok(None);
        }
        progress.start("Building the allocators");
        let target_dir = &engine.site.target_dir;
        let mut command = engine.site.builder().program(&engine.site.toolchain.cargo);
        command
            .env("CARGO_TARGET_I686_BENCH_LINKER", &engine.site.toolchain.linker)
            .args(["build", "--quiet", "--package", PACKAGE])
            .args(["--profile", recipe.profile, "--target", recipe.target_file])
            .args(["-Zbuild-std=core,alloc", "-Zbuild-std-features=compiler-builtins-mem", "-Zjson-target-spec"])
            .arg(BY_CONTENT)
            .arg("--target-dir")
            .arg(target_dir);
        let features = features(&engine.site.workspace, mix, beside);
        if !features.is_empty() {
            command.arg("--features").arg(features.join(","));
        }
        let output = process::output(&mut command)
            .map_err(|error| Error::io("cannot start", &engine.site.toolchain.cargo, &error))?;
        if !output.status.success() {
            return Err(Error::new("the benchmark of the allocators does not compile")
                .advise("this is what cargo said:")
                .output(String::from_utf8_lossy(&output.stderr)));
        }
        Ok(Some(Self { engine, image: target_dir.join(recipe.target).join(recipe.profile).join(PACKAGE) }))
    }

    /// The file that is booted.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// Boots it with these arguments on its command line; returns the comma-separated values that it wrote.
    ///
    /// # Errors
    /// If it fails: the error says how, but does not name the arguments.
    pub fn run(&self, words: &str) -> Result<String> {
        // One nanosecond of guest time per instruction: the time stamp counter counts instructions.
        self.boot(words, &["-icount", "shift=0,sleep=off"])
    }

    /// Boots it with the computer's own time, on which no grade depends.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_timed(&self, words: &str) -> Result<String> {
        self.boot(words, &[])
    }

    /// Runs it on this computer's own processor, as a program of Linux's: it measures the memory functions then.
    ///
    /// # Errors
    /// If it does not end well.
    pub fn run_natively(&self) -> Result<Native> {
        if let Some(why) = why_not_native() {
            return Ok(Native::NotHere(why));
        }
        let output = match process::output(&mut Command::new(&self.image)) {
            Ok(output) => output,
            Err(error) => {
                return Ok(Native::NotHere(format!("this system runs no 32-bit programs of Linux's: {error}")));
            }
        };
        let text = String::from_utf8_lossy(&output.stdout);
        match output.status.success() {
            true => Ok(Native::Wrote(text.into_owned())),
            false => Err(Error::new(format!("the benchmark as a program of Linux's: {}", output.status)).output(text)),
        }
    }

    fn boot(&self, words: &str, clock: &[&str]) -> Result<String> {
        let emulator = &self.engine.emulator.qemu()?.program;
        let mut command = Command::new(emulator);
        command
            .args(["-nodefaults", "-nic", "none", "-vga", "none", "-display", "none", "-no-reboot", "-accel", "tcg"])
            .args(clock)
            .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
            .args(["-device", "ib700", "-action", "watchdog=poweroff"])
            .args(["-m", MEMORY, "-serial", "stdio", "-append", words, "-kernel"])
            .arg(&self.image);
        let output = process::output(&mut command).map_err(|error| Error::io("cannot start", emulator, &error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let error = match output.status.code() {
            Some(exit::GUEST_OK) => return Ok(text.into_owned()),
            Some(exit::GUEST_NOT_OK) => {
                let said = text.rsplit_once("panic,panicked ").map_or(&*text, |(_, said)| said);
                Error::new("it panicked").output(said)
            }
            Some(exit::EMULATOR_LEFT) => Error::new("it hung"),
            _ => Error::new("the machine ended for no known reason").output(String::from_utf8_lossy(&output.stderr)),
        };
        Err(error)
    }
}

/// The features of the benchmark that measure the requested implementations. If a reference exists only compiled, for
/// another target, it cannot be measured: the student's file is in its place.
fn features(course: &Workspace, mix: &Mix, beside: Beside) -> Vec<String> {
    let is_source = Lab::has_solution;
    let is_in_place = |lab: &Lab| mix.solutions.contains(&lab.toml.package);
    let mut features = measuring(course, "in-place", |lab| is_source(lab) && is_in_place(lab));
    features.extend(champions(course));
    if beside == Beside::ReferenceAndChampion {
        features.extend(measuring(course, "reference", |lab| is_source(lab) && !is_in_place(lab)));
    }
    features
}

/// The features of the benchmark that measure the champions in this copy of the
/// course, such as `kernel-bench/pmm-champion`.
pub fn champions(course: &Workspace) -> Vec<String> {
    measuring(course, "champion", Lab::has_champion)
}

/// The benchmark's features that measure these labs' files of one kind, as far as it has such features.
fn measuring(course: &Workspace, kind: &str, is_meant: impl Fn(&Lab) -> bool) -> Vec<String> {
    let manifest = fs::read_to_string(course.root.join(MANIFEST)).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let known = |feature: &String| manifest.get("features").is_some_and(|known| known.get(feature).is_some());
    let meant = course.labs.iter().filter(|lab| is_meant(lab));
    let features = meant.map(|lab| format!("{}-{kind}", lab.toml.package)).filter(known);
    features.map(|feature| format!("{PACKAGE}/{feature}")).collect()
}

/// Reads comma-separated values, with the names in their first line.
///
/// # Errors
/// If a line does not have the expected form.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    let rows: Result<Vec<T>, _> = csv::Reader::from_reader(text.as_bytes()).into_deserialize().collect();
    rows.map_err(|error| {
        Error::new("the benchmark of the allocators said something unexpected").output(error.to_string())
    })
}
