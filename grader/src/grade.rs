//! A run: which kernels are built, which machines are booted, and what comes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::compile::{Broken, Builder, Built, Foreign, Image, foreign_source};
use crate::emulator::{Boot, Emulator, Outcome};
use crate::error::{Error, Result};
use crate::lab_toml::{Check, Memory};
use crate::model::{CheckReport, Crash, Evidence, Graded, LabReport, Mix, Run, Status};
use crate::progress::Progress;
use crate::toolchain::Toolchain;
use crate::verdict::{self, End, Verdict};
use crate::wire::Transcript;
use crate::workspace::{Lab, Workspace};

/// The seed, if none is asked for: always the same, so that the same code gets the same verdict.
pub const DEFAULT_SEED: u64 = 1;

/// So much of a machine's output is kept for the report.
const KEPT_OUTPUT: usize = 64 << 10;

/// Whose files are graded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Whose {
    /// The student's, each lab with the references of all others.
    #[default]
    Student,
    /// The student's, all labs together.
    Own,
    /// The references.
    Solution,
}

/// What to grade.
#[derive(Clone, Debug)]
pub struct Request {
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// Checks by name; all if empty.
    pub checks: Vec<String>,
    /// Whose files.
    pub whose: Whose,
    /// For the checks that draw random numbers.
    pub seed: u64,
    /// How many machines at a time.
    pub jobs: usize,
}

impl Default for Request {
    fn default() -> Self {
        Self { labs: vec![], checks: vec![], whose: Whose::Student, seed: DEFAULT_SEED, jobs: processors() }
    }
}

/// How many machines to run at a time, if nothing else is asked for.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// All that grading needs.
pub struct Engine {
    /// The course.
    pub workspace: Workspace,
    /// The compiler.
    pub toolchain: Toolchain,
    /// The emulator.
    pub emulator: Emulator,
    /// Where kernels are built.
    pub target_dir: PathBuf,
}

/// How long things took.
#[derive(Debug, Default)]
pub struct Timings {
    /// Each build: its name, and how long.
    pub builds: Vec<(String, Duration)>,
    /// All boots, from the first start to the last end.
    pub boots: Duration,
    /// How many boots.
    pub booted: usize,
    /// The boots' own times, added up.
    pub machines: Duration,
}

/// A lab that is graded, and the checks that are.
struct Task<'a> {
    lab: &'a Lab,
    checks: Vec<&'a Check>,
    graded: Graded,
}

/// One boot to be made.
struct Job<'a> {
    task: usize,
    check: usize,
    boot: usize,
    image: PathBuf,
    about: &'a Check,
    memory: Memory,
}

/// A boot that was made.
struct Done {
    verdict: Verdict,
    evidence: Evidence,
}

/// What became of the kernel for some labs.
struct Kernel {
    /// The image, if there is one.
    image: Option<Image>,
    /// The labs that did not compile, with what rustc says.
    broken: BTreeMap<String, String>,
    /// Labs that take in somebody else's file, with what there is to say about it.
    tampered: BTreeMap<String, String>,
}

