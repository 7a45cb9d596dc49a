//! The owner of each frame.

use mm_api::{Frame, MemoryMap};

use crate::memory::lender::Lender;
use crate::memory::scratch;

/// The owner of a frame. It alone decides what the kernel may do with the frame, never a lab's
/// answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// No owner: the frame is free, reserved, or no memory at all.
    Free,
    /// The virtual memory manager: the frame is a directory or a table, or belongs to an
    /// allocation.
    Tables,
    /// A process, or a check. Rust has no reference to the frame: its bytes are copied in and out.
    User,
    /// The kernel itself, for its heap and for the stacks that it works on. Rust uses the frame by
    /// address, so nothing else touches it.
    Kernel,
}

/// For each frame: four bits for the owner, one bit that says whether the frame is memory for the
/// labs, and a byte that counts its further pages.
///
/// A frame that was given back has a value of its own among the owners, since it is poisoned
/// already.
pub(super) struct Ledger {
    owners: &'static mut [u32],
    usable: &'static mut [u32],
    /// For each frame, how many pages beyond the first are mapped to it.
    sharers: &'static mut [u32],
    tables: u32,
    /// How many frames are mapped at more than one page.
    shared: u32,
}

/// Frames in a word of `sharers`.
const COUNTS_PER_WORD: u32 = 4;
/// The most pages beyond the first that a frame can be mapped at. A frame is mapped at one page of
/// each process at most, and there are fewer processes.
const SHARERS_MAX: u32 = 0xFF;

/// Frames in a word of `owners`.
const PER_WORD: u32 = 8;
const MASK: u32 = 0xF;

// The values of the four bits. Zero stands for a frame that was never used.
const TABLES: u32 = 1;
const USER: u32 = 2;
const KERNEL: u32 = 3;
const POISONED: u32 = 4;
/// A table of the direct map, named by a directory that passed the check before loading.
const DIRECT_MAP_TABLE: u32 = 5;

impl Ledger {
    /// The ledger of a machine with this map. Frames that the lender has lent are not for the labs.
    /// `None` if the memory put aside for the ledger does not suffice.
    pub(super) fn new(map: &MemoryMap<'_>, lender: &Lender<'_>) -> Option<Self> {
        let end = last_frame_end(map);
        let owners = scratch::take(end.div_ceil(PER_WORD))?;
        let usable = scratch::take(end.div_ceil(u32::BITS))?;
        let sharers = scratch::take(end.div_ceil(COUNTS_PER_WORD))?;
        for range in mm_oracle::usable_ranges(map) {
            set_bits(usable, range.start(), range.end());
        }
        for (word, lent) in usable.iter_mut().zip(lender.lent_bits()) {
            *word &= !lent;
        }
        Some(Self { owners, usable, sharers, tables: 0, shared: 0 })
    }

    #[inline]
    fn bits(&self, frame: Frame) -> u32 {
        let word = self.owners.get((frame.number() / PER_WORD) as usize).copied().unwrap_or(0);
        word >> (frame.number() % PER_WORD * 4) & MASK
    }

    fn set_bits(&mut self, frame: Frame, bits: u32) {
        let shift = frame.number() % PER_WORD * 4;
        if let Some(word) = self.owners.get_mut((frame.number() / PER_WORD) as usize) {
            *word = *word & !(MASK << shift) | bits << shift;
        }
    }

    #[inline]
    pub(super) fn owner(&self, frame: Frame) -> Owner {
        match self.bits(frame) {
            TABLES | DIRECT_MAP_TABLE => Owner::Tables,
            USER => Owner::User,
            KERNEL => Owner::Kernel,
            _ => Owner::Free,
        }
    }

    /// Whether the frame was given back, and so poisoned.
    pub(super) fn is_poisoned(&self, frame: Frame) -> bool {
        self.bits(frame) == POISONED
    }

