//! From save to score, and boots per second.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde::Serialize;

use super::spent::{Row, Spent, children_time, largest, median, row, smallest};

use crate::course::lab_toml::Check;
use crate::course::stage::Stage;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::process;
use crate::host::progress::Progress;
use crate::judge::{DEFAULT_SEED, Engine, Request, Whose, processors};

/// How many boots are timed to count the boots per second.
const BOOTS: usize = 40;

/// The time of one check's machines.
#[derive(Serialize)]
pub struct CheckRow {
    pub lab: String,
    pub check: String,
    pub boots: usize,
    /// All of its machines one after the other, in seconds.
    pub seconds: f64,
}

/// Whether builds from scratch are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colds {
    /// They are.
    Measured,
    /// They are left out, because they take minutes.
    LeftOut,
}

/// The tools of the measurement.
pub struct Bench<'a> {
    pub colds: Colds,
    pub staged: &'a Engine,
    pub stage: &'a Stage,
    pub runs: usize,
    pub progress: &'a Progress,
}

/// A file that is saved repeatedly, each time with another number in it.
struct Saved {
    file: String,
    text: String,
    whose: Whose,
    edits: usize,
}

impl Saved {
    /// The arguments that grade it.
    fn words<'w>(&self, lab: &'w Lab) -> Vec<&'w str> {
        let option = (self.whose == Whose::Solution).then_some("--solution");
        [lab.id.as_str()].into_iter().chain(option).collect()
    }
}

