//! A run: building kernels, booting machines, and collecting the results.

use std::thread;
use std::time::{Duration, Instant};

use crate::build::kernel::Kernel;
use crate::build::site::BuildTimes;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

use super::conclude::{repeat, report};
use super::engine::Engine;
use super::plan::{Group, Task};
use super::request::{Request, Whose};
use super::results::Run;
use super::schedule::{Job, Results, Schedule};

/// At most so many machines, for boots that share none, are started while the kernel is still being
/// built: more of them would slow the compiler down by as much as they save later.
const MOST_READY: usize = 4;

/// How long things took.
#[derive(Debug, Default)]
pub struct Timings {
    /// Each build: its name, and how long.
    pub builds: BuildTimes,
    /// All boots, from the first start to the last end.
    pub boots: Duration,
    /// How many boots.
    pub booted: usize,
    /// How many boots shared a machine with others.
    pub shared: usize,
    /// From the start to the first verdict, if there was one.
    pub first: Option<Duration>,
    /// The boots' own times, added up.
    pub machines: Duration,
}

impl Timings {
    /// All builds.
    fn building(&self) -> Duration {
        self.builds.iter().map(|(_, time)| *time).sum()
    }

    /// Notes the times of a run that began at `start`, once all of its machines have ended.
    fn note(&mut self, results: &Results, start: Instant) {
        self.machines = results.spent;
        self.shared = results.shared;
        self.first = results.first.map(|first| first - start);
        self.boots = start.elapsed().saturating_sub(self.building());
    }

    /// Adds the times of another run.
    pub fn add(&mut self, other: Self) {
        self.builds.extend(other.builds);
        self.boots += other.boots;
        self.booted += other.booted;
        self.shared += other.shared;
        self.first = self.first.or(other.first);
        self.machines += other.machines;
    }
}

impl Engine {
    /// Grades.
    ///
    /// # Errors
    /// If grading was not possible, for a reason that is not the student's code.
    pub fn grade(&self, request: &Request, progress: &Progress) -> Result<(Run, Timings)> {
        let start = Instant::now();
        let tasks = self.tasks(request)?;
        let groups = self.groups(&tasks, request.whose);
        if let Some(note) = self.new_note(request.whose) {
            progress.note(&note);
        }
        let total: usize = tasks.iter().flat_map(|task| &task.checks).map(|check| check.memory.len()).sum();
        let needs_programs = tasks.iter().flat_map(|task| &task.checks).any(|check| check.programs);
        let programs = if needs_programs { self.site.programs()? } else { Vec::new() };
        let mut timings = Timings::default();
        let mut kernels: Vec<Kernel> = Vec::new();
        let schedule = Schedule::new(&self.emulator, &programs, request, progress);
        thread::scope(|scope| {
            for _ in 0..request.jobs.clamp(1, total.max(1)) {
                scope.spawn(|| schedule.work());
            }
            // While machines run, the next kernel is built.
            for group in &groups {
                if schedule.is_stopped() {
                    break;
                }
                let mut jobs = self.jobs(group, &tasks, request.first.as_deref());
                let (kernel, times) = match self.built(request.whose, group, &tasks, &mut jobs, &schedule) {
                    Ok(built) => built,
                    Err(error) => {
                        schedule.fail(error);
                        break;
                    }
                };
                timings.builds.extend(times);
                progress.start_counting("Booting", total);
                timings.booted += add(jobs, &kernel, &tasks, &schedule);
                kernels.push(kernel);
            }
            schedule.close();
        });
        progress.finish();
        let mut results = schedule.into_results();
        if let Some(error) = results.failure {
            return Err(error);
        }
        timings.note(&results, start);
        let mut labs = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let group = groups.iter().position(|group| group.members.contains(&number));
            let kernel = group.and_then(|group| kernels.get(group));
            labs.push(report(number, task, kernel, &mut results.done));
        }
        let run = Run {
            labs,
            emulator: self.emulator.version().to_owned(),
            toolchain: self.site.toolchain.version.clone(),
            seed: request.seed,
            elapsed: start.elapsed(),
            building: timings.building(),
            booting: timings.boots,
            repeat: repeat(request, &self.emulator),
        };
        Ok((run, timings))
    }

    /// Builds one kernel; meanwhile the first of its machines are started.
    fn built<'a>(
        &self,
        whose: Whose,
        group: &Group,
        tasks: &[Task<'_>],
        jobs: &mut [Job<'a>],
        schedule: &Schedule<'a>,
    ) -> Result<(Kernel, BuildTimes)> {
        let labs: Vec<&Lab> = group.members.iter().map(|task| tasks[*task].lab).collect();
        let progress = schedule.progress();
        thread::scope(|scope| {
            let building = scope.spawn(|| {
                let mut times = BuildTimes::new();
                let kernel = match whose {
                    Whose::Variant => self.site.kernel_of_variants(&group.mix, &labs, progress, &mut times),
                    Whose::Student | Whose::Own | Whose::Solution => {
                        self.site.kernel(&group.mix, &labs, progress, &mut times)
                    }
                };
                kernel.map(|kernel| (kernel, times))
            });
            if self.emulator.can_wait() && !self.site.builder().is_first_time() {
                schedule.start_ahead(jobs, MOST_READY);
            }
            building.join().unwrap_or_else(|_| Err(Error::new("the build stopped unexpectedly")))
        })
    }
}

/// Adds the boots that a kernel serves; returns how many.
fn add<'a>(mut jobs: Vec<Job<'a>>, kernel: &Kernel, tasks: &[Task<'_>], schedule: &Schedule<'a>) -> usize {
    jobs.retain(|job| kernel.serves(tasks[job.key.0].lab));
    if let Some(image) = &kernel.image {
        for job in jobs.iter_mut().filter(|job| job.image != image.path) {
            job.ready = None;
            job.image.clone_from(&image.path);
        }
    }
    let count = jobs.len();
    schedule.add(jobs);
    count
}
