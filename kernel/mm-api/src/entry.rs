//! The entries of page directories and page tables, bit by bit.
//!
//! The bits are those of 32-bit paging (Intel SDM vol. 3A, section 4.3, tables
//! 4-4 for a 4 MiB page, 4-5 for an entry that names a page table, and 4-6 for
//! a 4 KiB page):
//!
//! ```text
//!  31                        12 11 10  9  8  7  6  5  4  3  2  1  0
//! ┌────────────────────────────┬────────┬──┬──┬──┬──┬──┬──┬──┬──┬──┐
//! │ number of the frame        │software│ G│PS│ D│ A│CD│WT│ U│ W│ P│
//! └────────────────────────────┴────────┴──┴──┴──┴──┴──┴──┴──┴──┴──┘
//! ```

use core::fmt;

use bitflags::bitflags;

use crate::Frame;
use crate::PhysAddr;
use crate::layout::PAGE_SIZE;

bitflags! {
    /// The low twelve bits of an entry.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub struct EntryFlags: u32 {
        /// The entry is in use. Without this bit the processor looks at no other
        /// bit of the entry, and an access through it is a page fault.
        const PRESENT = 1 << 0;
        /// Writing is allowed. An access passes only if *both* levels allow it.
        const WRITABLE = 1 << 1;
        /// Code in ring 3 may access the memory. Again, both levels have to allow it.
        const USER = 1 << 2;
        /// Writes go to memory at once (PWT).
        const WRITE_THROUGH = 1 << 3;
        /// Accesses are not cached (PCD), as devices need it.
        const CACHE_DISABLE = 1 << 4;
        /// Set by the processor when it uses the entry to translate an address.
        const ACCESSED = 1 << 5;
        /// Set by the processor when it writes to the page. It has this meaning only in
        /// an entry that maps a page.
        const DIRTY = 1 << 6;
        /// In a page directory: the entry maps a 4 MiB page and names no table
        /// (needs CR4.PSE). In a page table this bit means something else (PAT).
        const PAGE_SIZE = 1 << 7;
        /// The translation survives the loading of another directory (needs
        /// CR4.PGE). It has this meaning only in an entry that maps a page.
        const GLOBAL = 1 << 8;
        /// Ignored by the processor: free for the kernel to use.
        const SOFTWARE_0 = 1 << 9;
        /// Ignored by the processor: free for the kernel to use.
        const SOFTWARE_1 = 1 << 10;
        /// Ignored by the processor: free for the kernel to use.
        const SOFTWARE_2 = 1 << 11;
    }
}

/// An entry of a page directory or of a page table.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Entry(u32);

impl Entry {
    /// The entry with every bit zero: not present.
    pub const EMPTY: Self = Self(0);

    /// The entry that names `frame`, with exactly these flags.
    #[must_use]
    #[inline]
    pub const fn new(frame: Frame, flags: EntryFlags) -> Self {
        Self(frame.start().as_u32() | flags.bits())
    }

    /// The entry with these bits.
    #[must_use]
    #[inline]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The entry's bits.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The frame that the entry names: a page table's, or a page's. For a 4 MiB
    /// page, the page's first frame (if bits 12 to 21 are zero, as they are here).
    #[must_use]
    #[inline]
    pub const fn frame(self) -> Frame {
        Frame::containing(PhysAddr::new(self.0))
    }

    /// The entry's flags.
    #[must_use]
    #[inline]
    pub const fn flags(self) -> EntryFlags {
        EntryFlags::from_bits_retain(self.0 & (PAGE_SIZE - 1))
    }

    /// Whether all of `flags` are set.
    #[must_use]
    #[inline]
    pub const fn has(self, flags: EntryFlags) -> bool {
        self.flags().contains(flags)
    }

    /// Whether the entry is in use.
    #[must_use]
    #[inline]
    pub const fn is_present(self) -> bool {
        self.has(EntryFlags::PRESENT)
    }

    /// The same entry, with exactly these flags.
    #[must_use]
    #[inline]
    pub const fn with_flags(self, flags: EntryFlags) -> Self {
        Self::new(self.frame(), flags)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_present() {
            write!(f, "Entry({}, ", self.frame())?;
            bitflags::parser::to_writer(&self.flags(), &mut *f)?;
            write!(f, ")")
        } else {
            write!(f, "Entry(not present, {:#010x})", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn an_entry_keeps_its_frame_and_flags_apart() {
        let frame = Frame::new(0xFFFFF).unwrap();
        let entry = Entry::new(frame, EntryFlags::PRESENT | EntryFlags::USER);
        assert_eq!(entry.bits(), 0xFFFF_F005);
        assert_eq!(entry.frame(), frame);
        assert_eq!(entry.with_flags(EntryFlags::all()).bits(), 0xFFFF_FFFF);
        assert_eq!(entry.flags(), EntryFlags::PRESENT | EntryFlags::USER);
    }

    #[test]
    fn the_flags_are_the_manuals() {
        use EntryFlags as F;
        let order = [F::PRESENT, F::WRITABLE, F::USER, F::WRITE_THROUGH, F::CACHE_DISABLE, F::ACCESSED];
        let order =
            order.into_iter().chain([F::DIRTY, F::PAGE_SIZE, F::GLOBAL, F::SOFTWARE_0, F::SOFTWARE_1, F::SOFTWARE_2]);
        for (bit, flag) in order.enumerate() {
            assert_eq!(flag.bits(), 1 << bit);
        }
    }

    #[test]
    fn an_entry_is_printed_in_words() {
        let entry = Entry::new(Frame::new(0x12).unwrap(), EntryFlags::PRESENT | EntryFlags::WRITABLE);
        assert_eq!(format!("{entry:?}"), "Entry(frame 0x12, PRESENT | WRITABLE)");
        assert_eq!(format!("{:?}", Entry::EMPTY), "Entry(not present, 0x00000000)");
    }
}
