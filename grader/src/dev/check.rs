//! `cargo grade dev check`: the course proves itself.
//!
//! A check is only worth its points if it catches something, and a lab is only
//! fair if whoever does it rightly passes. So every lab comes with mistakes
//! that have to be caught and with alternatives that have to pass, and they are
//! graded here as a student's file is: built into a kernel and booted.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Instant;

use crate::compile::Built;
use crate::error::{Error, Result};
use crate::grade::{DEFAULT_SEED, Engine, Request, Whose};
use crate::model::{CheckReport, LabReport, Mix, Status};
use crate::progress::Progress;
use crate::report;
use crate::report::style::{BAD, FAINT, GOOD, STRONG, View, plural, wrap};
use crate::workspace::Lab;

use super::stage::Stage;
use super::variant::{self, Kind, Variant};
use super::{chapters, host_tests, layout, miri};

/// What to prove.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// Run every check on every mistake, and say which ones catch it.
    pub full: bool,
    /// Try only so many mistakes of each lab, spread over all of them.
    pub mistakes: Option<u16>,
    /// Leave out the skeletons: the student's files have been worked on.
    pub no_skeleton: bool,
    /// How many machines at a time.
    pub jobs: usize,
}

/// Proves every lab, tells on standard output what it finds, and returns
/// whether everything holds.
///
/// # Errors
/// If it could not be done.
pub fn run(engine: &Engine, options: &Options, view: &View, progress: &Progress) -> Result<bool> {
    let start = Instant::now();
    let labs = engine.workspace.select(&options.labs)?;
    if let Some(lab) = labs.iter().find(|lab| !lab.has_solution) {
        return Err(Error::new(format!("labs/{} has no reference here", lab.id))
            .advise("`dev check` needs the whole course, not what students get"));
    }
    let (stage, staged) = Stage::with_engine(engine)?;
    // One mix for all labs, of nothing but student's files: those that are not being
    // proved hold the references. Another mix for each lab would be another kernel.
    for lab in engine.workspace.labs.iter().filter(|lab| lab.has_solution) {
        put(&stage, lab, &variant::reference(lab)?)?;
    }
    let mut proof = Proof::new(options, view, progress);
    for lab in labs {
        proof.lab(engine, &staged, &stage, lab)?;
    }
    Ok(proof.closing(start))
}

/// Runs the host tests of labs with unsafe code under Miri, and nothing else.
///
/// # Errors
/// If it could not be done.
pub fn miri_alone(engine: &Engine, labs: &[String], view: &View, progress: &Progress) -> Result<bool> {
    let start = Instant::now();
    let labs = engine.workspace.select(labs)?;
    let (stage, _) = Stage::with_engine(engine)?;
    let options = Options::default();
    let mut proof = Proof::new(&options, view, progress);
    for lab in labs.into_iter().filter(|lab| miri::concerns(lab)) {
        if !lab.has_solution {
            return Err(Error::new(format!("labs/{} has no reference here", lab.id))
                .advise(format!("run `cargo +nightly miri test --package {}` for your own", lab.toml.package)));
        }
        proof.say(&view.paint(STRONG, &format!("{}  {}", lab.id, lab.toml.title)));
        proof.miri(lab, &stage)?;
    }
    Ok(proof.closing(start))
}

/// What has been found so far.
struct Proof<'a> {
    options: &'a Options,
    view: &'a View,
    progress: &'a Progress,
    /// What does not hold, and what to do about it.
    told: Vec<String>,
    /// What could not be looked at here.
    left_out: Vec<String>,
    steps: usize,
    failed: usize,
}

/// What came of one step: a short note, or what is wrong.
type Step = Result<String, Vec<String>>;

impl<'a> Proof<'a> {
    fn new(options: &'a Options, view: &'a View, progress: &'a Progress) -> Self {
        Self { options, view, progress, told: Vec::new(), left_out: Vec::new(), steps: 0, failed: 0 }
    }

