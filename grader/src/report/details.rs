//! The failures, check by check, in the order in which a teacher would explain them: the first in full, the others in a
//! few lines each. A student begins with the first, the others often go away with it, and all of it fits on a screen.
//!
//! Failures with one cause share a block: checks that panicked or crashed at the same
//! place, that are not started, or that hung without a trace.

use std::path::Path;

use crate::judge::results::{CheckReport, Evidence, LabReport, Run};
use crate::judge::{Findings, Status};

use super::brief::Standing;
use super::crash::{self, Place};
use super::evidence::{Showing, headline, headlined, paragraph, verbose};
use super::next;
use super::symbolize::Images;
use super::table::{machines, mark};
use crate::host::style::{
    ACTION, BAD, FAINT, GOOD, NOTICE, STRONG, View, memory, plural, printable, printable_with_colour,
};

/// Behind the first failure, so many are shown in short.
const IN_SHORT: usize = 3;

/// Checks that failed for one reason. The first check stands for all.
struct Group<'a> {
    first: &'a CheckReport,
    others: Vec<&'a CheckReport>,
    cause: Option<Cause>,
}

/// The cause of a failure. Failures with the same cause are shown together.
#[derive(PartialEq, Eq)]
enum Cause {
    /// The same crash at the same place.
    Crash(Status, String, Place),
    /// The same words, if nothing else tells the verdicts apart.
    Words(Status, String),
}

/// The blocks of one lab, each followed by an empty line.
pub fn lab(lab: &LabReport, run: &Run, root: &Path, images: &Images, view: &View) -> String {
    if let Some(error) = &lab.build_error {
        return build_error(lab, error, view);
    }
    let mut out = String::new();
    if !lab.checks.is_empty() && lab.checks.iter().all(|check| check.status == Status::NotStarted) {
        out.push_str(&next::first_steps(lab, run, root, view));
        if !view.verbose {
            return out;
        }
    }
    let teller = Teller { lab, run, showing: Showing { root, images, view } };
    let groups = teller.groups();
    let in_full = if view.verbose { groups.len() } else { groups.len().min(1) };
    for group in &groups[..in_full] {
        out.push_str(&teller.block(group));
        out.push('\n');
    }
    // Of code that is missing the table has the steps; only the first is next.
    let rest = groups[in_full..].iter().filter(|group| group.first.status != Status::NotStarted);
    let mut briefs: Vec<String> = rest.map(|group| teller.brief(group)).collect();
    if !briefs.is_empty() {
        let more = briefs.len().saturating_sub(IN_SHORT);
        briefs.truncate(IN_SHORT);
        if more > 0 {
            briefs.push(format!("… and {}\n", plural(more, "more failure")));
        }
        let command = next::repeat(run, "NAME");
        let advice = view.paint(FAINT, &format!("`{command}` tells all about one of these, and `-v` about all."));
        out.push_str(&format!("{}\n{advice}\n\n", briefs.concat()));
    }
    if view.verbose {
        for check in lab.checks.iter().filter(|check| check.status == Status::Passed) {
            out.push_str(&teller.passed(check));
        }
    }
    out
}

/// The block of one check alone.
pub fn check(check: &CheckReport, lab: &LabReport, run: &Run, root: &Path, images: &Images, view: &View) -> String {
    let teller = Teller { lab, run, showing: Showing { root, images, view } };
    teller.block(&Group { first: check, others: Vec::new(), cause: None })
}

/// The errors of rustc as they are, and one line.
fn build_error(lab: &LabReport, error: &str, view: &View) -> String {
    let error = match view.color {
        true => printable_with_colour(error),
        false => printable(&anstream::adapter::strip_str(error).to_string()),
    };
    let why = match &lab.refused {
        Some(refused) => printable(refused),
        None if lab.blocked_by.is_empty() => format!("{} does not compile", lab.files.join(", ")),
        None => format!("{} does not build", lab.blocked_by.join(", ")),
    };
    format!(
        "{}\n\n{} {}\n\n",
        error.trim_end(),
        view.paint(BAD, "✘ could not build:"),
        format_args!("{why}, so no check of {} was run.", lab.id),
    )
}

/// The data from which blocks are made.
struct Teller<'a> {
    lab: &'a LabReport,
    run: &'a Run,
    showing: Showing<'a>,
}

