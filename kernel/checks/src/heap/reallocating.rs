//! Checks of blocks that become larger and smaller.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::{AllocError, HEAP_ALIGN_MAX, KernelHeap, ReallocError};

use super::subject::{Block, Blocks, Subject, layout, on_heap};

/// Reallocates a block, and compares its bytes with those before.
///
/// # Errors
/// Fails the check if the heap refuses, or if a byte has changed.
fn reallocate(subject: &mut Subject, block: &Block, size: u32, align: u32) -> Result<Block, Failed> {
    subject.verify(block)?;
    let pointer = match subject.heap.reallocate(block.pointer, layout(size, align)) {
        Ok(pointer) => pointer,
        Err(error) => fail!(
            expected: ("{block} to become one of {size} bytes, of a heap that may grow"),
            saw: ("{}", told(&error))
        ),
    };
    let mut new = subject.examine("reallocate()", pointer, size, align, block.stamp)?;
    subject.verify_bytes(&new, size.min(block.size), "after the block was reallocated")?;
    new.stamp = block.stamp + 1;
    subject.fill(&new);
    Ok(new)
}

/// A block's bytes stay the same when it grows and when it shrinks, up to the
/// smaller size, and so do its neighbours'.
///
/// Catches bytes that are not copied, and one too many.
pub fn realloc_content(context: &mut Context) -> Outcome {
    on_heap(context, 256, |context, subject| {
        let mut blocks = Blocks::<24>::new();
        for number in 0..24 {
            blocks.push(subject.allocate(number * 13, 8, number * 1000)?);
        }
        for round in 0..500 {
            let index = context.rng().below(24) as usize;
            let size = context.rng().below(if round % 7 == 0 { 6000 } else { 500 });
            let Some(block) = blocks.get(index) else { continue };
            blocks.set(index, reallocate(subject, &block, size, 8)?);
            if round % 16 == 0 {
                subject.summary("after a block was reallocated")?;
            }
        }
        // Other alignments, too.
        for (index, align) in [(1, 4096), (2, 64), (3, 512), (1, 8), (2, 4096)] {
            let Some(block) = blocks.get(index) else { continue };
            blocks.set(index, reallocate(subject, &block, block.size + 1, align)?);
        }
        // Much smaller, and elsewhere: among blocks that lie close together.
        for align in [64, 1024, 4096] {
            let large = subject.allocate(3000, 8, align)?;
            let mut close = Blocks::<40>::new();
            for number in 0..40 {
                close.push(subject.allocate(20, if number % 2 == 0 { align } else { 8 }, number)?);
            }
            for number in (0..40).step_by(4) {
                if let Some(block) = close.get(number) {
                    subject.free(&block)?;
                }
            }
            let small = reallocate(subject, &large, 20, align)?;
            subject.summary("after a block became much smaller, and had to move to be aligned")?;
            subject.free(&small)?;
            for block in close.iter().filter(|block| block.stamp % 4 != 0) {
                subject.free(&block)?;
            }
        }
        blocks.iter().try_for_each(|block| subject.free(&block))?;
        subject.ensure_blocks(0, 1, "after everything was freed")
    })?;
    large_content(context)
}

/// Large blocks keep their bytes, too: more bytes than 12, 16 and 20 bits can count.
fn large_content(context: &mut Context) -> Outcome {
    on_heap(context, 1200, |_, subject| {
        for (size, larger) in [(9000, 20_000), (70_000, 150_000), (1_100_000, 2_300_000)] {
            let block = subject.allocate(size, 8, size)?;
            // In most heaps, this keeps it from growing where it is.
            let [behind, other] = [subject.allocate(100, 8, 1)?, subject.allocate(100, 8, 2)?];
            let block = reallocate(subject, &block, larger, 8)?;
            let block = reallocate(subject, &block, size + 1, 8)?;
            [behind, other, block].iter().try_for_each(|block| subject.free(block))?;
        }
        subject.ensure_blocks(0, 1, "after everything was freed")
    })
}

/// Fails the check unless a block is still where it was.
fn ensure_stayed(before: &Block, after: &Block, why: &str) -> Outcome {
    ensure!(
        after.offset == before.offset,
        expected: ("{before} to stay where it is as it becomes one of {} bytes: {why}", after.size),
        saw: ("{after}")
    );
    Ok(())
}

