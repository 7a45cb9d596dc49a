//! What each step proves, and how its failures are reported.

use std::collections::BTreeSet;

use crate::build::cargo::Built;
use crate::course::fence::{self, Code, Forbidden, Reading};
use crate::course::workspace::Lab;
use crate::host::error::Result;
use crate::host::progress::Progress;
use crate::host::style::plural;
use crate::judge::results::{CheckReport, LabReport};
use crate::judge::{Engine, Status};

use super::host_tests::{Outcome, Tested};
use super::patch::Mistake;
use super::variant::{Kind, Variant};
use super::wording;

/// The outcome of one step: a short note, or a list of what is wrong.
pub type Step = Result<String, Vec<String>>;

/// Equal failures of many checks are reported for the first few only.
fn few(mut wrong: Vec<String>) -> Vec<String> {
    const TOLD: usize = 3;
    if wrong.len() > TOLD + 1 {
        let more = wrong.len() - TOLD;
        wrong.truncate(TOLD);
        wrong.push(format!("and {} (-v shows them)", plural(more, "other check")));
    }
    wrong
}

/// The list of what is wrong or, if it is empty, the note.
pub fn wrong_or(wrong: Vec<String>, note: &str) -> Step {
    if wrong.is_empty() { Ok(note.to_owned()) } else { Err(wrong) }
}

pub fn prefixed(prefix: &str, wrong: Vec<String>) -> Vec<String> {
    wrong.into_iter().map(|wrong| format!("{prefix}: {wrong}")).collect()
}

/// Whether every check is named by a mistake that it catches.
pub fn coverage(lab: &Lab, variants: &[Variant]) -> Step {
    let named: BTreeSet<&str> = variants
        .iter()
        .filter_map(|variant| match &variant.kind {
            Kind::Mistake(mistake) => Some(mistake.caught_by.as_str()),
            _ => None,
        })
        .collect();
    let mistakes = variants.iter().filter(|variant| matches!(variant.kind, Kind::Mistake(_))).count();
    let unproved: Vec<String> = lab
        .toml
        .checks
        .iter()
        .filter(|check| !named.contains(check.name.as_str()))
        .map(|check| format!("`{}`", check.name))
        .collect();
    let wrong = if unproved.is_empty() {
        Vec::new()
    } else {
        vec![format!(
            "labs/{}/mistakes: no mistake proves that {} would catch anything: write one for each",
            lab.id,
            unproved.join(", "),
        )]
    };
    wrong_or(wrong, &format!("{} for {}", plural(mistakes, "mistake"), plural(lab.toml.checks.len(), "check")))
}

/// Whether the fence accepts all files of the course. Modules in
/// files of their own are refused only where those files are not handed in.
pub fn within_fence(lab: &Lab, variants: &[Variant]) -> Step {
    let code = lab.code();
    let mut wrong = Vec::new();
    for variant in variants {
        for (name, text) in &variant.files {
            let place = format!("labs/{}/{}: {name}", lab.id, variant.origin.display());
            match fence::read(text, code) {
                Reading::Tokens(breaches) => {
                    let refused = breaches.iter().find(|breach| breach.what != Forbidden::Module);
                    wrong.extend(refused.map(|breach| {
                        let (line, column) = fence::place(text, breach.at);
                        format!("{place}:{line}:{column}: `{}` is refused, for {}", breach.token, breach.what.why())
                    }));
                }
                Reading::Unreadable(_) => wrong.push(format!("{place}: cannot be read")),
            }
        }
    }
    let allowed = match code {
        Code::Safe => "no unsafe code",
        Code::Unsafe => "unsafe code",
    };
    wrong_or(wrong, &format!("{allowed}, nothing from outside"))
}

/// Whether `lab.toml` and the kernel name the same checks.
pub fn list_of_checks(staged: &Engine, lab: &Lab, progress: &Progress) -> Result<Step> {
    let image = match staged.site.build(&staged.site.mix(&[]), progress, &mut Vec::new())? {
        Built::Image(image) => image,
        // The step of the reference reports the errors.
        Built::Broken(_) => return Ok(Err(vec!["the kernel does not compile with the references".to_owned()])),
    };
    let listed = staged.list(&image.path)?;
    let kernel: Vec<&str> =
        listed.iter().filter(|(package, _)| *package == lab.toml.package).map(|(_, name)| name.as_str()).collect();
    let ours: Vec<&str> = lab.toml.checks.iter().map(|check| check.name.as_str()).collect();
    let mut wrong = Vec::new();
    for check in lab.toml.checks.iter().filter(|check| !kernel.contains(&check.name.as_str())) {
        wrong.push(format!(
            "labs/{}/lab.toml:{}: the kernel has no check `{}` for {}: write it in kernel/checks/src",
            lab.id, check.line, check.name, lab.toml.package,
        ));
    }
    for name in kernel.iter().filter(|name| !ours.contains(name)) {
        wrong.push(format!(
            "labs/{}/lab.toml: the kernel's check `{name}` is not in it: add it with its points",
            lab.id
        ));
    }
    Ok(wrong_or(wrong, &plural(ours.len(), "check")))
}

