//! What allocators cost in guest instructions: the labs' beside their peers,
//! as the kernel in `kernel/bench` counts them.

pub mod frames;
pub mod heaps;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use crate::compile::Builder;
use crate::error::{Error, Result};
use crate::grade::Engine;
use crate::progress::Progress;

const PACKAGE: &str = "kernel-bench";
/// The packages of the labs that are measured.
const LABS: [&str; 2] = ["pmm", "heap"];
const MANIFEST: &str = "kernel/bench/Cargo.toml";

/// As it is to be measured: a processor, and a profile, for figures that compare.
const MEASURED: Recipe =
    Recipe { target: "i686-bench", target_file: "kernel/bench/i686-bench.json", profile: "kernel-bench" };

/// As the kernel that is graded, with which it shares what takes long to build.
const QUICK: Recipe = Recipe { target: "i686-folio", target_file: "kernel/i686-folio.json", profile: "kernel" };

/// Memory of the machine. What is managed in it is only described, or much smaller.
const MEMORY: &str = "256M";

/// QEMU's exit status after the benchmark ended well.
const EXIT_WELL: i32 = 33;

/// … after something panicked, and after the watchdog found that something hangs.
const EXIT_PANICKED: i32 = 35;
const EXIT_HUNG: i32 = 0;

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
        Self::built(engine, &MEASURED, progress)
    }

    /// The same, but to see whether it works: its figures mean nothing.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build_quickly(engine: &'a Engine, progress: &Progress) -> Result<Option<Self>> {
        Self::built(engine, &QUICK, progress)
    }

    fn built(engine: &'a Engine, recipe: &Recipe, progress: &Progress) -> Result<Option<Self>> {
        if !engine.workspace.root.join(MANIFEST).is_file() {
            return Ok(None);
        }
        progress.start("Building the allocators");
        let target_dir = &engine.target_dir;
        let builder = Builder { toolchain: &engine.toolchain, root: &engine.workspace.root, target_dir };
        let mut command = builder.program(&engine.toolchain.cargo);
        command
            .env("CARGO_TARGET_I686_BENCH_LINKER", &engine.toolchain.linker)
            .args(["build", "--quiet", "--package", PACKAGE])
            .args(["--profile", recipe.profile, "--target", recipe.target_file])
            .args(["-Zbuild-std=core,alloc", "-Zbuild-std-features=compiler-builtins-mem", "-Zjson-target-spec"])
            .arg("--target-dir")
            .arg(target_dir)
            .stdin(Stdio::null());
        let solutions = engine.mix(&[]).solutions;
        let features: Vec<String> = LABS
            .into_iter()
            .filter(|lab| solutions.iter().any(|package| package == lab))
            .map(|package| format!("{package}/solution"))
            .collect();
        if !features.is_empty() {
            command.arg("--features").arg(features.join(","));
        }
        let output = command.output().map_err(|error| Error::io("cannot start", &engine.toolchain.cargo, &error))?;
        if !output.status.success() {
            return Err(Error::new("the benchmark of the allocators does not compile")
                .advise("this is what cargo said:")
                .output(String::from_utf8_lossy(&output.stderr)));
        }
        Ok(Some(Self { engine, image: target_dir.join(recipe.target).join(recipe.profile).join(PACKAGE) }))
    }

    /// Boots it with these words on its command line; returns the comma-separated values that it wrote.
    ///
    /// # Errors
    /// If it does not end well: the error says how, but not what it was that ran.
    pub fn run(&self, words: &str) -> Result<String> {
        let emulator = &self.engine.emulator.qemu()?.program;
        let output = Command::new(emulator)
            .args(["-nodefaults", "-nic", "none", "-vga", "none", "-display", "none", "-no-reboot", "-accel", "tcg"])
            // One nanosecond of guest time an instruction: the time stamp counter counts them.
            .args(["-icount", "shift=0,sleep=off", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
            .args(["-device", "ib700", "-action", "watchdog=poweroff"])
            .args(["-m", MEMORY, "-serial", "stdio", "-append", words, "-kernel"])
            .arg(&self.image)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Error::io("cannot start", emulator, &error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let error = match output.status.code() {
            Some(EXIT_WELL) => return Ok(text.into_owned()),
            Some(EXIT_PANICKED) => {
                let said = text.rsplit_once("panic,panicked ").map_or(&*text, |(_, said)| said);
                Error::new("it panicked").output(said)
            }
            Some(EXIT_HUNG) => Error::new("it hung"),
            _ => Error::new("the machine ended for no known reason").output(String::from_utf8_lossy(&output.stderr)),
        };
        Err(error)
    }
}

/// Reads comma-separated values by the names in their first line.
///
/// # Errors
/// If a line is not what is expected.
fn read<T: DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    let rows: Result<Vec<T>, _> = csv::Reader::from_reader(text.as_bytes()).into_deserialize().collect();
    rows.map_err(|error| {
        Error::new("the benchmark of the allocators said something unexpected").output(error.to_string())
    })
}
