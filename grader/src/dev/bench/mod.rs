//! `cargo grade dev bench`: how long a student waits from save to score, and why; how fast a class is graded; and
//! how many instructions allocators and the operating system take.
//!
//! Time is measured in a copy of the course, with the grader's program as it is: build it
//! with `--release` or not, as you mean to use it. The median of several runs
//! counts; the spread shows whether the computer was busy. Instruction counts are always the same.

mod class;
mod figures;
mod rows;
mod spent;
mod system;
mod time;

use std::path::{Path, PathBuf};

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style::View;
use crate::judge::{Engine, processors};
use crate::peers::{Kernel, frames, heaps, memory, policies};
use crate::report;

use super::arguments::What;
use super::staged::staged;
use figures::{Figures, tables};
use time::{Bench, Colds};

/// The options of a measurement.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only these; all if there are none.
    pub what: Vec<What>,
    /// How many times each is measured.
    pub runs: usize,
    /// Whether builds from scratch are left out.
    pub warm: bool,
    /// The file for the figures as JSON.
    pub json: Option<PathBuf>,
}

/// Why a hand-out has no figures of lab 00.
const WITHOUT_LAB: &str = "Lab 00 is not among the memory functions: its reference is not in this copy as source, and your \
                           file would not link here if it can panic. `cargo grade 00 -v` counts your instructions.";

/// Measures, and prints the figures. Returns true: figures are neither right nor wrong.
///
/// # Errors
/// If something could not be measured.
pub fn run(engine: &Engine, options: &Options, view: &View, progress: &Progress) -> Result<bool> {
    let mut figures = Figures {
        processors: None,
        emulator: engine.emulator.version().to_owned(),
        toolchain: engine.site.toolchain.version.clone(),
        rows: Vec::new(),
        checks: Vec::new(),
        memory: None,
        without_lab: None,
        frames: Vec::new(),
        system: Vec::new(),
        heaps: None,
        policies: Vec::new(),
        class: Vec::new(),
    };
    let is_wanted = |what| match what {
        What::Class | What::Smoke => options.what.contains(&what),
        _ => options.what.is_empty() || options.what.contains(&what),
    };
    if is_wanted(What::Time) {
        figures.processors = Some(processors());
        save_to_score(engine, options, progress, &mut figures)?;
    }
    if [What::Memory, What::Frames, What::Heap, What::Policies].into_iter().any(is_wanted) {
        instructions(engine, is_wanted, progress, &mut figures)?;
    }
    if is_wanted(What::System) {
        figures.system = system::measure(engine, progress)?;
    }
    if is_wanted(What::Class) {
        figures.processors = Some(processors());
        figures.class = class::measure(&engine.site.workspace, progress)?;
    }
    if is_wanted(What::Smoke) {
        let well = smoke(engine, progress)?;
        if options.what.iter().all(|what| *what == What::Smoke) {
            return Ok(well);
        }
    }
    progress.finish();

    if let Some(file) = &options.json {
        let text = rows::json(&figures).map_err(|error| Error::new(error.to_string()))?;
        report::write(&text, file).map_err(|error| Error::new(error.to_string()))?;
    }
    if options.json.as_deref() != Some(Path::new("-")) {
        print!("{}", tables(&figures, view));
    }
    Ok(true)
}

/// From save to score, and boots a second.
fn save_to_score(engine: &Engine, options: &Options, progress: &Progress, figures: &mut Figures) -> Result<()> {
    let (stage, staged) = staged(engine)?;
    let colds = if options.warm { Colds::LeftOut } else { Colds::Measured };
    let bench = Bench { colds, staged: &staged, stage: &stage, runs: options.runs, progress };
    for lab in &staged.site.workspace.labs {
        bench.lab(lab, &mut figures.rows, &mut figures.checks)?;
    }
    bench.course(&mut figures.rows)?;
    bench.alias(&engine.site.workspace.root, &mut figures.rows)?;
    bench.boots(&mut figures.rows)
}

/// The cost of allocators.
fn instructions(
    engine: &Engine,
    is_wanted: impl Fn(What) -> bool,
    progress: &Progress,
    figures: &mut Figures,
) -> Result<()> {
    let Some(kernel) = Kernel::build(engine, progress)? else { return Ok(()) };
    if is_wanted(What::Memory) {
        figures.memory = Some(memory::measure(&kernel, progress)?);
        let is_source = engine.site.workspace.labs.iter().any(|lab| lab.toml.package == "memory" && lab.has_solution());
        figures.without_lab = (!is_source).then_some(WITHOUT_LAB);
    }
    if is_wanted(What::Frames) {
        figures.frames = frames::measure(&kernel, progress)?;
    }
    if is_wanted(What::Heap) {
        figures.heaps = Some(heaps::measure(&kernel, progress)?);
    }
    if is_wanted(What::Policies) {
        figures.policies = policies::measure(&kernel, progress)?;
    }
    Ok(())
}

/// Sees whether all heaps run, and the memory functions natively; returns whether the heaps do.
fn smoke(engine: &Engine, progress: &Progress) -> Result<bool> {
    let Some(kernel) = Kernel::build_quickly(engine, progress)? else { return Ok(true) };
    let (heaps, wrong) = heaps::smoke(&kernel, progress)?;
    let natively = memory::smoke(&kernel)?;
    progress.finish();
    for heap in &wrong {
        println!("{heap}");
    }
    println!("{natively}");
    println!("{} of {heaps} heaps ran a trace without a fault", heaps - wrong.len());
    Ok(wrong.is_empty())
}
