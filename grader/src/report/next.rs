//! What to do next: the first file to open, the chapter to read, the command to repeat.

use std::path::Path;

use crate::course::workspace::Workspace;
use crate::judge::Status;
use crate::judge::results::{Graded, LabReport, Run};

use super::steps::{self, Step};
use super::table::score;
use super::{crash, source};
use crate::host::style::{ACTION, BAD, FAINT, GOOD, STRONG, View, plural, wrap};

/// What to do in a lab in which no check can begin yet.
pub fn first_steps(lab: &LabReport, run: &Run, root: &Path, view: &View) -> String {
    let mut out = format!("{}\n", view.paint(STRONG, "No check can run yet. What to do:"));
    let task = format!("labs/{}/README.md", lab.id);
    let mut told = Vec::new();
    if root.join(&task).exists() {
        told.push(("read", task, "the task"));
    }
    if let Some(chapter_of_lab) = lab.checks.iter().map(|check| &check.chapter).find(|chapter| !chapter.is_empty()) {
        let page = chapter_of_lab.split('#').next().unwrap_or(chapter_of_lab);
        told.push(("", chapter(page, root), "the ideas behind it"));
    }
    for file in &lab.files {
        told.push(("open", file.clone(), "your file: replace each todo!()"));
    }
    if let Some(Step { words, file, line }) = &steps::first(&lab.files, root).or_else(|| reached(lab, root)) {
        told.push(("write", words.clone(), ""));
        told.push(("", format!("{file}:{line}"), "where it is missing"));
        if has_own_tests(root, file) {
            told.push(("test", format!("cargo test --package {} --lib", lab.package), "the tests in your file"));
        }
    }
    let number = lab.id.split('-').next().unwrap_or(&lab.id);
    told.push(("then", command(run, number), "as often as you like"));
    let explained = told.iter().filter(|(_, _, why)| !why.is_empty());
    let width = explained.map(|(_, what, _)| what.chars().count()).max().unwrap_or(0);
    for (label, what, why) in told {
        let gap = " ".repeat(width.saturating_sub(what.chars().count()));
        if !why.is_empty() && width + 16 + why.chars().count() <= view.columns() {
            out.push_str(
                &view.field(label, &format!("{}{gap}  {}", view.paint(ACTION, &what), view.paint(FAINT, why))),
            );
        } else {
            out.push_str(&view.field(label, &view.paint(ACTION, &what)));
        }
    }
    out.push('\n');
    out
}

/// The step that the first check reached.
fn reached(lab: &LabReport, root: &Path) -> Option<Step> {
    lab.checks.iter().find_map(|check| {
        let (file, line) = crash::missing_at(check, root)?;
        Some(Step { words: crash::missing(check)?, file, line: usize::try_from(line).ok()? })
    })
}

/// Whether a file of the course has tests in it.
fn has_own_tests(root: &Path, file: &str) -> bool {
    source::read(root, file).is_some_and(|text| text.contains("#[cfg(test)]"))
}

/// The lab that comes after the labs whose checks have all passed; empty if only some checks were run.
pub fn after_full_marks(run: &Run, course: &Workspace, view: &View) -> String {
    let mut out = String::new();
    for report in &run.labs {
        let Some(at) = course.labs.iter().position(|lab| lab.id == report.id) else { continue };
        let is_whole = report.checks.len() == course.labs[at].toml.checks.len();
        let is_done = report.checks.iter().all(|check| check.status.is_fine());
        if !is_whole || !is_done || report.graded != Graded::Student {
            continue;
        }
        let number = course.labs[at].number();
        out.push_str(&format!("{}\n", view.paint(GOOD, &format!("Lab {number} is done: every check holds."))));
        out.push_str(&view.field("see it", &view.paint(ACTION, &format!("cargo grade run {number}"))));
        let Some(next) = course.labs.get(at + 1) else { continue };
        // If that lab was graded too, the report already shows how far it is.
        if run.labs.iter().any(|other| other.id == next.id) {
            continue;
        }
        out.push_str(&view.field("next", &format!("lab {}, {}", next.number(), next.toml.title)));
        out.push_str(&view.field("read", &view.paint(ACTION, &chapter(&next.toml.chapter, &course.root))));
        out.push_str(&view.field("then", &view.paint(ACTION, &format!("cargo grade {}", next.number()))));
    }
    out
}

/// The last lines: the total, and what to look at first.
pub fn closing(run: &Run, view: &View) -> String {
    let (points, max) = run.labs.iter().map(score).fold((0, 0), |sum, lab| (sum.0 + lab.0, sum.1 + lab.1));
    let style = if points == max { GOOD } else { BAD };
    let checks = run.labs.iter().flat_map(|lab| &lab.checks);
    let count = |wanted: &dyn Fn(Status) -> bool| checks.clone().filter(|check| wanted(check.status)).count();
    let passed = count(&|status| status == Status::Passed);
    let idle = count(&|status| status == Status::NotStarted);
    let unavailable = count(&|status| status == Status::NotAvailable);
    let failed = checks.clone().count() - passed - idle - unavailable;
    let mut parts = vec![format!("{passed} passed")];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if idle > 0 {
        parts.push(format!("{idle} not started"));
    }
    if unavailable > 0 {
        parts.push(format!("{unavailable} not available here"));
    }
    let differing = checks.clone().filter(|check| !check.machines.is_empty()).count();
    if differing > 0 {
        parts.push(format!("{differing} different on {}", run.emulator));
    }
    let seconds = run.elapsed.as_secs_f64();
    let mut out = format!(
        "{}  {}  {}\n",
        view.paint(style, &format!("Total: {points} of {}", plural(usize::try_from(max).unwrap_or(0), "point"))),
        parts.join(", "),
        view.paint(FAINT, &format!("{seconds:.1} s")),
    );
    if view.verbose {
        let line = format!("{}, {}, seed {}", run.emulator, run.toolchain, run.seed);
        out.extend(wrap(&line, view.columns()).iter().map(|line| view.paint(FAINT, line) + "\n"));
    }
    out
}

