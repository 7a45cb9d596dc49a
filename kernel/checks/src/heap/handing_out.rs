//! Checks of blocks that are handed out.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::{AllocError, HEAP_ALIGN_MAX, KernelHeap};

use super::subject::{Block, Blocks, on_heap};

/// Sizes around those that a heap may treat differently.
pub const SIZES: [u32; 16] = [1, 3, 4, 7, 8, 12, 13, 20, 63, 100, 248, 255, 256, 511, 1000, 4096];

/// Every size comes at every alignment, from 1 to 4096.
///
/// Catches alignment of the header instead of the block, and rounding down.
pub fn block_alignment(context: &mut Context) -> Outcome {
    on_heap(context, 256, |context, subject| {
        let mut blocks = Blocks::<{ 13 * SIZES.len() }>::new();
        for (number, &size) in SIZES.iter().enumerate() {
            for power in 0..=12 {
                blocks.push(subject.allocate(size, 1 << power, number as u32 * 16 + power)?);
            }
        }
        blocks.iter().try_for_each(|block| subject.verify(&block))?;
        while let Some(block) = blocks.take(blocks.len() / 2) {
            subject.free(&block)?;
        }
        // Again, in memory that has been used.
        for &size in &SIZES {
            for power in (0..=12).rev() {
                blocks.push(subject.allocate(size, 1 << power, size + power)?);
            }
        }
        // And some of any size, at any alignment, in places that have become free.
        for _ in 0..60 {
            let index = context.rng().below(blocks.len() as u32) as usize;
            if let Some(block) = blocks.take(index) {
                subject.free(&block)?;
            }
            let (size, power) = (context.rng().below(600), context.rng().below(13));
            blocks.push(subject.allocate(size, 1 << power, size)?);
        }
        let answer = subject.heap.allocate(super::subject::layout(8, 2 * HEAP_ALIGN_MAX));
        ensure!(
            answer == Err(AllocError::Alignment),
            expected: ("the error Alignment for 8 bytes aligned to {}", 2 * HEAP_ALIGN_MAX),
            saw: ("{}", told(&answer))
        );
        blocks.iter().try_for_each(|block| subject.free(&block))
    })
}

/// Blocks do not overlap, their usable bytes included, and keep what is written
/// into them.
///
/// Catches a split whose second part is too large, and records in a block's bytes.
pub fn blocks_apart(context: &mut Context) -> Outcome {
    on_heap(context, 256, |context, subject| {
        let mut blocks = Blocks::<256>::new();
        for round in 0..600 {
            let size = context.rng().below(700);
            let mut block = subject.allocate(size, 8, round)?;
            block.size = subject.usable(&block);
            subject.fill(&block);
            blocks.push(block);
            if blocks.len() > 200 || context.rng().below(3) == 0 {
                let index = context.rng().below(blocks.len() as u32) as usize;
                if let Some(block) = blocks.take(index) {
                    subject.free(&block)?;
                }
            }
        }
        blocks.sort();
        for index in 1..blocks.len() {
            let (Some(low), Some(high)) = (blocks.get(index - 1), blocks.get(index)) else { continue };
            ensure!(
                low.offset + low.size <= high.offset,
                expected: ("{low} to end before {high} begins"),
                saw: ("that they overlap")
            );
        }
        blocks.iter().try_for_each(|block| subject.free(&block))
    })
}

/// A block of no bytes is a block like any other.
///
/// Catches one address for all of them, and blocks too small to be freed.
pub fn empty_blocks(context: &mut Context) -> Outcome {
    on_heap(context, 16, |context, subject| {
        let before = subject.allocate(24, 8, 1)?;
        let mut blocks = Blocks::<40>::new();
        let first = context.rng().below(13);
        for power in 0..40 {
            blocks.push(subject.allocate(0, 1 << ((first + power) % 13), power)?);
        }
        let behind = subject.allocate(24, 8, 2)?;
        blocks.sort();
        for index in 1..blocks.len() {
            let (Some(low), Some(high)) = (blocks.get(index - 1), blocks.get(index)) else { continue };
            ensure!(low.offset != high.offset, expected: ("an address of its own for every block"), saw: ("{low}, twice"));
        }
        let used = subject.summary("with 40 blocks of no bytes among others")?.used_blocks;
        ensure!(used == 42, expected: ("42 used blocks"), saw: ("{used}"));
        blocks.iter().try_for_each(|block| subject.free(&block))?;
        subject.free(&before)?;
        subject.free(&behind)
    })
}

