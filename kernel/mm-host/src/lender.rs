//! A lender of memory for an allocator's records.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use mm_api::layout::{DIRECT_MAP_SIZE, PAGE_SIZE};
use mm_api::{Frame, FrameRange, LendError, MemoryMap, MetadataLender};

/// Words in a frame.
const WORDS: usize = PAGE_SIZE as usize / size_of::<u32>();

/// A [`MetadataLender`] that lends memory of the host by the same rules as the
/// kernel's lender, and records every request.
///
/// The memory that it lends is never given back to the host.
#[derive(Debug)]
pub struct HostLender {
    usable: Vec<FrameRange>,
    reachable: FrameRange,
    lent: Vec<FrameRange>,
    refused: Vec<(FrameRange, LendError)>,
}

impl HostLender {
    /// A lender for the machine that `map` describes, with the direct map of
    /// the kernel: it reaches the first 768 MiB.
    #[must_use]
    pub fn new(map: &MemoryMap<'_>) -> Self {
        Self::with_reachable(map, FrameRange::new(0, DIRECT_MAP_SIZE / PAGE_SIZE))
    }

    /// A lender that reaches only the frames `reachable`.
    #[must_use]
    pub fn with_reachable(map: &MemoryMap<'_>, reachable: FrameRange) -> Self {
        Self { usable: mm_oracle::usable_ranges(map).collect(), reachable, lent: Vec::new(), refused: Vec::new() }
    }

    /// The ranges that were lent, in the order of the requests. None is empty.
    #[must_use]
    pub fn lent(&self) -> &[FrameRange] {
        &self.lent
    }

    /// How many frames were lent.
    #[must_use]
    pub fn lent_frames(&self) -> u32 {
        self.lent.iter().map(|range| range.len()).sum()
    }

    /// Whether `frame` was lent.
    #[must_use]
    pub fn is_lent(&self, frame: Frame) -> bool {
        self.lent.iter().any(|range| range.contains(frame))
    }

    /// The refused requests, in their order, each with its error.
    #[must_use]
    pub fn refused(&self) -> &[(FrameRange, LendError)] {
        &self.refused
    }

    /// Why `frames` cannot be lent, if they cannot.
    fn objection(&self, frames: FrameRange) -> Option<LendError> {
        let within = |outer: &FrameRange| outer.start() <= frames.start() && frames.end() <= outer.end();
        if !within(&self.reachable) {
            Some(LendError::Unreachable)
        } else if !self.usable.iter().any(within) {
            Some(LendError::NotUsable)
        } else if self.lent.iter().any(|range| range.overlaps(frames)) {
            Some(LendError::AlreadyLent)
        } else {
            None
        }
    }
}

impl MetadataLender for HostLender {
    fn reachable(&self) -> FrameRange {
        self.reachable
    }

    fn lend(&mut self, frames: FrameRange) -> Result<&'static mut [u32], LendError> {
        if frames.is_empty() {
            return Ok(&mut []);
        }
        if let Some(error) = self.objection(frames) {
            self.refused.push((frames, error));
            return Err(error);
        }
        self.lent.push(frames);
        Ok(Box::leak(vec![0; frames.len() as usize * WORDS].into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use mm_api::{MemoryRegion, PhysRange, RegionKind};

    use super::*;

    /// Frames 16 to 64 are usable, apart from the reserved frame 32.
    const MAP: MemoryMap<'_> = MemoryMap {
        regions: &[MemoryRegion { base: 0x1_0000, length: 0x3_0000, kind: RegionKind::Usable }],
        reserved: &[PhysRange { start: 0x2_0000, end: 0x2_0001 }],
    };

    #[test]
    fn lends_zeroed_words_and_remembers() {
        let mut lender = HostLender::new(&MAP);
        let words = lender.lend(FrameRange::new(16, 18)).unwrap();
        assert_eq!(words.len(), 2048);
        assert!(words.iter().all(|&word| word == 0));
        assert_eq!(lender.lent(), [FrameRange::new(16, 18)]);
        assert_eq!(lender.lent_frames(), 2);
        assert!(lender.is_lent(Frame::new(17).unwrap()));
        assert!(!lender.is_lent(Frame::new(18).unwrap()));
    }

    #[test]
    fn an_empty_range_is_an_empty_slice() {
        let mut lender = HostLender::new(&MAP);
        assert!(lender.lend(FrameRange::EMPTY).unwrap().is_empty());
        assert!(lender.lent().is_empty());
    }

    #[test]
    fn refuses_what_the_contract_forbids() {
        let mut lender = HostLender::with_reachable(&MAP, FrameRange::new(0, 48));
        assert_eq!(lender.lend(FrameRange::new(47, 49)), Err(LendError::Unreachable));
        assert_eq!(lender.lend(FrameRange::new(15, 17)), Err(LendError::NotUsable));
        assert_eq!(lender.lend(FrameRange::new(31, 34)), Err(LendError::NotUsable));
        assert!(lender.lend(FrameRange::new(33, 35)).is_ok());
        assert_eq!(lender.lend(FrameRange::new(34, 36)), Err(LendError::AlreadyLent));
        assert_eq!(lender.refused().len(), 4);
        assert_eq!(lender.lent_frames(), 2);
    }
}