impl Engine {
    fn builder(&self) -> Builder<'_> {
        Builder { toolchain: &self.toolchain, root: &self.workspace.root, target_dir: &self.target_dir }
    }

    /// Grades.
    ///
    /// # Errors
    /// If it could not be done, for a reason that is not the student's.
    pub fn grade(&self, request: &Request, progress: &Progress) -> Result<(Run, Timings)> {
        let start = Instant::now();
        let tasks = self.tasks(request)?;
        let groups = self.groups(&tasks, request.whose);
        let mut timings = Timings::default();
        let mut kernels: Vec<Option<Kernel>> = Vec::new();
        let total: usize = tasks.iter().flat_map(|task| &task.checks).map(|check| check.memory.len()).sum();

        let (sender, receiver) = mpsc::channel::<Job<'_>>();
        let receiver = Mutex::new(receiver);
        let results: Mutex<BTreeMap<(usize, usize, usize), Done>> = Mutex::default();
        let failure: Mutex<Option<Error>> = Mutex::default();
        let stop = AtomicBool::new(false);
        let spent: Mutex<Duration> = Mutex::default();
        let fail = |error: Error| {
            stop.store(true, Ordering::Relaxed);
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        };

        thread::scope(|scope| {
            for _ in 0..request.jobs.clamp(1, total.max(1)) {
                scope.spawn(|| {
                    loop {
                        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(job) = job else { break };
                        if stop.load(Ordering::Relaxed) {
                            continue;
                        }
                        let began = Instant::now();
                        match self.run(&job, request.seed) {
                            Ok(done) => {
                                results
                                    .lock()
                                    .unwrap_or_else(PoisonError::into_inner)
                                    .insert((job.task, job.check, job.boot), done);
                            }
                            Err(error) => fail(error),
                        }
                        *spent.lock().unwrap_or_else(PoisonError::into_inner) += began.elapsed();
                        progress.step();
                    }
                });
            }
            // While machines run, the next kernel is built.
            for (mix, members) in &groups {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let labs: Vec<&Lab> = members.iter().map(|task| tasks[*task].lab).collect();
                let kernel = match self.kernel(mix, &labs, request.whose, progress, &mut timings) {
                    Ok(kernel) => kernel,
                    Err(error) => {
                        fail(error);
                        break;
                    }
                };
                progress.start_counting("Booting", total);
                for (task, member) in members.iter().map(|task| (*task, &tasks[*task])) {
                    if kernel.broken.contains_key(&member.lab.id) || kernel.tampered.contains_key(&member.lab.id) {
                        continue;
                    }
                    let Some(image) = &kernel.image else { continue };
                    for (number, check) in member.checks.iter().enumerate() {
                        for (boot, memory) in check.memory.iter().enumerate() {
                            timings.booted += 1;
                            let image = image.path.clone();
                            // Nobody to take it: the workers have gone after a failure.
                            let _ = sender.send(Job { task, check: number, boot, image, about: check, memory: *memory });
                        }
                    }
                }
                kernels.push(Some(kernel));
            }
            drop(sender);
        });
        progress.finish();
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        timings.machines = spent.into_inner().unwrap_or_else(PoisonError::into_inner);
        timings.boots = start.elapsed().saturating_sub(timings.builds.iter().map(|(_, time)| *time).sum());

        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut labs = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let group = groups.iter().position(|(_, members)| members.contains(&number));
            let kernel = group.and_then(|group| kernels.get(group)?.as_ref());
            labs.push(report(number, task, kernel, &mut results));
        }
        let run = Run {
            labs,
            emulator: self.emulator.version.clone(),
            toolchain: self.toolchain.version.clone(),
            seed: request.seed,
            elapsed: start.elapsed(),
            repeat: repeat(request),
        };
        Ok((run, timings))
    }

    /// The labs and checks that are asked for.
    fn tasks(&self, request: &Request) -> Result<Vec<Task<'_>>> {
        let mut labs = self.workspace.select(&request.labs)?;
        for name in &request.checks {
            let (lab, _) = self.workspace.check(name)?;
            if !labs.iter().any(|chosen| chosen.id == lab.id) {
                return Err(Error::new(format!("the check `{name}` is one of {}, not of the labs that you named", lab.id))
                    .advise("name that lab, or none"));
            }
        }
        let wanted = |check: &&Check| request.checks.is_empty() || request.checks.contains(&check.name);
        labs.retain(|lab| lab.toml.checks.iter().any(|check| wanted(&check)));
        let graded = if request.whose == Whose::Solution { Graded::Solution } else { Graded::Student };
        if graded == Graded::Solution
            && let Some(lab) = labs.iter().find(|lab| !lab.has_solution)
        {
            return Err(Error::new(format!("labs/{} has no reference here", lab.id))
                .advise("what students get leaves the references out: run `cargo grade` without --solution"));
        }
        Ok(labs
            .into_iter()
            .map(|lab| Task { lab, checks: lab.toml.checks.iter().filter(wanted).collect(), graded })
            .collect())
    }

    /// The kernels to build: for each the references it takes, and the tasks that it serves.
    fn groups(&self, tasks: &[Task<'_>], whose: Whose) -> Vec<(Mix, Vec<usize>)> {
        let mut groups: Vec<(Mix, Vec<usize>)> = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let mix = match whose {
                Whose::Solution => self.mix(&[]),
                Whose::Own => Mix::default(),
                Whose::Student => self.mix(&[task.lab]),
            };
            match groups.iter_mut().find(|(known, _)| *known == mix) {
                Some((_, members)) => members.push(number),
                None => groups.push((mix, vec![number])),
            }
        }
        groups
    }

    /// References for all labs but those, as far as there are any.
    pub fn mix(&self, student: &[&Lab]) -> Mix {
        let mut solutions: Vec<String> = self
            .workspace
            .labs
            .iter()
            .filter(|lab| lab.has_solution && !student.iter().any(|other| other.id == lab.id))
            .map(|lab| lab.toml.package.clone())
            .collect();
        solutions.sort();
        Mix { solutions }
    }

    /// A short name for a mix: the labs in it that are the student's.
    fn name(&self, mix: &Mix) -> String {
        let own: Vec<&str> = self
            .workspace
            .labs
            .iter()
            .map(|lab| lab.toml.package.as_str())
            .filter(|package| !mix.solutions.iter().any(|solution| solution == package))
            .collect();
        if own.is_empty() { "reference".to_owned() } else { own.join("+") }
    }

    /// Builds a mix, and nothing else.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn build(&self, mix: &Mix, progress: &Progress, timings: &mut Timings) -> Result<Built> {
        let name = self.name(mix);
        let builder = self.builder();
        if builder.is_first_time() {
            progress.note("Building the kernel's core library: once, about a minute …");
        }
        progress.start("Building the kernel");
        let start = Instant::now();
        let built = builder.build(mix, &name, progress)?;
        timings.builds.push((name, start.elapsed()));
        Ok(built)
    }

    /// Builds the kernel for some of the student's labs; those that do not compile are left out.
    fn kernel(&self, mix: &Mix, labs: &[&Lab], whose: Whose, progress: &Progress, timings: &mut Timings) -> Result<Kernel> {
        let mut mix = mix.clone();
        let mut kernel = Kernel { image: None, broken: BTreeMap::new(), tampered: BTreeMap::new() };
        loop {
            match self.build(&mix, progress, timings)? {
                Built::Image(image) => {
                    if whose != Whose::Solution {
                        for lab in labs {
                            if !kernel.broken.contains_key(&lab.id) {
                                foreign(lab, &image, &mut kernel);
                            }
                        }
                    }
                    kernel.image = Some(image);
                    return Ok(kernel);
                }
                Built::Broken(broken) => {
                    let guilty = self.guilty(&mix, labs, &kernel, broken, progress, timings)?;
                    let mut can_go_on = true;
                    for (lab, text) in guilty {
                        if lab.has_solution {
                            mix.solutions.push(lab.toml.package.clone());
                        } else {
                            can_go_on = false;
                        }
                        kernel.broken.insert(lab.id.clone(), text);
                    }
                    mix.solutions.sort();
                    let all_broken = labs.iter().all(|lab| kernel.broken.contains_key(&lab.id));
                    if all_broken {
                        return Ok(kernel);
                    }
                    if !can_go_on {
                        for lab in labs {
                            let because = format!("`{}` shares a kernel with a lab that does not compile", lab.toml.package);
                            kernel.broken.entry(lab.id.clone()).or_insert(because);
                        }
                        return Ok(kernel);
                    }
                }
            }
        }
    }

    /// The student's labs whose fault it is that a kernel does not compile.
    fn guilty<'a>(
        &self,
        mix: &Mix,
        labs: &[&'a Lab],
        kernel: &Kernel,
        broken: Broken,
        progress: &Progress,
        timings: &mut Timings,
    ) -> Result<Vec<(&'a Lab, String)>> {
        let mut guilty = Vec::new();
        for lab in labs.iter().filter(|lab| !mix.solutions.contains(&lab.toml.package)) {
            if let Some((_, text)) = broken.errors.iter().find(|(folder, _)| same_folder(folder, &lab.folder)) {
                guilty.push((*lab, text.clone()));
            }
        }
        if !guilty.is_empty() {
            return Ok(guilty);
        }
        let text: String = broken.errors.into_values().collect();
        let error = || {
            Error::new("the course's own code does not compile")
                .advise("restore the files that are not yours to edit; this is what rustc said:")
                .output(text.clone())
        };
        // The kernel does not compile with this lab in it. If it does with the
        // reference in its place, then the lab does not keep to its interface.
        let suspects: Vec<&Lab> =
            labs.iter().copied().filter(|lab| !kernel.broken.contains_key(&lab.id) && lab.has_solution).collect();
        if suspects.is_empty() || suspects.iter().all(|lab| mix.solutions.contains(&lab.toml.package)) {
            return Err(error());
        }
        let mut replaced = mix.clone();
        replaced.solutions.extend(suspects.iter().map(|lab| lab.toml.package.clone()));
        replaced.solutions.sort();
        replaced.solutions.dedup();
        match self.build(&replaced, progress, timings)? {
            Built::Image(_) => Ok(suspects.into_iter().map(|lab| (lab, text.clone())).collect()),
            Built::Broken(_) => Err(error()),
        }
    }

    /// Boots once, and once more if the machine itself had trouble.
    fn run(&self, job: &Job<'_>, seed: u64) -> Result<Done> {
        let check = job.about;
        for attempt in 1.. {
            let nonce = nonce()?;
            let boot = Boot {
                image: &job.image,
                memory: job.memory,
                words: vec![
                    format!("nonce={nonce}"),
                    format!("check={}", check.name),
                    format!("seed={seed}"),
                    format!("budget={}", check.budget),
                ],
                budget: check.budget,
            };
            let outcome = self.emulator.boot(&boot)?;
            let transcript = Transcript::parse(&outcome.serial, &nonce);
            match verdict::judge(&check.name, &transcript, &outcome.end, check.budget) {
                Ok(verdict) => return Ok(Done { verdict, evidence: evidence(outcome, transcript, job) }),
                Err(trouble) if trouble.again && attempt == 1 => {}
                Err(trouble) => {
                    let said = String::from_utf8_lossy(&outcome.serial).into_owned();
                    return Err(Error::new(trouble.what)
                        .advise("this is the harness's trouble and not that of your code")
                        .output(format!("{}\n{said}", outcome.complaints)));
                }
            }
        }
        Err(Error::new("no boot was made"))
    }

    /// The checks that a kernel knows: package and name.
    ///
    /// # Errors
    /// If it cannot be booted, or does not list them.
    pub fn list(&self, image: &Path) -> Result<Vec<(String, String)>> {
        let nonce = nonce()?;
        let words = vec![format!("nonce={nonce}"), "list".to_owned()];
        let outcome = self.emulator.boot(&Boot { image, memory: Memory::DEFAULT, words, budget: 500 })?;
        let transcript = Transcript::parse(&outcome.serial, &nonce);
        if outcome.end == End::Exited(verdict::EXIT_OK) && transcript.end {
            Ok(transcript.checks)
        } else {
            Err(Error::new("the kernel did not list its checks").output(String::from_utf8_lossy(&outcome.serial)))
        }
    }
}

