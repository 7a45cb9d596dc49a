//! Lends frames to a frame allocator as memory for its records, each frame once.

use core::fmt;

use mm_api::layout::PAGE_SIZE;
use mm_api::{Frame, FrameRange, LendError, MemoryMap, MetadataLender};

use super::{reach, scratch};
use crate::words::told;
use crate::{circumstances, console};

/// 32-bit words in a frame.
const WORDS_PER_FRAME: u32 = PAGE_SIZE / 4;

/// Lends memory to a frame allocator: the machine's own, or, for an invented memory map, scratch
/// memory in its place.
pub struct Lender<'m> {
    map: MemoryMap<'m>,
    reachable: FrameRange,
    /// One bit for each frame below the end of `reachable`: set if lent.
    lent: &'static mut [u32],
    lent_frames: u32,
    source: Source,
    closed: bool,
}

/// The source of the words that are lent.
enum Source {
    /// The frames themselves, in the direct map.
    Machine,
    /// Scratch memory.
    Scratch,
}

impl<'m> Lender<'m> {
    /// The lender of the machine's memory. `lent` is all zero.
    ///
    /// # Safety
    /// `map` must be the machine's, every frame of `reachable` must be in the direct map, and the
    /// frames that are usable in `map` may be used only through this lender.
    pub(crate) unsafe fn machine(map: MemoryMap<'m>, reachable: FrameRange, lent: &'static mut [u32]) -> Self {
        Self { map, reachable, lent, lent_frames: 0, source: Source::Machine, closed: false }
    }

    /// The lender for an invented memory map. `lent` is all zero.
    #[must_use]
    pub fn synthetic(map: MemoryMap<'m>, reachable: FrameRange, lent: &'static mut [u32]) -> Self {
        Self { map, reachable, lent, lent_frames: 0, source: Source::Scratch, closed: false }
    }

    /// Whether `frame` was lent.
    #[must_use]
    pub fn is_lent(&self, frame: Frame) -> bool {
        let number = frame.number();
        self.lent.get((number / u32::BITS) as usize).is_some_and(|word| word & (1 << (number % u32::BITS)) != 0)
    }

    /// A bit for each frame that can be lent, from frame 0 on, 32 in a word: set if the frame was
    /// lent.
    pub(super) fn lent_bits(&self) -> &[u32] {
        self.lent
    }

    /// How many frames were lent.
    #[must_use]
    pub fn lent_frames(&self) -> u32 {
        self.lent_frames
    }

    /// Ends the lending of the machine's memory: from now on the frame allocator hands out the
    /// rest.
    ///
    /// # Panics
    /// If the lending has ended before, or the lender is one for an invented map.
    pub(crate) fn close(&mut self) {
        assert!(matches!(self.source, Source::Machine), "an invented map has no memory to hand out");
        assert!(!self.closed, "the machine's memory is handed out twice");
        self.closed = true;
    }

    /// Whether `frames` can be lent, or why not.
    fn judge(&self, frames: FrameRange) -> Result<(), LendError> {
        let reachable = self.reachable;
        if self.closed {
            return refused(frames, LendError::NotUsable, format_args!("all memory is in use by now"));
        }
        if frames.start() < reachable.start() || frames.end() > reachable.end() {
            return refused(
                frames,
                LendError::Unreachable,
                format_args!("the kernel reaches {} only", told(&reachable)),
            );
        }
        if let Some(frame) = frames.iter().find(|frame| !mm_oracle::is_usable(&self.map, *frame)) {
            return refused(frames, LendError::NotUsable, format_args!("{frame} is not usable"));
        }
        if let Some(frame) = frames.iter().find(|frame| self.is_lent(*frame)) {
            return refused(frames, LendError::AlreadyLent, format_args!("{frame} was lent before"));
        }
        Ok(())
    }
}

/// Refuses to lend, and notes the reason: the caller may hide the error.
fn refused(frames: FrameRange, error: LendError, why: fmt::Arguments<'_>) -> Result<(), LendError> {
    let (lent, answer) = (told(&frames), told(&error));
    circumstances::step(format_args!("the lender refused lend({lent}): {answer}, {why}"));
    if !console::checking() {
        log::warn!("the lender refused lend({lent}): {answer}, {why}");
    }
    Err(error)
}

impl MetadataLender for Lender<'_> {
    fn reachable(&self) -> FrameRange {
        self.reachable
    }

    fn lend(&mut self, frames: FrameRange) -> Result<&'static mut [u32], LendError> {
        if frames.is_empty() {
            return Ok(&mut []);
        }
        self.judge(frames)?;
        let memory = match self.source {
            // SAFETY: these frames are usable memory in the direct map, which belongs to this
            // lender. They were not lent before.
            Source::Machine => unsafe { reach::claim(frames) },
            Source::Scratch => scratch::take(frames.len() * WORDS_PER_FRAME).ok_or_else(|| {
                crate::report::line(
                    "context",
                    format_args!(
                        "{} frames of records are more than this check can lend: it has {} KiB left",
                        frames.len(),
                        scratch::left() / 256
                    ),
                );
                LendError::Unreachable
            })?,
        };
        for frame in frames.iter() {
            self.lent[(frame.number() / u32::BITS) as usize] |= 1 << (frame.number() % u32::BITS);
        }
        self.lent_frames += frames.len();
        memory.fill(0);
        Ok(memory)
    }
}
