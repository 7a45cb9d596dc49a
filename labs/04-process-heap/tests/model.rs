//! Random operations on heaps and on models: plain lists of their bytes.
//! After each operation the two are compared, and so are the pages.

mod common;

use common::*;
use mm_api::layout::PAGE_SIZE;
use mm_api::{BreakError, ProcessHeap};
use proptest::prelude::*;

/// The most pages of a heap.
const ROOM: u32 = 8;

/// The next operation. An index picks a process.
#[derive(Clone, Debug)]
enum Operation {
    /// `brk` to a number of bytes past the start, or below it.
    Brk(usize, i32),
    /// `sbrk` to such a place.
    Sbrk(usize, i32),
    /// `sbrk` by any number.
    SbrkBy(usize, i32),
    /// The process fills its heap.
    Fill(usize, u8),
    /// The process writes past its break.
    WritePast(usize, u8),
    /// Another page is mapped, or the frames run short, while the break moves.
    GrowInVain(usize, i32, u32),
    Fork(usize),
    Clear(usize),
}

/// The place of a new break: mostly a valid one, and often near a page's boundary.
fn places() -> impl Strategy<Value = i32> {
    let room = (ROOM * PAGE_SIZE).cast_signed();
    let page = PAGE_SIZE.cast_signed();
    prop_oneof![
        4 => 0..=room,
        4 => (0..=ROOM.cast_signed(), -2..=2).prop_map(move |(n, off)| n * page + off),
        1 => -10_000..room + 10_000,
    ]
}

fn operations() -> impl Strategy<Value = Operation> {
    let which = || 0..3_usize;
    prop_oneof![
        6 => (which(), places()).prop_map(|(which, place)| Operation::Brk(which, place)),
        6 => (which(), places()).prop_map(|(which, place)| Operation::Sbrk(which, place)),
        1 => (which(), any::<i32>()).prop_map(|(which, by)| Operation::SbrkBy(which, by)),
        3 => (which(), any::<u8>()).prop_map(|(which, stamp)| Operation::Fill(which, stamp)),
        2 => (which(), any::<u8>()).prop_map(|(which, stamp)| Operation::WritePast(which, stamp)),
        2 => (which(), places(), 0..4_u32)
            .prop_map(|(which, place, frames)| Operation::GrowInVain(which, place, frames)),
        1 => which().prop_map(Operation::Fork),
        1 => which().prop_map(Operation::Clear),
    ]
}

/// A process, and the model of its heap.
struct Pair {
    process: Process,
    bytes: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        Self { process: Process::with_room(ROOM), bytes: Vec::new() }
    }

    /// The right answer to a move of the break to an address, if it is one.
    fn expected(address: i64) -> Result<(), BreakError> {
        match u32::try_from(address) {
            Err(_) => Err(BreakError::Wraps),
            Ok(address) if address < LIMIT - ROOM * PAGE_SIZE => Err(BreakError::BelowStart),
            Ok(address) if address > LIMIT => Err(BreakError::PastLimit),
            Ok(_) => Ok(()),
        }
    }

    /// Moves the break by `sbrk`, and the model's with it.
    fn sbrk(&mut self, increment: i32) {
        let old = self.process.end();
        let address = i64::from(old) + i64::from(increment);
        let expected = Self::expected(address).map(|()| old);
        assert_eq!(self.process.sbrk(increment), expected, "sbrk({increment}), where the break is {old:#x}");
        if expected.is_ok() {
            self.bytes.resize((address - i64::from(self.process.start())) as usize, 0);
        }
    }

    fn brk(&mut self, address: u32) {
        let expected = Self::expected(i64::from(address));
        assert_eq!(self.process.brk(address), expected, "brk({address:#x})");
        if expected.is_ok() {
            self.bytes.resize((address - self.process.start()) as usize, 0);
        }
    }

    fn compare(&self) {
        let process = &self.process;
        assert_eq!(process.size() as usize, self.bytes.len(), "the heap's size");
        process.assert_pages();
        assert!(
            process.pages.bytes(process.heap.start(), process.size()) == self.bytes,
            "the bytes of a heap of {} bytes",
            self.bytes.len()
        );
    }
}

/// Makes one operation. An index without a process makes a new one.
fn perform(pairs: &mut Vec<Pair>, operation: &Operation) {
    let (Operation::Brk(which, _)
    | Operation::Sbrk(which, _)
    | Operation::SbrkBy(which, _)
    | Operation::Fill(which, _)
    | Operation::WritePast(which, _)
    | Operation::GrowInVain(which, _, _)
    | Operation::Fork(which)
    | Operation::Clear(which)) = *operation;
    if which >= pairs.len() {
        pairs.push(Pair::new());
    }
    let which = which.min(pairs.len() - 1);
    let pair = &mut pairs[which];
    let start = pair.process.start();
    match *operation {
        Operation::Brk(_, place) => pair.brk(start.wrapping_add_signed(place)),
        Operation::Sbrk(_, place) => {
            let increment = place - pair.process.size().cast_signed();
            pair.sbrk(increment);
        }
        Operation::SbrkBy(_, increment) => pair.sbrk(increment),
        Operation::Fill(_, stamp) => {
            pair.process.fill_heap(stamp);
            pair.bytes = (start..pair.process.end()).map(|address| pattern(stamp, address)).collect();
        }
        Operation::WritePast(_, stamp) => {
            let spare = pair.process.spare();
            pair.process.fill(spare, stamp);
        }
        Operation::GrowInVain(_, place, frames) => {
            let address = start.wrapping_add_signed(place).clamp(start, LIMIT);
            let pages = (address - start).div_ceil(PAGE_SIZE).saturating_sub(pair.process.size().div_ceil(PAGE_SIZE));
            pair.process.pages.set_free_frames(Some(frames));
            if pages > frames {
                let tell = format!("brk({address:#x}) with {frames} frames");
                pair.process.assert_refused(BreakError::OutOfFrames, &tell, |process| process.brk(address));
            } else {
                pair.brk(address);
            }
            pair.process.pages.set_free_frames(None);
        }
        Operation::Fork(_) => {
            let child = Pair { process: pair.process.fork(), bytes: pair.bytes.clone() };
            match pairs.len() {
                0..3 => pairs.push(child),
                _ => pairs[(which + 1) % 3] = child,
            }
        }
        Operation::Clear(_) => {
            pair.process.heap.clear(&mut pair.process.pages);
            pair.bytes.clear();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_list_of_bytes(operations in proptest::collection::vec(operations(), 1..80)) {
        let mut pairs = Vec::new();
        for operation in &operations {
            perform(&mut pairs, operation);
            pairs.iter().for_each(Pair::compare);
        }
    }
}
