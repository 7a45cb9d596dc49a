//! Checks of the heap as a whole: it grows, runs out of memory, and shrinks.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::{AllocError, HEAP_MAX, HEAP_SLACK, KernelHeap};

use super::subject::{Block, Blocks, Subject, layout, on_heap};

/// The memory grows only when no free place is large enough.
///
/// Catches a search that misses free blocks: aligned ones, and one among many.
pub fn grows_late(context: &mut Context) -> Outcome {
    for size in [24, 200, 500, 3000] {
        on_heap(context, 128, |_, subject| {
            let mut blocks = Blocks::<100>::new();
            for number in 0..100 {
                blocks.push(subject.allocate(size, 8, number)?);
            }
            blocks.sort();
            let (grown, bytes) = (subject.arena.times_grown(), subject.arena.bytes());
            ensure!(bytes >= 100 * size, expected: ("memory for 100 blocks of {size} bytes"), saw: ("{bytes} bytes"));
            // Every second one: 50 places for blocks of this size, and none for a larger one.
            for index in (0..100).step_by(2) {
                if let Some(block) = blocks.get(index) {
                    subject.free(&block)?;
                }
            }
            for number in 0..50 {
                subject.allocate(size, 8, number)?;
            }
            ensure!(
                subject.arena.times_grown() == grown,
                expected: ("50 blocks of {size} bytes to find room where 50 of the same size were freed"),
                saw: ("the memory grew from {bytes} to {} bytes", subject.arena.bytes())
            );
            Ok(())
        })?;
    }
    for align in [8, 16, 256, 4096] {
        on_heap(context, 32, |_, subject| aligned_place_found(subject, align))?;
    }
    on_heap(context, 32, |_, subject| one_of_many_found(subject))?;
    on_heap(context, 32, |_, subject| found_by_reallocate(subject))
}

/// Hands out all memory, up to the last page. Returns the block that lies last.
pub fn use_up(subject: &mut Subject) -> Result<Option<Block>, Failed> {
    let mut last = None::<Block>;
    for size in [1000, 100, 8] {
        while let Ok(block) = subject.try_allocate(size, 8, size)? {
            last = last.filter(|last| last.offset > block.offset).or(Some(block));
        }
    }
    Ok(last)
}

/// An aligned block that is freed leaves a place for another one like it.
fn aligned_place_found(subject: &mut Subject, align: u32) -> Outcome {
    let block = subject.allocate(700, align, 1)?;
    use_up(subject)?;
    subject.free(&block)?;
    match subject.try_allocate(700, align, 2)? {
        Ok(_) => Ok(()),
        Err(error) => fail!(
            expected: ("700 bytes aligned to {align} where such a block was just freed, all other memory being in use"),
            saw: ("{}", told(&error))
        ),
    }
}

/// The only free block that is large enough is found among many of nearly its size.
fn one_of_many_found(subject: &mut Subject) -> Outcome {
    let mut blocks = Blocks::<60>::new();
    for number in 0..60 {
        blocks.push(subject.allocate(1400 + 8 * number, 8, number)?);
    }
    use_up(subject)?;
    // Every second one, so that none can merge with another: the largest of them first.
    blocks.sort();
    let mut places: [Option<Block>; 30] = core::array::from_fn(|index| blocks.get(2 * index));
    places.sort_unstable_by_key(|place| core::cmp::Reverse(place.map_or(0, |block| block.size)));
    for place in places.iter().flatten() {
        subject.free(place)?;
    }
    let size = places[0].map_or(0, |largest| largest.size);
    match subject.try_allocate(size, 8, 2)? {
        Ok(_) => Ok(()),
        Err(error) => fail!(
            expected: ("{size} bytes where such a block was freed, and 29 that are a little smaller"),
            saw: ("{}", told(&error))
        ),
    }
}

