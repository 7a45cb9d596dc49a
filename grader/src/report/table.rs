//! A lab's scores: a title, and a row for each check.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, Table, Width, presets};

use crate::judge::results::{CheckReport, Graded, LabReport, MachineVerdict};
use crate::judge::{Crash, Status};

use super::crash;
use crate::host::style::{BAD, FAINT, GOOD, NOTICE, STRONG, View};

/// Which rows a table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rows {
    /// One for each check.
    Each,
    /// One for each check, and one for neighbours that wait for the same step.
    Folded,
}

/// So many neighbours that wait for the same step share a row.
const FOLDED: usize = 3;

/// The lab's title with its score, and its checks.
pub fn lab(lab: &LabReport, rows: Rows, view: &View) -> String {
    let mut out = title(lab, view);
    out.push('\n');
    // If a lab was not built, the compiler's errors follow, and its checks say nothing.
    if lab.checks.is_empty() || lab.build_error.is_some() {
        return out;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // The caller decides about colour; the library must not ask the terminal.
    if view.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for waiting in lab.checks.chunk_by(|one, next| rows == Rows::Folded && waits_for_the_same(one, next)) {
        if waiting.len() >= FOLDED {
            table.add_row(row_of_all(waiting));
        } else {
            for check in waiting {
                table.add_row(row(check));
            }
        }
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    if let Some(column) = table.column_mut(3) {
        // The width that is left after the mark, the name and the points.
        let name = lab.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
        let left = view.columns().saturating_sub(name + 20).max(20);
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(u16::try_from(left).unwrap_or(u16::MAX))));
    }
    for line in table.to_string().lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// `01-pmm  Frames … 35 of 70 points`, the score at the right margin.
fn title(lab: &LabReport, view: &View) -> String {
    let (points, max) = score(lab);
    let right = format!("{points} of {max} points");
    let whose = if lab.graded == Graded::Solution { " (the reference solution)" } else { "" };
    let left = format!("{}  {}{whose}", lab.id, lab.title);
    let room = view.columns().min(80);
    let used = left.chars().count() + right.chars().count();
    let gap = room.saturating_sub(used).max(2);
    let style = if points == max {
        GOOD
    } else if points == 0 {
        BAD
    } else {
        NOTICE
    };
    format!(
        "{}  {}{}{}{}",
        view.paint(STRONG, &lab.id),
        view.paint(STRONG, &lab.title),
        view.paint(FAINT, whose),
        " ".repeat(gap),
        view.paint(style, &right),
    )
}

/// The earned points and the possible points.
pub fn score(lab: &LabReport) -> (u32, u32) {
    let points = lab.checks.iter().map(CheckReport::points).sum();
    let max = lab.checks.iter().map(|check| check.max_points).sum();
    (points, max)
}

/// The sign before a check's name.
pub fn mark(status: Status) -> &'static str {
    match status {
        Status::Passed => "✔",
        Status::NotAvailable => "–",
        Status::NotStarted => "·",
        _ => "✘",
    }
}

fn waits_for_the_same(one: &CheckReport, next: &CheckReport) -> bool {
    let waits_for = |check: &CheckReport| (check.status == Status::NotStarted).then(|| words(check));
    waits_for(one).is_some_and(|step| waits_for(next) == Some(step))
}

/// A row for checks that wait for the same step.
fn row_of_all(checks: &[CheckReport]) -> Vec<Cell> {
    let mut cells = checks.first().map(row).unwrap_or_default();
    let (points, max) = checks.iter().fold((0, 0), |(points, max), one| (points + one.points(), max + one.max_points));
    if let [_, name, score, _] = &mut cells[..] {
        *name = Cell::new(format!("{} checks", checks.len()));
        *score = Cell::new(format!("{points}/{max}"));
    }
    cells
}

fn row(check: &CheckReport) -> Vec<Cell> {
    let color = match check.status {
        Status::Passed => Color::Green,
        Status::NotStarted | Status::NotAvailable => Color::DarkGrey,
        _ => Color::Red,
    };
    let points = format!("{}/{}", check.points(), check.max_points);
    let mut verdict = Cell::new(words(check)).fg(color);
    if check.status == Status::Passed {
        verdict = verdict.add_attribute(Attribute::Dim);
    }
    vec![Cell::new(mark(check.status)).fg(color), Cell::new(&check.name), Cell::new(points), verdict]
}

