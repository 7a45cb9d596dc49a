//! Checks of what the heap keeps for itself beside its blocks.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use mm_api::{BlockError, KernelHeap, ReallocError};

use super::subject::{Block, Blocks, Place, Subject, layout, on_heap};

/// The self-test passes a sound heap, and counts right.
///
/// Catches a self-test that always answers the same.
pub fn self_test(context: &mut Context) -> Outcome {
    on_heap(context, 64, |_, subject| {
        let empty = subject.summary("at first")?;
        ensure!(empty.used_blocks == 0, expected: ("no used blocks at first"), saw: ("{}", empty.used_blocks));
        let mut blocks = Blocks::<40>::new();
        for number in 0..40 {
            blocks.push(subject.allocate(200, 8, number)?);
        }
        blocks.sort();
        let full = subject.summary("with 40 blocks in use")?;
        ensure!(full.used_blocks == 40, expected: ("40 used blocks"), saw: ("{}", full.used_blocks));
        for index in (1..40).step_by(2) {
            if let Some(block) = blocks.get(index) {
                subject.free(&block)?;
            }
        }
        let half = subject.summary("after every second of 40 blocks was freed")?;
        ensure!(half.used_blocks == 20, expected: ("20 used blocks"), saw: ("{}", half.used_blocks));
        ensure!(
            half.free_blocks >= 19 && half.free_bytes >= full.free_bytes + 20 * 200,
            expected: ("at least 19 free blocks, and 4000 bytes more than the {} that were free before", full.free_bytes),
            saw: ("{} free blocks, and {} bytes", half.free_blocks, half.free_bytes)
        );
        ensure!(
            half.largest_free >= 200 && half.largest_free <= half.free_bytes && half.free_bytes < half.bytes,
            expected: ("a largest free block of at least 200 bytes, within all free bytes, within the heap"),
            saw: ("{half:?}")
        );
        // One bit, anywhere beside a block in use, and it is not sound any more.
        let Some(block) = blocks.get(20) else { return Ok(()) };
        let byte = subject.arena.read(block.offset - 1).unwrap_or_default();
        subject.arena.write(block.offset - 1, byte ^ 0x10);
        if let Ok(summary) = subject.heap.check() {
            fail!(expected: ("check() to find a changed bit in the byte before {block}"), saw: ("{summary:?}"));
        }
        subject.arena.write(block.offset - 1, byte);
        subject.summary("after the bit was put back")?;
        Ok(())
    })
}

/// Changes each bit of the four bytes at an offset, one at a time. The self-test
/// and `free` must notice, and nothing may be wrong when the bit is put back.
fn every_bit_counts(subject: &mut Subject, block: &Block, offset: u32, what: &str) -> Outcome {
    let before = subject.summary("before anything was overwritten")?;
    for bit in 0..32 {
        let at = offset + bit / 8;
        let byte = subject.arena.read(at).unwrap_or_default();
        subject.arena.write(at, byte ^ 1 << (bit % 8));
        if let Ok(summary) = subject.heap.check() {
            fail!(
                expected: ("check() to find that bit {} of {} was changed, {what} {block}", bit % 8, Place(at)),
                saw: ("{summary:?}")
            );
        }
        let answer = subject.heap.free(block.pointer);
        ensure!(
            answer == Err(BlockError::Damaged),
            expected: ("Err(Damaged) from free() when bit {} of {} was changed, {what} {block}", bit % 8, Place(at)),
            saw: ("{answer:?}")
        );
        let answer = subject.heap.reallocate(block.pointer, layout(block.size + 500, 8));
        ensure!(
            answer == Err(ReallocError::Block(BlockError::Damaged)),
            expected: ("Err(Block(Damaged)) from reallocate() when bit {} of {} was changed, {what} {block}", bit % 8, Place(at)),
            saw: ("{answer:?}")
        );
        subject.arena.write(at, byte);
        let after = subject.summary("after the bit was put back")?;
        ensure!(after == before, expected: ("{before:?}, as before"), saw: ("{after:?}"));
    }
    Ok(())
}

/// What is written just before a block is found.
///
/// Catches headers without a check sum.
pub fn underrun_found(context: &mut Context) -> Outcome {
    on_heap(context, 32, |_, subject| {
        let blocks = [
            subject.allocate(8, 8, 1)?,
            subject.allocate(24, 8, 2)?,
            subject.allocate(100, 64, 3)?,
            subject.allocate(1000, 8, 4)?,
            subject.allocate(5000, 8, 5)?,
        ];
        for block in &blocks {
            every_bit_counts(subject, block, block.offset - 4, "just before")?;
        }
        blocks.iter().try_for_each(|block| subject.free(block))
    })
}

/// What is written just past a block's usable bytes is found: beside a block in
/// use, beside free memory, and at the end of the heap.
///
/// Catches a heap that looks before a block only.
pub fn overrun_found(context: &mut Context) -> Outcome {
    on_heap(context, 32, |_, subject| {
        let mut blocks = Blocks::<12>::new();
        for number in 0..12 {
            blocks.push(subject.allocate([24, 100, 1000][number as usize % 3], 8, number)?);
        }
        blocks.sort();
        for block in blocks.iter().step_by(2) {
            let end = block.offset + subject.usable(&block);
            every_bit_counts(subject, &block, end, "just past")?;
        }
        for index in [10, 7, 4, 1] {
            if let Some(block) = blocks.take(index) {
                subject.free(&block)?;
            }
        }
        for block in blocks.iter() {
            let end = block.offset + subject.usable(&block);
            every_bit_counts(subject, &block, end, "just past")?;
        }
        blocks.iter().try_for_each(|block| subject.free(&block))
    })
}
