//! `cargo grade contest`: a student's allocator compared with the reference, the champion and peers
//! from crates.io, with points that have no upper bound, and a picture of where a heap's memory goes.

mod board;
mod entrant;
mod frames;
mod heap;
mod history;
mod picture;
mod statics;

use std::path::{Path, PathBuf};

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style::{ACTION, BAD, NOTICE, View, printable, wrap};
use crate::judge::Engine;
use crate::peers::{Beside, Kernel};
use crate::report;

use board::Board;
use entrant::Names;

/// Which allocators compete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discipline {
    /// Lab 03's heap.
    Heap,
    /// Lab 01's frame allocator.
    Frames,
}

/// The file in the student's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The student's own.
    Own,
    /// The reference.
    Solution,
}

/// The options of a contest.
#[derive(Clone, Debug)]
pub struct Options {
    pub discipline: Discipline,
    pub place: Place,
    /// The seed of the traces; 0 for the published ones.
    pub seed: u32,
    /// Where the result goes as JSON; `-` is standard output.
    pub json: Option<PathBuf>,
    pub picture: Option<Drawing>,
}

/// A picture to be drawn.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Where it goes, as SVG; `-` is standard output.
    pub file: PathBuf,
    /// The heap, by its name in the table; if none is named, the student's.
    pub heap: Option<String>,
    /// The trace; if none is named, the one on which the heap wastes most.
    pub trace: Option<String>,
}

/// The outcome of a contest.
pub struct Outcome {
    /// The text to print, if any.
    pub text: Option<String>,
    /// Whether the student's allocator passed all measurements.
    pub is_sound: bool,
}

impl Discipline {
    /// The cargo package of the contest's lab.
    fn package(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Frames => "pmm",
        }
    }
}

/// Holds a contest.
///
/// # Errors
/// If it cannot be held. A student's allocator that fails is no error.
pub fn run(engine: &Engine, options: &Options, view: &View, progress: &Progress) -> Result<Outcome> {
    let labs = &engine.site.workspace.labs;
    let Some(lab) = labs.iter().find(|lab| lab.toml.package == options.discipline.package()) else {
        return Err(Error::new("this copy of the course does not have the lab that this contest is about"));
    };
    let kernel = kernel(engine, lab, options.place, progress)?;
    statics::refuse_records(lab, kernel.image())?;
    let names = Names { discipline: options.discipline, place: options.place };
    let (board, picture) = match options.discipline {
        Discipline::Heap => {
            let figures = heap::measure(&kernel, options.seed, progress)?;
            let board = heap::board(&figures, names, options.seed);
            (board, options.picture.as_ref().map(|drawing| heap::draw(&kernel, &figures, names, options.seed, drawing)))
        }
        Discipline::Frames => (frames::board(&kernel, names, options.seed, progress)?, None),
    };
    progress.finish();
    let picture = picture.transpose();
    if let (Ok(Some(svg)), Some(drawing)) = (&picture, &options.picture) {
        write(svg, &drawing.file)?;
    }
    if let Some(file) = &options.json {
        write(&board.json()?, file)?;
    }
    let silent = [options.json.as_deref(), options.picture.as_ref().map(|drawing| drawing.file.as_path())];
    let is_sound = board.own().is_some_and(|own| own.outcome.is_ok());
    if silent.contains(&Some(Path::new("-"))) {
        picture?;
        return Ok(Outcome { text: None, is_sound });
    }
    let mut text = board.text(view);
    text.push_str(&advice(&board, lab, options.place, view));
    match (&picture, &options.picture) {
        (Ok(Some(_)), Some(drawing)) => text.push_str(&format!("picture: {}\n", drawing.file.display())),
        (Err(error), _) => text.push_str(&format!("{} {error}\n", view.paint(NOTICE, "no picture:"))),
        _ => {}
    }
    Ok(Outcome { text: Some(text), is_sound })
}

/// The benchmark's kernel, with the student's file in it.
fn kernel<'a>(engine: &'a Engine, lab: &Lab, place: Place, progress: &Progress) -> Result<Kernel<'a>> {
    let (mix, beside) = match place {
        Place::Own => (engine.site.mix(&[lab]), Beside::ReferenceAndChampion),
        Place::Solution if lab.has_solution() => (engine.site.mix(&[]), Beside::Champion),
        Place::Solution => {
            return Err(Error::new(format!("labs/{} has no reference here", lab.id)).advise("leave out --solution"));
        }
    };
    if let Some((lab, refusal)) = engine.site.refused(&mix)?.into_iter().find(|(refused, _)| refused.id == lab.id) {
        return Err(Error::new(format!("the contest was not held with the files of labs/{}", lab.id))
            .advise("this is what is wrong with them:")
            .output(refusal.text));
    }
    let kernel = Kernel::of_mix(engine, &mix, beside, progress)?;
    kernel.ok_or_else(|| {
        Error::new("this copy of the course has no kernel/bench, which the contest boots")
            .advise("take the whole course")
    })
}

fn write(text: &str, file: &Path) -> Result<()> {
    report::write(text, file).map_err(|error| Error::new(error.to_string()))
}

/// What the student can do about an allocator without points.
fn advice(board: &Board, lab: &Lab, place: Place, view: &View) -> String {
    let Some((own, said)) = board.own().and_then(|own| Some((own, own.outcome.as_ref().err()?))) else {
        return String::new();
    };
    let number = lab.id.split('-').next().unwrap_or(&lab.id);
    if !said.is_fault() {
        return String::new();
    }
    let grade = format!("cargo grade {number}");
    let (next, commands) = if place == Place::Own && said.is_unfinished() {
        ("It is not finished. Where to go on, this says:", vec![grade])
    } else {
        let test = format!("cargo test --package {}", lab.toml.package);
        ("The contest is for allocators that are right. What is wrong, these find out:", vec![grade, test])
    };
    let mut text = format!(
        "\n{}\n",
        view.paint(BAD, &format!("No points for {}", if own.name == "yours" { "your file" } else { &own.name }))
    );
    for line in printable(&said.to_string()).lines().chain([next]) {
        for line in wrap(line, view.columns().saturating_sub(2)) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    for command in commands {
        text.push_str(&format!("    {}\n", view.paint(ACTION, &command)));
    }
    text
}