/// Whether a variant's result is the one that the variant should have.
pub fn judge(lab: &Lab, variant: &Variant, report: &LabReport) -> Step {
    if let Some(error) = &report.build_error {
        let error = anstream::adapter::strip_str(error).to_string();
        let first = error.lines().next().unwrap_or_default().to_owned();
        return Err(vec![format!("does not compile ({first}): it has to, or it proves nothing")]);
    }
    let passed = report.checks.iter().filter(|check| check.status == Status::Passed).count();
    let all = report.checks.len();
    match &variant.kind {
        Kind::Skeleton => {
            let fine = |check: &&CheckReport| {
                !matches!(check.status, Status::NotStarted | Status::Failed | Status::NotAvailable)
            };
            let wrong = report.checks.iter().filter(fine).map(|check| {
                format!("`{}` {} on the skeleton: it has to be not started, or fail", check.name, came_out(check))
            });
            wrong_or(few(wrong.collect()), &format!("0 of {all} pass"))
        }
        Kind::Reference | Kind::Champion => {
            let word = variant.kind.word();
            let wrong = report.checks.iter().filter(|check| !check.status.is_fine()).map(|check| {
                let (name, came_out) = (&check.name, came_out(check));
                format!("`{name}` {came_out}: either the check or the {word} is wrong ({})", check.message)
            });
            wrong_or(few(wrong.collect()), &format!("{passed} of {all} pass"))
        }
        Kind::Alternative => {
            let costs =
                |check: &CheckReport| lab.toml.checks.iter().any(|other| other.name == check.name && other.cost);
            let failed = report.checks.iter().filter(|check| !check.status.is_fine() && !costs(check));
            let wrong = failed.map(|check| {
                format!(
                    "`{}` {} on a correct implementation: either the check asks for more than the contract, or the \
                     alternative is wrong ({})",
                    check.name,
                    came_out(check),
                    check.message,
                )
            });
            let others = if passed == all { "" } else { ", the others judge cost" };
            wrong_or(few(wrong.collect()), &format!("{passed} of {all} pass{others}"))
        }
        Kind::Mistake(mistake) => judge_mistake(mistake, report),
    }
}

/// A step, which does not hold if a message of the course's own is not in words.
pub fn in_words(step: Step, report: &LabReport) -> Step {
    let unworded = few(wording::complaints(report));
    if unworded.is_empty() {
        return step;
    }
    let mut wrong = step.err().unwrap_or_default();
    wrong.extend(unworded);
    Err(wrong)
}

/// Whether a mistake is caught by the check that it names.
fn judge_mistake(mistake: &Mistake, report: &LabReport) -> Step {
    match report.checks.iter().find(|check| check.name == mistake.caught_by) {
        Some(check) if caught(check.status) => {
            let others: Vec<&str> = report
                .checks
                .iter()
                .filter(|other| other.name != check.name && !other.status.is_fine())
                .map(|other| other.name.as_str())
                .collect();
            let also = if others.is_empty() { String::new() } else { format!("; also {}", others.join(", ")) };
            Ok(format!("caught by {} ({}){also}", check.name, check.status.words()))
        }
        Some(check) => Err(vec![format!(
            "\"{}\" is not caught: `{}` {}; make the check see it, or name another one",
            mistake.title,
            check.name,
            came_out(check),
        )]),
        None => Err(vec![format!("`{}` was not run", mistake.caught_by)]),
    }
}

/// Whether a verdict means that the implementation is wrong.
fn caught(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Panicked | Status::Crashed | Status::Hung)
}

fn came_out(check: &CheckReport) -> String {
    match check.status {
        Status::Passed => "passes".to_owned(),
        status => format!("comes out as {}", status.words()),
    }
}

