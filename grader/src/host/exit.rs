//! Exit statuses: the grader's own, and those by which an emulator tells how its
//! machine ended.

use std::process::ExitCode;

/// How the grader ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// All checks passed, or what was asked for was done.
    Passed,
    /// A check did not pass, or what was looked at is not as it should be.
    Failed,
    /// Nothing could be said about the checks.
    CouldNotRun,
}

impl Exit {
    /// Its number.
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

    /// Whether a grader that ended with this status said something about the checks.
    pub fn is_verdict(status: i32) -> bool {
        [Self::Passed, Self::Failed].iter().any(|exit| i32::from(exit.code()) == status)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The grader after Ctrl-C: 128 and SIGINT's number.
pub const INTERRUPTED: i32 = 130;

/// The [launcher](crate::host::launcher) if it could not become the program: as in a shell, "not found".
pub const NOT_LAUNCHED: u8 = 127;

/// The emulator if its machine was switched off, or if it was asked to end.
pub const EMULATOR_LEFT: i32 = 0;

/// The emulator if it could not start a machine.
pub const EMULATOR_NOT_STARTED: i32 = 1;

/// The emulator after the kernel wrote "ok" to the exit port, and after a benchmark or program that ended well.
pub const GUEST_OK: i32 = of_exit_port(0x10);

/// After "not ok", and after a benchmark or program that did not.
pub const GUEST_NOT_OK: i32 = of_exit_port(0x11);

/// After a crash that the kernel reported.
pub const GUEST_CRASH: i32 = of_exit_port(0x12);

/// After an operating system that met a part which is not written yet.
pub const GUEST_NOT_WRITTEN: i32 = of_exit_port(0x13);

/// The emulator after the kernel wrote this byte to the exit port, QEMU's `isa-debug-exit`.
pub const fn of_exit_port(byte: u8) -> i32 {
    (byte as i32) << 1 | 1
}

/// The byte that the kernel writes to the stop port, QEMU's `pvpanic`, at a checkpoint.
pub const STOP_TO_LOOK: u8 = 0x01;

/// The same when it has come up and is to be told what to do. At its end it writes
/// what would be the emulator's exit status.
pub const STOP_TO_BE_TOLD: u8 = 0x81;

/// The same at the end of a check that holds …
pub const CHECK_HOLDS: u8 = 0x91;

/// … of one that does not …
pub const CHECK_FAILS: u8 = 0x93;

/// … and of one that holds because it ended with a panic.
pub const CHECK_HOLDS_BY_PANIC: u8 = 0x95;

/// The same at the end of a check that the machine lacks something for.
pub const CHECK_NOT_AVAILABLE: u8 = 0x97;

/// Whether the kernel stopped at the end of a check, with this byte.
pub const fn is_conclusion(byte: u8) -> bool {
    matches!(byte, CHECK_HOLDS | CHECK_FAILS | CHECK_HOLDS_BY_PANIC | CHECK_NOT_AVAILABLE)
}

/// SIGXCPU: the processor time is used up. The number is the same on Linux and macOS.
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
