//! The end of a check: its outcome, and the word that proves the outcome genuine.
//!
//! While a student's code runs, memory holds no secret: the word that a result has to carry is not
//! there yet. The machine stops once the check has returned, with the outcome in a register. The
//! grader then examines the machine: whether it stopped at the right place, and whether the
//! kernel's code and constants are as they were built. Only then does the grader send the word.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch;
use crate::command_line::Nonce;
use crate::console::serial;
use crate::machine_end::{End, end};
use crate::{report, watchdog};

/// The outcome of a check, as the grader finds it in AL.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Conclusion {
    /// The check returned, and holds.
    Holds = 0x91,
    /// The check returned, and does not hold.
    Fails = 0x93,
    /// The check ended with the panic that it has to end with.
    HoldsByPanic = 0x95,
    /// The check returned: the machine lacks a feature that it needs.
    NotAvailable = 0x97,
}

/// Whether the grader wants to be asked for the word.
static ASKS: AtomicBool = AtomicBool::new(false);

/// From now on the kernel asks for the word at a check's end.
pub(crate) fn ask_at_the_end() {
    ASKS.store(true, Ordering::Relaxed);
}

/// Reports the result of the check with this name, which has returned, and ends the machine.
pub fn returned(name: &str, end: End) -> ! {
    conclude(name, if matches!(end, End::Ok) { Conclusion::Holds } else { Conclusion::Fails })
}

/// Reports that the check was skipped, since this machine lacks a feature that it needs, and ends
/// the machine. `lacks` names the feature.
pub fn not_available(name: &str, lacks: fmt::Arguments<'_>) -> ! {
    report::line("lacks", lacks);
    conclude(name, Conclusion::NotAvailable)
}

/// Reports that the check passed, after the panic that it has to end with, and ends the machine.
pub fn panicked(name: &str) -> ! {
    conclude(name, Conclusion::HoldsByPanic)
}

#[inline(never)]
fn conclude(name: &str, conclusion: Conclusion) -> ! {
    watchdog::disarm();
    if ASKS.load(Ordering::Relaxed) {
        serial::flush();
        arch::stop_at_conclusion(conclusion as u32);
        read_word();
    }
    let how = match conclusion {
        Conclusion::Holds | Conclusion::HoldsByPanic => {
            report::passed(name);
            End::Ok
        }
        Conclusion::NotAvailable => {
            report::skipped(name);
            End::Ok
        }
        Conclusion::Fails => {
            report::failed(name);
            End::NotOk
        }
    };
    report::word("end");
    end(how)
}

/// Reads the word that the result has to carry.
fn read_word() {
    let mut buffer = [0; 16];
    let line = serial::receive_line(&mut buffer).and_then(|line| str::from_utf8(line).ok());
    if let Some(word) = line.and_then(Nonce::parse) {
        report::sign_results_with(word);
    }
}