/// Whether the tests pass under Miri.
pub fn under_miri(lab: &Lab, outcome: &Outcome) -> Step {
    let start = |said: &str| said.lines().take(3).collect::<Vec<_>>().join(" ");
    if let Some(error) = &outcome.build_error {
        return Err(vec![format!("Miri does not run the tests of labs/{}: {}", lab.id, start(error))]);
    }
    let failed = outcome.failed.iter();
    let mut wrong: Vec<String> =
        failed.map(|(name, said)| format!("labs/{}, under Miri: `{name}`: {}", lab.id, start(said))).collect();
    if outcome.passed == 0 && wrong.is_empty() {
        wrong.push(format!("labs/{}, under Miri: no test was run", lab.id));
    }
    wrong_or(wrong, &format!("{} pass", outcome.passed))
}

/// Whether the host tests have the right results.
pub fn host(lab: &Lab, tested: Tested, outcome: &Outcome) -> Step {
    let features: String = tested.features().iter().map(|word| format!(" {word}")).collect();
    let command = format!("`cargo test -p {}{features}`", lab.toml.package);
    if let Some(error) = &outcome.build_error {
        let first = error.lines().find(|line| line.starts_with("error")).unwrap_or("error");
        return Err(vec![format!("{command} does not compile: {first}")]);
    }
    let mut wrong: Vec<String> = outcome
        .failed
        .iter()
        .map(|(name, said)| {
            let said = said.lines().take(3).collect::<Vec<_>>().join(" ");
            format!("{command}: `{name}` fails: {said}")
        })
        .collect();
    if tested == Tested::InPlaceOfReference {
        wrong.extend(outcome.not_started.iter().map(|name| format!("{command}: `{name}` reaches a todo!()")));
        if outcome.passed == 0 {
            wrong.push(format!("{command}: there are no tests: write some in labs/{}/tests", lab.id));
        }
        wrong_or(wrong, &format!("{} pass", outcome.passed))
    } else {
        if outcome.not_started.is_empty() {
            wrong.push(format!("{command}: no test reaches a todo!(), so none tests the student's file"));
        }
        wrong_or(wrong, &format!("{} not started", outcome.not_started.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::files::Files;
    use super::*;
    use crate::course::lab_toml::LabToml;
    use crate::course::workspace::{Reference, Workspace};
    use crate::dev::check::variant;
    use crate::judge::findings::Findings;
    use crate::judge::results::{Evidence, Graded};

    fn a_lab() -> Lab {
        let check = |name: &str, cost: bool| {
            format!(
                "[[check]]\nname = \"{name}\"\npoints = 1\ncost = {cost}\nrule = \"r\"\nhint = \"h\"\nchapter = \"c\"\n"
            )
        };
        let text = format!(
            "title = \"t\"\npackage = \"pmm\"\nfiles = [\"src/a.rs\"]\nchapter = \"c\"\n{}{}",
            check("right", false),
            check("cheap", true),
        );
        let toml = LabToml::parse(&text, Path::new("lab.toml")).unwrap();
        Lab { id: "01-pmm".to_owned(), folder: PathBuf::from("labs/01-pmm"), toml, reference: Reference::Source }
    }

    fn verdicts(right: Status, cheap: Status) -> LabReport {
        let check = |name: &str, status| CheckReport {
            name: name.to_owned(),
            status,
            max_points: 1,
            message: String::new(),
            rule: String::new(),
            hint: String::new(),
            chapter: String::new(),
            machines: Vec::new(),
            times: 1,
            evidence: None,
        };
        LabReport {
            id: "01-pmm".to_owned(),
            package: String::new(),
            title: "t".to_owned(),
            graded: Graded::Student,
            files: Vec::new(),
            build_error: None,
            refused: None,
            blocked_by: Vec::new(),
            warnings: None,
            checks: vec![check("right", right), check("cheap", cheap)],
        }
    }

    #[test]
    fn what_the_course_comes_with_stays_within_the_fence() {
        let with = |text: &str| {
            let files = Files::from([("a.rs".to_owned(), text.to_owned())]);
            [Variant { origin: PathBuf::from("mistakes/m.patch"), kind: Kind::Alternative, files }]
        };
        assert!(within_fence(&a_lab(), &with("mod other;\n// unsafe\n")).is_ok());
        for (text, expected) in
            [("fn f() {\n unsafe {}\n}", "m.patch: a.rs:2:2: `unsafe` is refused"), ("fn f() {", "cannot be read")]
        {
            let wrong = within_fence(&a_lab(), &with(text)).unwrap_err();
            assert!(wrong[0].contains(expected), "{wrong:?}");
        }
    }

    /// In a unit test, since it takes only a moment for all mistakes of all labs.
    #[test]
    fn so_does_all_of_this_course() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let course = Workspace::open(root).unwrap();
        for lab in course.labs.iter().filter(|lab| lab.has_solution()) {
            let variants = variant::all(lab).unwrap();
            assert_eq!(within_fence(lab, &variants.all).err(), None);
        }
        let of = |code| course.labs.iter().filter(move |lab| lab.code() == code).map(|lab| lab.id.as_str());
        assert!(of(Code::Unsafe).eq(["00-memory", "03-heap"]) && of(Code::Safe).count() >= 4);
    }

    fn variant(kind: Kind) -> Variant {
        Variant { origin: PathBuf::from("x"), kind, files: Files::new() }
    }

    fn mistake() -> Variant {
        let text = "Mistake: m\nCaught-by: right\n--- a/solution/a.rs\n+++ b/solution/a.rs\n@@ -1 +1 @@\n-a\n+b\n";
        variant(Kind::Mistake(Mistake::parse(text, Path::new("m.patch")).unwrap()))
    }

    #[test]
    fn each_kind_of_variant_has_to_come_out_as_it_should() {
        use Status::{Crashed, Failed, Hung, NotStarted, Panicked, Passed, Tampered};
        let lab = a_lab();
        for (kind, right, cheap, holds) in [
            (Kind::Skeleton, NotStarted, Failed, true),
            (Kind::Skeleton, Passed, NotStarted, false),
            (Kind::Skeleton, Panicked, NotStarted, false),
            (Kind::Reference, Passed, Passed, true),
            (Kind::Reference, Passed, Failed, false),
            (Kind::Champion, Passed, Passed, true),
            (Kind::Champion, Passed, Failed, false),
            (Kind::Alternative, Passed, Passed, true),
            (Kind::Alternative, Passed, Failed, true),
            (Kind::Alternative, Failed, Passed, false),
        ] {
            let step = judge(&lab, &variant(kind.clone()), &verdicts(right, cheap));
            assert_eq!(step.is_ok(), holds, "{kind:?} {right:?} {cheap:?}: {step:?}");
        }
        for (status, holds) in [
            (Failed, true),
            (Panicked, true),
            (Crashed, true),
            (Hung, true),
            (Passed, false),
            (NotStarted, false),
            (Tampered, false),
        ] {
            let step = judge(&lab, &mistake(), &verdicts(status, Passed));
            assert_eq!(step.is_ok(), holds, "{status:?}: {step:?}");
        }
    }

    #[test]
    fn what_does_not_compile_proves_nothing() {
        let mut report = verdicts(Status::CouldNotBuild, Status::CouldNotBuild);
        report.build_error = Some("error[E0308]: mismatched types\nmore".to_owned());
        for variant in [variant(Kind::Skeleton), mistake(), variant(Kind::Alternative)] {
            let wrong = judge(&a_lab(), &variant, &report).unwrap_err();
            assert!(wrong[0].contains("error[E0308]"), "{wrong:?}");
        }
    }

    #[test]
    fn a_message_that_is_not_in_words_is_told() {
        let mut report = verdicts(Status::Failed, Status::Passed);
        let findings = |saw: &str| Findings { saw: Some(saw.to_owned()), ..Findings::default() };
        for (saw, holds) in [("the error NotManaged", true), ("Err(NotManaged)", false)] {
            report.checks[0].evidence = Some(Evidence { findings: findings(saw), ..Evidence::default() });
            let step = in_words(judge(&a_lab(), &mistake(), &report), &report);
            assert_eq!(step.is_ok(), holds, "{step:?}");
            assert!(step.is_err_and(|wrong| wrong[0].contains("`right` says 'Err(NotManaged)'")) != holds);
        }
    }

    #[test]
    fn a_check_that_no_mistake_names_is_told() {
        let wrong = coverage(&a_lab(), &[mistake()]).unwrap_err();
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("`cheap`"), "{wrong:?}");
    }

    #[test]
    fn other_checks_that_catch_a_mistake_are_told() {
        let note = judge(&a_lab(), &mistake(), &verdicts(Status::Failed, Status::Failed)).unwrap();
        assert_eq!(note, "caught by right (failed); also cheap");
    }
}
