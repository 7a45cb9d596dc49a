//! Proving that a machine loops for ever.
//!
//! Nothing comes into a machine during a check, so what it does follows from its state. If the state is the same at
//! two moments, then so is all that comes after them: the machine loops for ever. The clocks are part of the state,
//! and never the same twice. So the proof is about the processor and the memory alone, and needs one condition more:
//! nothing that the processor executes between the two moments depends on anything else. Then it does the same once
//! more, and comes to the same state again.
//!
//! 1. QEMU logs the processor's state before each of some thousand instructions. If a state returns there, the states
//!    in between are a [cycle](trace::cycle). So far this is a guess.
//! 2. All registers are read and all memory is copied.
//! 3. The machine goes on, and is stopped again and again until its registers are the same, and is logged meanwhile.
//!    Memory is copied again, and has to be the same, byte for byte.
//! 4. Each instruction that was executed between the two moments is [closed](closed): its effect depends on registers
//!    and memory alone. Interrupts were off, so no device came between. No device's registers are mapped, so what looks
//!    like memory is memory.
//!
//! A loop that counts in a register or in memory never returns to a state, so it is never called endless, whether it
//! will end or not. Neither is a loop that asks a clock, or one that interrupts can end.
//!
//! Steps 1 to 3 execute instructions of the machine as it would have executed them itself. If there is no proof, it
//! goes on, and its clocks show the same after the same number of instructions. A debugger's single steps do not keep to
//! that in QEMU 7.2, so one is used only behind a proof, to bring the machine to the same place of its loop in every run.

use std::collections::BTreeSet;
use std::io;
use std::process::ChildStderr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::closed::{self, is_closed};
use crate::machine::trace::{self, Landmark, State};
use crate::machine::walk;

use super::gdb::Gdb;
use super::inspector::new_file;
use super::log::{Logged, MOST_LOG};
use super::qmp::Control;
use super::ram::Ram;

/// So many instructions are logged.
const TRACED: usize = 20_000;

/// A cycle with more instructions is not proved: the machine would hardly stop twice at the same one by chance.
const LONGEST_CYCLE: usize = 40;

/// So many times the machine is stopped to find it in the same state.
const MOST_STOPS: usize = 400;

/// So many bytes of a log tell of that many instructions.
const ENOUGH: usize = TRACED * 900;
const _: () = assert!(ENOUGH <= MOST_LOG);

/// How long logging may take. It takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// A machine with more memory, in MiB, is left alone: copying it takes too long.
const MOST_MEMORY: u32 = 1024;

/// Physical addresses from here on may be those of a device.
const DEVICES: u32 = 0xC000_0000;

/// Looks for proofs on one emulator's machine.
pub struct Prover {
    gdb: Gdb,
    /// The machine's memory in MiB.
    memory: u32,
    /// Whether the emulator listens to the debugger's connection.
    listens: bool,
    /// The address that has the breakpoint.
    breakpoint: Option<u32>,
}

/// The processor and the memory at one moment.
#[derive(PartialEq, Eq)]
struct Moment {
    /// All registers, those of the floating-point unit, too, as the monitor tells them.
    registers: String,
    ram: Ram,
}

impl Prover {
    /// A prover for a machine with this much memory in MiB, and a connection that its emulator knows as `gdb`.
    pub fn new(gdb: Gdb, memory: u32) -> Self {
        Self { gdb, memory, listens: false, breakpoint: None }
    }

    /// After how many instructions a machine that stands still comes to the same state again and again; `None` if there
    /// is no proof of that. The machine has executed some instructions then, and stands still again unless it has come
    /// to its own end. What it logged besides is added to `complained`.
    pub fn prove(&mut self, control: &mut Control, log: &ChildStderr, complained: &mut Vec<u8>) -> Option<usize> {
        if self.memory > MOST_MEMORY {
            return None;
        }
        let mut emulator = Logged::new(control, log, complained);
        // Whatever goes wrong here: there is no proof.
        let proof = self.attempt(&mut emulator).ok().flatten();
        if let Some(address) = self.breakpoint.take() {
            // If the emulator is gone, so is the breakpoint.
            let _ = self.gdb.clear_breakpoint(address);
        }
        proof
    }

