//! A run: which kernels are built, which machines are booted, and what comes of it.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::build::kernel::Kernel;
use crate::build::site::BuildTimes;
use crate::course::lab_toml::Check;
use crate::course::mix::Mix;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::machine::Emulator;

use super::engine::Engine;
use super::request::{DEFAULT_SEED, Request, Whose};
use super::results::{CheckReport, Evidence, Graded, LabReport, Run};
use super::schedule::{Done, Job, Key, Schedule};
use super::status::Status;
use super::verdict::{self, Verdict};

/// At most so many emulators are started ahead, while the kernel is still being built:
/// more of them take from the compiler what they save later.
const MOST_READY: usize = 14;

/// How long things took.
#[derive(Debug, Default)]
pub struct Timings {
    /// Each build: its name, and how long.
    pub builds: BuildTimes,
    /// All boots, from the first start to the last end.
    pub boots: Duration,
    /// How many boots.
    pub booted: usize,
    /// The boots' own times, added up.
    pub machines: Duration,
}

impl Timings {
    /// Adds what another run took.
    pub fn add(&mut self, other: Self) {
        self.builds.extend(other.builds);
        self.boots += other.boots;
        self.booted += other.booted;
        self.machines += other.machines;
    }
}

/// A lab that is graded, and the checks that are.
struct Task<'a> {
    lab: &'a Lab,
    checks: Vec<&'a Check>,
    graded: Graded,
}

impl Engine {
    /// Grades.
    ///
    /// # Errors
    /// If it could not be done, for a reason that is not the student's.
    pub fn grade(&self, request: &Request, progress: &Progress) -> Result<(Run, Timings)> {
        let start = Instant::now();
        let tasks = self.tasks(request)?;
        let groups = self.groups(&tasks, request.whose);
        if let Some(note) = self.note(request.whose) {
            progress.note(&note);
        }
        let total: usize = tasks.iter().flat_map(|task| &task.checks).map(|check| check.memory.len()).sum();
        let programs = if tasks.iter().flat_map(|task| &task.checks).any(|check| check.programs) {
            self.site.programs()?
        } else {
            Vec::new()
        };
        let mut timings = Timings::default();
        let mut kernels: Vec<Kernel> = Vec::new();
        let (schedule, sender) = Schedule::new(&self.emulator, &programs, request.seed, progress);
        thread::scope(|scope| {
            for _ in 0..request.jobs.clamp(1, total.max(1)) {
                scope.spawn(|| schedule.work());
            }
            // While machines run, the next kernel is built.
            for (mix, members) in &groups {
                if schedule.is_stopped() {
                    break;
                }
                let labs: Vec<&Lab> = members.iter().map(|task| tasks[*task].lab).collect();
                let building = scope.spawn(move || {
                    let mut times = BuildTimes::new();
                    self.site.kernel(mix, &labs, progress, &mut times).map(|kernel| (kernel, times))
                });
                let mut jobs = self.jobs(mix, members, &tasks);
                if self.emulator.can_wait() && !self.site.builder().is_first_time() {
                    for job in jobs.iter_mut().take(MOST_READY) {
                        // Without it, the boot only takes longer.
                        let _ = schedule.prepare(job);
                    }
                }
                let built = building.join().unwrap_or_else(|_| Err(Error::new("the build stopped unexpectedly")));
                let (kernel, times) = match built {
                    Ok(built) => built,
                    Err(error) => {
                        schedule.fail(error);
                        break;
                    }
                };
                timings.builds.extend(times);
                progress.start_counting("Booting", total);
                for mut job in jobs {
                    let Some(image) = kernel.image.as_ref().filter(|_| kernel.serves(tasks[job.key.0].lab)) else {
                        continue;
                    };
                    if job.image != image.path {
                        job.ready = None;
                        job.image.clone_from(&image.path);
                    }
                    timings.booted += 1;
                    // Nobody to take it: the threads have gone after a failure.
                    let _ = sender.send(job);
                }
                kernels.push(kernel);
            }
            drop(sender);
        });
        progress.finish();
        let mut results = schedule.results();
        if let Some(error) = results.failure {
            return Err(error);
        }
        timings.machines = results.spent;
        timings.boots = start.elapsed().saturating_sub(timings.builds.iter().map(|(_, time)| *time).sum());

        let mut labs = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let group = groups.iter().position(|(_, members)| members.contains(&number));
            let kernel = group.and_then(|group| kernels.get(group));
            labs.push(report(number, task, kernel, &mut results.done));
        }
        let run = Run {
            labs,
            emulator: self.emulator.version().to_owned(),
            toolchain: self.site.toolchain.version.clone(),
            seed: request.seed,
            elapsed: start.elapsed(),
            repeat: repeat(request, &self.emulator),
        };
        Ok((run, timings))
    }

    /// The labs and checks that are asked for.
    fn tasks(&self, request: &Request) -> Result<Vec<Task<'_>>> {
        let mut labs = self.site.workspace.select(&request.labs)?;
        for name in &request.checks {
            let (lab, _) = self.site.workspace.check(name)?;
            if !labs.iter().any(|chosen| chosen.id == lab.id) {
                return Err(Error::new(format!(
                    "the check `{name}` is one of {}, not of the labs that you named",
                    lab.id
                ))
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

    /// What to say if a lab is graded beside the student's own others, where it should have references.
    fn note(&self, whose: Whose) -> Option<String> {
        let labs = &self.site.workspace.labs;
        let without: Vec<&str> = labs.iter().filter(|lab| !lab.has_solution).map(|lab| lab.id.as_str()).collect();
        (whose == Whose::Student && labs.len() > 1 && !without.is_empty()).then(|| {
            format!("No reference is here for {}: your own is used beside the other labs.", without.join(", "))
        })
    }

    /// The boots of one kernel, as if all of its labs will compile.
    fn jobs<'a>(&self, mix: &Mix, members: &[usize], tasks: &[Task<'a>]) -> Vec<Job<'a>> {
        let image = self.site.builder().image(&self.site.name(mix));
        let mut jobs = Vec::new();
        for task in members {
            for (number, check) in tasks[*task].checks.iter().enumerate() {
                for (boot, memory) in check.memory.iter().enumerate() {
                    let key = (*task, number, boot);
                    jobs.push(Job { key, check, memory: *memory, image: image.clone(), ready: None });
                }
            }
        }
        jobs
    }

    /// The kernels to build: for each the references it takes, and the tasks that it serves.
    fn groups(&self, tasks: &[Task<'_>], whose: Whose) -> Vec<(Mix, Vec<usize>)> {
        let mut groups: Vec<(Mix, Vec<usize>)> = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let mix = match whose {
                Whose::Solution => self.site.mix(&[]),
                Whose::Own => Mix::default(),
                Whose::Student => self.site.mix(&[task.lab]),
            };
            match groups.iter_mut().find(|(known, _)| *known == mix) {
                Some((_, members)) => members.push(number),
                None => groups.push((mix, vec![number])),
            }
        }
        groups
    }
}