/// Zeroed memory is zero, even if it was used before.
///
/// Catches an allocation that trusts its memory, and one that zeroes too little.
pub fn zeroed_blocks(context: &mut Context) -> Outcome {
    on_heap(context, 64, |context, subject| {
        let any: [u32; 16] = core::array::from_fn(|_| context.rng().below(3000));
        for (size, nth) in SIZES.into_iter().chain(any).zip(0..) {
            // Besides, each alignment from 128 to 4096 in turn.
            for (round, align) in [8, 64, 128 << (nth % 6)].into_iter().enumerate() {
                let pointer = match subject.heap.allocate_zeroed(super::subject::layout(size, align)) {
                    Ok(pointer) => pointer,
                    Err(error) => fail!(expected: ("{size} zeroed bytes"), saw: ("{}", told(&error))),
                };
                let mut block = subject.examine("allocate_zeroed()", pointer, size, align, !size)?;
                ensure_zero(subject.arena, &block, size)?;
                // Leaves something behind for the next block.
                block.size = subject.usable(&block);
                subject.fill(&block);
                let neighbour = subject.allocate(size + round as u32, 8, 3)?;
                subject.free(&block)?;
                subject.free(&neighbour)?;
            }
        }
        Ok(())
    })?;
    // More bytes than 16 bits can count, and more than 20 can.
    on_heap(context, 700, |_, subject| {
        for size in [70_000, 1_200_000] {
            let pointer = match subject.heap.allocate_zeroed(super::subject::layout(size, 8)) {
                Ok(pointer) => pointer,
                Err(error) => fail!(expected: ("{size} zeroed bytes"), saw: ("{}", told(&error))),
            };
            let block = subject.examine("allocate_zeroed()", pointer, size, 8, 1)?;
            ensure_zero(subject.arena, &block, size)?;
        }
        let pointer = match subject.heap.allocate_array(1100, 1000) {
            Ok(pointer) => pointer,
            Err(error) => fail!(expected: ("an array of 1100 elements of 1000 bytes"), saw: ("{}", told(&error))),
        };
        let block = subject.examine("allocate_array()", pointer, 1_100_000, 8, 2)?;
        ensure_zero(subject.arena, &block, 1_100_000)
    })
}

/// Fails unless the first bytes of a block are zero.
fn ensure_zero(arena: &crate::arena::Arena, block: &Block, bytes: u32) -> Outcome {
    for index in 0..bytes {
        let byte = arena.read(block.offset + index).unwrap_or_default();
        ensure!(byte == 0, expected: ("byte {index} of {block} to be zero"), saw: ("{byte:#04x}"));
    }
    Ok(())
}

/// An array is zero, and a size that does not fit in 32 bits is refused.
///
/// Catches a product that wraps, and one that panics.
pub fn array_size(context: &mut Context) -> Outcome {
    on_heap(context, 16, |context, subject| {
        let any = (1 + context.rng().below(30), 1 + context.rng().below(30));
        for (count, size) in [(25, 12), any] {
            let filler = subject.allocate(900, 8, 1)?;
            subject.free(&filler)?;
            let pointer = match subject.heap.allocate_array(count, size) {
                Ok(pointer) => pointer,
                Err(error) => {
                    fail!(expected: ("an array of {count} elements of {size} bytes"), saw: ("{}", told(&error)))
                }
            };
            let block = subject.examine("allocate_array()", pointer, count * size, 8, 2)?;
            ensure_zero(subject.arena, &block, count * size)?;
        }
        let before = subject.summary("before arrays are asked for that are too large")?;
        let any = 2 + context.rng().below(0x1_0000);
        let much = u32::MAX / any + 1 + context.rng().below(1000);
        // Products that are past the last `u32`, and such that are just not.
        let wrapping =
            [(0x1_0000, 0x1_0000), (u32::MAX, 2), (0x8000_0001, 2), (0x4000_0001, 4), (3, 0x5555_5556), (any, much)];
        let large = [(1, 0x7FFF_FFFF), (0x8000_0000, 1), (0x8000, 0x1_0000), (3, 0x5555_5555)];
        for (count, size) in wrapping.into_iter().chain(large) {
            let answer = subject.heap.allocate_array(count, size);
            ensure!(
                answer == Err(AllocError::OutOfMemory),
                expected: ("the error OutOfMemory for {count:#x} elements of {size:#x} bytes"),
                saw: ("{}", told(&answer))
            );
        }
        for (count, size) in [(0, 8), (8, 0), (0, u32::MAX)] {
            let answer = subject.heap.allocate_array(count, size);
            ensure!(answer.is_ok(), expected: ("a block of no bytes for {count} elements of {size} bytes"), saw: ("{}", told(&answer)));
        }
        let used = subject.summary("after arrays were refused")?.used_blocks;
        ensure!(
            used == before.used_blocks + 3,
            expected: ("{} used blocks, since what was refused changes nothing", before.used_blocks + 3),
            saw: ("{used}")
        );
        Ok(())
    })
}
