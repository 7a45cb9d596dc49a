//! `cargo grade explain`: all that a student can read about a check before running it.

use std::fmt::Write;

use crate::course::lab_toml::Check;
use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::style::{self, View, plural};

use super::next::chapter;

/// Explains the check `what` with `hints` of its hints, or lists the checks of the lab `what`, or of all labs.
///
/// # Errors
/// If there is no such check or lab.
pub fn explain(course: &Workspace, what: Option<&str>, hints: usize, view: &View) -> Result<String> {
    let Some(name) = what else { return Ok(all(&course.select(&[])?, view)) };
    if let Some(lab) = course.labs.iter().find(|lab| lab.is_called(name)) {
        return Ok(all(&[lab], view));
    }
    let (lab, found) = course.check(name)?;
    let tiers = found.tiers(&lab.toml.package);
    if hints > tiers.len() {
        return Err(Error::new(format!("`{name}` has no more than {}", style::plural(tiers.len(), "hint")))
            .advise(format!("show all of them with `--hint {}`", tiers.len())));
    }
    Ok(check(course, lab, found, hints, view))
}

/// One check: its rule, its common mistakes, `hints` of its hints, its chapter, and the command that runs it.
pub fn check(course: &Workspace, lab: &Lab, check: &Check, hints: usize, view: &View) -> String {
    let lead = format!(" in {} {}, {}", lab.id, lab.toml.title, plural_points(check.points));
    let mut out = format!("{}{}\n", view.paint(style::STRONG, &check.name), view.paint(style::FAINT, &lead));
    out.push_str(&view.field("rule", &check.rule));
    for (number, mistake) in lab.known_mistakes(&check.name).iter().enumerate() {
        out.push_str(&view.field(if number == 0 { "broken by" } else { "" }, mistake));
    }
    let tiers = check.tiers(&lab.toml.package);
    for (number, hint) in (1..).zip(&tiers).take(hints) {
        let label = if tiers.len() == 1 { "hint".to_owned() } else { format!("hint {number}/{}", tiers.len()) };
        out.push_str(&view.field(&label, hint));
    }
    if hints < tiers.len() {
        let next = format!("cargo grade explain {} --hint {}", check.name, hints + 1);
        out.push_str(&view.field("", &view.paint(style::FAINT, &format!("the next: {next}"))));
    }
    out.push_str(&view.field("read", &view.paint(style::ACTION, &chapter(&check.chapter, &course.root))));
    let sizes: Vec<String> = check.memory.iter().map(|size| style::memory(&size.to_string())).collect();
    let machines = match sizes.as_slice() {
        [size] => format!("one machine, with {size} of memory"),
        sizes => format!("{}, with {} of memory", plural(sizes.len(), "machine"), list(sizes)),
    };
    out.push_str(&view.field("runs on", &machines));
    out.push_str(&view.field("limit", &format!("{} million guest instructions for each machine", check.budget)));
    out.push_str(&view.field("", "a loop that is proved endless is stopped before that"));
    if check.cost {
        out.push_str(&view.field("judges", "cost: a correct implementation may fail it by being slow or large"));
    }
    out.push_str(
        &view.field(if lab.toml.files.len() == 1 { "your file" } else { "your files" }, &lab.files().join(", ")),
    );
    out.push_str(&view.field("run it", &view.paint(style::ACTION, &format!("cargo grade --check {}", check.name))));
    out
}

/// All checks of some labs: a line each, lab by lab.
fn all(labs: &[&Lab], view: &View) -> String {
    let mut out = String::new();
    for lab in labs {
        let points: u32 = lab.toml.checks.iter().map(|check| check.points).sum();
        let score = format!("  {}", plural_points(points));
        let title = format!("{}  {}", lab.id, lab.toml.title);
        let _ = writeln!(out, "{}{}", view.paint(style::STRONG, &title), view.paint(style::FAINT, &score));
        let width = lab.toml.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        for check in &lab.toml.checks {
            let start = format!("  {:<width$}  {:>2}  ", check.name, check.points);
            let other = " ".repeat(start.len());
            let room = view.columns().saturating_sub(start.len());
            for (number, line) in style::wrap(&check.rule, room).iter().enumerate() {
                let _ = writeln!(out, "{}{line}", if number == 0 { &start } else { &other });
            }
        }
        out.push('\n');
    }
    out.push_str(&format!(
        "{}\n",
        view.paint(style::FAINT, "`cargo grade explain CHECK` says more about one of them.")
    ));
    out
}