    fn attempt(&mut self, emulator: &mut Logged<'_>) -> io::Result<Option<usize>> {
        let log = emulator.while_logging(|control, logged| {
            control.resume_surely()?;
            let start = Instant::now();
            while logged.load(Ordering::Relaxed) < ENOUGH && start.elapsed() < PATIENCE && control.is_running()? {
                thread::sleep(Duration::from_millis(2));
            }
            control.stop_surely()
        })?;
        // The debugger's connection would let a machine go on that has come to its own end.
        if !emulator.control.is_paused()? {
            return Ok(None);
        }
        let states = trace::states(&log, TRACED);
        let Some(cycle) = trace::cycle(&states) else { return Ok(None) };
        if cycle.len() > LONGEST_CYCLE {
            return Ok(None);
        }
        let before = self.moment(emulator.control)?;
        let log = emulator.while_logging(|control, logged| runs_until_the_same(&before.registers, control, logged))?;
        let mut after = self.moment(emulator.control)?;
        // The state after the last one is that of the present moment, and is not executed.
        let log = log + trace::FIRST;
        let executed = trace::states(&log, usize::MAX);
        if before != after || !goes_round(&executed, cycle) || !after.is_closed_over(&executed) {
            return Ok(None);
        }
        if let Some(landmark) = trace::landmark(cycle) {
            // What is told of the machine is the same in every run then. The proof does not need it.
            let _ = self.runs_to(landmark, emulator.control);
        }
        Ok(Some(cycle.len()))
    }

    /// Runs up to the landmark; `false` if the machine does not come by.
    fn runs_to(&mut self, landmark: Landmark<'_>, control: &mut Control) -> io::Result<bool> {
        if !self.listens {
            control.listen_to_debugger()?;
            self.listens = true;
        }
        for _ in 0..=landmark.times {
            self.go_on_to(landmark.eip, control)?;
            if trace::is_in(landmark.state, &control.all_registers()?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Executes an instruction at least, and goes on to the one at this address.
    fn go_on_to(&mut self, address: u32, control: &mut Control) -> io::Result<()> {
        // A machine that stands at a breakpoint does not get past it.
        self.clear_breakpoint()?;
        self.gdb.step()?;
        stands_for_the_debugger(control)?;
        self.breakpoint = Some(address);
        self.gdb.set_breakpoint(address)?;
        if let Err(error) = self.gdb.go_on() {
            control.stop_surely()?;
            return Err(error);
        }
        stands_for_the_debugger(control)
    }

    fn clear_breakpoint(&mut self) -> io::Result<()> {
        self.breakpoint.take().map_or(Ok(()), |address| self.gdb.clear_breakpoint(address))
    }

    fn moment(&self, control: &mut Control) -> io::Result<Moment> {
        Ok(Moment { registers: control.all_registers()?, ram: Ram::copy(control, self.memory, &new_file()?)? })
    }
}

impl Moment {
    /// Whether what these states' instructions do depends on registers and memory alone. They are those that were
    /// executed up to this moment, and memory is at this moment as it was before them.
    fn is_closed_over(&mut self, executed: &[State<'_>]) -> bool {
        let Some(cr3) = executed.first().and_then(|state| state.directory()) else { return false };
        let eips: Option<BTreeSet<u32>> = executed.iter().map(|state| state.eip()).collect();
        executed.iter().all(|state| state.is_undisturbed() && state.directory() == Some(cr3))
            && !walk::reaches(&mut self.ram, cr3, DEVICES)
            && eips.is_some_and(|eips| {
                let mut code = self.ram.through(cr3);
                eips.iter().all(|eip| is_closed(&code.bytes(*eip, closed::LONGEST)))
            })
    }
}

/// An error if the machine has stopped for another reason than a step or a breakpoint.
fn stands_for_the_debugger(control: &mut Control) -> io::Result<()> {
    if control.is_at_breakpoint()? { Ok(()) } else { Err(io::Error::other("the machine has come to its own end")) }
}

/// Lets the machine go on and stops it again, until it happens to stop where its registers are the same.
fn runs_until_the_same(same: &str, control: &mut Control, logged: &AtomicUsize) -> io::Result<()> {
    for _ in 0..MOST_STOPS {
        control.resume_surely()?;
        control.stop_surely()?;
        if !control.is_paused()? || logged.load(Ordering::Relaxed) > ENOUGH || control.all_registers()? == same {
            break;
        }
    }
    Ok(())
}

/// Whether these states are those of the cycle, some whole times round, from any of them on.
fn goes_round(executed: &[State<'_>], cycle: &[State<'_>]) -> bool {
    let Some(start) = executed.first().and_then(|first| cycle.iter().position(|state| state == first)) else {
        return false;
    };
    let mut expected = cycle.iter().cycle().skip(start);
    // Where QEMU wrote the present state, too, it is one more.
    let whole = executed.len().is_multiple_of(cycle.len()) || executed.len() % cycle.len() == 1;
    whole && executed.len() >= cycle.len() && executed.iter().all(|state| expected.next() == Some(state))
}
