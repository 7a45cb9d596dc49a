//! The student's page: it shows what the policy lets students see, and nothing about other students.

use maud::{Markup, html};

use crate::batch::policy::Show;
use crate::batch::row::Standing;
use crate::batch::sheet::{CheckResult, LabHead, LabResult, Sheet, Student};
use crate::host::style::plural;
use crate::judge::Status;

use super::chart::{Part, strip};
use super::{page as whole_page, prose, scrolled, shown, standing, time};

/// The page.
pub fn page(sheet: &Sheet, student: &Student) -> String {
    let name = shown(&student.name);
    let body = html! {
        header { h1 { (sheet.title) ": " (name) } }
        main {
            ul class="figures" { li { b { (student.mark) } "of " (sheet.worth) " points" } }
            @if let Some(message) = student.message.as_ref().filter(|_| student.status != Standing::Graded) {
                p { (standing(student.status)) ": " (shown(message)) }
            }
            (overview(sheet, student))
            @for (lab, result) in sheet.labs.iter().zip(&student.labs) { (of_lab(sheet, student, lab, result)) }
        }
        footer { p {
            "Graded with " (sheet.with.emulator) " and " (sheet.with.toolchain) "."
            @if sheet.show.seed { " The random numbers were those of seed " (student.seed) "." }
        } }
    };
    whole_page(&format!("{}: {name}", sheet.title), &body)
}

fn overview(sheet: &Sheet, student: &Student) -> Markup {
    scrolled(
        "Labs",
        &html! {
            table {
                thead { tr {
                    th scope="col" { "Lab" } th class="number" scope="col" { "Points" }
                    th class="number" scope="col" { "From the checks" } th scope="col" { "Status" }
                } }
                tbody {
                    @for (lab, result) in sheet.labs.iter().zip(&student.labs) {
                        tr {
                            th scope="row" class="name" { a href={ "#" (lab.id) } { (lab.title) } }
                            td class="number" { (result.mark) " of " (lab.worth) }
                            td class="number" { (result.score) " of " (result.max_score) }
                            td { (standing(result.status)) }
                        }
                    }
                }
            }
        },
    )
}

fn of_lab(sheet: &Sheet, student: &Student, lab: &LabHead, result: &LabResult) -> Markup {
    html! {
        h2 id=(lab.id) { (lab.title) " (" (lab.id) ")" }
        @if let Some(deadline) = lab.deadline {
            p {
                "Deadline " (time(deadline)) "."
                @if let Some(at) = result.handed_in { " Handed in " (time(at)) "." }
                @if let Some(words) = result.lateness.words() { " " span class="part" { (words) } "." }
                @if result.raw != result.mark { " Before that it had " (result.raw) " points." }
            }
        }
        @match result.status {
            Standing::Empty => p class="faint" { "Nothing was handed in." }
            _ if result.build_error.is_some() => (not_built(sheet.show, result))
            _ if result.checks.is_empty() => p {
                (standing(result.status)) @if let Some(message) = &result.message { ": " (shown(message)) }
            }
            _ => (checks(sheet, student, lab, result))
        }
    }
}

fn not_built(show: Show, result: &LabResult) -> Markup {
    html! {
        p { (standing(Standing::CouldNotBuild)) @if let Some(message) = &result.message { ": " (shown(message)) } }
        @if let Some(words) = result.build_error.as_ref().filter(|_| show.compiler) {
            pre tabindex="0" aria-label="What the compiler said" {
                (shown(&anstream::adapter::strip_str(words).to_string()))
            }
        }
    }
}

fn checks(sheet: &Sheet, student: &Student, lab: &LabHead, result: &LabResult) -> Markup {
    let (hidden, seen): (Vec<&CheckResult>, Vec<&CheckResult>) =
        result.checks.iter().partition(|check| check.is_hidden);
    let of = |wanted: fn(Status) -> bool| seen.iter().copied().filter(move |check| wanted(check.status));
    let passed: Vec<&CheckResult> = of(Status::is_fine).collect();
    let begun: Vec<&CheckResult> = of(|status| status == Status::NotStarted).collect();
    let missed: Vec<&CheckResult> = of(|status| !status.is_fine() && status != Status::NotStarted).collect();
    let words = format!("{} of {} passed", passed.len(), plural(seen.len(), "check"));
    html! {
        figure {
            (strip(&seen.iter().map(|check| part(check)).collect::<Vec<_>>(), &words))
            figcaption { (words) ". Each check is as wide as its points." }
        }
        @for check in &missed { (explained(sheet, student, lab, check)) }
        @if !begun.is_empty() { (named("Not started", &begun)) }
        @if !passed.is_empty() { (named("Passed", &passed)) }
        @if !hidden.is_empty() {
            p {
                (plural(hidden.len(), "check")) " that are not shown: "
                (hidden.iter().map(|check| check.points).sum::<u64>()) " of "
                (hidden.iter().map(|check| check.max_points).sum::<u64>()) " points."
            }
        }
    }
}