/// A block that grows finds a free place, even if it is the last block and the memory
/// could grow behind it.
fn found_by_reallocate(subject: &mut Subject) -> Outcome {
    let place = subject.allocate(3000, 8, 1)?;
    let Some(last) = use_up(subject)? else { return Ok(()) };
    subject.free(&place)?;
    let answer = subject.heap.reallocate(last.pointer, layout(2900, 8));
    ensure!(
        answer.is_ok(),
        expected: ("{last} to become one of 2900 bytes: 3000 were just freed"),
        saw: ("{}", told(&answer))
    );
    Ok(())
}

/// Running out of memory is an answer, and changes nothing.
///
/// Catches a panic at the end of memory, sizes that wrap, and a heap that breaks
/// when it could not grow.
pub fn heap_exhausted(context: &mut Context) -> Outcome {
    on_heap(context, 32, |_, subject| {
        let mut blocks = Blocks::<160>::new();
        let error = loop {
            match subject.try_allocate(1000, 8, blocks.len() as u32)? {
                Ok(block) => blocks.push(block),
                Err(error) => break error,
            }
        };
        ensure!(error == AllocError::OutOfMemory, expected: ("the error OutOfMemory when memory is used up"), saw: ("{}", told(&error)));
        ensure!(
            blocks.len() >= 120,
            expected: ("at least 120 blocks of 1000 bytes in 32 pages"),
            saw: ("{}", blocks.len())
        );
        let before = subject.summary("when memory is used up")?;
        let largest = i32::MAX as u32 - 4096;
        for (size, align) in [
            (4000, 8),
            (4000, 64),
            (4000, 4096),
            (HEAP_MAX - 8, 8),
            (HEAP_MAX, 8),
            (HEAP_MAX + 1, 8),
            (largest, 8),
            (largest, 4096),
        ] {
            let answer = subject.heap.allocate(layout(size, align));
            ensure!(
                answer == Err(AllocError::OutOfMemory),
                expected: ("the error OutOfMemory for {size} bytes aligned to {align}"),
                saw: ("{}", told(&answer))
            );
        }
        let after = subject.summary("after requests were refused")?;
        ensure!(after == before, expected: ("{before}, after requests were refused", before = told(&before)), saw: ("{}", told(&after)));
        // Even while the end of the memory is free.
        blocks.sort();
        if let Some(last) = blocks.pop() {
            subject.free(&last)?;
            let before = subject.summary("after the last block was freed")?;
            let answer = subject.heap.allocate(layout(9000, 8));
            ensure!(answer == Err(AllocError::OutOfMemory), expected: ("the error OutOfMemory for 9000 bytes"), saw: ("{}", told(&answer)));
            let after = subject.summary("after a request was refused while the last block is free")?;
            ensure!(after == before, expected: ("{before}, after a request was refused", before = told(&before)), saw: ("{}", told(&after)));
        }
        // Then the heap works on.
        for index in [3, 50, 100] {
            if let Some(block) = blocks.take(index) {
                subject.free(&block)?;
                blocks.push(subject.allocate(1000, 8, index as u32)?);
            }
        }
        blocks.iter().try_for_each(|block| subject.free(&block))?;
        subject.ensure_blocks(0, 1, "after everything was freed")
    })
}

/// A free tail is given back, and can be allocated again.
///
/// Catches a heap that keeps everything, one that keeps using what it gave back, and
/// one whose end is in the wrong place afterwards.
pub fn tail_given_back(context: &mut Context) -> Outcome {
    on_heap(context, 400, |_, subject| {
        let first = subject.allocate(100, 8, 1)?;
        for round in 0..3 {
            let mut blocks = Blocks::<300>::new();
            for number in 0..300 {
                blocks.push(subject.allocate(4000, 8, number + round)?);
            }
            // Upwards, then downwards, then from the middle.
            blocks.sort();
            while blocks.len() > 0 {
                let index = match round {
                    0 => 0,
                    1 => blocks.len() - 1,
                    _ => blocks.len() / 2,
                };
                let Some(block) = blocks.take(index) else { break };
                subject.free(&block)?;
            }
            let (bytes, most) = (subject.arena.bytes(), subject.arena.most_bytes());
            let allowed = HEAP_SLACK + 4 * 4096;
            ensure!(
                bytes <= allowed,
                expected: ("at most {allowed} bytes of memory with one small block in use, after there were {most}"),
                saw: ("{bytes}")
            );
            if let Some(offset) = subject.arena.written_beyond() {
                fail!(
                    expected: ("nothing to be written to memory that was given back, from offset {bytes:#x} on"),
                    saw: ("something else at offset {offset:#x}")
                );
            }
            subject.summary("after memory was given back")?;
        }
        subject.free(&first)
    })?;
    on_heap(context, 200, |_, subject| answers_believed(subject))?;
    on_heap(context, 300, |_, subject| left_behind(subject))?;
    on_heap(context, 300, |_, subject| nothing_behind(subject))
}