    pub(super) fn set(&mut self, frame: Frame, owner: Owner) {
        let (was_table, is_table) = (self.owner(frame) == Owner::Tables, owner == Owner::Tables);
        self.tables = self.tables - u32::from(was_table) + u32::from(is_table);
        let bits = match owner {
            Owner::Tables => TABLES,
            Owner::User => USER,
            Owner::Kernel => KERNEL,
            Owner::Free => POISONED,
        };
        self.set_bits(frame, bits);
    }

    /// Notes that a directory that passed the check before loading names this table for the direct
    /// map.
    pub(super) fn note_direct_map_table(&mut self, table: Frame) {
        if self.bits(table) == TABLES {
            self.set_bits(table, DIRECT_MAP_TABLE);
        }
    }

    /// Whether any directory that passed the check before loading has named this table for the
    /// direct map, since the table was handed out.
    #[inline]
    pub(super) fn is_direct_map_table(&self, table: Frame) -> bool {
        self.bits(table) == DIRECT_MAP_TABLE
    }

    /// Whether the frame is memory that was not reserved or lent.
    pub(super) fn is_usable(&self, frame: Frame) -> bool {
        let word = self.usable.get((frame.number() / u32::BITS) as usize).copied().unwrap_or(0);
        word & 1 << (frame.number() % u32::BITS) != 0
    }

    /// How many pages beyond the first are mapped to a frame.
    pub(super) fn sharers(&self, frame: Frame) -> u32 {
        let word = self.sharers.get((frame.number() / COUNTS_PER_WORD) as usize).copied().unwrap_or(0);
        word >> (frame.number() % COUNTS_PER_WORD * 8) & SHARERS_MAX
    }

    /// Counts one more page of a frame; `false` if the count is at its maximum.
    pub(super) fn add_sharer(&mut self, frame: Frame) -> bool {
        let sharers = self.sharers(frame);
        if sharers == SHARERS_MAX {
            return false;
        }
        self.shared += u32::from(sharers == 0);
        self.set_sharers(frame, sharers + 1);
        true
    }

    /// Counts one page of a frame less; `false` if there was only one.
    pub(super) fn remove_sharer(&mut self, frame: Frame) -> bool {
        let sharers = self.sharers(frame);
        if sharers == 0 {
            return false;
        }
        self.shared -= u32::from(sharers == 1);
        self.set_sharers(frame, sharers - 1);
        true
    }

    fn set_sharers(&mut self, frame: Frame, sharers: u32) {
        let shift = frame.number() % COUNTS_PER_WORD * 8;
        if let Some(word) = self.sharers.get_mut((frame.number() / COUNTS_PER_WORD) as usize) {
            *word = *word & !(SHARERS_MAX << shift) | sharers << shift;
        }
    }

    /// How many frames are mapped at more than one page.
    pub(super) fn shared(&self) -> u32 {
        self.shared
    }

    /// How many frames are [`Owner::Tables`].
    pub(super) fn tables(&self) -> u32 {
        self.tables
    }
}

/// Sets the bits from number `first` up to, not including, number `end`.
fn set_bits(words: &mut [u32], first: u32, end: u32) {
    for number in first / u32::BITS..end.div_ceil(u32::BITS) {
        let start = number * u32::BITS;
        let (from, to) = (first.max(start) - start, (end - start).min(u32::BITS));
        // In 64 bits, since `to` is 32 if the word is filled to its end.
        let below = |bit: u32| ((1_u64 << bit) - 1) as u32;
        words[number as usize] |= below(to) & !below(from);
    }
}

/// The number of the frame after the last usable one.
pub(super) fn last_frame_end(map: &MemoryMap<'_>) -> u32 {
    mm_oracle::usable_ranges(map).map(|range| range.end()).last().unwrap_or(0)
}

/// How many words the ledger of a machine with this map takes.
pub(super) fn words(map: &MemoryMap<'_>) -> u32 {
    let end = last_frame_end(map);
    end.div_ceil(PER_WORD) + end.div_ceil(u32::BITS) + end.div_ceil(COUNTS_PER_WORD)
}