    /// Tells what came of it all, and returns whether everything holds.
    fn closing(self, start: Instant) -> bool {
        self.progress.finish();
        let Self { view, told, left_out, steps, failed, .. } = self;
        for line in &left_out {
            say(&view.paint(FAINT, line));
        }
        let seconds = start.elapsed().as_secs_f64();
        if steps == 0 {
            return true;
        }
        if told.is_empty() {
            let all = view.paint(GOOD, &format!("All of {steps} hold."));
            say(&format!("{all}  {}", view.paint(FAINT, &format!("{seconds:.1} s"))));
            return true;
        }
        say(&view.paint(BAD, &format!("{failed} of {steps} do not hold:")));
        for complaint in &told {
            for (number, line) in wrap(complaint, view.columns() - 4).iter().enumerate() {
                say(&format!("{}{line}", if number == 0 { "  - " } else { "    " }));
            }
        }
        false
    }

    fn lab(&mut self, engine: &Engine, staged: &Engine, stage: &Stage, lab: &Lab) -> Result<()> {
        self.say(&self.view.paint(STRONG, &format!("{}  {}", lab.id, lab.toml.title)));
        self.step("folder", &lab.id, wrong_or(layout::complaints(lab)?, "nothing missing, nothing stray"));
        let chapters = chapters::complaints(&engine.workspace.root, lab);
        self.step("book", &lab.toml.chapter, wrong_or(chapters, "every link has its place"));

        let variants = variant::all(lab)?;
        self.step("mistakes", "coverage", coverage(lab, &variants));
        let all = variants.iter().filter(|variant| matches!(variant.kind, Kind::Mistake(_))).count();
        let wanted = self.options.mistakes.map_or(all, usize::from);
        let mut seen = 0;
        for variant in &variants {
            if let Kind::Mistake(_) = &variant.kind {
                seen += 1;
                // One of every `all / wanted`.
                if (seen - 1) * wanted / all == seen * wanted / all {
                    continue;
                }
            }
            put(stage, lab, &variant.files)?;
            if matches!(variant.kind, Kind::Skeleton) {
                let list = list_of_checks(staged, lab, self.progress)?;
                self.step("checks", "lab.toml and kernel", list);
                if self.options.no_skeleton {
                    continue;
                }
            }
            let checks = match &variant.kind {
                Kind::Mistake(mistake) if !self.options.full => vec![mistake.caught_by.clone()],
                _ => Vec::new(),
            };
            let request = Request {
                labs: vec![lab.id.clone()],
                checks,
                whose: Whose::Own,
                seed: DEFAULT_SEED,
                jobs: self.options.jobs,
            };
            let (run, _) = staged.grade(&request, self.progress)?;
            let step = match run.labs.first() {
                Some(report) => judge(lab, variant, report),
                None => Err(vec!["no check was run".to_owned()]),
            };
            let origin = variant.origin.display().to_string();
            if step.is_err() && self.view.verbose {
                let text = report::text(&run, &stage.root(), &View { verbose: false, ..*self.view });
                self.say(&text);
            }
            let step = step.map_err(|wrong| prefixed(&format!("labs/{}/{origin}", lab.id), wrong));
            self.step(
                variant.kind.word(),
                variant.origin.file_stem().and_then(|stem| stem.to_str()).unwrap_or(&origin),
                step,
            );
        }
        // The stage holds some variant now: back to what the course has.
        if let Some(skeleton) = variants.iter().find(|variant| matches!(variant.kind, Kind::Skeleton)) {
            put(stage, lab, &skeleton.files)?;
        }
        for solution in [true, false] {
            if !solution && self.options.no_skeleton {
                continue;
            }
            self.progress.start("Running the lab's host tests");
            let outcome = host_tests::run(&stage.root(), &stage.host_target_dir(), &lab.toml.package, solution)?;
            self.step("host tests", if solution { "reference" } else { "skeleton" }, host(lab, solution, &outcome));
        }
        self.miri(lab, stage)?;
        self.say("");
        // For the labs that come next.
        put(stage, lab, &variant::reference(lab)?)
    }