fn plural_points(points: u32) -> String {
    plural(usize::try_from(points).unwrap_or(usize::MAX), "point")
}

/// `a, b and c`.
fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::workspace::Reference;
    use std::path::{Path, PathBuf};

    use crate::course::lab_toml::LabToml;

    fn course() -> Workspace {
        let text = r#"
title = "Frames"
package = "pmm"
files = ["src/bitmap.rs"]
chapter = "lab-01-frames.html"

[[check]]
name = "never-twice"
points = 5
memory = ["16M", "64M", "1G"]
rule = "A frame is handed out once until it is freed."
hint = "Look at allocate."
hints = ["Which bit does it clear?"]
chapter = "lab-01-frames.html#never-twice"

[[check]]
name = "cheap"
points = 1
cost = true
rule = "An allocation costs the same few instructions, whatever the number of frames, and whatever is allocated."
hint = "Do not search."
chapter = "lab-01-frames.html#cost"
"#;
        let toml = LabToml::parse(text, Path::new("lab.toml")).unwrap();
        let lab =
            Lab { id: "01-pmm".to_owned(), folder: PathBuf::from("labs/01-pmm"), toml, reference: Reference::Source };
        Workspace { root: PathBuf::from("/nowhere"), labs: vec![lab] }
    }

    #[test]
    fn a_check_is_explained_with_all_that_lab_toml_says() {
        let course = course();
        let lab = &course.labs[0];
        let text = check(&course, lab, &lab.toml.checks[0], 1, &View::default());
        for part in [
            "never-twice in 01-pmm Frames, 5 points\n",
            "  rule      A frame is handed out once until it is freed.\n",
            "  hint 1/3  Look at allocate.\n",
            "  runs on   3 machines, with 16 MiB, 64 MiB and 1 GiB of memory\n",
            "  limit     500 million guest instructions for each machine\n",
            "            a loop that is proved endless is stopped before that\n",
            "  your file labs/01-pmm/src/bitmap.rs\n",
            "  run it    cargo grade --check never-twice\n",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
        assert!(!text.contains("judges"), "{text}");
        assert!(check(&course, lab, &lab.toml.checks[1], 1, &View::default()).contains("  judges    cost:"));
    }

    #[test]
    fn hints_come_one_after_the_other() {
        let course = course();
        let told = |hints| explain(&course, Some("never-twice"), hints, &View::default());
        let first = told(1).unwrap();
        assert!(first.contains("hint 1/3  Look at allocate.\n            the next: cargo grade explain"), "{first}");
        assert!(!first.contains("Which bit"), "{first}");
        let all = told(3).unwrap();
        assert!(
            all.contains("Look at allocate.\n  hint 2/3  Which bit does it clear?\n  hint 3/3  Leave the kernel"),
            "{all}"
        );
        assert!(all.contains("cargo test --package pmm") && !all.contains("the next:"), "{all}");
        assert!(told(4).unwrap_err().to_string().contains("no more than 3 hints"));
    }

    #[test]
    fn what_is_known_to_break_a_check_is_told_where_it_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut course = course();
        course.labs[0].folder = folder.path().to_owned();
        std::fs::create_dir(folder.path().join("mistakes")).unwrap();
        for (name, caught_by) in [("a", "never-twice"), ("b", "cheap")] {
            let text = format!("Mistake: The bit of {name} stays.\nCaught-by: {caught_by}\n\n--- x\n");
            std::fs::write(folder.path().join(format!("mistakes/{name}.patch")), text).unwrap();
        }
        let text = explain(&course, Some("never-twice"), 1, &View::default()).unwrap();
        assert!(text.contains("  broken by The bit of a stays.\n  hint"), "{text}");
    }

    #[test]
    fn the_list_has_every_check_once_and_keeps_to_the_width() {
        let course = course();
        let text = all(&course.select(&[]).unwrap(), &View::default());
        assert!(text.starts_with("01-pmm  Frames  6 points\n  never-twice   5  A frame is handed out once"), "{text}");
        assert_eq!(text.matches("cheap").count(), 1);
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
