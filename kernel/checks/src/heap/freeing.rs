//! Checks of blocks that are freed: their memory is used again, and merges with the free
//! memory beside it.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::AllocError;

use super::subject::{Blocks, Subject, on_heap};

/// Memory that was freed is used again.
///
/// Catches a heap that only grows, and one that searches no further than the block
/// freed last.
pub fn block_reuse(context: &mut Context) -> Outcome {
    on_heap(context, 256, |context, subject| {
        for round in 0..1000 {
            let more = context.rng().below(16);
            let blocks = [
                subject.allocate(40 + more, 8, round)?,
                subject.allocate(4000 + more, 8, round)?,
                subject.allocate(700 + more, 8, round)?,
            ];
            for index in [round as usize % 3, (round as usize + 1) % 3, (round as usize + 2) % 3] {
                subject.free(&blocks[index])?;
            }
        }
        let most = subject.arena.most_bytes();
        context.measure("memory", u64::from(most), "bytes");
        ensure!(
            most <= 64 * 4096,
            expected: ("at most 64 pages of memory for 1000 rounds of three blocks, 5 KiB together"),
            saw: ("{most} bytes")
        );
        subject.ensure_blocks(0, 1, "after each round's blocks were freed")
    })
}

/// How many small blocks a heap of 16 pages has room for.
const SMALL: u32 = 16 * 4096 / 8;

/// Fills the heap completely with blocks of `size` bytes, in the order in
/// which they lie. `small` gets the places of the small blocks that use up the rest.
fn fill_up(subject: &mut Subject, size: u32, small: &mut [u32]) -> Result<Blocks<160>, Failed> {
    // All of the memory at once: then it is one piece, whichever end the heap cuts from.
    let all = subject.allocate(56_000, 8, 0)?;
    subject.free(&all)?;
    let mut blocks = Blocks::new();
    loop {
        match subject.try_allocate(size, 8, blocks.len() as u32)? {
            Ok(block) => blocks.push(block),
            Err(AllocError::OutOfMemory) => break,
            Err(error) => fail!(expected: ("blocks, and OutOfMemory at the end"), saw: ("{}", told(&error))),
        }
    }
    // Small blocks use up the rest, so that nothing else is free.
    let mut places = small.iter_mut();
    while let Ok(block) = subject.try_allocate(8, 8, 0)? {
        if let Some(place) = places.next() {
            *place = block.offset;
        }
    }
    blocks.sort();
    ensure!(blocks.len() >= 16, expected: ("at least 16 blocks of {size} bytes in 16 pages"), saw: ("{}", blocks.len()));
    Ok(blocks)
}

/// Frees two blocks that touch, and asks for one in the place of both.
fn merge(context: &mut Context, order: [usize; 2]) -> Outcome {
    for size in [400, 1000, 2400] {
        let small = context.scratch(SMALL)?;
        on_heap(context, 16, |context, subject| {
            let blocks = fill_up(subject, size, small)?;
            let mut merged = 0;
            for index in (0..blocks.len() - 1).step_by(3) {
                let (Some(low), Some(high)) = (blocks.get(index), blocks.get(index + 1)) else { continue };
                if small.iter().any(|place| (low.offset..high.offset).contains(place)) {
                    continue; // A small block lies in between.
                }
                let both = [low, high];
                let (first, second) = (both[order[0]], both[order[1]]);
                subject.free(&first)?;
                subject.free(&second)?;
                subject.summary("after two neighbours were freed")?;
                let block = match subject.try_allocate(2 * size, 8, 7)? {
                    Ok(block) => block,
                    Err(error) => fail!(
                        expected: ("a block of {} bytes where {first} was freed, and then {second} beside it", 2 * size),
                        saw: ("{}", told(&error))
                    ),
                };
                // This block stays, so that the next one has no other place.
                subject.verify(&block)?;
                merged += 1;
            }
            context.measure("merged", merged, "pairs");
            ensure!(merged >= 5, expected: ("at least 5 pairs of blocks that touch"), saw: ("{merged}"));
            Ok(())
        })?;
    }
    Ok(())
}

/// A block that is freed merges with free memory behind it.
///
/// Catches free memory that stays in pieces.
pub fn merge_behind(context: &mut Context) -> Outcome {
    merge(context, [1, 0])
}

/// A block that is freed merges with free memory before it.
///
/// Catches a heap that looks forward only.
pub fn merge_before(context: &mut Context) -> Outcome {
    merge(context, [0, 1])
}

/// After everything is freed, one block remains, and it is as large as the heap.
///
/// Catches pieces that are lost on the way, and free blocks that touch.
pub fn one_block_left(context: &mut Context) -> Outcome {
    on_heap(context, 128, |context, subject| {
        let mut blocks = Blocks::<300>::new();
        for number in 0..300 {
            let (size, power) = (context.rng().below(900), context.rng().below(9));
            blocks.push(subject.allocate(size, 1 << power, number)?);
        }
        while blocks.len() > 0 {
            let index = context.rng().below(blocks.len() as u32) as usize;
            if let Some(block) = blocks.take(index) {
                subject.free(&block)?;
            }
            if blocks.len().is_multiple_of(16) {
                subject.summary("while blocks are freed, in no order")?;
            }
        }
        subject.ensure_blocks(0, 1, "after everything was freed")?;
        let summary = subject.summary("after everything was freed")?;
        ensure!(
            summary.largest_free == summary.free_bytes && summary.free_bytes <= summary.bytes,
            expected: ("the one free block to have all free bytes"),
            saw: ("{} of {}, in {} bytes of memory", summary.largest_free, summary.free_bytes, summary.bytes)
        );
        // The heap can hand out as much as it reports.
        subject.arena.refuse_to_grow();
        let size = summary.largest_free - 64;
        match subject.try_allocate(size, 8, 1)? {
            Ok(block) => subject.free(&block),
            Err(error) => fail!(
                expected: ("a block of {size} bytes, where {} are free in one piece", summary.largest_free),
                saw: ("{}", told(&error))
            ),
        }
    })
}
