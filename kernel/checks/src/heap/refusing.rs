//! Checks of pointers that are not blocks.

use core::ptr::NonNull;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::{BlockError, KernelHeap};

use super::subject::{Block, Blocks, Place, Subject, on_heap};

/// A block that is freed twice is refused, and the heap stays as it is.
///
/// Catches a free that trusts every pointer.
pub fn freed_twice(context: &mut Context) -> Outcome {
    on_heap(context, 32, |context, subject| {
        let mut blocks = Blocks::<60>::new();
        for number in 0..60 {
            let size = context.rng().below(300);
            blocks.push(subject.allocate(size, 8, number)?);
        }
        blocks.sort();
        let again = |subject: &mut Subject, block: &Block, when: &str| {
            subject.ensure_refused(block.pointer, BlockError::AlreadyFree, format_args!("{block}, {when}"))
        };
        // Alone, merged with memory behind it, before it, and on both sides.
        for group in (0..60).step_by(6) {
            for index in [1, 3, 2, 4] {
                let Some(block) = blocks.get(group + index) else { continue };
                subject.free(&block)?;
                again(subject, &block, "which was freed just before")?;
            }
        }
        for group in (0..60).step_by(6) {
            for index in 1..5 {
                let Some(block) = blocks.get(group + index) else { continue };
                again(subject, &block, "which was freed, as were its neighbours")?;
            }
        }
        for group in (0..60).step_by(6) {
            for index in [0, 5] {
                let Some(block) = blocks.get(group + index) else { continue };
                subject.free(&block)?;
            }
        }
        subject.ensure_blocks(0, 1, "after everything was freed, some of it twice")
    })
}

/// A pointer `bytes` bytes past this one.
fn moved(pointer: NonNull<u8>, bytes: i32) -> Result<NonNull<u8>, Failed> {
    match NonNull::new(pointer.as_ptr().wrapping_offset(bytes as isize)) {
        Some(pointer) => Ok(pointer),
        None => fail!(expected: ("memory that does not lie at 0"), saw: ("an arena that does")),
    }
}

/// A pointer from outside the heap is refused.
///
/// Catches a free that reads at the pointer before it asks whether the memory is the heap's.
pub fn foreign_pointer(context: &mut Context) -> Outcome {
    on_heap(context, 16, |_, subject| {
        let block = subject.allocate(100, 8, 1)?;
        let (base, end) = (subject.arena.base(), subject.arena.bytes() as i32);
        for (offset, what) in [
            (-8, "a pointer to just before the heap's memory"),
            (-4096, "a pointer to a page before the heap's memory"),
            (end, "a pointer to just past the heap's memory"),
            (end + 8, "a pointer past the heap's memory"),
            (end + 4096, "a pointer to a page past the heap's memory"),
        ] {
            let pointer = moved(base, offset)?;
            subject.ensure_refused(pointer, BlockError::Foreign, format_args!("{what}"))?;
        }
        // The first bytes and the last ones are the heap's, whatever it stores there.
        for (offset, what) in [
            (0, "the first byte of the heap's memory"),
            (4, "byte 4 of the heap's memory"),
            (end - 8, "8 bytes before the end of the heap's memory"),
            (end - 4, "4 bytes before the end of the heap's memory"),
            (end - 1, "the last byte of the heap's memory"),
        ] {
            let answer = subject.heap.free(moved(base, offset)?);
            ensure!(
                matches!(answer, Err(BlockError::NotABlock | BlockError::AlreadyFree)),
                expected: ("the error NotABlock or AlreadyFree from free() of a pointer to {what}"),
                saw: ("{}", told(&answer))
            );
        }
        let mut elsewhere = 0_u64;
        let pointer = NonNull::from(&mut elsewhere).cast();
        subject.ensure_refused(pointer, BlockError::Foreign, format_args!("a pointer to a variable on the stack"))?;
        let low = NonNull::<u64>::dangling().cast();
        subject.ensure_refused(low, BlockError::Foreign, format_args!("the address 8"))?;
        subject.free(&block)
    })
}

/// A pointer into a block, but not to its beginning, is refused, whatever the
/// block contains.
///
/// Catches a free that takes the bytes before the pointer for a header.
pub fn interior_pointer(context: &mut Context) -> Outcome {
    on_heap(context, 16, |_, subject| {
        let mut block = subject.allocate(400, 8, 1)?;
        let behind = subject.allocate(400, 8, 2)?;
        for fill in [0x00, 0x01, 0x10, 0x21, 0x7F, 0xCD, 0xFF] {
            (0..400).for_each(|index| subject.arena.write(block.offset + index, fill));
            for offset in [1, 2, 4, 8, 12, 16, 24, 32, 64, 136, 200, 392] {
                let pointer = moved(block.pointer, offset)?;
                subject.ensure_refused(
                    pointer,
                    BlockError::NotABlock,
                    format_args!(
                        "a pointer {offset} bytes into the block at {}, filled with {fill:#04x}",
                        Place(block.offset)
                    ),
                )?;
            }
        }
        // Numbers that could be the sizes of blocks.
        for size in [8_u32, 16, 24, 32, 64, 128, 200, 0x33, 0x19, 0x4000] {
            for word in (0..400).step_by(4) {
                let bytes = size.to_le_bytes();
                (0..4).for_each(|index| subject.arena.write(block.offset + word + index, bytes[index as usize]));
            }
            for offset in [8, 16, 32, 128] {
                let pointer = moved(block.pointer, offset)?;
                subject.ensure_refused(
                    pointer,
                    BlockError::NotABlock,
                    format_args!(
                        "a pointer {offset} bytes into the block at {}, filled with the number {size}",
                        Place(block.offset)
                    ),
                )?;
            }
        }
        block.stamp = 3;
        subject.fill(&block);
        copied_blocks(subject)?;
        subject.free(&block)?;
        subject.free(&behind)
    })
}

/// A block is copied into another one, with the records that the heap keeps beside it.
fn copied_blocks(subject: &mut Subject) -> Outcome {
    let around = [subject.allocate(100, 8, 4)?, subject.allocate(100, 8, 5)?, subject.allocate(100, 8, 6)?];
    let mut large = subject.allocate(3000, 8, 7)?;
    let [_, small, _] = around;
    let bytes = subject.usable(&small) + 32;
    for place in [64, 72, 512, 1024, 2048] {
        for index in 0..bytes {
            let byte = subject.arena.read(small.offset - 16 + index).unwrap_or_default();
            subject.arena.write(large.offset + place - 16 + index, byte);
        }
        let pointer = moved(large.pointer, place as i32)?;
        let what = format_args!("a pointer {place} bytes into {large}, to a copy of {small} and of what is beside it");
        subject.ensure_refused(pointer, BlockError::NotABlock, what)?;
    }
    large.stamp = 8;
    subject.fill(&large);
    subject.free(&large)?;
    around.iter().try_for_each(|block| subject.free(block))
}