/// The verdict, and the step that is missing.
fn words(check: &CheckReport) -> String {
    match crash::missing(check) {
        // The number of the step is enough: its words are in the file, and those of the first one below.
        Some(step) => format!("{}: {}", verdict(check), step.split(':').next().unwrap_or_default()),
        _ => verdict(check),
    }
}

/// The verdict in a few words, more exact than the status if more is known.
pub fn verdict(check: &CheckReport) -> String {
    if !check.machines.is_empty() {
        return format!("differs: {}", machines(check));
    }
    let crash = check.evidence.as_ref().and_then(|evidence| evidence.findings.crash.as_ref());
    match (check.status, crash) {
        (Status::Crashed, Some(crash)) => kind(crash),
        // The message says what is missing.
        (Status::NotAvailable, _) => check.message.clone(),
        _ => check.status.words().to_owned(),
    }
}

/// `QEMU passed, Bochs failed`: how a check ended on each machine.
pub fn machines(check: &CheckReport) -> String {
    let machine = |machine: &MachineVerdict| {
        let name = machine.emulator.split(' ').next().unwrap_or_default();
        format!("{name} {}", machine.status.words())
    };
    check.machines.iter().map(machine).collect::<Vec<_>>().join(", ")
}

fn kind(crash: &Crash) -> String {
    match (crash.kind.as_str(), &crash.exception) {
        ("exception", Some(exception)) => exception.name.clone(),
        (kind, _) => kind.replace('-', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::samples;

    #[test]
    fn every_check_has_a_row_with_its_points_and_verdict() {
        let text = lab(&samples::lab(), Rows::Each, &View::default());
        assert!(text.starts_with("01-pmm  Frames"), "{text}");
        assert!(text.lines().next().unwrap().ends_with("5 of 30 points"), "{text}");
        for row in [
            "✔  counts-exact   5/5  passed",
            "✘  never-twice   0/10  failed",
            "✘  runs-aligned  0/10  page fault",
            "·  exhaustion     0/5  not started: step 5\n",
        ] {
            assert!(text.contains(row), "{row}\n---\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn neighbours_that_wait_for_the_same_step_share_a_row() {
        let mut run = samples::lab();
        let waiting = || samples::lab().checks.pop().unwrap();
        run.checks.extend([waiting(), waiting()]);
        let text = lab(&run, Rows::Folded, &View::default());
        assert!(text.contains("·  3 checks      0/15  not started: step 5\n"), "{text}");
        assert!(!text.contains("exhaustion"), "{text}");
        assert!(lab(&samples::lab(), Rows::Folded, &View::default()).contains("exhaustion"));
        assert_eq!(lab(&run, Rows::Each, &View::default()).matches("exhaustion").count(), 3);
    }

    #[test]
    fn what_is_not_available_keeps_its_points_and_says_why() {
        let mut run = samples::lab();
        run.checks[0].status = Status::NotAvailable;
        run.checks[0].message = "not available here: this machine lacks SMEP".to_owned();
        let text = lab(&run, Rows::Each, &View { width: 200, ..View::default() });
        assert!(text.contains("–  counts-exact   5/5  not available here: this machine lacks SMEP"), "{text}");
    }

    #[test]
    fn a_check_that_differs_between_machines_is_shown_as_such() {
        let text = lab(&samples::run_on_both().labs[0], Rows::Each, &View::default());
        assert!(text.contains("✘  counts-exact   0/5  differs: QEMU passed, Bochs hung"), "{text}");
    }

    #[test]
    fn colour_is_the_view_s_choice() {
        assert!(!lab(&samples::lab(), Rows::Each, &View::default()).contains('\u{1b}'));
        assert!(lab(&samples::lab(), Rows::Each, &View { color: true, ..View::default() }).contains('\u{1b}'));
    }
}
