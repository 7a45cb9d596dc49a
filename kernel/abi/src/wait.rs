//! How a process ended: the status that `waitpid` stores.

use core::fmt;

/// An option of `waitpid`: answer 0 at once if no child has ended yet.
pub const WNOHANG: u32 = 1;

/// The signal that ended a process that did not end itself, with Linux's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum Signal {
    /// SIGILL: an undefined instruction, or one that ring 3 may not use.
    Illegal = 4,
    /// SIGTRAP: a breakpoint or a single step.
    Trap = 5,
    /// SIGBUS: an access without the required alignment.
    Bus = 7,
    /// SIGFPE: a division by zero, or one whose result is out of range.
    Arithmetic = 8,
    /// SIGKILL: the process was killed.
    Kill = 9,
    /// SIGSEGV: an access to memory that is not mapped or does not allow it.
    Segmentation = 11,
}

impl Signal {
    /// The signal's number, as on Linux.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The signal with this number, if our kernel has one.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        Some(match number {
            4 => Self::Illegal,
            5 => Self::Trap,
            7 => Self::Bus,
            8 => Self::Arithmetic,
            9 => Self::Kill,
            11 => Self::Segmentation,
            _ => return None,
        })
    }

    /// The name, such as `SIGSEGV`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Illegal => "SIGILL",
            Self::Trap => "SIGTRAP",
            Self::Bus => "SIGBUS",
            Self::Arithmetic => "SIGFPE",
            Self::Kill => "SIGKILL",
            Self::Segmentation => "SIGSEGV",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a process ended: the word that `waitpid` stores, laid out as Linux does it.
///
/// The low seven bits are the number of the [`Signal`] that ended the process. They are 0 if it
/// ended itself; then the next byte is its argument of `exit`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct WaitStatus(u32);

impl WaitStatus {
    /// The status of a process that called `exit`; `code` is the low eight bits of the argument.
    #[must_use]
    pub const fn exited(code: u8) -> Self {
        Self((code as u32) << 8)
    }

    /// The status of a process that a signal ended.
    #[must_use]
    pub const fn killed(signal: Signal) -> Self {
        Self(signal.number())
    }

    /// The status in this word.
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// The status as a word.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }

    /// The argument of `exit`, if the process ended itself.
    #[must_use]
    pub const fn code(self) -> Option<u8> {
        if self.0 & 0x7F == 0 { Some((self.0 >> 8) as u8) } else { None }
    }

    /// The number of the signal that ended the process, if one did.
    #[must_use]
    pub const fn signal_number(self) -> Option<u32> {
        if self.0 & 0x7F == 0 { None } else { Some(self.0 & 0x7F) }
    }

    /// The signal that ended the process, if one did and our kernel has it.
    #[must_use]
    pub const fn signal(self) -> Option<Signal> {
        Signal::new(self.0 & 0x7F)
    }
}

/// `exited with 1`, `killed by SIGSEGV`.
impl fmt::Display for WaitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exited with {code}"),
            (None, Some(signal)) => write!(f, "killed by {signal}"),
            (None, None) => write!(f, "killed by signal {}", self.0 & 0x7F),
        }
    }
}

impl fmt::Debug for WaitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitStatus({self})")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn a_status_is_laid_out_as_on_linux() {
        assert_eq!(WaitStatus::exited(3).word(), 0x0300);
        assert_eq!(WaitStatus::exited(3).code(), Some(3));
        assert_eq!(WaitStatus::exited(3).signal_number(), None);
        let killed = WaitStatus::killed(Signal::Segmentation);
        assert_eq!(killed.word(), 11);
        assert_eq!((killed.code(), killed.signal()), (None, Some(Signal::Segmentation)));
        // Linux sets bit 7 where memory was dumped.
        assert_eq!(WaitStatus::from_word(0x8B).signal(), Some(Signal::Segmentation));
    }

    #[test]
    fn a_status_is_told_in_words() {
        assert_eq!(format!("{}", WaitStatus::exited(101)), "exited with 101");
        assert_eq!(format!("{}", WaitStatus::killed(Signal::Arithmetic)), "killed by SIGFPE");
        assert_eq!(format!("{}", WaitStatus::from_word(15)), "killed by signal 15");
    }
}