/// A large block that ends where the memory does: behind some of these, there is no free memory at all.
fn nothing_behind(subject: &mut Subject) -> Outcome {
    const SIZE: u32 = 200_000;
    for less in (0..=64).step_by(8) {
        let block = subject.allocate(SIZE, 8, less)?;
        let behind = subject.arena.bytes() - (block.offset + subject.usable(&block));
        subject.free(&block)?;
        let block = subject.allocate(SIZE + behind.saturating_sub(less), 8, less)?;
        let most = subject.arena.bytes();
        subject.free(&block)?;
        let (bytes, allowed) = (subject.arena.bytes(), HEAP_SLACK + 4 * 4096);
        ensure!(
            bytes <= allowed,
            expected: ("at most {allowed} bytes of memory after everything was freed, {block} the last, of {most} bytes"),
            saw: ("{bytes}")
        );
    }
    subject.ensure_blocks(0, 1, "after everything was freed")
}

/// A block that is reallocated to another place leaves free memory behind, as one that is freed.
fn left_behind(subject: &mut Subject) -> Outcome {
    let hole = subject.allocate(400_000, 8, 1)?;
    let between = subject.allocate(100, 8, 2)?;
    let block = subject.allocate(300_000, 8, 3)?;
    subject.free(&hole)?;
    let pointer = match subject.heap.reallocate(block.pointer, layout(320_000, 8)) {
        Ok(pointer) => pointer,
        Err(error) => fail!(expected: ("{block} to become one of 320,000 bytes"), saw: ("{}", told(&error))),
    };
    let block = subject.examine("reallocate()", pointer, 320_000, 8, 3)?;
    subject.verify_bytes(&block, 300_000, "after the block was reallocated")?;
    subject.fill(&block);
    let used = [between, block].iter().map(|block| block.offset + subject.usable(block)).max().unwrap_or(0);
    let (bytes, most) = (subject.arena.bytes(), used + HEAP_SLACK + 4 * 4096);
    ensure!(
        bytes <= most,
        expected: ("at most {most} bytes of memory, of which {used} are up to the end of the last block, after a block became larger"),
        saw: ("{bytes}")
    );
    [between, block].iter().try_for_each(|block| subject.free(block))?;
    subject.ensure_blocks(0, 1, "after everything was freed")
}

/// The memory grows by more than it was asked to, and shrinks by less: its answer counts.
fn answers_believed(subject: &mut Subject) -> Outcome {
    subject.arena.answer_oddly();
    for round in 0..4 {
        let mut blocks = Blocks::<150>::new();
        for number in 0..150 {
            blocks.push(subject.allocate(3000 + number % 7 * 24, 8, number + round)?);
            if number % 16 == 0 {
                subject.summary("after the memory grew by more than it was asked to, and by no whole pages")?;
            }
        }
        blocks.sort();
        while let Some(block) = if round % 2 == 0 { blocks.pop() } else { blocks.take(0) } {
            subject.free(&block)?;
            subject.summary("after the memory shrank by less than it was asked to, or not at all")?;
        }
        subject.ensure_blocks(0, 1, "after everything was freed")?;
    }
    Ok(())
}
