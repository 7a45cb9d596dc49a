//! What to do next: the first file to open, the chapter to read, the command to repeat.

use std::path::Path;

use crate::judge::Status;
use crate::judge::results::{LabReport, Run};

use super::table::score;
use crate::host::style::{ACTION, BAD, FAINT, GOOD, STRONG, View, plural, wrap};

/// For a lab that nobody has begun: where to begin.
pub fn first_steps(lab: &LabReport, run: &Run, root: &Path, view: &View) -> String {
    let mut out = format!("{}\n", view.paint(STRONG, "Not started yet. How to begin:"));
    let task = format!("labs/{}/README.md", lab.id);
    let mut steps = Vec::new();
    if root.join(&task).exists() {
        steps.push(("read", task, "the task"));
    }
    if let Some(chapter_of_lab) = lab.checks.iter().map(|check| &check.chapter).find(|chapter| !chapter.is_empty()) {
        let page = chapter_of_lab.split('#').next().unwrap_or(chapter_of_lab);
        steps.push(("", chapter(page, root), "the ideas behind it"));
    }
    for file in &lab.files {
        steps.push(("open", file.clone(), "your file: replace each todo!()"));
    }
    let number = lab.id.split('-').next().unwrap_or(&lab.id);
    steps.push(("then", command(run, number), "as often as you like"));
    let width = steps.iter().map(|(_, what, _)| what.chars().count()).max().unwrap_or(0);
    for (label, what, why) in steps {
        let gap = " ".repeat(width - what.chars().count());
        if width + 16 + why.chars().count() <= view.columns() {
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

/// The last lines: the total, and what to look at first.
pub fn closing(run: &Run, view: &View) -> String {
    let (points, max) = run.labs.iter().map(score).fold((0, 0), |sum, lab| (sum.0 + lab.0, sum.1 + lab.1));
    let style = if points == max { GOOD } else { BAD };
    let checks = run.labs.iter().flat_map(|lab| &lab.checks);
    let count = |wanted: &dyn Fn(Status) -> bool| checks.clone().filter(|check| wanted(check.status)).count();
    let passed = count(&|status| status == Status::Passed);
    let idle = count(&|status| status == Status::NotStarted);
    let failed = checks.clone().count() - passed - idle;
    let mut parts = vec![format!("{passed} passed")];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if idle > 0 {
        parts.push(format!("{idle} not started"));
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
    format!("book/src/{}.md", page.strip_suffix(".html").unwrap_or(page))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::samples;

    #[test]
    fn who_has_not_begun_is_told_which_file_to_open() {
        let run = samples::run();
        let text = first_steps(&run.labs[0], &run, Path::new("/nowhere"), &View::default());
        assert!(text.contains("  open      labs/01-pmm/src/bitmap.rs"), "{text}");
        assert!(text.contains("  then      cargo grade 01"), "{text}");
        assert!(text.contains("book/src/lab-01-frames.md"), "{text}");
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
        assert_eq!(chapter_of("lab-01.html#runs"), "book/src/lab-01.md");
        std::fs::create_dir_all(folder.path().join("book/book")).unwrap();
        std::fs::write(folder.path().join("book/book/lab-01.html"), "").unwrap();
        assert_eq!(chapter_of("lab-01.html#runs"), "book/book/lab-01.html#runs");
    }
}