/// A lab's report, from what was built and booted for it.
fn report(number: usize, task: &Task<'_>, kernel: Option<&Kernel>, results: &mut BTreeMap<Key, Done>) -> LabReport {
    let build_error = kernel.and_then(|kernel| kernel.broken.get(&task.lab.id)).cloned();
    let blocked_by = kernel.and_then(|kernel| kernel.blocked.get(&task.lab.id)).cloned().unwrap_or_default();
    let tampered = kernel.and_then(|kernel| kernel.tampered.get(&task.lab.id));
    let mut checks = Vec::new();
    for (at, check) in task.checks.iter().enumerate() {
        let boots: Vec<Done> = (0..check.memory.len()).filter_map(|boot| results.remove(&(number, at, boot))).collect();
        let (status, message, evidence) = if build_error.is_some() {
            let guilty = if blocked_by.is_empty() { "the lab".to_owned() } else { blocked_by.join(", ") };
            (Status::CouldNotBuild, format!("{guilty} does not compile"), None)
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
            machines: Vec::new(),
            evidence,
        });
    }
    LabReport {
        id: task.lab.id.clone(),
        title: task.lab.toml.title.clone(),
        graded: task.graded,
        files: task.lab.files(),
        build_error,
        blocked_by,
        warnings: kernel.and_then(|kernel| kernel.warnings(task.lab)),
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
fn repeat(request: &Request, emulator: &Emulator) -> Vec<String> {
    let mut words = Vec::new();
    match request.whose {
        Whose::Student => {}
        Whose::Own => words.push("--own".to_owned()),
        Whose::Solution => words.push("--solution".to_owned()),
    }
    if let Emulator::Bochs(_) = emulator {
        words.extend(["--emulator".to_owned(), "bochs".to_owned()]);
    }
    if request.seed != DEFAULT_SEED {
        words.extend(["--seed".to_owned(), request.seed.to_string()]);
    }
    words
}
