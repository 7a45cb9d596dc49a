//! Exit statuses: the grader's own, and the statuses by which an emulator tells how
//! its machine ended.

use std::process::ExitCode;

/// The grader's exit statuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// All checks passed, or another command succeeded.
    Passed,
    /// A check did not pass, or an inspection found something wrong.
    Failed,
    /// The grader could not run, so nothing is known about the checks.
    CouldNotRun,
}

impl Exit {
    /// The exit status as a number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::CouldNotRun => 2,
        }
    }

    /// [`Passed`](Self::Passed) if all is well, else [`Failed`](Self::Failed).
    pub fn of(all_is_well: bool) -> Self {
        if all_is_well { Self::Passed } else { Self::Failed }
    }

    /// Whether a grader that ended with this status has judged the checks.
    pub fn is_verdict(status: i32) -> bool {
        [Self::Passed, Self::Failed].iter().any(|exit| i32::from(exit.code()) == status)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The grader's status after Ctrl-C: 128 and SIGINT's number.
pub const INTERRUPTED: i32 = 130;

/// The [launcher](crate::host::launcher)'s status if it could not become the program: as in a shell, "not found".
pub const NOT_LAUNCHED: u8 = 127;

/// The emulator's status if its machine was switched off, or if it was asked to end.
pub const EMULATOR_LEFT: i32 = 0;

/// The emulator's status if it could not start a machine.
pub const EMULATOR_NOT_STARTED: i32 = 1;

/// The emulator's status after the kernel wrote "ok" to the exit port, and after a successful benchmark or program.
pub const GUEST_OK: i32 = of_exit_port(0x10);

/// The emulator's status after "not ok", and after a benchmark or program that failed.
pub const GUEST_NOT_OK: i32 = of_exit_port(0x11);

/// The emulator's status after a crash that the kernel reported.
pub const GUEST_CRASH: i32 = of_exit_port(0x12);

/// The emulator's status after an operating system reached a part that is not written yet.
pub const GUEST_NOT_WRITTEN: i32 = of_exit_port(0x13);

/// The emulator's status after the kernel wrote this byte to the exit port, QEMU's `isa-debug-exit`.
pub const fn of_exit_port(byte: u8) -> i32 {
    (byte as i32) << 1 | 1
}

/// The byte that the kernel writes to the stop port, QEMU's `pvpanic`, at a checkpoint.
pub const STOP_TO_LOOK: u8 = 0x01;

/// The byte that the kernel writes to the stop port when it has come up and waits to be told
/// what to do. At its end it writes what would be the emulator's exit status.
pub const STOP_TO_BE_TOLD: u8 = 0x81;

/// The byte at the end of a check that holds …
pub const CHECK_HOLDS: u8 = 0x91;

/// … of one that does not …
pub const CHECK_FAILS: u8 = 0x93;

/// … and of one that holds because it ended with a panic.
pub const CHECK_HOLDS_BY_PANIC: u8 = 0x95;

/// The byte at the end of a check that needs something the machine lacks.
pub const CHECK_NOT_AVAILABLE: u8 = 0x97;

/// Whether this byte says that the kernel stopped at the end of a check.
pub const fn is_conclusion(byte: u8) -> bool {
    matches!(byte, CHECK_HOLDS | CHECK_FAILS | CHECK_HOLDS_BY_PANIC | CHECK_NOT_AVAILABLE)
}

/// SIGXCPU: a process has used up its processor time. The number is the same on Linux and macOS.
pub const SIGNAL_PROCESSOR_TIME: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_are_those_that_are_documented() {
        assert_eq!([Exit::Passed, Exit::Failed, Exit::CouldNotRun].map(Exit::code), [0, 1, 2]);
        assert_eq!([GUEST_OK, GUEST_NOT_OK, GUEST_CRASH, GUEST_NOT_WRITTEN], [33, 35, 37, 39]);
        assert_eq!([0, 1, 2, 130].map(Exit::is_verdict), [true, true, false, false]);
    }
}
