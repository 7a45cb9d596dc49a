//! `cargo grade dev check`: the course proves itself.
//!
//! A check is worth its points only if it catches a mistake, and a lab is
//! fair only if every correct implementation passes. So every lab comes with mistakes
//! that have to be caught and with alternatives that have to pass. They are
//! graded here like a student's file: built into a kernel and booted.

mod chapters;
mod contract;
pub mod files;
mod host_tests;
mod layout;
mod miri;
pub mod patch;
mod steps;
pub mod variant;
mod wording;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Instant;

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style::{BAD, FAINT, GOOD, STRONG, View, plural, wrap};
use crate::judge::{DEFAULT_SEED, Engine, Request, Whose};
use crate::report;

use super::staged::staged;
use crate::course::stage::Stage;
use files::Files;
use host_tests::Tested;
use steps::{Step, coverage, host, in_words, judge, list_of_checks, prefixed, under_miri, within_fence, wrong_or};
use variant::{Kind, Variant, Variants};

/// The options of a proof.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// Run every check on every mistake, and report the checks that catch it.
    pub full: bool,
    /// Try only this many mistakes of each lab, spread over all of them.
    pub mistakes: Option<u16>,
    /// Leave out the skeletons, because the student's files contain work.
    pub no_skeleton: bool,
    /// How many machines run at a time.
    pub jobs: usize,
}

/// Proves every lab, reports its findings on standard output, and returns
/// whether everything holds.
///
/// # Errors
/// If a proof could not be made.
pub fn run(engine: &Engine, options: &Options, view: &View, progress: &Progress) -> Result<bool> {
    let start = Instant::now();
    let labs = engine.site.workspace.select_whole(&options.labs)?;
    let (stage, staged) = staged(engine)?;
    let mut proof = Proof::new(options, view, progress);
    for lab in labs {
        proof.lab(engine, &staged, &stage, lab)?;
    }
    Ok(proof.closing(start))
}

/// Runs the host tests of labs with unsafe code under Miri, and nothing else.
///
/// # Errors
/// If the tests could not be run.
pub fn miri_alone(engine: &Engine, labs: &[String], view: &View, progress: &Progress) -> Result<bool> {
    let start = Instant::now();
    let labs = engine.site.workspace.select(labs)?;
    let labs: Vec<&Lab> = labs.into_iter().filter(|lab| miri::concerns(lab)).collect();
    if let Some(lab) = labs.iter().find(|lab| !lab.has_solution()) {
        return Err(Error::new(format!("labs/{} has no reference here", lab.id))
            .advise(format!("run `cargo +nightly miri test --package {}` for your own", lab.toml.package)));
    }
    let (stage, _) = staged(engine)?;
    let options = Options::default();
    let mut proof = Proof::new(&options, view, progress);
    for lab in labs {
        proof.say(&view.paint(STRONG, &format!("{}  {}", lab.id, lab.toml.title)));
        proof.miri(lab, &stage, Kind::Reference.word())?;
    }
    Ok(proof.closing(start))
}

/// The findings so far.
struct Proof<'a> {
    options: &'a Options,
    view: &'a View,
    progress: &'a Progress,
    /// What does not hold, with advice.
    told: Vec<String>,
    /// What could not be tested here.
    left_out: Vec<String>,
    steps: usize,
    failed: usize,
}

impl<'a> Proof<'a> {
    fn new(options: &'a Options, view: &'a View, progress: &'a Progress) -> Self {
        Self { options, view, progress, told: Vec::new(), left_out: Vec::new(), steps: 0, failed: 0 }
    }

    /// Reports all findings, and returns whether everything holds.
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
        let chapters = chapters::complaints(&engine.site.workspace.root, lab);
        self.step("book", &lab.toml.chapter, wrong_or(chapters, "every link has its place"));

