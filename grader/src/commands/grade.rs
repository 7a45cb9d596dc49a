//! `cargo grade`: grades, and reports.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::course::workspace::Workspace;
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::host::style::{View, printable_with_colour};
use crate::judge::results::Run;
use crate::judge::{Boots, Engine, Request, Timings, Whose, compare, processors};
use crate::machine::Emulator;
use crate::report;
use crate::watch::{self, Line};

use super::arguments::{CommonArgs, GradeArgs};
use super::output::{print, view};
use super::place::Place;
use super::tries;
use super::watch::DESK;

/// The environment variable that, set to any value, makes the grader report its timings.
const TIMINGS_VARIABLE: &str = "FOLIO_TIMINGS";

/// Grades, and reports. `start` is when the program began.
///
/// # Errors
/// If the labs could not be graded, or a report not be written.
pub fn grade(arguments: &GradeArgs, common: &CommonArgs, start: Instant) -> Result<Exit> {
    let targets = targets(arguments)?;
    for target in &targets {
        report::remove_older(target).map_err(|error| Error::new(error.to_string()))?;
    }
    let request = request(arguments);
    let place = Place::find()?;
    // A wrong name is reported before anything is installed or graded.
    place.workspace.select(&request.labs)?;
    for check in &request.checks {
        place.workspace.check(check)?;
    }
    for target in targets {
        report::try_out(target).map_err(|error| Error::new(error.to_string()))?;
    }
    let [counted, desk] = ["tries.json", DESK].map(|name| place.target_dir.join(name));
    let (mut engine, second) = place.engines(common, arguments.emulator)?;
    let found = start.elapsed();
    let progress = arguments.tell.map_or_else(Progress::new, |_| Progress::telling(|told| Line::Told(told).print()));
    let (mut run, timings) = on_all(&mut engine, second, &request, &progress)?;
    run.elapsed = start.elapsed();
    tries::count(&mut run, &counted);
    if let Some(width) = arguments.tell {
        let view = View { width: usize::from(width), ..view(common) };
        Line::Done(report::brief(&run, &engine.site.workspace.root, &view)).print();
        return Ok(exit_of(&run));
    }
    watch::remember(&run, &desk);
    tell(&run, &engine.site.workspace, arguments, common)?;
    if common.verbose || env::var_os(TIMINGS_VARIABLE).is_some() {
        let text = spent(&timings, found, start.elapsed());
        // Nobody reads standard error: nothing to do about it.
        let _ = write!(io::stderr(), "{text}");
    }
    Ok(exit_of(&run))
}

fn exit_of(run: &Run) -> Exit {
    Exit::of(run.labs.iter().flat_map(|lab| &lab.checks).all(|check| check.status.is_fine()))
}

/// The destinations of the reports.
///
/// # Errors
/// If two of them go to the same place.
fn targets(arguments: &GradeArgs) -> Result<Vec<&Path>> {
    match (arguments.json.as_deref(), arguments.junit.as_deref()) {
        (Some(json), Some(junit)) if json == junit => {
            let place = if json == Path::new("-") { "standard output".into() } else { json.display().to_string() };
            Err(Error::new(format!("--json and --junit both go to {place}"))
                .advise("name a file of its own for one of them"))
        }
        (json, junit) => Ok(json.into_iter().chain(junit).collect()),
    }
}

/// The run that the command line asks for.
fn request(arguments: &GradeArgs) -> Request {
    Request {
        labs: arguments.labs.clone(),
        checks: arguments.checks.clone(),
        whose: match (arguments.solution, arguments.own) {
            (true, _) => Whose::Solution,
            (_, true) => Whose::Own,
            _ => Whose::Student,
        },
        seed: arguments.seed,
        jobs: arguments.jobs.map_or_else(processors, usize::from),
        boots: if arguments.fresh { Boots::PerCheck } else { Boots::Shared },
        first: arguments.first.clone(),
    }
}

/// Grades on the first emulator and, if there is a second one, on that, too: then the two are compared.
fn on_all(
    engine: &mut Engine,
    second: Option<Emulator>,
    request: &Request,
    progress: &Progress,
) -> Result<(Run, Timings)> {
    let (mut run, mut timings) = engine.grade(request, progress)?;
    if let Some(second) = second {
        engine.emulator = second;
        let (other, more) = engine.grade(request, progress)?;
        timings.add(more);
        let both = |word: &String| if word == "bochs" { "both".to_owned() } else { word.clone() };
        run.repeat = other.repeat.iter().map(both).collect();
        run = compare::both(run, other);
    }
    Ok((run, timings))
}

/// Writes the requested reports.
fn tell(run: &Run, course: &Workspace, arguments: &GradeArgs, common: &CommonArgs) -> Result<()> {
    let root = &course.root;
    let on_stdout = |target: &Option<PathBuf>| target.as_deref() == Some(Path::new("-"));
    if let Some(target) = &arguments.json {
        report::write(&report::json(run, root), target).map_err(|error| Error::new(error.to_string()))?;
    }
    if let Some(target) = &arguments.junit {
        report::write(&report::junit(run, root), target).map_err(|error| Error::new(error.to_string()))?;
    }
    // A program that reads standard output gets the report that it asked for, and nothing else.
    if !on_stdout(&arguments.json) && !on_stdout(&arguments.junit) {
        let view = view(common);
        print(&(report::text(run, root, &view) + &report::after_full_marks(run, course, &view)))?;
    }
    if common.verbose {
        for warnings in run.labs.iter().filter_map(|lab| lab.warnings.as_ref()) {
            // Nobody reads standard error: nothing to do about it.
            let _ = write!(anstream::stderr(), "{}", printable_with_colour(warnings));
        }
    }
    Ok(())
}

/// How long each part of the run took.
fn spent(timings: &Timings, found: Duration, total: Duration) -> String {
    let mut text = format!("time: {:.2} s to find the tools", found.as_secs_f64());
    for (name, time) in &timings.builds {
        let _ = write!(text, ", {:.2} s to build {name}", time.as_secs_f64());
    }
    if let Some(first) = timings.first {
        let _ = write!(text, ", first verdict after {:.2} s", (found + first).as_secs_f64());
    }
    let _ = writeln!(
        text,
        ", {:.2} s for {} boots, {} of them on shared machines ({:.2} s of machines), {:.2} s in all",
        timings.boots.as_secs_f64(),
        timings.booted,
        timings.shared,
        timings.machines.as_secs_f64(),
        total.as_secs_f64(),
    );
    text
}
