//! How the checks of this lab put addresses and answers into words.

use core::fmt;

use kernel_core::words::told;
use mm_api::{BreakError, VirtAddr};

/// An address, and its distance from the heap's start.
pub struct At {
    /// Where the heap starts.
    pub start: VirtAddr,
    /// The address.
    pub address: VirtAddr,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, address } = self;
        let past = address.as_u32().wrapping_sub(start.as_u32());
        // No heap of a check is that large: for an address further away, the distance says nothing.
        if past < 10 {
            write!(f, "start + {past}")
        } else if past < 0x1000_0000 {
            write!(f, "start + {past} ({past:#x})")
        } else if past > 0xF000_0000 {
            write!(f, "start - {}", past.wrapping_neg())
        } else {
            write!(f, "{address}")
        }
    }
}

/// A method's answer, in words.
pub struct Answer<T>(pub Result<T, BreakError>);

impl fmt::Display for Answer<()> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(()) => f.write_str("success"),
            Err(error) => write!(f, "{}", told(error)),
        }
    }
}

impl fmt::Display for Answer<At> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(at) => write!(f, "{at}"),
            Err(error) => write!(f, "{}", told(error)),
        }
    }
}
