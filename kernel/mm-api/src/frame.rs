//! Frames of physical memory, ranges of them, and aligned runs.

use core::fmt;

use crate::PhysAddr;
use crate::layout::{FRAME_COUNT, PAGE_SHIFT};

/// A frame: 4096 bytes of physical memory that begin at a multiple of 4096.
///
/// A frame is known by its number, which is its address divided by the page
/// size. There are [`FRAME_COUNT`] of them below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Frame(u32);

impl Frame {
    /// The frame with this number, or `None` if the number is [`FRAME_COUNT`] or more.
    #[must_use]
    #[inline]
    pub const fn new(number: u32) -> Option<Self> {
        if number < FRAME_COUNT { Some(Self(number)) } else { None }
    }

    /// The frame that the byte at `address` lies in.
    #[must_use]
    #[inline]
    pub const fn containing(address: PhysAddr) -> Self {
        Self(address.as_u32() >> PAGE_SHIFT)
    }

    /// The frame's number: its first address divided by the page size.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The address of the frame's first byte.
    #[must_use]
    #[inline]
    pub const fn start(self) -> PhysAddr {
        PhysAddr::new(self.0 << PAGE_SHIFT)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {:#x}", self.0)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:#x})", self.0)
    }
}

/// The frames from one number up to, not including, another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FrameRange {
    first: u32,
    end: u32,
}

impl FrameRange {
    /// The range of no frames.
    pub const EMPTY: Self = Self { first: 0, end: 0 };

    /// The frames numbered `first` up to, not including, `end`.
    ///
    /// Numbers past [`FRAME_COUNT`] are cut off, and a range that would end
    /// before it begins is empty.
    #[must_use]
    #[inline]
    pub const fn new(first: u32, end: u32) -> Self {
        let end = if end < FRAME_COUNT { end } else { FRAME_COUNT };
        if first < end { Self { first, end } } else { Self::EMPTY }
    }

    /// The number of the first frame; of an empty range, the number that it would begin at.
    #[must_use]
    #[inline]
    pub const fn start(self) -> u32 {
        self.first
    }

    /// The number after the last frame's: [`FRAME_COUNT`] where the range
    /// reaches up to 4 GiB.
    #[must_use]
    #[inline]
    pub const fn end(self) -> u32 {
        self.end
    }

    /// How many frames the range has.
    #[must_use]
    #[inline]
    pub const fn len(self) -> u32 {
        self.end - self.first
    }

    /// Whether the range has no frames.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.first == self.end
    }

    /// Whether `frame` is in the range.
    #[must_use]
    #[inline]
    pub const fn contains(self, frame: Frame) -> bool {
        self.first <= frame.0 && frame.0 < self.end
    }

    /// Whether some frame is in both ranges.
    #[must_use]
    #[inline]
    pub const fn overlaps(self, other: Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.first < other.end && other.first < self.end
    }

    /// The frames in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Frame> + Clone {
        (self.first..self.end).map(Frame)
    }
}

impl fmt::Debug for FrameRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameRange({:#x}..{:#x})", self.first, self.end)
    }
}

/// The size of a run, as a power of two: a run of order `n` is `2^n` frames.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Order(u8);

impl Order {
    /// One frame.
    pub const ZERO: Self = Self(0);

    /// The largest run: 1024 frames, 4 MiB.
    pub const MAX: Self = Self(10);

    /// The order `power`, or `None` above [`Order::MAX`].
    #[must_use]
    #[inline]
    pub const fn new(power: u8) -> Option<Self> {
        if power <= Self::MAX.0 { Some(Self(power)) } else { None }
    }

    /// The power of two: a run of this order has `2^power` frames.
    #[must_use]
    #[inline]
    pub const fn power(self) -> u32 {
        self.0 as u32
    }

    /// How many frames a run of this order has.
    #[must_use]
    #[inline]
    pub const fn frames(self) -> u32 {
        1 << self.0
    }

    /// Every order, the smallest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + Clone {
        (0..=Self::MAX.0).map(Self)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.0)
    }
}

/// A run: `2^order` frames that follow each other. The first frame's number is
/// a multiple of `2^order`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FrameRun {
    first: Frame,
    order: Order,
}

impl FrameRun {
    /// The run that begins at `first`, or `None` if `first` is not aligned to
    /// the size of the run.
    #[must_use]
    #[inline]
    pub const fn new(first: Frame, order: Order) -> Option<Self> {
        if first.0.is_multiple_of(order.frames()) { Some(Self { first, order }) } else { None }
    }

    /// The run's first frame.
    #[must_use]
    #[inline]
    pub const fn first(self) -> Frame {
        self.first
    }

    /// The run's size, as a power of two.
    #[must_use]
    #[inline]
    pub const fn order(self) -> Order {
        self.order
    }

    /// The run's frames.
    #[must_use]
    #[inline]
    pub const fn frames(self) -> FrameRange {
        FrameRange { first: self.first.0, end: self.first.0 + self.order.frames() }
    }
}

impl fmt::Debug for FrameRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameRun({:#x}, {})", self.first.0, self.order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_knows_its_address() {
        let frame = Frame::containing(PhysAddr::new(0x0010_0FFF));
        assert_eq!(frame.number(), 0x100);
        assert_eq!(frame.start(), PhysAddr::new(0x0010_0000));
        assert_eq!(Frame::new(FRAME_COUNT), None);
    }

    #[test]
    fn a_range_is_cut_at_four_gib_and_never_runs_backwards() {
        assert_eq!(FrameRange::new(5, u32::MAX).end(), FRAME_COUNT);
        assert!(FrameRange::new(7, 7).is_empty());
        assert_eq!(FrameRange::new(9, 3), FrameRange::EMPTY);
        assert_eq!(FrameRange::new(3, 9).iter().count(), 6);
    }

    #[test]
    fn ranges_that_touch_do_not_overlap() {
        assert!(!FrameRange::new(0, 4).overlaps(FrameRange::new(4, 8)));
        assert!(FrameRange::new(0, 5).overlaps(FrameRange::new(4, 8)));
        assert!(!FrameRange::EMPTY.overlaps(FrameRange::new(0, 8)));
    }

    #[test]
    fn a_run_is_aligned_to_its_size() {
        let order = Order::new(4).unwrap();
        assert!(FrameRun::new(Frame(24), order).is_none());
        assert_eq!(FrameRun::new(Frame(32), order).unwrap().frames(), FrameRange::new(32, 48));
        assert!(Order::new(11).is_none());
    }
}
