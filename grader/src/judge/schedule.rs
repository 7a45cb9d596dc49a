//! The schedule: threads that take boots from a [queue](super::queue), make several at a time, and judge them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::course::lab_toml::{Check, Memory};
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style::printable;
use crate::machine::{Boot, Conclusion, Emulator, End, Found, Machine, Outcome, ReusedMachine};

use super::findings::Crash;
use super::nonce::nonce;
use super::proof;
use super::queue::{MachineKind, Next, Place, Queue, Waiting, Wish};
use super::request::Request;
use super::results::Evidence;
use super::status::Status;
use super::verdict::{self, Trouble, Verdict};
use super::wire::Transcript;

/// At most so many bytes of a machine's output are kept for the report.
const KEPT_OUTPUT: usize = 64 << 10;

/// A boot's key: the numbers of the task, of its check, and of the memory size.
pub type Key = (usize, usize, usize);

/// One boot to be made.
pub struct Job<'a> {
    /// The boot's key.
    pub key: Key,
    /// The check to run.
    pub check: &'a Check,
    /// How much memory the machine has.
    pub memory: Memory,
    /// The kernel.
    pub image: PathBuf,
    /// The emulator, if it was started ahead.
    pub ready: Option<Ready>,
}

/// An emulator that waits for its kernel.
pub struct Ready {
    machine: Machine,
    secrets: Secrets,
}

/// The secrets that a boot's genuine reports, and its genuine result, carry.
struct Secrets {
    nonce: String,
    /// The text that the result has to carry, if the machine is told it at the check's end.
    challenge: String,
}

impl Secrets {
    fn new() -> Result<Self> {
        Ok(Self { nonce: nonce()?, challenge: nonce()? })
    }
}

/// A boot that was made.
pub struct Done {
    /// The boot's verdict on the check.
    pub verdict: Verdict,
    /// The boot's evidence.
    pub evidence: Evidence,
}

/// The state that all threads share.
pub struct Schedule<'a> {
    emulator: &'a Emulator,
    programs: &'a [String],
    request: &'a Request,
    progress: &'a Progress,
    queue: Mutex<Queue<Job<'a>, ReusedMachine>>,
    changed: Condvar,
    stop: AtomicBool,
    results: Mutex<Results>,
    /// The boots that hung.
    hung: Mutex<BTreeSet<Key>>,
}

/// The results of all boots.
#[derive(Default)]
pub struct Results {
    /// The boots that were made.
    pub done: BTreeMap<Key, Done>,
    /// The first error of the harness itself.
    pub failure: Option<Error>,
    /// The boots' own times, added up.
    pub spent: Duration,
    /// How many boots shared a machine with others.
    pub shared: usize,
    /// When the first boot was judged.
    pub first: Option<Instant>,
}

/// A boot that is being made. However it ends, the other threads are notified.
struct Running<'s, 'a>(&'s Schedule<'a>);

impl Drop for Running<'_, '_> {
    fn drop(&mut self) {
        self.0.queue().booted();
        self.0.changed.notify_all();
    }
}

/// A boot without a verdict, because the harness failed.
struct Failed {
    trouble: Trouble,
    outcome: Outcome,
}

