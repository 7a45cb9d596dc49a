//! The teacher's page: the distribution of the points, the checks that most students miss, and every student.

use maud::{Markup, html};

use crate::batch::policy::{Lateness, Mark};
use crate::batch::row::Standing;
use crate::batch::sheet::{LabHead, LabResult, Sheet, Student};
use crate::host::style::plural;

use super::chart;
use super::{page_with_script, prose, scrolled, shown, standing, time};

/// Sorts the students, and finds some of them.
const SCRIPT: &str = include_str!("class.js");

/// How many of the checks that most students miss are shown.
const MOST_MISSED: usize = 10;

/// How many of the slowest gradings are shown.
const SLOWEST: usize = 8;

/// The page.
pub fn page(sheet: &Sheet) -> String {
    let body = html! {
        a class="skip" href="#students" { "To the students" }
        header {
            h1 { (sheet.title) ": the class" }
            nav aria-label="Parts of this page" {
                a href="#missed" { "Most missed" } " · "
                @for lab in &sheet.labs { a href={ "#" (lab.id) } { (lab.title) } " · " }
                a href="#slowest" { "Slowest" } " · "
                a href="#look" { "To look at" } " · "
                a href="#students" { "Students" }
            }
        }
        main {
            (figures(sheet))
            (distribution(sheet))
            (missed(sheet))
            @for (number, lab) in sheet.labs.iter().enumerate() { (of_lab(sheet, number, lab)) }
            (slowest(sheet))
            (to_look_at(sheet))
            (students(sheet))
        }
        footer { p { "Graded with " (sheet.with.emulator) " and " (sheet.with.toolchain) "." } }
    };
    page_with_script(&format!("{}: the class", sheet.title), &body, SCRIPT)
}

/// The submissions that count in the figures. Those that do not build are among them, with 0 points.
fn counted(sheet: &Sheet) -> Vec<&Student> {
    sheet.students.iter().filter(|student| is_counted(student.status)).collect()
}

fn is_counted(status: Standing) -> bool {
    matches!(status, Standing::Graded | Standing::CouldNotBuild)
}

fn figures(sheet: &Sheet) -> Markup {
    let counted = counted(sheet);
    let mut marks: Vec<Mark> = counted.iter().map(|student| student.mark).collect();
    marks.sort();
    let broken = counted.iter().filter(|student| student.status == Standing::CouldNotBuild).count();
    let of = |status| sheet.students.iter().filter(|student| student.status == status).count();
    html! {
        ul class="figures" {
            li { b { (counted.len()) } "graded" @if broken > 0 { ", " (broken) " of them did not build" } }
            @for status in Standing::ALL.into_iter().filter(|status| !is_counted(*status) && of(*status) > 0) {
                li { b { (of(status)) } (status.words()) }
            }
            li { b { (mean(&marks)) } "mean of " (sheet.worth) }
            li { b { (median(&marks)) } "median of " (sheet.worth) }
        }
    }
}

fn mean(marks: &[Mark]) -> Mark {
    let sum: Mark = marks.iter().copied().sum();
    Mark::share(1, marks.len() as u64, sum)
}

/// The median of sorted marks: the middle one, or the mean of the two in the middle.
fn median(marks: &[Mark]) -> Mark {
    match marks.len() {
        0 => Mark::ZERO,
        count if count.is_multiple_of(2) => mean(&marks[count / 2 - 1..=count / 2]),
        count => marks[count / 2],
    }
}

fn distribution(sheet: &Sheet) -> Markup {
    let counts = chart::tenths(counted(sheet).iter().map(|student| student.mark.of(sheet.worth)));
    html! {
        h2 id="distribution" { "Distribution of the points" }
        figure {
            (chart::histogram(&counts))
            figcaption { "How many of the graded submissions are in each tenth of the " (sheet.worth) " points." }
        }
    }
}

/// The results of a check over the whole class.
struct Rate<'a> {
    lab: &'a LabHead,
    id: &'a str,
    rule: &'a str,
    points: u64,
    is_hidden: bool,
    passed: usize,
    of: usize,
}

impl Rate<'_> {
    fn share(&self) -> f64 {
        if self.of == 0 { 0.0 } else { self.passed as f64 / self.of as f64 }
    }
}

