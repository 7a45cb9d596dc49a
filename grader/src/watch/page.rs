//! The layout of a desk: lines of text, for a terminal of any size or for none.

use std::fmt::Write;

use console::{measure_text_width, truncate_str};

use crate::host::style::{ACTION, BAD, FAINT, GOOD, NOTICE, STRONG, View, plural, printable};
use crate::report::{CheckBrief, Standing, explain_check};

use super::desk::{Change, Desk, Page, Phase};

/// The keys, and their effects.
const KEYS: [(&str, &str, &str); 10] = [
    ("h", "hint", "one more hint for the check that is shown"),
    ("e", "explain", "all about that check"),
    ("l", "list", "every check of the lab"),
    ("a", "run all", "grade all labs"),
    ("k", "look", "the address space at the end of that check, or at its crash"),
    ("d", "debug", "its run in gdb, from the failure backwards; quit gdb to come back"),
    ("n", "next", "go on to the next lab"),
    ("q", "quit", "leave; Ctrl-C does the same"),
    ("r", "", "grade the lab again"),
    ("Esc", "", "back to the results of the last run"),
];

/// The lines above a page, and below it.
const ABOVE: usize = 3;
const BELOW: usize = 2;

/// The whole screen: at most as many lines as rows, each shorter than the columns.
pub fn screen(desk: &Desk, columns: usize, rows: usize, view: &View) -> Vec<String> {
    let view = View { width: columns.max(1), ..*view };
    let mut lines = vec![title(desk, &view), status(desk, &view), String::new()];
    let room = rows.saturating_sub(ABOVE + BELOW).max(1);
    lines.extend(window(page(desk, &view), desk.scroll, room, &view));
    lines.resize(ABOVE + room, String::new());
    lines.push(progress(desk, &view));
    lines.push(keys(&view));
    lines.truncate(rows);
    // The last column stays free, because a cursor after it would have no place.
    lines.iter().map(|line| truncate_str(line, columns.saturating_sub(1), "…").into_owned()).collect()
}

/// As many lines of a page, from one on, as there are rows; the last one tells how many are left out.
fn window(page: Vec<String>, scroll: usize, room: usize, view: &View) -> Vec<String> {
    if page.len() <= room {
        return page;
    }
    let from = scroll.min(page.len() - room);
    let below = page.len() - room - from;
    let mut shown: Vec<String> = page.into_iter().skip(from).take(room).collect();
    if below > 0 {
        shown.pop();
        shown.push(view.paint(FAINT, &format!("… {} below (↓)", plural(below + 1, "more line"))));
    }
    shown
}

/// `01-pmm  Frames … 60 of 100 points`.
fn title(desk: &Desk, view: &View) -> String {
    let lab = desk.lab();
    let max: u32 = lab.toml.checks.iter().map(|check| check.points).sum();
    let points = desk.kept.points(lab);
    let left = format!("{}  {}", lab.id, lab.toml.title);
    let right = format!("{points} of {max} points");
    let used = measure_text_width(&left) + measure_text_width(&right) + 1;
    let gap = " ".repeat(view.width.saturating_sub(used).max(2));
    let style = if points == max { GOOD } else { NOTICE };
    format!("{}{gap}{}", view.paint(STRONG, &left), view.paint(style, &right))
}

/// The current phase, in one line.
pub fn status(desk: &Desk, view: &View) -> String {
    let now = match &desk.phase {
        Phase::Waiting => "waiting for a save".to_owned(),
        Phase::Begun(Some(file)) => format!("saved {}", printable(file)),
        Phase::Begun(None) => "running …".to_owned(),
        Phase::Building { what, package } if package.is_empty() => format!("{} …", what.to_lowercase()),
        Phase::Building { what, package } => format!("{} … ({})", what.to_lowercase(), printable(package)),
        Phase::Booting { done, total, last } => format!("checks: {done} of {total}  {}", printable(last)),
        Phase::Looking(check) => format!("looking at {check} …"),
        Phase::Done { tenths } => format!("{}waiting for a save", outcome(desk, *tenths)),
        Phase::Trouble(why) => return view.paint(BAD, &printable(why.lines().next().unwrap_or_default())),
    };
    let Some(note) = desk.note.as_deref().map(printable) else { return view.paint(FAINT, &now) };
    // A note answers a key, and its end may be the command to type: without room for both, it stands alone.
    let fits = measure_text_width(&now) + 2 + measure_text_width(&note) < view.width;
    if fits { format!("{now}  {}", view.paint(NOTICE, &note)) } else { view.paint(NOTICE, &note) }
}

