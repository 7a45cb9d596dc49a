//! `brk` and `sbrk`.

use mm_api::VirtAddr;

use super::{Answer, Done};
use crate::process::system::System;

/// Moves the break, and answers where it is then.
pub fn brk(system: &mut System, address: VirtAddr) -> Answer {
    Ok(Done::Answer(system.space().brk(address).as_u32()))
}

/// Moves the break by a signed number of bytes, and answers where it was.
pub fn sbrk(system: &mut System, bytes: u32) -> Answer {
    let old = system.space().sbrk(bytes.cast_signed())?;
    Ok(Done::Answer(old.as_u32()))
}