/// Sixteen hexadecimal digits that nobody can foresee.
///
/// # Errors
/// If the operating system has no random numbers.
pub fn nonce() -> Result<String> {
    getrandom::u64()
        .map(|number| format!("{number:016x}"))
        .map_err(|error| Error::new(format!("the system gives no random numbers: {error}")))
}

fn same_folder(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Looks for files that a lab's code must not take in.
fn foreign(lab: &Lab, image: &Image, kernel: &mut Kernel) {
    let files = lab.toml.files.join(", ");
    match foreign_source(lab, image) {
        None => {}
        Some(Foreign::NotHandedIn(file)) => {
            let text = format!(
                "error: labs/{}/{} is not one of this lab's files\n  = note: only {files} will be handed in: \
                 move the code there\n",
                lab.id,
                file.display(),
            );
            kernel.broken.insert(lab.id.clone(), text);
        }
        Some(Foreign::Elsewhere(file)) => {
            let text = format!("takes in {}, which is not one of this lab's files ({files})", file.display());
            kernel.tampered.insert(lab.id.clone(), text);
        }
    }
}

fn evidence(outcome: Outcome, transcript: Transcript, job: &Job<'_>) -> Evidence {
    let mut serial = String::from_utf8_lossy(&outcome.serial).into_owned();
    if serial.len() > KEPT_OUTPUT {
        let end = (0..=KEPT_OUTPUT).rev().find(|end| serial.is_char_boundary(*end)).unwrap_or(0);
        serial.truncate(end);
        serial.push_str("\n[cut: the machine printed more]\n");
    }
    // What the kernel could not report itself, the emulator knows.
    let crash = match (transcript.crash, outcome.processor) {
        (None, Some(processor)) => Some(Crash {
            kind: if outcome.end == End::TripleFault { "triple-fault" } else { "hang" }.to_owned(),
            registers: processor.registers,
            backtrace: processor.backtrace,
            ..Crash::default()
        }),
        (crash, _) => crash,
    };
    Evidence {
        memory: job.memory.to_string(),
        expected: transcript.expected,
        saw: transcript.saw,
        context: transcript.context,
        measures: transcript.measures,
        log: transcript.log,
        crash,
        serial,
        command: outcome.command,
        kernel: job.image.clone(),
    }
}

/// A lab's report, from what was built and booted for it.
fn report(
    number: usize,
    task: &Task<'_>,
    kernel: Option<&Kernel>,
    results: &mut BTreeMap<(usize, usize, usize), Done>,
) -> LabReport {
    let build_error = kernel.and_then(|kernel| kernel.broken.get(&task.lab.id)).cloned();
    let tampered = kernel.and_then(|kernel| kernel.tampered.get(&task.lab.id));
    let mut checks = Vec::new();
    for (at, check) in task.checks.iter().enumerate() {
        let boots: Vec<Done> =
            (0..check.memory.len()).filter_map(|boot| results.remove(&(number, at, boot))).collect();
        let (status, message, evidence) = if build_error.is_some() {
            (Status::CouldNotBuild, "the lab does not compile".to_owned(), None)
        } else if let Some(tampered) = tampered {
            (Status::Tampered, tampered.clone(), None)
        } else {
            decide(check, boots)
        };
        checks.push(CheckReport {
            name: check.name.clone(),
            status,
            max_points: check.points,
            message,
            rule: check.rule.clone(),
            hint: check.hint.clone(),
            chapter: check.chapter.clone(),
            evidence,
        });
    }
    LabReport {
        id: task.lab.id.clone(),
        title: task.lab.toml.title.clone(),
        graded: task.graded,
        files: task.lab.files(),
        build_error,
        checks,
    }
}

/// One verdict from those of all memory sizes.
fn decide(check: &Check, mut boots: Vec<Done>) -> (Status, String, Option<Evidence>) {
    let verdicts: Vec<Verdict> = boots.iter().map(|done| done.verdict.clone()).collect();
    let Some(worst) = verdict::worst(&verdicts) else {
        return (Status::CouldNotBuild, "was not run".to_owned(), None);
    };
    let Done { verdict, evidence } = boots.swap_remove(worst);
    // Which machine it was matters only if another one did better.
    let differs = verdicts.iter().any(|other| other.status != verdict.status);
    let message = match differs {
        true => format!("with {} of memory: {}", check.memory[worst], verdict.message),
        false => verdict.message,
    };
    (verdict.status, message, Some(evidence))
}

/// The options that grade the same files again.
fn repeat(request: &Request) -> Vec<String> {
    let mut words = Vec::new();
    match request.whose {
        Whose::Student => {}
        Whose::Own => words.push("--own".to_owned()),
        Whose::Solution => words.push("--solution".to_owned()),
    }
    if request.seed != DEFAULT_SEED {
        words.extend(["--seed".to_owned(), request.seed.to_string()]);
    }
    words
}
