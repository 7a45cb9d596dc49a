//! Faults of programs: resolves page faults, and reports all others in words.

use core::fmt;

use abi::{Signal, WaitStatus};
use kernel_core::console;
use log::warn;
use mm_api::layout::{PAGE_SIZE, USER_SPACE_END, USER_STACK_GUARD, USER_STACK_SIZE, USER_STACK_START};
use mm_api::{Access, Entry, Page, VirtAddr};
use mm_oracle::walk::{Level, NotPresent, Walk};

use super::resolve::Refused;
use super::system::System;
use super::user_memory::copy_in;
use crate::memory;

/// A fault of a program.
pub struct Fault {
    /// The vector of the exception.
    pub vector: u32,
    /// The error code that the processor pushed.
    pub error_code: u32,
    /// For a page fault, the address that the program tried to access.
    pub address: VirtAddr,
}

/// The vector of page faults.
const PAGE_FAULT: u32 = 14;
/// The vector of general protection faults, for instructions that programs may not execute.
const GENERAL_PROTECTION: u32 = 13;
/// Set in a page fault's error code if the access was a write.
const WRITE: u32 = 1 << 1;

/// Resolves a page fault if the program may make the access. Any other fault ends the program.
pub fn handle(system: &mut System, fault: &Fault) {
    let mut refused = None;
    if fault.vector == PAGE_FAULT {
        let access = fault.access(VirtAddr::new(system.current().frame().eip));
        match system.space().resolve(fault.address, access) {
            Ok(()) => return,
            Err(error) => refused = Some(error),
        }
    }
    report(system, fault, refused);
    let slot = system.current_slot();
    system.end(slot, WaitStatus::killed(fault.signal(refused)));
}

/// Reports why the program is ended.
fn report(system: &mut System, fault: &Fault, refused: Option<Refused>) {
    // The fault may come in the middle of a line that a program writes.
    console::end_line();
    let process = system.current();
    let (name, pid, frame) = (*process.name(), process.pid(), *process.frame());
    let eip = VirtAddr::new(frame.eip);
    let esp = VirtAddr::new(frame.esp);
    if fault.vector == PAGE_FAULT {
        let walk = memory::with(|memory| memory.machine().walk(memory.machine().directory(), fault.address));
        let what = PageFault { fault, eip, walk: &walk, refused };
        warn!("{} (pid {pid}) was ended: {what}", name.as_str());
        warn!("  at eip {eip}, esp {esp}");
        warn!("  {}", Steps { address: fault.address, walk: &walk });
    } else {
        let what = match fault.vector {
            GENERAL_PROTECTION if asks_for_tables(system, eip) => {
                "general protection: UMIP keeps programs from asking where the kernel's tables are"
            }
            _ => fault.name(),
        };
        warn!("{} (pid {pid}) was ended: {what}", name.as_str());
        warn!("  at eip {eip}, esp {esp}, error code {:#x}", fault.error_code);
    }
}

/// Whether the instruction at an address is one that UMIP forbids: SLDT (0F 00 /0), STR (0F 00
/// /1), SGDT (0F 01 /0), SIDT (0F 01 /1) or SMSW (0F 01 /4).
fn asks_for_tables(system: &mut System, eip: VirtAddr) -> bool {
    let mut code = [0; 3];
    if copy_in(system.space(), eip, &mut code).is_err() {
        return false;
    }
    let operation = code[2] >> 3 & 7;
    match code {
        [0x0F, 0x00, _] => matches!(operation, 0 | 1),
        [0x0F, 0x01, _] => matches!(operation, 0 | 1 | 4),
        _ => false,
    }
}

impl Fault {
    /// The access that the program tried to make, with the instruction at `eip`.
    fn access(&self, eip: VirtAddr) -> Access {
        match self.error_code & WRITE {
            0 if self.address == eip => Access::Execute,
            0 => Access::Read,
            _ => Access::Write,
        }
    }