/// A lab's checks. Those come first that most students miss; among equals, those with the most points.
fn rates<'a>(sheet: &'a Sheet, number: usize, lab: &'a LabHead) -> Vec<Rate<'a>> {
    let mut rates: Vec<Rate<'a>> = Vec::new();
    for (_, result) in sheet.of_lab(number) {
        for check in &result.checks {
            let at = rates.iter().position(|rate| rate.id == check.id).unwrap_or_else(|| {
                let (id, rule, points) = (&check.id, &check.rule, check.max_points);
                rates.push(Rate { lab, id, rule, points, is_hidden: check.is_hidden, passed: 0, of: 0 });
                rates.len() - 1
            });
            rates[at].of += 1;
            rates[at].passed += usize::from(check.status.is_fine());
        }
    }
    sort(&mut rates);
    rates
}

fn sort(rates: &mut [Rate<'_>]) {
    rates.sort_by(|a, b| a.share().total_cmp(&b.share()).then(b.points.cmp(&a.points)));
}

fn missed(sheet: &Sheet) -> Markup {
    let all = sheet.labs.iter().enumerate().flat_map(|(number, lab)| rates(sheet, number, lab));
    let mut all: Vec<Rate<'_>> = all.filter(|rate| rate.passed < rate.of).collect();
    sort(&mut all);
    html! {
        h2 id="missed" { "What most students miss" }
        @if all.is_empty() { p { "Nothing: every check that was run has passed." } }
        @else { (table(&all[..all.len().min(MOST_MISSED)], "What most students miss")) }
    }
}

fn table(rates: &[Rate<'_>], label: &str) -> Markup {
    scrolled(
        label,
        &html! {
            table class="checks" {
                thead { tr {
                    th scope="col" { "Check" } th class="wide" scope="col" { "Passed" }
                    th class="number" scope="col" { "" } th class="number" scope="col" { "Points" }
                } }
                tbody {
                    @for rate in rates {
                        tr {
                            th scope="row" class="name" {
                                code { (shown(rate.id)) }
                                @if rate.is_hidden { " " span class="faint" { "(hidden)" } }
                                br; span class="faint" { (rate.lab.number()) ": " (prose(rate.rule)) }
                            }
                            td { (chart::bar(rate.share())) }
                            td class="number" { (rate.passed) " of " (rate.of) }
                            td class="number" { (rate.points) }
                        }
                    }
                }
            }
        },
    )
}

fn of_lab(sheet: &Sheet, number: usize, lab: &LabHead) -> Markup {
    let results: Vec<&LabResult> = sheet.of_lab(number).map(|(_, result)| result).collect();
    let handed_in = || results.iter().filter(|result| !result.checks.is_empty());
    let marks: Vec<Mark> = handed_in().map(|result| result.mark).collect();
    let broken = handed_in().filter(|result| result.status == Standing::CouldNotBuild).count();
    let untouched = handed_in().filter(|result| result.is_untouched).count();
    let late = handed_in().filter(|result| matches!(result.lateness, Lateness::Late { .. })).count();
    html! {
        h2 id=(lab.id) { (lab.title) " (" (lab.id) ")" }
        p {
            (plural(marks.len(), "submission")) ", " (broken) " did not build"
            @if untouched > 0 { ", " (untouched) " as handed out" }
            @if let Some(deadline) = lab.deadline { ", " (late) " late (deadline " (time(deadline)) ")" }
            ". Mean " (mean(&marks)) " of " (lab.worth) " points."
        }
        @if !marks.is_empty() {
            @let rates = rates(sheet, number, lab);
            // Of eight labs they are a long list, which is for looking things up.
            details {
                summary { "All " (plural(rates.len(), "check")) }
                (table(&rates, &format!("Checks of {}", lab.title)))
            }
        }
    }
}

/// A lab of one or more students with the same files, which was graded once.
struct Graded<'a> {
    student: &'a Student,
    others: usize,
    lab: &'a LabHead,
    took_ms: u64,
}

/// The slowest gradings. Files that several students have are one line.
fn longest(sheet: &Sheet) -> Vec<Graded<'_>> {
    let mut all: Vec<Graded<'_>> = sheet
        .labs
        .iter()
        .enumerate()
        .flat_map(|(number, lab)| sheet.of_lab(number).map(move |(student, result)| (student, lab, result.took_ms)))
        .filter(|(_, _, took_ms)| *took_ms > 0)
        .map(|(student, lab, took_ms)| Graded { student, others: 0, lab, took_ms })
        .collect();
    all.sort_by(|a, b| b.took_ms.cmp(&a.took_ms).then_with(|| a.lab.id.cmp(&b.lab.id)));
    all.dedup_by(|next, first| {
        let is_same = next.took_ms == first.took_ms && next.lab.id == first.lab.id;
        first.others += usize::from(is_same);
        is_same
    });
    all.truncate(SLOWEST);
    all
}