impl Bench<'_> {
    /// From save to score for one lab.
    ///
    /// # Errors
    /// If it cannot be graded.
    pub fn lab(&self, lab: &Lab, rows: &mut Vec<Row>, checks: &mut Vec<CheckRow>) -> Result<()> {
        let mut saved = self.saved(lab)?;
        if self.colds == Colds::Measured {
            rows.push(match rows.is_empty() {
                true => self.cold(lab, &mut saved)?,
                false => self.first(lab)?,
            });
        }
        // An earlier build may be out of date.
        self.save(&mut saved)?;
        self.child(&saved.words(lab))?;
        self.warm(lab, &mut saved, rows)?;
        self.progress.start(&format!("{}: check by check", lab.id));
        for check in &lab.toml.checks {
            checks.push(self.check(lab, check, &saved)?);
        }
        Ok(())
    }

    /// The lab's first file, to be saved repeatedly: the reference's, so that every check
    /// runs to its end, or the student's if there is no reference.
    fn saved(&self, lab: &Lab) -> Result<Saved> {
        let student = lab.toml.files.first().cloned().unwrap_or_default();
        let (below, whose) = match student.strip_prefix("src/") {
            Some(root) if lab.has_solution() => (format!("solution/{root}"), Whose::Solution),
            _ => (student, Whose::Student),
        };
        let file = format!("labs/{}/{below}", lab.id);
        let source = self.stage.root().join(&file);
        let text = fs::read_to_string(&source).map_err(|error| Error::io("cannot read", &source, &error))?;
        Ok(Saved { file, text, whose, edits: 0 })
    }

    /// Saves the file with a change.
    fn save(&self, saved: &mut Saved) -> Result<()> {
        saved.edits += 1;
        // A change of a comment is not enough: then the compiler finds that nothing changed.
        let edit = format!("#[used]\nstatic EDIT: u32 = {};\n", saved.edits);
        self.stage.replace(&saved.file, format!("{}\n{edit}", saved.text))
    }

    /// Measures a grading with nothing built before.
    fn cold(&self, lab: &Lab, saved: &mut Saved) -> Result<Row> {
        self.progress.start("Building everything anew");
        self.save(saved)?;
        let built = self.stage.target_dir();
        fs::remove_dir_all(&built).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(Error::io("cannot remove", &built, &error)),
        })?;
        let spent = self.child(&saved.words(lab))?;
        Ok(row(&format!("{}: save to score, nothing built before", lab.id), &[spent]))
    }

    /// Measures a grading of the student's file as handed out, after other labs were graded.
    fn first(&self, lab: &Lab) -> Result<Row> {
        self.progress.start(&format!("{}: for the first time", lab.id));
        let spent = self.child(&[&lab.id])?;
        Ok(row(&format!("{}: first grade, after another lab's", lab.id), &[spent]))
    }

    /// Measures a grading of all labs' references, with everything built.
    ///
    /// # Errors
    /// If they cannot be graded.
    pub fn course(&self, rows: &mut Vec<Row>) -> Result<()> {
        if self.staged.site.workspace.labs.iter().any(|lab| !lab.has_solution()) {
            return Ok(());
        }
        self.child(&["--solution"])?;
        self.progress.start("The whole course");
        let spent: Vec<Spent> = (0..self.runs).map(|_| self.child(&["--solution"])).collect::<Result<_>>()?;
        rows.push(row("the whole course: --solution, warm", &spent));
        Ok(())
    }

    /// Measures the time that `cargo grade` adds: cargo has to see that the grader is up to date.
    ///
    /// # Errors
    /// If cargo cannot be started.
    pub fn alias(&self, root: &Path, rows: &mut Vec<Row>) -> Result<()> {
        let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        let mut spent = Vec::new();
        for _ in 0..self.runs {
            let (start, before) = (Instant::now(), children_time());
            process::output(Command::new(&cargo).args(["grade", "--version"]).current_dir(root))
                .map_err(|error| Error::io("cannot start", &cargo, &error))?;
            let processor = before.and_then(|before| children_time()?.checked_sub(before));
            spent.push(Spent { wall: start.elapsed(), processor });
        }
        rows.push(row("cargo, to see that the grader is up to date", &spent));
        Ok(())
    }

    /// Measures a student's work: everything but the lab is built.
    fn warm(&self, lab: &Lab, saved: &mut Saved, rows: &mut Vec<Row>) -> Result<()> {
        let (mut whole, mut idle) = (Vec::new(), Vec::new());
        let (mut compile, mut boot, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for run in 1..=self.runs {
            self.progress.start(&format!("{}: run {run} of {}", lab.id, self.runs));
            self.save(saved)?;
            whole.push(self.child(&saved.words(lab))?);
            idle.push(self.child(&saved.words(lab))?);
            self.save(saved)?;
            let (_, timings) = self.staged.grade(&request(lab, &[], saved.whose), &Progress::silent())?;
            compile.push(Spent::wall(timings.builds.iter().map(|(_, time)| *time).sum()));
            boot.push(Spent::wall(timings.boots));
            first.extend(timings.first.map(Spent::wall));
        }
        let boots: usize = lab.toml.checks.iter().map(|check| check.memory.len()).sum();
        rows.push(row(&format!("{}: save to score, warm", lab.id), &whole));
        rows.push(row(&format!("{}: of that, up to the first verdict", lab.id), &first));
        rows.push(row(&format!("{}: of that, compile and link", lab.id), &compile));
        rows.push(row(&format!("{}: of that, {boots} boots and verdicts", lab.id), &boot));
        rows.push(row(&format!("{}: score again, nothing changed", lab.id), &idle));
        Ok(())
    }

    /// The time of one check's machines.
    fn check(&self, lab: &Lab, check: &Check, saved: &Saved) -> Result<CheckRow> {
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..self.runs {
            let mut request = request(lab, &[check.name.as_str()], saved.whose);
            request.jobs = 1;
            let (_, timings) = self.staged.grade(&request, &Progress::silent())?;
            times.push(timings.machines.as_secs_f64());
        }
        let boots = check.memory.len();
        Ok(CheckRow { lab: lab.id.clone(), check: check.name.clone(), boots, seconds: median(&mut times) })
    }

    /// How many machines can start, report and end per second.
    ///
    /// # Errors
    /// If one does not.
    pub fn boots(&self, rows: &mut Vec<Row>) -> Result<()> {
        let site = &self.staged.site;
        let image = site.image_of(&site.mix(&[]), &Progress::silent())?;
        for jobs in [1, processors()] {
            self.progress.start(&format!("Booting, {jobs} at a time"));
            let mut rates = Vec::new();
            for _ in 0..self.runs {
                let start = Instant::now();
                self.boot_all(&image.path, jobs)?;
                rates.push(BOOTS as f64 / start.elapsed().as_secs_f64());
            }
            let (least, most) = (smallest(&rates), largest(&rates));
            rows.push(Row {
                what: format!("boots, {jobs} at a time"),
                unit: "/s",
                median: median(&mut rates),
                least,
                most,
                processor_time: None,
                runs: self.runs,
            });
            if processors() == 1 {
                break;
            }
        }
        Ok(())
    }

    fn boot_all(&self, image: &Path, jobs: usize) -> Result<()> {
        let left = AtomicUsize::new(BOOTS);
        let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs)
                .map(|_| {
                    scope.spawn(|| {
                        while take() {
                            self.staged.list(image)?;
                        }
                        Ok(())
                    })
                })
                .collect();
            let failed = || Err(Error::new("a boot could not be measured"));
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| failed()))
        })
    }

    /// Runs this program like a user.
    fn child(&self, words: &[&str]) -> Result<Spent> {
        let program = env::current_exe().map_err(|error| Error::new(format!("cannot find this program: {error}")))?;
        let target = self.stage.target_dir();
        let mut command = Command::new(&program);
        command.args(words).current_dir(self.stage.root()).env("CARGO_TARGET_DIR", target.parent().unwrap_or(&target));
        let (start, before) = (Instant::now(), children_time());
        let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &program, &error))?;
        let spent =
            Spent { wall: start.elapsed(), processor: before.and_then(|before| children_time()?.checked_sub(before)) };
        match output.status.code() {
            Some(status) if Exit::is_verdict(status) => Ok(spent),
            _ => Err(Error::new("grading failed").output(String::from_utf8_lossy(&output.stderr))),
        }
    }
}

fn request(lab: &Lab, checks: &[&str], whose: Whose) -> Request {
    Request {
        labs: vec![lab.id.clone()],
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        whose,
        seed: DEFAULT_SEED,
        jobs: processors(),
        ..Request::default()
    }
}