/// `done in 1.2 s, 2 better, 1 worse; `.
fn outcome(desk: &Desk, tenths: u64) -> String {
    let count = |wanted| desk.changes.values().filter(|change| **change == wanted).count();
    let mut text = format!("done in {}.{} s", tenths / 10, tenths % 10);
    for (count, word) in [(count(Change::Better), "better"), (count(Change::Worse), "worse")] {
        if count > 0 {
            // Writing to a `String` does not fail.
            let _ = write!(text, ", {count} {word}");
        }
    }
    text + "; "
}

/// The points of each lab, and of the course.
pub fn progress(desk: &Desk, view: &View) -> String {
    let max: u32 = desk.course.labs.iter().flat_map(|lab| &lab.toml.checks).map(|check| check.points).sum();
    let mut total = 0;
    let mut parts = Vec::new();
    for lab in &desk.course.labs {
        let points = desk.kept.points(lab);
        total += points;
        let text = format!("{} {points}", lab.number());
        parts.push(match (desk.kept.is_done(lab), lab.id == desk.lab().id) {
            (true, _) => view.paint(GOOD, &format!("{} ✔", lab.number())),
            (false, true) => view.paint(STRONG, &text),
            (false, false) => view.paint(FAINT, &text),
        });
    }
    format!("{total} of {max} points:  {}", parts.join("  "))
}

/// The keys, in one line.
fn keys(view: &View) -> String {
    let shown = KEYS.iter().filter(|(_, name, _)| !name.is_empty()).chain([&("?", "keys", "")]);
    let keys: Vec<String> = shown.map(|(key, name, _)| format!("{} {name}", view.paint(ACTION, key))).collect();
    keys.join("  ")
}

/// The lines of the page that is shown.
fn page(desk: &Desk, view: &View) -> Vec<String> {
    match &desk.page {
        Page::Result => result(desk, view),
        Page::List => list(desk, view),
        Page::Explain => explanation(desk, view),
        Page::Keys => KEYS.iter().map(|(key, _, what)| format!("  {:<4} {what}", key)).collect(),
        Page::Text(text) => text.lines().map(str::to_owned).collect(),
    }
}

/// The result of the last run: the first check that does not pass in full, all others in a line each.
pub fn result(desk: &Desk, view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    if let Phase::Trouble(why) = &desk.phase {
        // The first line is the status.
        lines.extend(why.lines().skip(1).map(|line| printable(&console::strip_ansi_codes(line))));
    }
    let Some(result) = desk.result() else {
        let files = desk.lab().files().join(", ");
        lines.push(format!("Save {files}, and it is graded."));
        return lines;
    };
    if result.first.is_none() && result.is_built {
        lines.push(celebration(desk, view));
        lines.push(String::new());
    }
    let hints = desk.hints();
    for (number, total, hint) in &hints {
        lines.extend(view.field(&format!("hint {number}/{total}"), hint).lines().map(str::to_owned));
    }
    if !hints.is_empty() {
        lines.push(String::new());
    }
    lines.extend(result.text.lines().map(str::to_owned));
    let others = desk.others();
    if !others.is_empty() && !result.text.is_empty() {
        lines.push(String::new());
    }
    lines.extend(others.iter().map(|check| row(desk, check, view)));
    // At most one empty line in a row: reports end in one.
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines
}

/// A lab that is done, in one line.
fn celebration(desk: &Desk, view: &View) -> String {
    let number = desk.lab().number();
    let all = plural(desk.lab().toml.checks.len(), "check");
    let next = match desk.next_lab() {
        Some(next) => format!("`n` goes on to lab {}, {}.", next.number(), next.toml.title),
        None => "That was the last one.".to_owned(),
    };
    format!("{} {next}", view.paint(GOOD, &format!("Lab {number} is done: all of its {all} pass.")))
}

/// `✔ ▲ never-twice  passed`.
fn row(desk: &Desk, check: &CheckBrief, view: &View) -> String {
    let (mark, style) = match check.standing {
        Standing::Passed => ("✔", GOOD),
        Standing::NotStarted => ("·", FAINT),
        Standing::Wrong => ("✘", BAD),
    };
    let change = match desk.changes.get(&check.name) {
        Some(Change::Better) => view.paint(GOOD, "▲ better"),
        Some(Change::Worse) => view.paint(BAD, "▼ worse"),
        None => String::new(),
    };
    let width = desk.lab().toml.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let words = view.paint(style, &check.words);
    format!("{} {:<width$}  {words}  {change}", view.paint(style, mark), check.name).trim_end().to_owned()
}

/// Every check of the lab with its points and its last result.
fn list(desk: &Desk, view: &View) -> Vec<String> {
    let lab = desk.lab();
    let width = lab.toml.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let row = |check: &crate::course::lab_toml::Check| {
        let (mark, style) = match desk.kept.standing(&lab.id, &check.name) {
            Some(Standing::Passed) => ("✔", GOOD),
            Some(Standing::Wrong) => ("✘", BAD),
            Some(Standing::NotStarted) | None => ("·", FAINT),
        };
        let room = view.width.saturating_sub(width + 9);
        let rule = truncate_str(&check.rule, room, "…").into_owned();
        format!("{} {:<width$} {:>2}  {}", view.paint(style, mark), check.name, check.points, view.paint(FAINT, &rule))
    };
    lab.toml.checks.iter().map(row).collect()
}

