//! A QEMU whose machine takes one check after the other.
//!
//! The kernel comes up, and stops before it looks at what it is to do. There the
//! emulator saves the machine: its memory, and the state of every device. Each check
//! begins with that machine, to the byte, and is told its words over the serial
//! port; so no check sees anything of the one before, and each does the same as on a
//! machine of its own, instruction by instruction.
//!
//! There is no exit port, which would end the emulator. Instead the kernel stops the
//! machine at the end of a check, with the exit status in AL.

use std::io;

use crate::host::exit;
use crate::host::process::Process;
use crate::machine::boot::Boot;
use crate::machine::outcome::Outcome;

use super::program::{Qemu, patience};
use super::qmp::Event;
use super::running::{own_complaints, seen};
use super::watch::{Stopped, Watch};

/// A QEMU whose machine takes one check after the other.
pub struct ReusedMachine {
    qemu: Qemu,
    process: Process,
    watch: Watch,
    state: State,
    saved: bool,
    /// The kernel's output before it stopped.
    said: Vec<u8>,
}

/// The state of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It has not booted yet.
    Started,
    /// A check has ended on it, and it can be loaded as it was saved.
    Used,
    /// It cannot take another check.
    Spent,
}

impl ReusedMachine {
    /// Starts QEMU for such a machine, which does not boot yet.
    ///
    /// `boot.words` are not passed on, and `boot.budget` is that of all checks together.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn prepare(qemu: &Qemu, boot: &Boot<'_>) -> io::Result<Self> {
        let (mut process, connections) = qemu.start_reused(boot)?;
        let watch = Watch::new(&mut process, connections, boot);
        Ok(Self { qemu: qemu.clone(), process, watch, state: State::Started, saved: false, said: Vec::new() })
    }

    /// Runs a check, as if the machine had just booted with `boot.words`. All else in `boot` has
    /// to be what the machine was made for.
    ///
    /// # Errors
    /// If the machine does not do what it should. That says nothing about the check, and it can take no other one.
    pub fn run(&mut self, boot: &Boot<'_>) -> io::Result<Outcome> {
        // If anything goes wrong from here on, the machine is not used again.
        match std::mem::replace(&mut self.state, State::Spent) {
            State::Started => self.come_up()?,
            State::Used => self.watch.control.load()?,
            State::Spent => return Err(io::Error::other("the machine is spent")),
        }
        // Output of the emulator from the check before, or from loading, does not belong to this check.
        self.watch.drain();
        self.watch.forget(boot.challenge.clone());
        self.watch.said.extend_from_slice(&self.said);
        self.watch.tell(&boot.kernel_words())?;
        self.watch.control.resume_surely()?;
        let stopped = self.watch.until_it_stops(&self.process, patience(boot.budget));
        if let Stopped::Idle = stopped {
            // A machine of the check's own will show whose fault that is.
            return Err(io::Error::other("the machine does nothing"));
        }
        let stands = matches!(stopped, Stopped::ByKernel(_) | Stopped::Event(Event::Watchdog) | Stopped::Endless(_));
        let (end, processor) =
            seen(&mut self.watch, stopped).ok_or_else(|| io::Error::other("the emulator has ended"))?;
        if stands {
            self.state = State::Used;
        }
        Ok(Outcome {
            serial: std::mem::take(&mut self.watch.said),
            end,
            processor,
            snapshots: std::mem::take(&mut self.watch.snapshots),
            conclusion: self.watch.conclusion.take(),
            complaints: own_complaints(&self.watch.complained),
            command: self.qemu.command_to_repeat(boot),
        })
    }

    /// Boots until the kernel waits to be told what to do, and saves the machine.
    fn come_up(&mut self) -> io::Result<()> {
        self.watch.control.start(self.qemu.can_wait);
        match self.watch.until_it_stops(&self.process, patience(0)) {
            Stopped::ByKernel(exit::STOP_TO_BE_TOLD) => {}
            _ => return Err(io::Error::other("the kernel does not wait to be told what to do")),
        }
        self.watch.drain();
        self.watch.control.save()?;
        self.saved = true;
        self.said = std::mem::take(&mut self.watch.said);
        Ok(())
    }

    /// Whether the kernel has come up on the machine, and the machine was saved.
    pub fn has_come_up(&self) -> bool {
        self.saved
    }

    /// Whether the machine can take another check.
    pub fn is_fit(&self) -> bool {
        self.state != State::Spent
    }
}