/// The command that runs only this check again.
pub fn repeat(run: &Run, check: &str) -> String {
    command(run, &format!("--check {check}"))
}

/// After so many runs with the same failure, the report offers something else than another run.
pub const OFTEN: u32 = 3;

/// Other ways to find the mistake if a check fails the same way again and again.
pub fn other_ways(check: &str, view: &View) -> String {
    let mut out = String::new();
    for (label, command, why) in [
        ("stuck?", format!("cargo grade debug {check}"), "go back from the failure, in gdb"),
        ("", format!("cargo grade look {check} --film"), "the run in pictures"),
    ] {
        out.push_str(&view.field(label, &format!("{}: {why}", view.paint(ACTION, &command))));
    }
    out
}

fn command(run: &Run, words: &str) -> String {
    let mut out = format!("cargo grade {words}");
    for word in &run.repeat {
        out.push(' ');
        out.push_str(word);
    }
    out
}

/// Where a page of the book is on this machine: the built book's page if there
/// is one, or else its source.
///
/// `chapter` is a page as `lab.toml` names it, such as `lab-01-frames.html#never-twice`.
pub fn chapter(chapter: &str, root: &Path) -> String {
    let page = chapter.split('#').next().unwrap_or(chapter);
    if root.join("book/book").join(page).exists() {
        return format!("book/book/{chapter}");
    }
    let anchor = &chapter[page.len()..];
    format!("book/src/{}.md{anchor}", page.strip_suffix(".html").unwrap_or(page))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::course::lab_toml::LabToml;
    use crate::course::workspace::{Lab, Reference};
    use crate::judge::samples;

    #[test]
    fn who_has_not_begun_is_told_which_file_to_open() {
        let run = samples::run();
        let text = first_steps(&run.labs[0], &run, Path::new("/nowhere"), &View::default());
        assert!(text.contains("  open      labs/01-pmm/src/bitmap.rs"), "{text}");
        assert!(text.contains("  then      cargo grade 01"), "{text}");
        assert!(text.contains("book/src/lab-01-frames.md"), "{text}");
    }

    fn course() -> Workspace {
        let lab = |id: &str, package: &str, check: &str| {
            let text = format!(
                "title = \"T\"\npackage = \"{package}\"\nfiles = [\"src/a.rs\"]\nchapter = \"{package}.html\"\n\
                 [[check]]\nname = \"{check}\"\npoints = 5\nrule = \"r\"\nhint = \"h\"\nchapter = \"c\"\n"
            );
            let toml = LabToml::parse(&text, Path::new("lab.toml")).unwrap();
            Lab { id: id.to_owned(), folder: PathBuf::from("labs").join(id), toml, reference: Reference::Source }
        };
        let labs = vec![lab("01-pmm", "pmm", "counts-exact"), lab("02-vmm", "vmm", "maps")];
        Workspace { root: PathBuf::from("/nowhere"), labs }
    }

    #[test]
    fn full_marks_are_followed_by_what_comes_next() {
        let mut run = samples::run();
        assert_eq!(after_full_marks(&run, &course(), &View::default()), "");
        run.labs[0].checks.truncate(1);
        let text = after_full_marks(&run, &course(), &View::default());
        assert_eq!(
            text,
            "Lab 01 is done: every check holds.\n  see it    cargo grade run 01\n  next      lab 02, T\n  \
             read      book/src/vmm.md\n  then      cargo grade 02\n"
        );
        run.labs[0].graded = Graded::Solution;
        assert_eq!(after_full_marks(&run, &course(), &View::default()), "");
    }

    #[test]
    fn the_step_that_is_missing_is_told_with_its_place() {
        let mut run = samples::run();
        run.labs[0].checks.drain(..3);
        let text = first_steps(&run.labs[0], &run, Path::new("/nowhere"), &View::default());
        assert!(
            text.contains("  write     step 5: hand out a frame\n            labs/01-pmm/src/bitmap.rs:20"),
            "{text}"
        );
    }

    #[test]
    fn the_total_counts_every_check_once() {
        let text = closing(&samples::run(), &View::default());
        assert_eq!(text, "Total: 5 of 30 points  1 passed, 2 failed, 1 not started  0.9 s\n");
    }

    #[test]
    fn the_command_grades_the_same_files_again() {
        let mut run = samples::run();
        run.repeat = vec!["--solution".to_owned()];
        assert_eq!(repeat(&run, "never-twice"), "cargo grade --check never-twice --solution");
    }

    #[test]
    fn a_chapter_is_found_on_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let chapter_of = |page| chapter(page, folder.path());
        assert_eq!(chapter_of("lab-01.html#runs"), "book/src/lab-01.md#runs");
        assert_eq!(chapter_of("lab-01.html"), "book/src/lab-01.md");
        std::fs::create_dir_all(folder.path().join("book/book")).unwrap();
        std::fs::write(folder.path().join("book/book/lab-01.html"), "").unwrap();
        assert_eq!(chapter_of("lab-01.html#runs"), "book/book/lab-01.html#runs");
    }
}
