//! Random programs on the heap: whatever they do, the contract holds.

mod common;

pub use heap::Heap;

use common::{Block, Subject};
use mm_api::{AllocError, BlockError, KernelHeap, ReallocError};
use proptest::prelude::*;

/// The next step of a program. An index picks one of its blocks.
#[derive(Clone, Debug)]
enum Step {
    Allocate { size: u32, align: u32 },
    Zeroed { size: u32 },
    Free { index: usize },
    Reallocate { index: usize, size: u32 },
    FreeTwice { index: usize },
}

fn size() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0..64_u32, 4 => 0..600_u32, 2 => 0..5000_u32, 1 => 0..40_000_u32]
}

fn align() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(3_u32), 4 => 0..=12_u32].prop_map(|power| 1 << power)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (size(), align()).prop_map(|(size, align)| Step::Allocate { size, align }),
        1 => size().prop_map(|size| Step::Zeroed { size }),
        5 => any::<usize>().prop_map(|index| Step::Free { index }),
        2 => (any::<usize>(), size()).prop_map(|(index, size)| Step::Reallocate { index, size }),
        1 => any::<usize>().prop_map(|index| Step::FreeTwice { index }),
    ]
}

/// Makes one step. The pattern of every block that a step touches is verified.
fn perform(subject: &mut Subject, blocks: &mut Vec<Block>, stamp: u32, step: &Step) {
    match *step {
        Step::Allocate { size, align } => match subject.try_allocate(size, align, stamp) {
            Ok(block) => blocks.push(block),
            Err(error) => assert_eq!(error, AllocError::OutOfMemory),
        },
        Step::Zeroed { size } => match subject.heap.allocate_zeroed(common::layout(size, 8)) {
            Ok(pointer) => {
                let block = Block { pointer, size, align: 8, stamp };
                assert!((0..i64::from(size)).all(|index| subject.read(pointer, index) == 0));
                subject.fill(&block);
                blocks.push(block);
            }
            Err(error) => assert_eq!(error, AllocError::OutOfMemory),
        },
        _ if blocks.is_empty() => {}
        Step::Free { index } => {
            let block = blocks.swap_remove(index % blocks.len());
            subject.free(block);
        }
        Step::Reallocate { index, size } => {
            let index = index % blocks.len();
            let align = blocks[index].align;
            match subject.reallocate(&mut blocks[index], size, align) {
                Ok(()) => {}
                Err(error) => assert_eq!(error, ReallocError::Alloc(AllocError::OutOfMemory)),
            }
        }
        Step::FreeTwice { index } => {
            let block = blocks.swap_remove(index % blocks.len());
            subject.free(block);
            // If the block's memory was given back, the heap no longer knows the block.
            let expected = match subject.memory.contains(block.pointer, 1) {
                true => BlockError::AlreadyFree,
                false => BlockError::Foreign,
            };
            assert_eq!(subject.heap.free(block.pointer), Err(expected));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_contract_holds_whatever_a_program_does(
        pages in prop_oneof![1..6_u32, 20..80_u32],
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut subject = Subject::new(pages);
        let mut blocks = Vec::new();
        for (stamp, step) in steps.iter().enumerate() {
            perform(&mut subject, &mut blocks, stamp as u32, step);
            prop_assert_eq!(subject.summary().used_blocks, blocks.len() as u32);
        }
        for block in blocks {
            subject.free(block);
        }
        let summary = subject.summary();
        prop_assert_eq!((summary.used_blocks, summary.free_blocks), (0, 1));
    }
}