fn part(check: &CheckResult) -> Part {
    let class = match check.status {
        status if status.is_fine() => "passed",
        Status::NotStarted => "begun",
        _ => "missed",
    };
    Part { points: check.max_points, class }
}

/// Checks by their names and points.
fn named(what: &str, checks: &[&CheckResult]) -> Markup {
    html! {
        p {
            (what) ": "
            @for (at, check) in checks.iter().enumerate() {
                @if at > 0 { ", " }
                code { (shown(&check.id)) } " (" (check.points) "/" (check.max_points) ")"
            }
        }
    }
}

/// A check that did not pass.
fn explained(sheet: &Sheet, student: &Student, lab: &LabHead, check: &CheckResult) -> Markup {
    let show = sheet.show;
    html! {
        article {
            h3 {
                code { (shown(&check.id)) } " " span class="bad" { (check.status.words()) } ", "
                (check.points) " of " (plural_points(check.max_points))
            }
            dl {
                @if show.messages {
                    dt { "Finding" } dd { (shown(&check.message)) }
                    @for line in &check.context { dd { (shown(line)) } }
                    @if let Some(place) = &check.location { dt { "Where" } dd { code { (shown(place)) } } }
                }
                dt { "Rule" } dd { (prose(&check.rule)) }
                @for hint in check.hints.iter().take(show.hints) { dt { "Hint" } dd { (prose(hint)) } }
                @if show.log && !check.log.is_empty() {
                    dt { "Your code's log" } dd { pre tabindex="0" { (shown(&check.log.join("\n"))) } }
                }
                dt { "Again" }
                dd { code {
                    "cargo grade " (lab.number()) " --check " (shown(&check.id))
                    @if show.seed { " --seed " (student.seed) }
                } }
            }
        }
    }
}

fn plural_points(points: u64) -> String {
    plural(usize::try_from(points).unwrap_or(usize::MAX), "point")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::sheet::samples::sheet;

    fn of(number: usize, policy: &str) -> String {
        let sheet = sheet(policy);
        page(&sheet, &sheet.students[number])
    }

    #[test]
    fn what_failed_is_explained_as_far_as_the_policy_goes() {
        let open = of(0, "[show]\nhints = 2\nlog = true\n");
        for part in
            ["frame 7 is handed out twice", "log of", "bitmap.rs:71", "--check whole-frames --seed 1", "Passed: "]
        {
            assert!(open.contains(part), "{part}\n{open}");
        }
        assert!(open.matches("<dt>Hint</dt>").count() > of(0, "").matches("<dt>Hint</dt>").count());
        let closed = of(0, "[show]\nhints = 0\nmessages = false\nseed = false\n");
        for part in ["frame 7 is handed out twice", "log of", "bitmap.rs:71", "Hint", "seed"] {
            assert!(!closed.contains(part), "{part}\n{closed}");
        }
        assert!(closed.contains("whole-frames") && closed.contains("Rule"));
    }

    #[test]
    fn a_hidden_check_is_counted_and_not_named() {
        let text = of(0, "hidden = [\"whole-frames\", \"managed-count\"]");
        assert!(!text.contains("whole-frames") && !text.contains("managed-count"), "{text}");
        assert!(text.contains("2 checks that are not shown: 4 of 8 points."), "{text}");
    }

    #[test]
    fn what_did_not_build_shows_the_compiler_s_words_if_the_policy_says_so() {
        let text = of(1, "");
        assert!(text.contains("E0425") && !text.contains("<article"), "{text}");
        assert!(!of(1, "[show]\ncompiler = false\n").contains("E0425"));
    }

    #[test]
    fn nobody_else_is_on_a_student_s_page() {
        let text = of(0, "");
        for name in ["bob", "carol", "&lt;script", "index.html"] {
            assert!(!text.contains(name), "{name}");
        }
        assert!(of(2, "").contains("Nothing was handed in."));
    }

    #[test]
    fn who_is_late_reads_what_it_costs() {
        let text = of(0, "[late]\nper_day = 10\n[[lab]]\nlab = \"01\"\ndeadline = 2026-10-12T23:59:59Z\n");
        assert!(text.contains("Deadline 2026-10-12 23:59 UTC. Handed in 2026-10-14 00:00 UTC."), "{text}");
        assert!(text.contains("80 % of the points count"), "{text}");
    }
}
