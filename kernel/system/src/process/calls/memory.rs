//! `brk` and `sbrk`, `mmap2`, `munmap` and `mprotect`.

use abi::Errno;
use abi::mapping::{
    MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED, MAP_TYPE, PROT_EXEC, PROT_READ, PROT_WRITE,
};
use mm_api::{MapRequest, Placement, Rights, Sharing, VirtAddr};

use super::{Answer, Done};
use crate::process::system::System;

/// Moves the break, and returns it as it is afterwards.
pub fn brk(system: &mut System, address: VirtAddr) -> Answer {
    Ok(Done::Answer(system.space().brk(address).as_u32()))
}

/// Moves the break by a signed number of bytes, and returns it as it was before.
pub fn sbrk(system: &mut System, bytes: u32) -> Answer {
    let old = system.space().sbrk(bytes.cast_signed())?;
    Ok(Done::Answer(old.as_u32()))
}

/// Makes a mapping, and returns its address. `how` holds the protection, the flags, and a file
/// descriptor. The call's last argument, an offset into the file, is not read.
pub fn mmap2(system: &mut System, address: VirtAddr, length: u32, how: [u32; 3]) -> Answer {
    let [protection, flags, _] = how;
    if flags & MAP_ANONYMOUS == 0 {
        // There are no files.
        return Err(Errno::EBADF);
    }
    let sharing = match flags & MAP_TYPE {
        MAP_SHARED => Sharing::Shared,
        MAP_PRIVATE => Sharing::Private,
        _ => return Err(Errno::EINVAL),
    };
    let placement = if flags & MAP_FIXED_NOREPLACE != 0 {
        Placement::FixedNoReplace(address)
    } else if flags & MAP_FIXED != 0 {
        Placement::Fixed(address)
    } else {
        Placement::Hint(address)
    };
    // Linux ignores other bits here.
    let rights = rights(protection);
    let start = system.space().map(&MapRequest { placement, length, rights, sharing })?;
    Ok(Done::Answer(start.as_u32()))
}

/// Removes the mappings of some pages.
pub fn munmap(system: &mut System, address: VirtAddr, length: u32) -> Answer {
    system.space().unmap(address, length)?;
    Ok(Done::Answer(0))
}

/// Changes the program's rights to some pages.
pub fn mprotect(system: &mut System, address: VirtAddr, length: u32, protection: u32) -> Answer {
    if address.page_offset() != 0 {
        return Err(Errno::EINVAL);
    }
    if length == 0 {
        return Ok(Done::Answer(0));
    }
    if protection & !(PROT_READ | PROT_WRITE | PROT_EXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    system.space().protect(address, length, rights(protection))?;
    Ok(Done::Answer(0))
}

/// The rights that these bits stand for.
fn rights(protection: u32) -> Rights {
    let has = |bit| protection & bit != 0;
    Rights { read: has(PROT_READ), write: has(PROT_WRITE), execute: has(PROT_EXEC) }
}