/// The rule of the first check that does not pass, with as many hints as were asked for.
fn explanation(desk: &Desk, view: &View) -> Vec<String> {
    let Some(check) = desk.first() else { return vec!["No check fails.".to_owned()] };
    let hints = desk.hints().last().map_or(1, |(number, ..)| *number);
    explain_check(&desk.course, desk.lab(), check, hints, view).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Standing::{NotStarted, Passed, Wrong};
    use crate::watch::desk::tests::{brief, desk};
    use crossterm::event::KeyCode;

    fn shown(desk: &Desk) -> String {
        screen(desk, 80, 24, &View::default()).join("\n")
    }

    #[test]
    fn the_first_check_is_shown_in_full_and_all_others_in_a_line() {
        let mut desk = desk();
        desk.done(brief([Wrong, Wrong, Passed]));
        desk.done(brief([Passed, Wrong, NotStarted]));
        let text = shown(&desk);
        assert!(text.starts_with("01-pmm  Title"), "{text}");
        for part in [
            "5 of 15 points\n",
            "done in 1.2 s, 1 better, 1 worse; waiting for a save\n",
            "✘ b: failed\n  hint      Hint of b.\n\n✔ a  passed  ▲ better\n· c  not started: step 5  ▼ worse\n",
            "\n5 of 20 points:  01 5  02 0\nh hint  e explain",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
    }

    #[test]
    fn every_page_keeps_to_the_terminal_s_size() {
        let mut desk = desk();
        desk.done(brief([Wrong, Wrong, Passed]));
        for key in ['l', 'e', '?', 'h', 'h'] {
            desk.key(KeyCode::Char(key));
            for (columns, rows) in [(80, 24), (40, 10), (20, 5), (1, 1), (200, 60)] {
                for color in [false, true] {
                    let lines = screen(&desk, columns, rows, &View { color, ..View::default() });
                    assert!(lines.len() <= rows, "{columns} x {rows}: {lines:?}");
                    let longest = lines.iter().map(|line| measure_text_width(line)).max().unwrap_or(0);
                    assert!(longest < columns.max(2), "{columns} x {rows}: {lines:?}");
                    assert!(color || !lines.iter().any(|line| line.contains('\u{1b}')), "{lines:?}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_below() {
        let lines: Vec<String> = (0..30).map(|number| format!("line {number}")).collect();
        let at = |scroll| window(lines.clone(), scroll, 10, &View::default());
        assert_eq!((at(0)[0].as_str(), at(0)[9].as_str()), ("line 0", "… 21 more lines below (↓)"));
        assert_eq!((at(3)[0].as_str(), at(3)[9].as_str()), ("line 3", "… 18 more lines below (↓)"));
        assert_eq!((at(99)[0].as_str(), at(99)[9].as_str()), ("line 20", "line 29"));
    }

    #[test]
    fn a_lab_that_is_done_is_celebrated_in_a_line() {
        let mut desk = desk();
        desk.done(brief([Passed, Passed, Passed]));
        let text = shown(&desk);
        assert!(text.contains("\nLab 01 is done: all of its 3 checks pass. `n` goes on to lab 02, Title.\n"), "{text}");
        assert!(text.contains("15 of 20 points:  01 ✔  02 0"), "{text}");
    }

    #[test]
    fn a_note_that_does_not_fit_beside_the_outcome_stands_alone() {
        let mut desk = desk();
        desk.done(brief([Wrong, Wrong, Passed]));
        desk.note = Some("short".to_owned());
        assert_eq!(shown(&desk).lines().nth(1), Some("done in 1.2 s; waiting for a save  short"));
        let command = "in another terminal: cargo grade debug rights-both-levels";
        desk.note = Some(command.to_owned());
        assert_eq!(shown(&desk).lines().nth(1), Some(command));
    }

    #[test]
    fn a_save_and_the_steps_after_it_are_in_the_second_line() {
        let mut desk = desk();
        desk.saved(std::path::Path::new("/course/labs/01-pmm/src/pmm.rs"), None);
        assert_eq!(shown(&desk).lines().nth(1), Some("saved labs/01-pmm/src/pmm.rs"));
        desk.trouble("QEMU is missing\nrun `cargo grade setup`");
        let text = shown(&desk);
        assert_eq!(text.lines().nth(1), Some("QEMU is missing"));
        assert!(text.contains("\nrun `cargo grade setup`\n"), "{text}");
    }
}
