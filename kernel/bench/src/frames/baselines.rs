//! The simplest allocators, for scale.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::candidate::{Allocator, Candidate, RUN, Taken};

/// Does nothing, to measure the cost of a call itself.
pub struct Nothing;

impl Candidate for Nothing {
    fn build(_frames: u32, _taken: Taken<'_>) -> Box<dyn Allocator> {
        Box::new(Self)
    }
}

impl Allocator for Nothing {
    fn allocate(&mut self) -> Option<u32> {
        None
    }

    fn free(&mut self, _frame: u32) {}
}

/// One bit per frame, searched one by one from frame 0 on.
pub struct NaiveBitmap {
    taken: Vec<u32>,
    frames: u32,
}

impl NaiveBitmap {
    fn is_taken(&self, frame: u32) -> bool {
        self.taken[(frame / 32) as usize] >> (frame % 32) & 1 != 0
    }

    fn set(&mut self, frame: u32, taken: bool) {
        let bit = 1 << (frame % 32);
        let word = &mut self.taken[(frame / 32) as usize];
        *word = if taken { *word | bit } else { *word & !bit };
    }
}

impl Candidate for NaiveBitmap {
    fn build(frames: u32, taken: Taken<'_>) -> Box<dyn Allocator> {
        let mut bitmap = Self { taken: vec![0; frames.div_ceil(32) as usize], frames };
        for frame in 0..frames {
            bitmap.set(frame, taken(frame));
        }
        Box::new(bitmap)
    }
}

impl Allocator for NaiveBitmap {
    fn allocate(&mut self) -> Option<u32> {
        let frame = (0..self.frames).find(|&frame| !self.is_taken(frame))?;
        self.set(frame, true);
        Some(frame)
    }

    fn free(&mut self, frame: u32) {
        self.set(frame, false);
    }

    fn allocate_run(&mut self) -> Option<u32> {
        let is_free = |first: &u32| (*first..first + RUN).all(|frame| !self.is_taken(frame));
        let first = (0..self.frames).step_by(RUN as usize).find(is_free)?;
        for frame in first..first + RUN {
            self.set(frame, true);
        }
        Some(first)
    }

    fn free_run(&mut self, first: u32) {
        for frame in first..first + RUN {
            self.set(frame, false);
        }
    }
}

/// A list through the free frames themselves, as in xv6 (Cox, Kaashoek, Morris: "xv6: a simple,
/// Unix-like teaching operating system", chapter 3). Here one word stands for each frame.
pub struct FreeList {
    head: u32,
    next: Vec<u32>,
}

/// The end of the list.
const NONE: u32 = u32::MAX;

impl Candidate for FreeList {
    const RUNS: bool = false;

    fn build(frames: u32, taken: Taken<'_>) -> Box<dyn Allocator> {
        let mut list = Self { head: NONE, next: vec![NONE; frames as usize] };
        for frame in (0..frames).rev().filter(|&frame| !taken(frame)) {
            list.free(frame);
        }
        Box::new(list)
    }
}

impl Allocator for FreeList {
    fn allocate(&mut self) -> Option<u32> {
        let frame = self.head;
        self.head = *self.next.get(frame as usize)?;
        Some(frame)
    }

    fn free(&mut self, frame: u32) {
        self.next[frame as usize] = self.head;
        self.head = frame;
    }

    fn bytes_elsewhere(self: Box<Self>) -> i32 {
        -((self.next.capacity() * size_of::<u32>()) as i32)
    }
}