        let Variants { all: variants, unfit } = variant::all(lab)?;
        self.step("mistakes", "diffs", wrong_or(unfit, "each fits the reference"));
        self.step("mistakes", "coverage", coverage(lab, &variants));
        self.step("fence", "all of them", within_fence(lab, &variants));
        let contract = contract::complaints(lab, &variants);
        self.step("contract", contract::PAGE, wrong_or(contract, "each sentence has its check"));
        for variant in self.chosen(&variants) {
            self.variant(staged, stage, lab, variant)?;
        }
        self.host_tests(stage, lab, &variants)?;
        self.say("");
        Ok(())
    }

    /// The variants to try: of the mistakes only as many as requested, spread over all of them.
    fn chosen<'v>(&self, variants: &'v [Variant]) -> Vec<&'v Variant> {
        let all = variants.iter().filter(|variant| matches!(variant.kind, Kind::Mistake(_))).count();
        let wanted = self.options.mistakes.map_or(all, usize::from);
        let mut seen = 0;
        let mut is_chosen = |variant: &&Variant| match variant.kind {
            Kind::Skeleton => !self.options.no_skeleton,
            Kind::Mistake(_) => {
                seen += 1;
                // One of every `all / wanted`.
                (seen - 1) * wanted / all != seen * wanted / all
            }
            Kind::Reference | Kind::Champion | Kind::Alternative => true,
        };
        variants.iter().filter(|variant| is_chosen(variant)).collect()
    }

    /// Grades a variant, and reports whether the result is as it should be.
    fn variant(&mut self, staged: &Engine, stage: &Stage, lab: &Lab, variant: &Variant) -> Result<()> {
        put(stage, lab, &variant.files)?;
        let checks = match &variant.kind {
            Kind::Mistake(mistake) if !self.options.full => vec![mistake.caught_by.clone()],
            _ => Vec::new(),
        };
        let request = Request {
            labs: vec![lab.id.clone()],
            checks,
            whose: Whose::Variant,
            seed: DEFAULT_SEED,
            jobs: self.options.jobs,
            ..Request::default()
        };
        let (run, _) = staged.grade(&request, self.progress)?;
        let step = match run.labs.first() {
            Some(report) => in_words(judge(lab, variant, report), report),
            None => Err(vec!["no check was run".to_owned()]),
        };
        let origin = variant.origin.display().to_string();
        if step.is_err() && self.view.verbose {
            let text = report::text(&run, &stage.root(), &View { verbose: false, ..*self.view });
            self.say(&text);
        }
        let step = step.map_err(|wrong| prefixed(&format!("labs/{}/{origin}", lab.id), wrong));
        let name = variant.origin.file_stem().and_then(|stem| stem.to_str()).unwrap_or(&origin);
        self.step(variant.kind.word(), name, step);
        if matches!(variant.kind, Kind::Reference) {
            let list = list_of_checks(staged, lab, self.progress)?;
            self.step("checks", "lab.toml and kernel", list);
        }
        Ok(())
    }

    /// Runs the lab's host tests on the champion, the reference and the skeleton. Afterwards the reference
    /// is back in its place.
    fn host_tests(&mut self, stage: &Stage, lab: &Lab, variants: &[Variant]) -> Result<()> {
        let of = |wanted: fn(&Kind) -> bool| variants.iter().find(|variant| wanted(&variant.kind));
        let champion = of(|kind| matches!(kind, Kind::Champion));
        let reference = of(|kind| matches!(kind, Kind::Reference));
        for variant in [champion, reference].into_iter().flatten() {
            let word = variant.kind.word();
            put(stage, lab, &variant.files)?;
            self.host_test(stage, lab, word, Tested::InPlaceOfReference)?;
            self.miri(lab, stage, word)?;
        }
        if !self.options.no_skeleton {
            self.host_test(stage, lab, Kind::Skeleton.word(), Tested::Student)?;
        }
        Ok(())
    }

    fn host_test(&mut self, stage: &Stage, lab: &Lab, what: &str, tested: Tested) -> Result<()> {
        self.progress.start("Running the lab's host tests");
        let outcome = host_tests::run(&stage.root(), &stage.host_target_dir(), &lab.toml.package, tested)?;
        self.step("host tests", what, host(lab, tested, &outcome));
        Ok(())
    }

    /// Runs the host tests of a lab with unsafe code under Miri, if there is one. `what` is in
    /// the place of the reference.
    fn miri(&mut self, lab: &Lab, stage: &Stage, what: &str) -> Result<()> {
        if !miri::concerns(lab) {
            return Ok(());
        }
        match miri::find() {
            Ok(found) => {
                self.progress.start("Running the lab's host tests under Miri");
                let outcome = miri::run(&found, &stage.root(), &stage.miri_target_dir(), lab)?;
                self.step("host tests", &format!("{what}, under Miri"), under_miri(lab, &outcome));
            }
            Err(why) => {
                let line = format!("  – host tests  not under Miri: {why}");
                self.say(&self.view.paint(FAINT, &line));
                let line = format!("labs/{}: its unsafe code was not looked at, for {why}", lab.id);
                if !self.left_out.contains(&line) {
                    self.left_out.push(line);
                }
            }
        }
        Ok(())
    }

    /// Prints a line above the line of progress.
    fn say(&self, text: &str) {
        self.progress.suspend(|| say(text));
    }

    /// Reports the outcome of a step.
    fn step(&mut self, kind: &str, what: &str, step: Step) {
        self.steps += 1;
        let (mark, style, note) = match &step {
            Ok(note) => ("✔", GOOD, note.clone()),
            Err(wrong) => ("✘", BAD, plural(wrong.len(), "thing") + " wrong"),
        };
        let mut line = String::new();
        // Writing to a `String` does not fail.
        let _ =
            write!(line, "  {} {kind:<12}{what:<32} {}", self.view.paint(style, mark), self.view.paint(FAINT, &note));
        self.say(line.trim_end());
        if let Err(wrong) = step {
            self.failed += 1;
            self.told.extend(wrong);
        }
    }
}

/// Puts files in the place of a lab's reference.
fn put(stage: &Stage, lab: &Lab, files: &Files) -> Result<()> {
    stage.replace_folder(&format!("labs/{}/solution", lab.id), files)
}

/// Prints a line. If nobody reads it, there is nothing to do about it.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