    /// Runs the host tests of a lab with unsafe code under Miri, if there is one.
    fn miri(&mut self, lab: &Lab, stage: &Stage) -> Result<()> {
        if !miri::concerns(lab) {
            return Ok(());
        }
        match miri::find() {
            Ok(found) => {
                self.progress.start("Running the lab's host tests under Miri");
                let outcome = miri::run(&found, &stage.root(), &stage.miri_target_dir(), lab)?;
                self.step("host tests", "reference, under Miri", under_miri(lab, &outcome));
            }
            Err(why) => {
                let line = format!("  – host tests  not under Miri: {why}");
                self.say(&self.view.paint(FAINT, &line));
                self.left_out.push(format!("labs/{}: its unsafe code was not looked at, for {why}", lab.id));
            }
        }
        Ok(())
    }

    /// Prints a line, with the line of progress out of its way.
    fn say(&self, text: &str) {
        self.progress.suspend(|| say(text));
    }

    /// Tells what came of a step.
    fn step(&mut self, kind: &str, what: &str, step: Step) {
        self.steps += 1;
        let (mark, style, note) = match &step {
            Ok(note) => ("✔", GOOD, note.clone()),
            Err(wrong) => ("✘", BAD, plural(wrong.len(), "thing") + " wrong"),
        };
        let mut line = String::new();
        // Writing to a string cannot fail.
        let _ =
            write!(line, "  {} {kind:<12}{what:<32} {}", self.view.paint(style, mark), self.view.paint(FAINT, &note));
        self.say(line.trim_end());
        if let Err(wrong) = step {
            self.failed += 1;
            self.told.extend(wrong);
        }
    }
}

/// Puts texts in the place of a lab's student's files, each by its name in `lab.toml`.
fn put(stage: &Stage, lab: &Lab, files: &[(String, String)]) -> Result<()> {
    files.iter().try_for_each(|(name, text)| stage.replace(&format!("labs/{}/{name}", lab.id), text))
}

/// Prints a line. Where nobody listens there is nothing to do about it.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// The same of many checks is told of the first few.
fn few(mut wrong: Vec<String>) -> Vec<String> {
    const TOLD: usize = 3;
    if wrong.len() > TOLD + 1 {
        let more = wrong.len() - TOLD;
        wrong.truncate(TOLD);
        wrong.push(format!("and {} (-v shows them)", plural(more, "other check")));
    }
    wrong
}

fn wrong_or(wrong: Vec<String>, note: &str) -> Step {
    if wrong.is_empty() { Ok(note.to_owned()) } else { Err(wrong) }
}

fn prefixed(prefix: &str, wrong: Vec<String>) -> Vec<String> {
    wrong.into_iter().map(|wrong| format!("{prefix}: {wrong}")).collect()
}