impl<'a> Schedule<'a> {
    /// A schedule without a boot in it.
    pub fn new(emulator: &'a Emulator, programs: &'a [String], request: &'a Request, progress: &'a Progress) -> Self {
        Self {
            emulator,
            programs,
            request,
            progress,
            queue: Mutex::new(Queue::new(request.boots)),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            results: Mutex::default(),
            hung: Mutex::default(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Job<'a>, ReusedMachine>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes boots until there are none left and the queue is closed.
    pub fn work(&self) {
        loop {
            match self.next() {
                Next::Start(wish) => {
                    if let Some(machine) = self.start(&wish) {
                        self.free(wish.group, machine);
                    }
                }
                Next::Boot(waiting, place) => {
                    let _running = Running(self);
                    self.boot_and_judge(waiting, place);
                }
                Next::End => break,
            }
        }
        // The other threads need not wait any longer either.
        self.changed.notify_all();
    }

    /// Waits until there is something to do.
    fn next(&self) -> Next<Job<'a>, ReusedMachine> {
        let mut queue = self.queue();
        loop {
            if let Some(next) = queue.next() {
                return next;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Starts a machine that takes one boot after the other.
    fn start(&self, wish: &Wish) -> Option<ReusedMachine> {
        self.emulator.prepare_reused(&Boot {
            image: &wish.group.image,
            memory: wish.group.memory,
            programs: &wish.group.programs,
            words: Vec::new(),
            budget: wish.budget,
            look: false,
            challenge: None,
        })
    }

    /// Gives a free machine to the queue, or ends it.
    fn free(&self, group: MachineKind, machine: ReusedMachine) {
        let superfluous = self.queue().free(group, machine);
        self.changed.notify_all();
        // It is ended here, with the queue unlocked.
        drop(superfluous);
    }

    /// Makes a boot, and keeps its result.
    fn boot_and_judge(&self, waiting: Waiting<Job<'a>>, place: Place<ReusedMachine>) {
        let Waiting { group, job, .. } = waiting;
        let (key, name, start) = (job.key, &job.check.name, Instant::now());
        if self.has_hung_before(key) {
            self.progress.step(&format!("{name}: hung"));
            if let Place::Free(machine) = place {
                self.free(group, machine);
            }
            return;
        }
        let mut machine = match place {
            Place::Own => None,
            Place::Free(machine) => Some(machine),
            Place::New(wish) => self.start(&wish),
        };
        let shared = machine.as_mut().and_then(|machine| self.run_shared(machine, &job));
        let is_shared = shared.is_some();
        match shared.map_or_else(|| self.run(job), Ok) {
            Ok(done) => {
                self.progress.step(&format!("{name}: {}", done.verdict.status.words()));
                if done.verdict.status == Status::Hung {
                    self.note_hang(key, name, &done.verdict.message);
                }
                let mut results = self.results();
                results.first.get_or_insert_with(Instant::now);
                results.spent += start.elapsed();
                results.shared += usize::from(is_shared);
                results.done.insert(key, done);
            }
            Err(error) => self.fail(error),
        }
        if let Some(machine) = machine.filter(ReusedMachine::is_fit) {
            self.free(group, machine);
        }
    }

    /// Whether a check has hung with an earlier memory size: then this boot is not needed any more.
    /// [`conclude`](super::conclude) looks no further than the first hang, either.
    fn has_hung_before(&self, (task, check, boot): Key) -> bool {
        let hung = self.hung.lock().unwrap_or_else(PoisonError::into_inner);
        hung.range((task, check, 0)..(task, check, boot)).next().is_some()
    }

    /// Remembers that a boot hung, and reports the first hang at once: others may hang too, and each takes a while.
    fn note_hang(&self, key: Key, name: &str, message: &str) {
        let mut hung = self.hung.lock().unwrap_or_else(PoisonError::into_inner);
        if hung.is_empty() {
            self.progress.note(&format!("{name} hung: it {}", printable(message)));
        }
        hung.insert(key);
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts machines for boots whose kernel is not built yet: at most `most` machines
    /// for boots that share none.
    pub fn start_ahead(&self, jobs: &mut [Job<'a>], most: usize) {
        let boots: Vec<(MachineKind, u32)> = jobs.iter().map(|job| (self.group(job), job.check.budget)).collect();
        let mut queue = self.queue();
        queue.announce(&boots, self.request.jobs);
        let alone = |at: &usize| {
            let count = boots.iter().filter(|(group, _)| *group == boots[*at].0).count();
            !queue.is_shared(&boots[*at].0, count)
        };
        let alone: Vec<usize> = (0..jobs.len()).filter(alone).take(most).collect();
        drop(queue);
        self.changed.notify_all();
        for at in alone {
            // Without it, the boot only takes longer.
            let _ = self.prepare(&mut jobs[at]);
        }
    }

    /// Adds boots whose kernel is built.
    pub fn add(&self, jobs: Vec<Job<'a>>) {
        let boots = jobs.into_iter().map(|job| Waiting {
            group: self.group(&job),
            budget: job.check.budget,
            has_machine: job.ready.is_some(),
            job,
        });
        let superfluous = if self.is_stopped() { Vec::new() } else { self.queue().add(boots) };
        self.changed.notify_all();
        drop(superfluous);
    }

    /// Closes the queue: no more boots will be added.
    pub fn close(&self) {
        self.queue().close();
        self.changed.notify_all();
    }

    /// Starts an emulator for one boot.
    ///
    /// # Errors
    /// As [`Emulator::prepare`].
    fn prepare(&self, job: &mut Job<'_>) -> Result<()> {
        let secrets = Secrets::new()?;
        let machine = self.emulator.prepare(&self.boot(job, &secrets))?;
        job.ready = Some(Ready { machine, secrets });
        Ok(())
    }

    /// The group of a job.
    fn group(&self, job: &Job<'_>) -> MachineKind {
        MachineKind { image: job.image.clone(), memory: job.memory, programs: self.programs_for(job.check).to_vec() }
    }

    fn programs_for(&self, check: &Check) -> &[String] {
        if check.programs { self.programs } else { &[] }
    }

    /// The boot of a job.
    fn boot<'b>(&'b self, job: &'b Job<'_>, secrets: &Secrets) -> Boot<'b> {
        Boot {
            image: &job.image,
            memory: job.memory,
            programs: self.programs_for(job.check),
            words: vec![
                format!("nonce={}", secrets.nonce),
                format!("check={}", job.check.name),
                format!("seed={}", self.request.seed),
                format!("budget={}", job.check.budget),
            ],
            budget: job.check.budget,
            challenge: self.emulator.asks().then(|| secrets.challenge.clone()),
            look: false,
        }
    }

    /// Where progress is reported.
    pub fn progress(&self) -> &'a Progress {
        self.progress
    }

    /// Gives up: boots that are still queued are not made.
    pub fn fail(&self, error: Error) {
        self.stop.store(true, Ordering::Relaxed);
        self.results().failure.get_or_insert(error);
        self.queue().clear();
        self.changed.notify_all();
    }

    /// Whether the harness itself has failed.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The results, once all threads have ended.
    pub fn into_results(self) -> Results {
        self.results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a check on a shared machine. `None` if the machine did not do what it should: then
    /// a machine of the check's own decides.
    fn run_shared(&self, machine: &mut ReusedMachine, job: &Job<'_>) -> Option<Done> {
        let secrets = Secrets::new().ok()?;
        let boot = self.boot(job, &secrets);
        let Ok(outcome) = machine.run(&boot) else {
            if !machine.has_come_up() {
                self.queue().share_no_more();
            }
            return None;
        };
        self.judge(outcome, &secrets, job).ok()
    }

    /// Boots once, and once again if the machine itself had trouble.
    fn run(&self, mut job: Job<'_>) -> Result<Done> {
        let mut tried = false;
        loop {
            if job.ready.is_none() {
                self.prepare(&mut job)?;
            }
            let Some(Ready { machine, secrets }) = job.ready.take() else { continue };
            match self.judge(machine.run()?, &secrets, &job) {
                Ok(done) => return Ok(done),
                Err(failed) if failed.trouble.again && !tried => tried = true,
                Err(failed) => {
                    let Failed { trouble, outcome } = *failed;
                    return Err(Error::new(trouble.what).advise(trouble.advice).output(shown(&outcome)));
                }
            }
        }
    }

    /// Judges a boot.
    fn judge(&self, mut outcome: Outcome, secrets: &Secrets, job: &Job<'_>) -> std::result::Result<Done, Box<Failed>> {
        let check = job.check;
        let asks = self.emulator.asks();
        let signature = if asks { &secrets.challenge } else { &secrets.nonce };
        let mut transcript = Transcript::parse(&outcome.serial, &secrets.nonce, signature);
        match &outcome.conclusion {
            Some(Conclusion { found: Found::Nothing(why), .. }) => {
                let trouble = Trouble {
                    what: format!("the machine's memory could not be read after the check `{}`: {why}", check.name),
                    advice: "this is not your code's fault: try again",
                    again: true,
                };
                return Err(Box::new(Failed { trouble, outcome }));
            }
            Some(Conclusion { found: Found::Flaw(flaw), .. }) => {
                let verdict = Verdict { status: Status::Tampered, message: flaw.clone() };
                return Ok(Done { verdict, evidence: evidence(outcome, transcript, job) });
            }
            Some(Conclusion { found: Found::Sound, .. }) | None => {}
        }
        let mut verdict = match verdict::judge(&check.name, &transcript, &outcome.end, check.budget) {
            Ok(verdict) => verdict,
            Err(trouble) => return Err(Box::new(Failed { trouble, outcome })),
        };
        if asks && let Some(message) = verdict::unproved(verdict.status, check.panics, outcome.conclusion.as_ref()) {
            verdict = Verdict { status: Status::Tampered, message };
        }
        if verdict.status == Status::Passed
            && let Some((judged, disagreement)) =
                proof::judge(&transcript.checkpoints, &mut outcome.snapshots, check.checkpoints)
        {
            verdict = judged;
            if let Some(proof::Disagreement { claimed, found }) = disagreement {
                (transcript.findings.expected, transcript.findings.saw) = (Some(claimed), Some(found));
            }
        }
        Ok(Done { verdict, evidence: evidence(outcome, transcript, job) })
    }
}

/// A machine's output, for a person who has to find out why it did not work.
fn shown(outcome: &Outcome) -> String {
    const MOST_LINES: usize = 30;
    let serial = String::from_utf8_lossy(&outcome.serial);
    let lines = outcome.complaints.lines().chain(serial.lines());
    let short: Vec<String> =
        lines.take(MOST_LINES).map(|line| printable(&line.chars().take(200).collect::<String>())).collect();
    short.join("\n")
}

fn evidence(outcome: Outcome, transcript: Transcript, job: &Job<'_>) -> Evidence {
    let mut serial = String::from_utf8_lossy(&outcome.serial).into_owned();
    if serial.len() > KEPT_OUTPUT {
        let end = (0..=KEPT_OUTPUT).rev().find(|end| serial.is_char_boundary(*end)).unwrap_or(0);
        serial.truncate(end);
        serial.push_str("\n[cut: the machine printed more]\n");
    }
    // If the kernel could not report a crash itself, the emulator can.
    let mut findings = transcript.findings;
    if let (None, Some(processor)) = (&findings.crash, outcome.processor) {
        findings.context.extend(processor.circumstances);
        findings.crash = Some(Crash {
            kind: if outcome.end == End::TripleFault { "triple-fault" } else { "hang" }.to_owned(),
            registers: processor.registers,
            backtrace: processor.backtrace,
            ..Crash::default()
        });
    }
    Evidence { memory: job.memory.to_string(), findings, serial, command: outcome.command, kernel: job.image.clone() }
}
