//! The end of a check: what it came to, and what makes that genuine.
//!
//! While a student's code runs, nothing in memory is worth finding: the word that a result has
//! to carry is not there yet. The machine stops once the check has returned, and says in a
//! register what the check came to. Only when whoever runs the machine has seen that it stands
//! where it should, with the kernel's code and constants as they were built, the word is sent.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch;
use crate::command_line::Nonce;
use crate::console::serial;
use crate::machine_end::{End, end};
use crate::{report, watchdog};

/// What a check came to, as whoever runs the machine finds it in AL.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Conclusion {
    /// It returned, and holds.
    Holds = 0x91,
    /// It returned, and does not hold.
    Fails = 0x93,
    /// The panic came that it has to end with.
    HoldsByPanic = 0x95,
    /// It returned, and the machine lacks what it is about.
    NotAvailable = 0x97,
}

/// Whether somebody outside wants to be asked for the word.
static ASKS: AtomicBool = AtomicBool::new(false);

/// From now on, a check's end is a question.
pub(crate) fn ask_at_the_end() {
    ASKS.store(true, Ordering::Relaxed);
}

/// Ends the machine after the check with this name, which has returned for the last time.
pub fn returned(name: &str, end: End) -> ! {
    conclude(name, if matches!(end, End::Ok) { Conclusion::Holds } else { Conclusion::Fails })
}

/// The same after a check that this machine lacks something for.
pub fn not_available(name: &str, lacks: fmt::Arguments<'_>) -> ! {
    report::line("lacks", lacks);
    conclude(name, Conclusion::NotAvailable)
}

/// The same after the panic that the check has to end with.
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
