//! Sets of frames: what a check expects, and what it has seen.

use crate::check::{Context, Failed};
use mm_api::{Frame, FrameRange, FrameRun, Order};

/// A set of frames below some number, one bit for each.
pub struct FrameSet {
    words: &'static mut [u32],
    len: u32,
}

impl FrameSet {
    /// The empty set, with room for the frames below `end`.
    ///
    /// # Errors
    /// Fails the check if there is no scratch memory left.
    pub fn new(context: &mut Context, end: u32) -> Result<Self, Failed> {
        Ok(Self { words: context.scratch(end.div_ceil(u32::BITS))?, len: 0 })
    }

    /// A set with the same frames.
    ///
    /// # Errors
    /// Fails the check if there is no scratch memory left.
    pub fn duplicate(&self, context: &mut Context) -> Result<Self, Failed> {
        let words = context.scratch(self.words.len() as u32)?;
        words.copy_from_slice(self.words);
        Ok(Self { words, len: self.len })
    }

    /// How many frames are in the set.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no frame is in the set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `frame` is in the set; frames past its room are not.
    pub fn contains(&self, frame: Frame) -> bool {
        let (word, bit) = place(frame.number());
        self.words.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Puts `frame` in; `false` if it was in already, or if there is no room for it.
    pub fn insert(&mut self, frame: Frame) -> bool {
        let (word, bit) = place(frame.number());
        match self.words.get_mut(word) {
            Some(bits) if *bits & bit == 0 => {
                *bits |= bit;
                self.len += 1;
                true
            }
            _ => false,
        }
    }

    /// Takes `frame` out; `false` if it was not in.
    pub fn remove(&mut self, frame: Frame) -> bool {
        let (word, bit) = place(frame.number());
        match self.words.get_mut(word) {
            Some(bits) if *bits & bit != 0 => {
                *bits &= !bit;
                self.len -= 1;
                true
            }
            _ => false,
        }
    }

    /// Puts all of `frames` in.
    pub fn insert_all(&mut self, frames: FrameRange) {
        self.change(frames, |bits, mask| bits | mask);
    }

    /// Takes all of `frames` out.
    pub fn remove_all(&mut self, frames: FrameRange) {
        self.change(frames, |bits, mask| bits & !mask);
    }

    /// The first frame of `frames` that is not in the set.
    pub fn first_missing(&self, frames: FrameRange) -> Option<Frame> {
        let whole = pieces(frames).all(|(word, mask)| self.words.get(word).is_some_and(|bits| bits & mask == mask));
        if whole { None } else { frames.iter().find(|frame| !self.contains(*frame)) }
    }

    /// Whether all of `frames` are in the set.
    pub fn contains_all(&self, frames: FrameRange) -> bool {
        pieces(frames).all(|(word, mask)| self.words.get(word).is_some_and(|bits| bits & mask == mask))
    }

    /// The frames of the set in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Frame> + '_ {
        self.words.iter().enumerate().flat_map(|(word, bits)| {
            let mut rest = *bits;
            core::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                if bit < u32::BITS { Frame::new(word as u32 * u32::BITS + bit) } else { None }
            })
        })
    }

    /// The smallest frame of the set.
    pub fn first(&self) -> Option<Frame> {
        self.iter().next()
    }

    /// The first run of this order whose frames are all in the set.
    pub fn first_run(&self, order: Order) -> Option<FrameRun> {
        self.runs(order).next()
    }

    /// The runs of this order whose frames are all in the set, the lowest first.
    pub fn runs(&self, order: Order) -> impl Iterator<Item = FrameRun> + '_ {
        let step = order.frames();
        // Words without a frame are skipped at once.
        let words = (0u32..).zip(self.words.iter()).filter(|(_, bits)| **bits != 0).map(|(word, _)| word * u32::BITS);
        words
            .filter(move |first| first.is_multiple_of(step.max(u32::BITS)))
            .flat_map(move |first| (first..first + u32::BITS).step_by(step as usize))
            .filter_map(move |first| {
                let run = FrameRun::new(Frame::new(first)?, order)?;
                self.contains_all(run.frames()).then_some(run)
            })
    }

    /// Replaces each word that `frames` touches with `new` of the word and its mask.
    fn change(&mut self, frames: FrameRange, new: impl Fn(u32, u32) -> u32) {
        for (word, mask) in pieces(frames) {
            let Some(bits) = self.words.get_mut(word) else { return };
            let before = bits.count_ones();
            *bits = new(*bits, mask);
            self.len = self.len + bits.count_ones() - before;
        }
    }
}

/// Where the bit of a frame is: the index of the word, and the bit's mask.
fn place(number: u32) -> (usize, u32) {
    ((number / u32::BITS) as usize, 1 << (number % u32::BITS))
}

/// The words that `frames` touches, each with the mask of the bits that are meant.
fn pieces(frames: FrameRange) -> impl Iterator<Item = (usize, u32)> {
    let mut next = frames.start();
    core::iter::from_fn(move || {
        if next >= frames.end() {
            return None;
        }
        let (word, _) = place(next);
        let from = next % u32::BITS;
        let count = (u32::BITS - from).min(frames.end() - next);
        next += count;
        Some((word, (u32::MAX >> (u32::BITS - count)) << from))
    })
}
