//! Fake physical memory, whose frames are handed out and taken back.

use alloc::vec;
use alloc::vec::Vec;

use mm_api::layout::PAGE_SIZE;
use mm_api::{Entry, Frame, PhysAddr};

/// Words in a frame.
const WORDS: usize = (PAGE_SIZE / 4) as usize;

/// The value of every word of a frame that was never written to. As an entry of a
/// page table it is present, so a table that was not cleared is noticed.
pub const POISON: u32 = 0xDEAD_BEEF;

/// What a frame is in use for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// For the (pretended) kernel; never handed out.
    Reserved,
    Free,
    Allocated,
}

/// Frames from number 0 on, poisoned. The first of them are reserved.
pub(crate) struct Ram {
    words: Vec<u32>,
    states: Vec<State>,
    /// The free frames' numbers. The last is handed out next, so a frame that was
    /// given back is soon used again.
    free: Vec<u32>,
    /// How many more frames may be handed out; `None` if all may.
    allowance: Option<u32>,
}

impl Ram {
    pub fn new(frames: u32, reserved: u32) -> Self {
        let mut states = vec![State::Free; frames as usize];
        states[..reserved as usize].fill(State::Reserved);
        // Not in order: frames that are handed out one after the other are not
        // neighbours, as they are not in a machine that has run for a while.
        // Every number appears once, because the stride shares no factor with
        // the count.
        let count = frames - reserved;
        let stride = (count / 3..).find(|stride| gcd(*stride, count) == 1).unwrap_or(1);
        let free =
            (0..count).map(|n| reserved + u32::try_from(u64::from(n) * u64::from(stride) % u64::from(count)).unwrap());
        Self { words: vec![POISON; frames as usize * WORDS], states, free: free.collect(), allowance: None }
    }

    pub fn frames(&self) -> u32 {
        self.states.len() as u32
    }

    /// How many frames are handed out now.
    pub fn allocated(&self) -> u32 {
        self.states.iter().filter(|state| **state == State::Allocated).count() as u32
    }

    pub fn set_allowance(&mut self, allowance: Option<u32>) {
        self.allowance = allowance;
    }

    pub fn allocate(&mut self) -> Option<Frame> {
        match &mut self.allowance {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        let number = self.free.pop()?;
        self.states[number as usize] = State::Allocated;
        Frame::new(number)
    }

    pub fn free(&mut self, frame: Frame) {
        self.expect_allocated(frame, "given back");
        self.states[frame.number() as usize] = State::Free;
        self.free.push(frame.number());
        self.words[Self::first_word(frame)..][..WORDS].fill(POISON);
    }

    /// The words of a frame that is handed out. If it is not, this panics; `action`
    /// describes the access in the message.
    pub fn table(&mut self, frame: Frame, action: &str) -> &mut [u32] {
        self.expect_allocated(frame, action);
        &mut self.words[Self::first_word(frame)..][..WORDS]
    }

    /// The aligned word that holds the byte at `address`, in any frame; `None` beyond
    /// the end of memory.
    pub fn word(&mut self, address: PhysAddr) -> Option<&mut u32> {
        self.words.get_mut((address.as_u32() / 4) as usize)
    }

    pub fn expect_allocated(&self, frame: Frame, action: &str) {
        match self.states.get(frame.number() as usize) {
            Some(State::Allocated) => {}
            Some(State::Free) => panic!("{frame} is {action}, but it is free: it was given back, or never taken"),
            _ if frame == Entry::from_bits(POISON).frame() => {
                panic!("{frame} is {action}: its number is from {POISON:#x}, an entry that was not cleared")
            }
            Some(State::Reserved) => panic!("{frame} is {action}, but it is reserved: it holds part of the kernel"),
            None => panic!("{frame} is {action}, but this machine has only {} frames", self.frames()),
        }
    }

    fn first_word(frame: Frame) -> usize {
        frame.number() as usize * WORDS
    }
}

/// The greatest common divisor.
fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_free_frame_is_handed_out_once_and_poisoned() {
        let mut ram = Ram::new(100, 10);
        let mut seen: Vec<u32> = core::iter::from_fn(|| ram.allocate()).map(Frame::number).collect();
        seen.sort_unstable();
        assert_eq!(seen, (10..100).collect::<Vec<_>>());
        assert!(ram.table(Frame::new(10).unwrap(), "read").iter().all(|word| *word == POISON));
    }

    #[test]
    fn an_allowance_runs_out() {
        let mut ram = Ram::new(20, 0);
        ram.set_allowance(Some(2));
        assert!(ram.allocate().is_some() && ram.allocate().is_some());
        assert_eq!(ram.allocate(), None);
        ram.set_allowance(None);
        assert!(ram.allocate().is_some());
    }

    #[test]
    #[should_panic(expected = "given back, but it is free")]
    fn a_double_free_is_found() {
        let mut ram = Ram::new(20, 0);
        let frame = ram.allocate().unwrap();
        ram.free(frame);
        ram.free(frame);
    }

    #[test]
    #[should_panic(expected = "is read, but it is free")]
    fn a_use_after_free_is_found() {
        let mut ram = Ram::new(20, 0);
        let frame = ram.allocate().unwrap();
        ram.free(frame);
        ram.table(frame, "read");
    }
}