fn slowest(sheet: &Sheet) -> Markup {
    html! {
        h2 id="slowest" { "The slowest" }
        p { "Seconds from a submission's files to its verdicts, building and booting; the same files are graded once." }
        (scrolled("The slowest", &html! {
            table {
                thead { tr {
                    th scope="col" { "Student" } th scope="col" { "Lab" } th class="number" scope="col" { "Seconds" }
                } }
                tbody {
                    @for graded in longest(sheet) {
                        tr {
                            th scope="row" class="name" {
                                (link(graded.student)) @if graded.others > 0 { " and " (graded.others) " more" }
                            }
                            td { (graded.lab.id) }
                            td class="number" { (format!("{:.1}", graded.took_ms as f64 / 1000.0)) }
                        }
                    }
                }
            }
        }))
    }
}

/// Submissions that a person should look at.
fn to_look_at(sheet: &Sheet) -> Markup {
    let messages = messages(sheet);
    let alike = alike(sheet);
    let unknown: Vec<&Student> = sheet
        .students
        .iter()
        .filter(|student| student.labs.iter().any(|lab| lab.lateness == Lateness::Unknown))
        .collect();
    html! {
        h2 id="look" { "To look at" }
        @if messages.is_empty() && alike.is_empty() && unknown.is_empty() && sheet.notes.is_empty() { p { "Nothing." } }
        @if !messages.is_empty() {
            ul { @for (message, students) in messages { li { (shown(&message)) ": " (links(&students)) } } }
        }
        @if !alike.is_empty() {
            p { "The very same files, byte for byte, and not the course's own:" }
            ul { @for (lab, names) in alike { li { (lab) ": " (shown(&names.join(", "))) } } }
        }
        @if !unknown.is_empty() {
            p {
                "There is a deadline, but the time when these were handed in is unknown. They count as in time: "
                (links(&unknown))
            }
        }
        @for note in &sheet.notes { p { (shown(note)) } }
    }
}

/// The reasons why submissions were not graded, each once, with its students.
fn messages(sheet: &Sheet) -> Vec<(String, Vec<&Student>)> {
    let mut groups: Vec<(String, Vec<&Student>)> = Vec::new();
    for student in sheet.students.iter().filter(|student| student.status != Standing::Graded) {
        let message = format!("{}, {}", student.status.words(), student.message.as_deref().unwrap_or_default());
        match groups.iter_mut().find(|(known, _)| *known == message) {
            Some((_, students)) => students.push(student),
            None => groups.push((message, vec![student])),
        }
    }
    groups
}

/// Links to students' pages, in a line.
fn links(students: &[&Student]) -> Markup {
    html! { @for (at, student) in students.iter().enumerate() { @if at > 0 { ", " } (link(student)) } }
}

/// Groups of students with the same files, by lab, if the files differ from the skeleton.
fn alike(sheet: &Sheet) -> Vec<(&str, Vec<&str>)> {
    let mut groups = Vec::new();
    for (number, lab) in sheet.labs.iter().enumerate() {
        for (student, result) in sheet.of_lab(number) {
            let mut names: Vec<&str> = result.same_files.iter().map(String::as_str).collect();
            names.push(&student.name);
            names.sort_unstable();
            if names.len() > 1 && names[0] == student.name && !result.is_untouched {
                groups.push((lab.id.as_str(), names));
            }
        }
    }
    groups
}