/// Whether every check is named by a mistake as the one that catches it.
fn coverage(lab: &Lab, variants: &[Variant]) -> Step {
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

/// Whether `lab.toml` and the kernel name the same checks.
fn list_of_checks(staged: &Engine, lab: &Lab, progress: &Progress) -> Result<Step> {
    let image = match staged.build(&Mix::default(), progress, &mut Vec::new())? {
        Built::Image(image) => image,
        // The skeleton's own step says more.
        Built::Broken(_) => return Ok(Err(vec!["the kernel does not compile with the skeleton".to_owned()])),
    };
    let listed = staged.list(&image.path)?;
    let kernel: Vec<&str> =
        listed.iter().filter(|(package, _)| *package == lab.toml.package).map(|(_, name)| name.as_str()).collect();
    let ours: Vec<&str> = lab.toml.checks.iter().map(|check| check.name.as_str()).collect();
    let mut wrong = Vec::new();
    for check in lab.toml.checks.iter().filter(|check| !kernel.contains(&check.name.as_str())) {
        wrong.push(format!(
            "labs/{}/lab.toml:{}: the kernel has no check `{}` for {}: write it in kernel/src/checks",
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

/// Whether what came of a variant is what it is there to prove.
fn judge(lab: &Lab, variant: &Variant, report: &LabReport) -> Step {
    if let Some(error) = &report.build_error {
        let error = anstream::adapter::strip_str(error).to_string();
        let first = error.lines().next().unwrap_or_default().to_owned();
        return Err(vec![format!("does not compile ({first}): it has to, or it proves nothing")]);
    }
    let passed = report.checks.iter().filter(|check| check.status == Status::Passed).count();
    let all = report.checks.len();
    match &variant.kind {
        Kind::Skeleton => {
            let fine = |check: &&CheckReport| !matches!(check.status, Status::NotStarted | Status::Failed);
            let wrong = report.checks.iter().filter(fine).map(|check| {
                format!("`{}` {} on the skeleton: it has to be not started, or fail", check.name, came_out(check))
            });
            wrong_or(few(wrong.collect()), &format!("0 of {all} pass"))
        }
        Kind::Reference => {
            let wrong = report.checks.iter().filter(|check| check.status != Status::Passed).map(|check| {
                format!(
                    "`{}` {}: either the check or the reference is wrong ({})",
                    check.name,
                    came_out(check),
                    check.message
                )
            });
            wrong_or(few(wrong.collect()), &format!("{passed} of {all} pass"))
        }
        Kind::Alternative => {
            let costs =
                |check: &CheckReport| lab.toml.checks.iter().any(|other| other.name == check.name && other.cost);
            let wrong =
                report.checks.iter().filter(|check| check.status != Status::Passed && !costs(check)).map(|check| {
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
        Kind::Mistake(mistake) => {
            let named = report.checks.iter().find(|check| check.name == mistake.caught_by);
            match named {
                Some(check) if caught(check.status) => {
                    let others: Vec<&str> = report
                        .checks
                        .iter()
                        .filter(|other| other.name != check.name && other.status != Status::Passed)
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
    }
}

/// Whether a verdict says that something is wrong with the implementation.
fn caught(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Panicked | Status::Crashed | Status::Hung)
}

fn came_out(check: &CheckReport) -> String {
    match check.status {
        Status::Passed => "passes".to_owned(),
        status => format!("comes out as {}", status.words()),
    }
}

/// Whether Miri has nothing to say.
fn under_miri(lab: &Lab, outcome: &host_tests::Outcome) -> Step {
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

/// Whether the host tests say what they should.
fn host(lab: &Lab, solution: bool, outcome: &host_tests::Outcome) -> Step {
    let package = &lab.toml.package;
    let features = if solution { " --features solution" } else { "" };
    let command = format!("`cargo test -p {package}{features}`");
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
    if solution {
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
    use std::path::Path;

    use super::*;
    use std::path::PathBuf;

    use crate::lab_toml::LabToml;
    use crate::model::Graded;

    use super::super::patch::Mistake;

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
        Lab { id: "01-pmm".to_owned(), folder: PathBuf::from("labs/01-pmm"), toml, has_solution: true }
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
            evidence: None,
        };
        LabReport {
            id: "01-pmm".to_owned(),
            title: "t".to_owned(),
            graded: Graded::Student,
            files: Vec::new(),
            build_error: None,
            blocked_by: Vec::new(),
            warnings: None,
            checks: vec![check("right", right), check("cheap", cheap)],
        }
    }

    fn variant(kind: Kind) -> Variant {
        Variant { origin: PathBuf::from("x"), kind, files: Vec::new() }
    }

    fn mistake() -> Variant {
        let text = "Mistake: m\nCaught-by: right\n--- a/a.rs\n+++ b/a.rs\n@@ -1 +1 @@\n-a\n+b\n";
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
