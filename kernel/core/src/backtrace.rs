//! The calls that led to the current instruction.

use core::fmt;

use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START};
use mm_api::{Entry, Frame, PhysAddr, TableIndex, VirtAddr};
use mm_oracle::walk::walk;

use crate::arch::registers::Registers;
use crate::arch::{paging, symbols};
use crate::memory::reach;

/// The most addresses that a backtrace shows: a runaway recursion has thousands.
const LIMIT: usize = 32;

/// A walk along the frame pointers: each frame begins with the caller's EBP,
/// and the return address follows.
///
/// It reads only words of the boot stack and the kernel stacks, and each frame must lie above the
/// one before. So it ends without a fault, whatever EBP holds.
pub(crate) struct Backtrace {
    eip: u32,
    esp: u32,
    ebp: u32,
}

impl Backtrace {
    /// The calls that led to where `registers` were taken.
    pub(crate) fn from(registers: &Registers) -> Self {
        Self { eip: registers.eip, esp: registers.esp, ebp: registers.ebp }
    }
}

/// The word at `address`, if it belongs to the boot stack or to a kernel stack.
fn word(address: u32) -> Option<u32> {
    if !address.is_multiple_of(4) {
        return None;
    }
    if (KERNEL_STACKS_START.as_u32()..KERNEL_STACKS_END.as_u32()).contains(&address) {
        return mapped_word(VirtAddr::new(address));
    }
    let stack = symbols::boot_stack().as_u32()..symbols::boot_stack_end().as_u32();
    if !stack.contains(&address) {
        return None;
    }
    let pointer: *const u32 = core::ptr::with_exposed_provenance(address as usize);
    // SAFETY: the whole stack is mapped, always, and any bytes are a word. The stack's frames are
    // no Rust objects, so the access is volatile.
    Some(unsafe { pointer.read_volatile() })
}

/// The word at `address` by the tables that the kernel has loaded. The processor may be using
/// others at the moment, in the task of the double fault.
fn mapped_word(address: VirtAddr) -> Option<u32> {
    let read = |table: Frame, index: TableIndex| {
        let bits = reach::peek(PhysAddr::new(table.start().as_u32() + 4 * index.as_u32()));
        bits.map_or(Entry::EMPTY, Entry::from_bits)
    };
    let found = walk(paging::loaded_directory(), address, read).ok()?;
    reach::peek(found.address)
}

/// Whether `address` is one of the kernel's code.
fn is_code(address: u32) -> bool {
    (symbols::read_only_start().as_u32()..symbols::text_end().as_u32()).contains(&address)
}

/// `0x… 0x…`, the innermost first.
impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.eip)?;
        let mut shown = 1;
        // A call to an address without code leaves no frame, only its return address.
        if !is_code(self.eip)
            && let Some(caller) = word(self.esp)
            && is_code(caller)
        {
            write!(f, " {caller:#010x}")?;
            shown += 1;
        }
        let mut frame = self.ebp;
        while shown < LIMIT
            && let (Some(next), Some(caller)) = (word(frame), word(frame.wrapping_add(4)))
            && is_code(caller)
        {
            write!(f, " {caller:#010x}")?;
            shown += 1;
            if next <= frame {
                break;
            }
            frame = next;
        }
        Ok(())
    }
}
