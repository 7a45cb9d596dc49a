//! Checks of the records that the heap keeps beside its blocks.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::{AllocError, BlockError, DamageKind, KernelHeap, ReallocError};

use super::subject::{Block, Blocks, Place, Subject, layout, on_heap};
use super::whole::use_up;

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
            saw: ("{}", told(&half))
        );
        // Change one bit, anywhere beside a block in use, and the heap is not sound any more.
        let Some(block) = blocks.get(20) else { return Ok(()) };
        let byte = subject.arena.read(block.offset - 1).unwrap_or_default();
        subject.arena.write(block.offset - 1, byte ^ 0x10);
        if let Ok(summary) = subject.heap.check() {
            fail!(expected: ("check() to find a changed bit in the byte before {block}"), saw: ("{}", told(&summary)));
        }
        subject.arena.write(block.offset - 1, byte);
        subject.summary("after the bit was put back")?;
        lowest_damage_first(subject, &blocks)?;
        largest_is_true(subject)
    })?;
    for size in [24, 40, 200] {
        on_heap(context, 8, |_, subject| free_memory_is_looked_at(subject, size))?;
    }
    on_heap(context, 400, |_, subject| many_are_counted(subject))
}

/// A large free block, then more free blocks than a byte counts, and many blocks in use: not so
/// many that a heap which goes through all of them for each is at it for long.
fn many_are_counted(subject: &mut Subject) -> Outcome {
    const LARGE: u32 = 0x12_0004;
    const FREE: u32 = 300;
    const USED: u32 = 1300;
    let none = |number| fail!(expected: ("a small block, number {number}"), saw: ("OutOfMemory"));
    let large = subject.allocate(LARGE, 8, 1)?;
    let behind = subject.allocate(40, 8, 2)?;
    subject.free(&large)?;
    let summary = subject.summary("with a large free block")?;
    ensure!(
        summary.largest_free >= LARGE && summary.largest_free <= summary.free_bytes,
        expected: ("a largest free block of at least the {LARGE} bytes that were freed"),
        saw: ("{}", told(&summary))
    );
    subject.free(&behind)?;
    for number in 0..USED {
        if subject.heap.allocate(layout(4, 8)).is_err() {
            return none(number);
        }
    }
    let used = subject.summary("with many blocks in use")?.used_blocks;
    ensure!(used == USED, expected: ("{USED} used blocks"), saw: ("{used}"));
    let mut apart = [None; FREE as usize];
    for block in &mut apart {
        // Every other one stays, so that those that are freed are no neighbours.
        let (Ok(pointer), Ok(_)) = (subject.heap.allocate(layout(4, 8)), subject.heap.allocate(layout(4, 8))) else {
            return none(USED);
        };
        *block = Some(pointer);
    }
    let before = subject.summary("before many blocks are freed")?.free_blocks;
    for pointer in apart.into_iter().flatten() {
        let answer = subject.heap.free(pointer);
        ensure!(answer == Ok(()), expected: ("free() to take back a small block"), saw: ("{}", told(&answer)));
    }
    let free = subject.summary("after many blocks were freed that are no neighbours")?.free_blocks;
    ensure!(free >= FREE, expected: ("at least {FREE} free blocks, {before} before"), saw: ("{free}"));
    Ok(())
}

/// The reported offset is that of the damage; of two, that of the lower one. Blocks with
/// even numbers are in use.
fn lowest_damage_first(subject: &mut Subject, blocks: &Blocks<40>) -> Outcome {
    let [Some(low), Some(before), Some(high)] = [4, 30, 32].map(|index| blocks.get(index)) else { return Ok(()) };
    let flip = |subject: &Subject, block: &Block| {
        let byte = subject.arena.read(block.offset - 1).unwrap_or_default();
        subject.arena.write(block.offset - 1, byte ^ 0x10);
    };
    for (both, places) in [(false, before.offset - 16..high.offset), (true, 0..low.offset)] {
        flip(subject, &high);
        if both {
            flip(subject, &low);
        }
        let answer = subject.heap.check();
        flip(subject, &high);
        if both {
            flip(subject, &low);
        }
        let also = if both { " and in the one before a lower block" } else { "" };
        ensure!(
            answer.is_err_and(|damage| places.contains(&damage.offset)),
            expected: ("check() to find that a bit was changed in the byte before {high}{also}, between {:#x} and {:#x}", places.start, places.end),
            saw: ("{}", told(&answer))
        );
        let kind = answer.err().map(|damage| damage.kind);
        ensure!(
            matches!(kind, Some(DamageKind::Header | DamageKind::Neighbours)),
            expected: ("check() to call a changed bit in the byte before {high} a Header that was overwritten, or Neighbours that disagree"),
            saw: ("{}", told(&answer))
        );
    }
    Ok(())
}