fn students(sheet: &Sheet) -> Markup {
    html! {
        h2 id="students" { "Students" }
        (scrolled("Students", &html! {
            table {
                thead { tr {
                    th scope="col" { "Student" } th scope="col" { "Status" } th class="number" scope="col" { "Points" }
                    @for lab in &sheet.labs { th class="number" scope="col" { (lab.number()) } }
                } }
                tbody {
                    @for student in &sheet.students {
                        tr {
                            th scope="row" class="name" { (link(student)) }
                            td { (standing(student.status)) }
                            td class="number" { (student.mark) }
                            @for lab in &student.labs { td class="number" { (cell(lab)) } }
                        }
                    }
                }
            }
        }))
    }
}

fn cell(lab: &LabResult) -> Markup {
    let is_late = matches!(lab.lateness, Lateness::Late { .. });
    html! {
        @match lab.status {
            Standing::Graded => { (lab.mark) @if is_late { " " abbr title=[lab.lateness.words()] { "late" } } }
            Standing::Empty => span class="faint" { "–" }
            other => (standing(other))
        }
    }
}

/// A link to a student's page. In an address, a key's `%` has to be escaped.
fn link(student: &Student) -> Markup {
    html! { a href={ "students/" (student.key.replace('%', "%25")) ".html" } { (shown(&student.name)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::sheet::samples::sheet;

    #[test]
    fn mean_and_median_are_those_of_everybody_who_was_graded() {
        let marks = [10, 20, 60].map(Mark::whole);
        assert_eq!((mean(&marks), median(&marks)), (Mark::whole(30), Mark::whole(20)));
        assert_eq!((mean(&[]), median(&[]), median(&marks[..2])), (Mark::ZERO, Mark::ZERO, Mark::whole(15)));
        assert_eq!(counted(&sheet("")).len(), 3, "carol handed in nothing");
    }

    #[test]
    fn what_most_students_miss_comes_first() {
        let sheet = sheet("");
        let rates = rates(&sheet, 0, &sheet.labs[0]);
        let passed: Vec<usize> = rates.iter().map(|rate| rate.passed).collect();
        assert!(passed.is_sorted() && passed[0] == 0 && passed.last() == Some(&2), "{passed:?}");
        assert!(rates.iter().all(|rate| rate.of == 3));
        assert_eq!(rates.len(), sheet.students[0].labs[0].checks.len(), "every check has its bar");
    }

    #[test]
    fn what_was_graded_once_is_one_line_of_the_slowest() {
        let mut sheet = sheet("");
        sheet.students[0].labs[0].took_ms = 9000;
        sheet.students[1].labs[0].took_ms = 9000;
        let longest = longest(&sheet);
        assert_eq!(longest.iter().map(|graded| graded.others).collect::<Vec<_>>()[..1], [0], "mallory's name is long");
        assert!(longest.iter().any(|graded| graded.others == 1 && graded.student.name == "alice"));
        assert!(longest.windows(2).all(|pair| pair[0].took_ms >= pair[1].took_ms));
    }

    #[test]
    fn a_reason_is_told_once_for_all_whom_it_concerns() {
        let mut sheet = sheet("");
        for student in &mut sheet.students[..2] {
            student.status = Standing::Empty;
            student.message = Some("no files".to_owned());
        }
        let of_two = messages(&sheet).into_iter().find(|(_, students)| students.len() == 2).unwrap();
        assert_eq!(of_two.0, "empty, no files");
        let text = page(&sheet);
        assert!(text.contains("empty, no files: <a href=\"students/alice.html\">alice</a>, <a"), "{text}");
        assert!(text.contains("<li><b>3</b>empty</li>"), "carol is one of them: {text}");
    }

    #[test]
    fn what_asks_for_a_person_is_told() {
        let text = page(&sheet("[[lab]]\nlab = \"01\"\ndeadline = 2026-10-12T23:59:59Z\n"));
        for part in [
            "the very same files",
            "alice, bob",
            "the time when these were handed in is unknown",
            "1 late (deadline 2026-10-12",
        ] {
            assert!(text.to_lowercase().contains(&part.to_lowercase()), "{part}\n{text}");
        }
        assert!(text.contains("empty, has none of the labs"), "{text}");
    }
}