impl<'a> Teller<'a> {
    /// The failures by cause, in the order of their first checks. Checks that are not
    /// started come last.
    fn groups(&self) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for check in self.lab.checks.iter().filter(|check| !check.status.is_fine()) {
            let cause = self.cause(check);
            match groups.iter_mut().find(|group| cause.is_some() && group.cause == cause) {
                Some(group) => group.others.push(check),
                None => groups.push(Group { first: check, others: Vec::new(), cause }),
            }
        }
        groups.sort_by_key(|group| group.first.status == Status::NotStarted);
        groups
    }

    fn cause(&self, check: &CheckReport) -> Option<Cause> {
        if check.status == Status::Failed || !check.machines.is_empty() {
            return None;
        }
        let crash = check.evidence.as_ref().and_then(|evidence| {
            let crash = evidence.findings.crash.as_ref()?;
            crash::likeness(crash, &evidence.kernel, self.showing.root, self.showing.images)
        });
        Some(match crash {
            Some((kind, place)) => Cause::Crash(check.status, kind, place),
            None => Cause::Words(check.status, check.message.clone()),
        })
    }

    fn block(&self, group: &Group<'_>) -> String {
        let check = group.first;
        let view = self.showing.view;
        let mut out = self.heading(group);
        if let Some(evidence) = &check.evidence {
            out.push_str(&self.showing.evidence(check, evidence));
        } else {
            out.push_str(&headlined(view, &printable(&check.message)));
        }
        if !check.machines.is_empty() {
            out.push_str(&view.field("differs", &machines(check)));
        }
        if check.status == Status::Tampered {
            out.push_str(&paragraph(view, "only the check itself may report its result and end the machine"));
        }
        // The table shows which checks lack code.
        if !group.others.is_empty() && (check.status != Status::NotStarted || view.verbose) {
            let names: Vec<&str> = group.others.iter().map(|check| check.name.as_str()).collect();
            out.push_str(&view.field("the same", &names.join(", ")));
        }
        // If many checks have one cause, none of their rules explains it.
        if !matches!(check.status, Status::NotStarted | Status::Tampered) && group.others.is_empty() {
            if !check.rule.is_empty() {
                out.push_str(&view.field("rule", &check.rule));
            }
            if !check.hint.is_empty() {
                out.push_str(&view.field("hint", &check.hint));
            }
        }
        if !check.chapter.is_empty() {
            out.push_str(&view.field("read", &view.paint(ACTION, &next::chapter(&check.chapter, self.showing.root))));
        }
        out.push_str(&view.field("again", &view.paint(ACTION, &next::repeat(self.run, &check.name))));
        let checks = || [check].into_iter().chain(group.others.iter().copied());
        if let Some(stuck) = self.stuck().filter(|stuck| checks().any(|check| check.name == stuck.name)) {
            out.push_str(&next::other_ways(&stuck.name, view));
        }
        out
    }

    /// The first check that has failed the same way so often that the student should try something else.
    fn stuck(&self) -> Option<&'a CheckReport> {
        let can_be_debugged = |status| Standing::of(status) == Standing::Wrong && status != Status::CouldNotBuild;
        self.lab.checks.iter().find(|check| check.times >= next::OFTEN && can_be_debugged(check.status))
    }

    /// The failure alone, without hints and commands.
    fn brief(&self, group: &Group<'_>) -> String {
        let view = self.showing.view;
        let mut out = self.heading(group);
        let check = group.first;
        match &check.evidence {
            Some(Evidence { findings: Findings { crash: Some(crash), .. }, kernel, .. }) => {
                out.push_str(&paragraph(view, &headline(check, crash)));
                if let Some(place) = crash::trace(crash, kernel, self.showing.root, self.showing.images).place {
                    out.push_str(&view.field("at", &format!("{}:{}", place.file, place.line)));
                }
            }
            Some(Evidence { findings: Findings { expected: Some(expected), saw: Some(saw), .. }, .. }) => {
                out.push_str(&view.field("expected", &printable(expected)));
                out.push_str(&view.field("saw", &printable(saw)));
            }
            _ => out.push_str(&paragraph(view, &printable(&check.message))),
        }
        out
    }

    /// `✘ never-twice: failed, on a machine with 16M of memory`.
    fn heading(&self, group: &Group<'_>) -> String {
        let check = group.first;
        let style = if check.status == Status::NotStarted { NOTICE } else { BAD };
        let machine = match &check.evidence {
            Some(evidence) if !evidence.memory.is_empty() && check.status != Status::NotStarted => {
                format!(", on a machine with {} of memory", memory(&evidence.memory))
            }
            _ => String::new(),
        };
        let more = match group.others.len() {
            0 => String::new(),
            more => format!(" and {}", plural(more, "other check")),
        };
        format!(
            "{} {}{more}: {}{}\n",
            self.showing.view.paint(style, mark(check.status)),
            self.showing.view.paint(STRONG, &check.name),
            self.showing.view.paint(style, check.status.words()),
            self.showing.view.paint(FAINT, &machine),
        )
    }

    /// The evidence of a check that passed, for a verbose report.
    fn passed(&self, check: &CheckReport) -> String {
        let Some(evidence) = &check.evidence else { return String::new() };
        let heading = format!("{} {}\n", self.showing.view.paint(GOOD, mark(check.status)), check.name);
        format!("{heading}{}{}\n", self.showing.log(&evidence.findings.log), verbose(evidence, self.showing.view))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::samples;

    fn told(change: impl FnOnce(&mut Run), view: &View) -> String {
        let mut run = samples::run();
        change(&mut run);
        let root = Path::new("/nowhere");
        lab(&run.labs[0], &run, root, &Images::new(root), view)
    }

    #[test]
    fn a_failure_says_what_was_expected_and_seen_and_which_rule_it_breaks() {
        let text = told(|_| (), &View::default());
        for part in [
            "✘ never-twice: failed, on a machine with 16 MiB of memory",
            "  expected  a frame that nobody has",
            "  saw       frame 0x105, which is allocated",
            "  where     after 12 allocations",
            "  log       handing out 0x105",
            "  rule      A frame is handed out once until it is freed.",
            "  hint      Mark the frame before you return it.",
            "  again     cargo grade --check never-twice",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
    }

    #[test]
    fn after_the_same_failure_again_and_again_there_are_other_ways() {
        let times = |times: u32| {
            told(|run| run.labs[0].checks.iter_mut().for_each(|check| check.times = times), &View::default())
        };
        assert!(!times(2).contains("cargo grade debug"));
        let text = times(3);
        // The first one alone: a first look fits on a screen.
        assert_eq!(text.matches("cargo grade debug").count(), 1, "{text}");
        assert!(
            text.contains("  stuck?    cargo grade debug never-twice: go back from the failure, in gdb\n"),
            "{text}"
        );
    }

    #[test]
    fn a_page_fault_is_told_in_words() {
        let text = told(|run| drop(run.labs[0].checks.remove(1)), &View::default());
        assert!(text.contains("✘ runs-aligned: crashed"), "{text}");
        assert!(text.contains("page fault: write to 0x0000_0004, not mapped, from the kernel"), "{text}");
        assert!(text.contains("4 bytes past the null pointer"), "{text}");
    }

    #[test]
    fn what_has_one_cause_is_told_once() {
        let text = told(
            |run| {
                for check in &mut run.labs[0].checks {
                    samples::panic(check, "labs/01-pmm/src/bitmap.rs", 40, "index out of bounds");
                }
            },
            &View::default(),
        );
        assert_eq!(text.matches("index out of bounds").count(), 1, "{text}");
        assert!(text.contains("and 3 other checks: panicked"), "{text}");
        assert!(text.contains("the same  never-twice, runs-aligned, exhaustion"), "{text}");
    }

    #[test]
    fn of_many_failures_only_the_first_is_told_in_full() {
        let many = |run: &mut Run| {
            let checks = &mut run.labs[0].checks;
            checks.truncate(2);
            for number in 0..9 {
                let mut check = samples::failed();
                check.name = format!("check-{number}");
                checks.push(check);
            }
        };
        let text = told(many, &View::default());
        assert_eq!(text.matches("  rule").count(), 1, "{text}");
        assert_eq!(text.matches("  saw").count(), 1 + IN_SHORT, "{text}");
        assert!(text.contains("\n… and 6 more failures\n"), "{text}");
        assert!(text.contains("`cargo grade --check NAME` tells all about one of these"), "{text}");
        let all = told(many, &View { verbose: true, ..View::default() });
        assert_eq!(all.matches("  rule").count(), 10, "{all}");
    }

    #[test]
    fn code_that_is_missing_is_told_if_nothing_is_wrong_and_without_its_circumstances() {
        let change = |run: &mut Run| {
            let evidence = run.labs[0].checks[3].evidence.as_mut().unwrap();
            evidence.findings.context = vec!["a memory map".to_owned()];
        };
        assert!(!told(change, &View::default()).contains("exhaustion"));
        let alone = |run: &mut Run| {
            change(run);
            run.labs[0].checks.drain(1..3);
        };
        let text = told(alone, &View::default());
        assert!(text.contains("· exhaustion: not started") && text.contains("step 5: hand out a frame"), "{text}");
        assert!(!text.contains("a memory map"), "{text}");
        assert!(told(alone, &View { verbose: true, ..View::default() }).contains("where     a memory map"));
    }

    #[test]
    fn long_circumstances_are_cut_in_their_middle() {
        let long = |run: &mut Run| {
            let evidence = run.labs[0].checks[1].evidence.as_mut().unwrap();
            evidence.findings.context = (1..=20).map(|number| format!("line {number}.")).collect();
        };
        let text = told(long, &View::default());
        assert!(
            text.contains("line 9.\n            … and 7 more lines (-v shows them)\n            line 17.\n"),
            "{text}"
        );
        assert!(text.contains("where     line 1.") && text.contains("line 20.\n"), "{text}");
        assert!(told(long, &View { verbose: true, ..View::default() }).contains("line 12."));
    }

    #[test]
    fn a_long_log_is_cut_to_its_end_unless_everything_is_asked_for() {
        let long = |run: &mut Run| {
            let evidence = run.labs[0].checks[1].evidence.as_mut().unwrap();
            evidence.findings.log = (0..50).map(|number| format!("line {number}.")).collect();
        };
        let text = told(long, &View::default());
        assert!(text.contains("… 30 lines before (-v shows them)"), "{text}");
        assert!(!text.contains("line 29.") && text.contains("line 30.") && text.contains("line 49."), "{text}");
        let all = told(long, &View { verbose: true, ..View::default() });
        assert!(all.contains("line 0."), "{all}");
    }

    #[test]
    fn lines_that_repeat_are_counted() {
        let text = told(
            |run| {
                let evidence = run.labs[0].checks[1].evidence.as_mut().unwrap();
                evidence.findings.log = vec!["again".to_owned(); 1000];
                evidence.findings.log.push("done".to_owned());
            },
            &View::default(),
        );
        assert!(text.contains("  log       again (1000 times)\n            done\n"), "{text}");
    }

    #[test]
    fn what_a_kernel_prints_cannot_control_the_terminal() {
        let text = told(
            |run| {
                let evidence = run.labs[0].checks[1].evidence.as_mut().unwrap();
                evidence.findings.log = vec!["\u{1b}[2J".to_owned()];
                evidence.findings.saw = Some("\u{1b}]0;title\u{7}".to_owned());
                evidence.serial = "\u{1b}[31m\r\u{8}".to_owned();
            },
            &View { verbose: true, ..View::default() },
        );
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }

    #[test]
    fn a_build_error_is_shown_as_it_is_and_ends_in_one_line() {
        let error = "\u{1b}[31merror[E0308]\u{1b}[0m: mismatched types\n --> labs/01-pmm/src/bitmap.rs:3:5\n";
        let text = told(|run| run.labs[0].build_error = Some(error.to_owned()), &View::default());
        assert!(text.starts_with("error[E0308]: mismatched types\n --> labs/01-pmm/src/bitmap.rs:3:5\n"), "{text}");
        assert!(
            text.trim_end().ends_with(
                "✘ could not build: labs/01-pmm/src/bitmap.rs does not compile, so no check of 01-pmm was run."
            ),
            "{text}"
        );
        let colored =
            told(|run| run.labs[0].build_error = Some(error.to_owned()), &View { color: true, ..View::default() });
        assert!(colored.starts_with('\u{1b}'));
        let refused = told(
            |run| {
                run.labs[0].build_error = Some(error.to_owned());
                run.labs[0].refused = Some("a.rs:1:2: `unsafe` is refused, for x".to_owned());
            },
            &View::default(),
        );
        assert!(
            refused.contains("build: a.rs:1:2: `unsafe` is refused, for x, so no check of 01-pmm was run."),
            "{refused}"
        );
        let blocked = told(
            |run| {
                run.labs[0].build_error = Some(error.to_owned());
                run.labs[0].blocked_by = vec!["labs/02-vmm/src/mapper.rs".to_owned()];
            },
            &View::default(),
        );
        assert!(
            blocked.contains("build: labs/02-vmm/src/mapper.rs does not build, so no check of 01-pmm"),
            "{blocked}"
        );
    }
}
