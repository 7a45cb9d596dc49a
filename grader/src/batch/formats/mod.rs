//! The same results in the formats of other programs.

pub mod autolab;
pub mod classroom50;
pub mod gradescope;
pub mod junit;
pub mod nbgrader;

use crate::host::style::printable;
use crate::judge::Status;

use super::policy::{Mark, Show};
use super::row::Standing;
use super::sheet::{CheckResult, LabHead, LabResult, Sheet, Student};

/// One line of a student's results, as most formats have them: a check, the hidden ones of a lab together, or a
/// whole lab of which nothing was run.
struct Line {
    /// What it is called.
    name: String,
    /// How it ended.
    ending: Ending,
    /// Its points, under the policy, but for what is lost by coming late.
    score: Mark,
    /// The points that there are.
    max: Mark,
    /// What a student is told about it.
    text: String,
    /// Whether students are not to see it.
    is_hidden: bool,
}

/// How a line ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// All points.
    Passed,
    /// The machine lacks what it is about: all points.
    Skipped,
    /// No points.
    Failed,
    /// No points, and not because of what a check found out.
    Broken,
}

/// A lab's lines.
fn lines(show: Show, lab: &LabHead, result: &LabResult) -> Vec<Line> {
    if result.build_error.is_some() || result.checks.is_empty() {
        return vec![whole(show, lab, result)];
    }
    result.checks.iter().map(|check| line(show, lab, result, check)).collect()
}

/// All lines of a student's results.
fn all_lines<'a>(sheet: &'a Sheet, student: &'a Student) -> impl Iterator<Item = (&'a LabHead, Vec<Line>)> {
    sheet.labs.iter().zip(&student.labs).map(|(lab, result)| (lab, lines(sheet.show, lab, result)))
}

fn line(show: Show, lab: &LabHead, result: &LabResult, check: &CheckResult) -> Line {
    let share = |points| Mark::share(points, result.max_score, lab.worth);
    Line {
        name: check.id.clone(),
        ending: match check.status {
            Status::Passed => Ending::Passed,
            Status::NotAvailable => Ending::Skipped,
            Status::Tampered | Status::CouldNotBuild => Ending::Broken,
            Status::NotStarted | Status::Failed | Status::Panicked | Status::Crashed | Status::Hung => Ending::Failed,
        },
        score: share(check.points),
        max: share(check.max_points),
        text: explained(show, check),
        is_hidden: check.is_hidden,
    }
}

/// A lab of which no check was run.
fn whole(show: Show, lab: &LabHead, result: &LabResult) -> Line {
    let words = result.build_error.as_ref().filter(|_| show.compiler);
    let words = words.map(|words| anstream::adapter::strip_str(words).to_string());
    let text = match result.status {
        Standing::Empty => vec!["Nothing was handed in.".to_owned()],
        status => [Some(status.words().to_owned()), result.message.clone(), words].into_iter().flatten().collect(),
    };
    Line {
        name: "builds".to_owned(),
        ending: if result.status == Standing::Empty { Ending::Failed } else { Ending::Broken },
        score: Mark::ZERO,
        max: lab.worth,
        text: printable(&text.join("\n")),
        is_hidden: false,
    }
}

/// What a student is told about a check.
fn explained(show: Show, check: &CheckResult) -> String {
    let mut lines = vec![format!("{}.", check.status.words())];
    if !check.status.is_fine() {
        if show.messages {
            lines.push(check.message.clone());
            lines.extend(check.context.iter().cloned());
            lines.extend(check.location.iter().map(|place| format!("Where: {place}")));
        }
        lines.push(format!("Rule: {}", check.rule));
        lines.extend(check.hints.iter().take(show.hints).map(|hint| format!("Hint: {hint}")));
    }
    if show.log && !check.log.is_empty() {
        lines.push("Log:".to_owned());
        lines.extend(check.log.iter().cloned());
    }
    printable(&lines.join("\n"))
}

/// What a student is told about the whole submission.
fn about(sheet: &Sheet, student: &Student) -> String {
    let mut lines = vec![format!("{} of {} points.", student.mark, sheet.worth)];
    if student.status != Standing::Graded {
        lines.extend(student.message.iter().map(|message| format!("{}: {message}", student.status.words())));
    }
    for (lab, result) in sheet.labs.iter().zip(&student.labs) {
        lines.extend(result.lateness.words().map(|words| format!("{}: {words}.", lab.title)));
    }
    if sheet.show.seed {
        lines.push(format!("The random numbers were those of seed {}.", student.seed));
    }
    printable(&lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::sheet::samples::sheet;

    #[test]
    fn lines_add_up_to_what_a_lab_counts() {
        let sheet = sheet("[[lab]]\nlab = \"01\"\npoints = 50\n[[lab]]\nlab = \"02\"\npoints = 50\n");
        for student in &sheet.students {
            for ((lab, lines), result) in all_lines(&sheet, student).zip(&student.labs) {
                assert_eq!(lines.iter().map(|line| line.max).sum::<Mark>(), lab.worth, "{}", student.name);
                assert_eq!(lines.iter().map(|line| line.score).sum::<Mark>(), result.raw, "{}", student.name);
            }
        }
    }

    #[test]
    fn what_is_told_is_what_the_policy_shows() {
        let sheet = sheet("[show]\nmessages = false\nhints = 0\nseed = false\n");
        let alice = &sheet.students[0];
        let lines = lines(sheet.show, &sheet.labs[0], &alice.labs[0]);
        assert!(lines.iter().all(|line| !line.text.contains("twice") && !line.text.contains("Hint")));
        assert!(lines[1].text.starts_with("failed.\nRule: "), "{}", lines[1].text);
        assert!(!about(&sheet, alice).contains("seed"));
    }
}