    /// The signal that Unix sends for this fault.
    fn signal(&self, refused: Option<Refused>) -> Signal {
        match self.vector {
            0 | 16 | 19 => Signal::Arithmetic,
            1 | 3 => Signal::Trap,
            6 | 7 => Signal::Illegal,
            11 | 12 | 17 => Signal::Bus,
            PAGE_FAULT if refused == Some(Refused::OutOfFrames) => Signal::Kill,
            _ => Signal::Segmentation,
        }
    }

    /// A description of a fault that is no page fault.
    fn name(&self) -> &'static str {
        match self.vector {
            0 => "division by zero, or a quotient that is too large",
            1 => "debug exception",
            3 => "breakpoint",
            4 => "overflow",
            5 => "an index out of bounds (BOUND)",
            6 => "invalid opcode: an instruction that there is not",
            7 => "a floating-point instruction: there is no floating-point unit for programs",
            11 => "a segment that is not present",
            12 => "stack-segment fault",
            13 => "general protection: an instruction or an interrupt that programs may not use",
            16 | 19 => "floating-point error",
            17 => "an address that is not aligned",
            _ => "an exception",
        }
    }
}

/// A page fault in words.
struct PageFault<'a> {
    fault: &'a Fault,
    eip: VirtAddr,
    walk: &'a Result<Walk, NotPresent>,
    refused: Option<Refused>,
}

impl fmt::Display for PageFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, eip, walk, refused } = self;
        let address = fault.address;
        let access = match fault.access(*eip) {
            Access::Execute => "jump to",
            Access::Read => "read from",
            Access::Write => "write to",
        };
        let why = match walk {
            _ if address >= USER_SPACE_END => "in the kernel half",
            Err(_) => "not mapped",
            Ok(walk) if !walk.protection().user => "not for programs",
            Ok(_) => "read-only",
        };
        write!(f, "page fault: {access} {address}, {why}")?;
        let guard = Page::containing(USER_STACK_GUARD);
        if Page::containing(address) == Page::NULL {
            f.write_str(" (a null pointer)")
        } else if Page::containing(address) == guard {
            let kib = USER_STACK_SIZE / 1024;
            write!(f, " (its stack, which may have {kib} KiB, ran into the guard page below {USER_STACK_START})")
        } else if is_poison(address) {
            f.write_str(" (the poison of freed frames: memory that was used after it was given back, or never set)")
        } else {
            match refused {
                Some(Refused::OutOfFrames) => f.write_str(" (memory that it may use, but no frame is free)"),
                Some(refused @ Refused::Unresolved(_)) => write!(f, " ({refused})"),
                _ => Ok(()),
            }
        }
    }
}

/// Whether an address is close to the pattern that freed frames are filled with.
fn is_poison(address: VirtAddr) -> bool {
    address.as_u32().abs_diff(kernel_core::memory::paged::POISON) < PAGE_SIZE
}

/// The steps of the processor's look-up of an address.
struct Steps<'a> {
    address: VirtAddr,
    walk: &'a Result<Walk, NotPresent>,
}

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = Page::containing(self.address);
        let (upper, lower) = (page.directory_index().as_u32(), page.table_index().as_u32());
        match self.walk {
            Err(NotPresent { level: Level::Directory, .. }) => {
                write!(f, "walk: entry {upper} of the page directory is not present")
            }
            Err(NotPresent { level: Level::Table, .. }) => {
                write!(f, "walk: entry {upper} of the page directory names a table, whose entry {lower} is not present")
            }
            Ok(Walk { directory, table, .. }) => {
                write!(f, "walk: entry {upper} of the page directory is {}", Rights(*directory))?;
                match table {
                    Some(table) => write!(f, ", entry {lower} of its table is {}", Rights(*table)),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Describes an entry that is present.
struct Rights(Entry);

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use mm_api::EntryFlags as Flags;
        let writable = if self.0.has(Flags::WRITABLE) { "writable" } else { "read-only" };
        let user = if self.0.has(Flags::USER) { "for programs" } else { "for the kernel" };
        write!(f, "{} ({writable}, {user})", self.0.frame())
    }
}