/// A block that shrinks stays where it is; one that grows stays if the memory behind
/// it is free and large enough.
///
/// Catches a heap that always copies.
pub fn realloc_in_place(context: &mut Context) -> Outcome {
    on_heap(context, 64, |_, subject| {
        let mut blocks = Blocks::<12>::new();
        for number in 0..12 {
            blocks.push(subject.allocate(1000, if number < 6 { 8 } else { 64 }, number)?);
        }
        blocks.sort();
        // Shorter, step by step, and longer again, into the memory that it left.
        let Some(mut block) = blocks.get(1) else { return Ok(()) };
        for (size, why) in [
            (900, "it shrinks"),
            (899, "it shrinks"),
            (400, "it shrinks"),
            (64, "it shrinks"),
            (1, "it shrinks"),
            (0, "it shrinks"),
            (300, "what is behind it is free"),
            (700, "what is behind it is free"),
        ] {
            let other = reallocate(subject, &block, size, 8)?;
            ensure_stayed(&block, &other, why)?;
            block = other;
        }
        // Into a freed neighbour, to its very end.
        for index in [2, 4, 7, 9] {
            let (Some(low), Some(high)) = (blocks.get(index), blocks.get(index + 1)) else { continue };
            let all = high.offset + subject.usable(&high) - low.offset;
            let align =
                if low.offset.is_multiple_of(64) && low.pointer.addr().get().is_multiple_of(64) { 64 } else { 8 };
            subject.free(&high)?;
            let mut block = low;
            for size in [1200, 1500, 1990, all] {
                let longer = reallocate(subject, &block, size, align)?;
                ensure_stayed(&block, &longer, "the block behind it was freed")?;
                block = longer;
            }
            subject.summary("after a block grew into a freed neighbour")?;
        }
        // Shorter, with each alignment.
        for power in 3..=12 {
            let mut block = subject.allocate(3000, 1 << power, power)?;
            for size in [2000, 100, 0] {
                let shorter = reallocate(subject, &block, size, 1 << power)?;
                ensure_stayed(&block, &shorter, "it is aligned, and shrinks")?;
                block = shorter;
            }
        }
        Ok(())
    })?;
    // One block alone, which grows on and on, wherever it is.
    on_heap(context, 256, |context, subject| {
        let mut block = subject.allocate(1000, 8, 1)?;
        let mut moves = 0;
        for step in 2..60 {
            let longer = reallocate(subject, &block, step * 1000, 8)?;
            moves += u64::from(longer.offset != block.offset);
            block = longer;
        }
        context.measure("moves", moves, "times");
        subject.free(&block)
    })
}

/// A request that `reallocate` refuses leaves the block as it was.
///
/// Catches a heap that frees the old block before it has a new one.
pub fn realloc_refused(context: &mut Context) -> Outcome {
    on_heap(context, 16, |_, subject| {
        let mut blocks = Blocks::<80>::new();
        while let Ok(block) = subject.try_allocate(1000, 8, blocks.len() as u32)? {
            blocks.push(block);
        }
        let before = subject.summary("when memory is used up")?;
        let out_of_memory = ReallocError::Alloc(AllocError::OutOfMemory);
        for (size, align, expected) in [
            (8000, 8, out_of_memory),
            (8000, 256, out_of_memory),
            (i32::MAX as u32 - 8192, 8, out_of_memory),
            (100, 2 * HEAP_ALIGN_MAX, ReallocError::Alloc(AllocError::Alignment)),
        ] {
            for block in blocks.iter().step_by(7) {
                let answer = subject.heap.reallocate(block.pointer, layout(size, align));
                ensure!(
                    answer == Err(expected),
                    expected: ("{expected} for {block} to become one of {size} bytes aligned to {align}", expected = told(&expected)),
                    saw: ("{}", told(&answer))
                );
                subject.verify(&block)?;
            }
        }
        let after = subject.summary("after requests were refused")?;
        ensure!(after == before, expected: ("{before}, after requests were refused", before = told(&before)), saw: ("{}", told(&after)));
        blocks.iter().try_for_each(|block| subject.free(&block))?;
        subject.ensure_blocks(0, 1, "after everything was freed")
    })
}