/// A block as large as the largest free block of `check` can be allocated, and no larger one.
fn largest_is_true(subject: &mut Subject) -> Outcome {
    subject.arena.refuse_to_grow();
    for number in 0..4 {
        let largest = subject.summary("with several free blocks")?.largest_free;
        let answer = subject.heap.allocate(layout(largest + 1, 8));
        ensure!(
            answer == Err(AllocError::OutOfMemory),
            expected: ("the error OutOfMemory for {} bytes, check() having found {largest} in the largest free block", largest + 1),
            saw: ("{}", told(&answer))
        );
        if let Err(error) = subject.try_allocate(largest.saturating_sub(64), 8, number)? {
            fail!(
                expected: ("{} bytes, check() having found {largest} in the largest free block", largest.saturating_sub(64)),
                saw: ("{}", told(&error))
            );
        }
    }
    Ok(())
}

/// If a program writes into memory that it has freed, `check` finds it, or it does
/// the heap no harm.
fn free_memory_is_looked_at(subject: &mut Subject, size: u32) -> Outcome {
    let mut blocks = Blocks::<9>::new();
    for number in 0..9 {
        blocks.push(subject.allocate(size, 8, number)?);
    }
    use_up(subject)?;
    blocks.sort();
    let [Some(mut hole), Some(mut behind)] = [4, 5].map(|index| blocks.get(index)) else { return Ok(()) };
    let words = subject.usable(&hole) / 4;
    for word in (0..words).filter(|word| *word < 6 || words - word <= 3) {
        for change in [[8, 0, 0, 0], [0xFF; 4]] {
            subject.free(&hole)?;
            let at = hole.offset + 4 * word;
            let flip = |subject: &Subject| {
                for (place, bits) in (at..).zip(change) {
                    subject.arena.write(place, subject.arena.read(place).unwrap_or_default() ^ bits);
                }
            };
            flip(subject);
            if subject.heap.check().is_err() {
                flip(subject);
                subject.summary("after a word in free memory was put back")?;
            } else {
                subject.free(&behind)?;
                subject.summary("after a block was freed beside free memory that check() had found sound")?;
                behind = subject.allocate(size, 8, 5)?;
            }
            hole = subject.allocate(size, 8, 4)?;
        }
    }
    subject.summary("after words in free memory were changed and put back")?;
    Ok(())
}

/// Changes each bit of the four bytes at an offset, one at a time. The self-test
/// and `free` must notice, and the heap must be sound when the bit is put back.
fn every_bit_counts(subject: &mut Subject, block: &Block, offset: u32, what: &str) -> Outcome {
    let before = subject.summary("before anything was overwritten")?;
    for bit in 0..32 {
        let at = offset + bit / 8;
        let byte = subject.arena.read(at).unwrap_or_default();
        subject.arena.write(at, byte ^ 1 << (bit % 8));
        if let Ok(summary) = subject.heap.check() {
            fail!(
                expected: ("check() to find that bit {} of {} was changed, {what} {block}", bit % 8, Place(at)),
                saw: ("{}", told(&summary))
            );
        }
        let answer = subject.heap.free(block.pointer);
        ensure!(
            answer == Err(BlockError::Damaged),
            expected: ("the error Damaged from free() when bit {} of {} was changed, {what} {block}", bit % 8, Place(at)),
            saw: ("{}", told(&answer))
        );
        let answer = subject.heap.reallocate(block.pointer, layout(block.size + 500, 8));
        ensure!(
            answer == Err(ReallocError::Block(BlockError::Damaged)),
            expected: ("the error Damaged from reallocate() when bit {} of {} was changed, {what} {block}", bit % 8, Place(at)),
            saw: ("{}", told(&answer))
        );
        subject.arena.write(at, byte);
        let after = subject.summary("after the bit was put back")?;
        ensure!(after == before, expected: ("{before}, as before", before = told(&before)), saw: ("{}", told(&after)));
    }
    Ok(())
}

/// A write just before a block is found.
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

/// A write just past a block's usable bytes is found: beside a block in
/// use, beside free memory, and at the end of the heap.
///
/// Catches a heap that tests only the bytes before a block.
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
