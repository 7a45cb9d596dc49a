//! Boots, several at a time: a queue of them, and threads that take from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::course::lab_toml::{Check, Memory};
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style::printable;
use crate::machine::{Boot, Emulator, End, Machine, Outcome};

use super::findings::Crash;
use super::nonce::nonce;
use super::proof;
use super::results::Evidence;
use super::status::Status;
use super::verdict::{self, Verdict};
use super::wire::Transcript;

/// So much of a machine's output is kept for the report.
const KEPT_OUTPUT: usize = 64 << 10;

/// Which boot it is: the task's number, its check's, and the memory size's.
pub type Key = (usize, usize, usize);

/// One boot to be made.
pub struct Job<'a> {
    /// Which one.
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
    nonce: String,
}

/// A boot that was made.
pub struct Done {
    /// What it says about the check.
    pub verdict: Verdict,
    /// What there was to see.
    pub evidence: Evidence,
}

/// What all the threads share.
pub struct Schedule<'a> {
    emulator: &'a Emulator,
    programs: &'a [String],
    seed: u64,
    progress: &'a Progress,
    queue: Mutex<mpsc::Receiver<Job<'a>>>,
    stop: AtomicBool,
    results: Mutex<Results>,
}

/// What came of all boots.
#[derive(Default)]
pub struct Results {
    /// The boots that were made.
    pub done: BTreeMap<Key, Done>,
    /// The first thing that went wrong with the harness itself.
    pub failure: Option<Error>,
    /// The boots' own times, added up.
    pub spent: Duration,
}

impl<'a> Schedule<'a> {
    /// A queue without a boot in it, and where to put them.
    pub fn new(
        emulator: &'a Emulator,
        programs: &'a [String],
        seed: u64,
        progress: &'a Progress,
    ) -> (Self, mpsc::Sender<Job<'a>>) {
        let (sender, receiver) = mpsc::channel();
        let queue = Mutex::new(receiver);
        (
            Self { emulator, programs, seed, progress, queue, stop: AtomicBool::new(false), results: Mutex::default() },
            sender,
        )
    }

    /// Makes boots until there are none left and the queue is closed.
    pub fn work(&self) {
        loop {
            let job = self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { break };
            if self.is_stopped() {
                continue;
            }
            let (key, start) = (job.key, Instant::now());
            let result = self.run(job);
            let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
            results.spent += start.elapsed();
            match result {
                Ok(done) => drop(results.done.insert(key, done)),
                Err(error) => {
                    drop(results);
                    self.fail(error);
                }
            }
            self.progress.step();
        }
    }

    /// Starts an emulator for a job whose kernel is not there yet.
    ///
    /// # Errors
    /// As [`Emulator::prepare`].
    pub fn prepare(&self, job: &mut Job<'_>) -> Result<()> {
        let nonce = nonce()?;
        let machine = self.emulator.prepare(&self.boot(job, &nonce))?;
        job.ready = Some(Ready { machine, nonce });
        Ok(())
    }

    /// What a job boots.
    fn boot<'b>(&'b self, job: &'b Job<'_>, nonce: &str) -> Boot<'b> {
        Boot {
            image: &job.image,
            memory: job.memory,
            programs: if job.check.programs { self.programs } else { &[] },
            words: vec![
                format!("nonce={nonce}"),
                format!("check={}", job.check.name),
                format!("seed={}", self.seed),
                format!("budget={}", job.check.budget),
            ],
            budget: job.check.budget,
            look: false,
        }
    }

    /// Where is told what goes on.
    pub fn progress(&self) -> &'a Progress {
        self.progress
    }

    /// Gives up: what is queued is not booted any more.
    pub fn fail(&self, error: Error) {
        self.stop.store(true, Ordering::Relaxed);
        self.results.lock().unwrap_or_else(PoisonError::into_inner).failure.get_or_insert(error);
    }

    /// Whether something went wrong with the harness itself.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What came of it.
    pub fn results(self) -> Results {
        self.results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Boots once, and once more if the machine itself had trouble.
    fn run(&self, mut job: Job<'_>) -> Result<Done> {
        let check = job.check;
        let mut tried = false;
        loop {
            if job.ready.is_none() {
                self.prepare(&mut job)?;
            }
            let Some(Ready { machine, nonce }) = job.ready.take() else { continue };
            let mut outcome = machine.run()?;
            let mut transcript = Transcript::parse(&outcome.serial, &nonce);
            match verdict::judge(&check.name, &transcript, &outcome.end, check.budget) {
                Ok(mut verdict) => {
                    if verdict.status == Status::Passed
                        && let Some((judged, disagreement)) =
                            proof::judge(&transcript.checkpoints, &mut outcome.snapshots, check.checkpoints)
                    {
                        verdict = judged;
                        if let Some(proof::Disagreement { claimed, found }) = disagreement {
                            (transcript.findings.expected, transcript.findings.saw) = (Some(claimed), Some(found));
                        }
                    }
                    return Ok(Done { verdict, evidence: evidence(outcome, transcript, &job) });
                }
                Err(trouble) if trouble.again && !tried => tried = true,
                Err(trouble) => {
                    return Err(Error::new(trouble.what).advise(trouble.advice).output(shown(&outcome)));
                }
            }
        }
    }
}

/// What a machine said, for a person who has to find out why it did not work.
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
    // What the kernel could not report itself, the emulator knows.
    let mut findings = transcript.findings;
    if let (None, Some(processor)) = (&findings.crash, outcome.processor) {
        findings.crash = Some(Crash {
            kind: if outcome.end == End::TripleFault { "triple-fault" } else { "hang" }.to_owned(),
            registers: processor.registers,
            backtrace: processor.backtrace,
            ..Crash::default()
        });
    }
    Evidence { memory: job.memory.to_string(), findings, serial, command: outcome.command, kernel: job.image.clone() }
}
