//! Places in the table of processes, and sets of them.

use core::fmt;

use super::MOST_PROCESSES;

/// A place in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(usize);

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "place {}", self.0)
    }
}

impl Slot {
    /// The place with this number, which is below [`MOST_PROCESSES`].
    pub(super) const fn new(index: usize) -> Self {
        Self(index)
    }

    /// Its number.
    pub(super) const fn index(self) -> usize {
        self.0
    }

    const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// A set of places, with a bit for each. Finding the next member takes constant time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotSet(u64);

const _: () = assert!(MOST_PROCESSES as u32 <= u64::BITS);

impl SlotSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Whether the set has no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds a place.
    pub const fn insert(&mut self, slot: Slot) {
        self.0 |= slot.bit();
    }

    /// Removes a place, if it is a member.
    pub const fn remove(&mut self, slot: Slot) {
        self.0 &= !slot.bit();
    }

    /// The first member after a place, round robin: the place itself comes last.
    pub fn next_after(self, slot: Slot) -> Option<Slot> {
        let above = self.0 & !(slot.bit() | (slot.bit() - 1));
        Self(if above != 0 { above } else { self.0 }).first()
    }

    /// All members, by ascending number.
    pub fn iter(mut self) -> impl Iterator<Item = Slot> {
        core::iter::from_fn(move || {
            let first = self.first()?;
            self.remove(first);
            Some(first)
        })
    }

    fn first(self) -> Option<Slot> {
        (!self.is_empty()).then(|| Slot(self.0.trailing_zeros() as usize))
    }
}
