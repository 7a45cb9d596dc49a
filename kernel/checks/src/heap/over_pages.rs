//! The check of a heap whose memory is pages that are mapped and unmapped.

use core::ptr::NonNull;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::labs::Heap;
use kernel_core::memory::paged::Owner;
use kernel_core::words::told;
use mm_api::layout::{KERNEL_HEAP_START, PAGE_SIZE};
use mm_api::{AllocError, Frame, HEAP_SLACK, HeapSummary, KernelHeap, VirtAddr};

use super::subject::layout;
use crate::vmm::subject::Access;
use kernel_system::memory::{self, FrameCounts, kernel_heap};

/// Blocks that exist at a time.
const BLOCKS: usize = 120;
/// How large each block is, in bytes.
const SIZE: u32 = 3000;

/// The heap, in the kernel's own address space.
struct InPlace {
    heap: Heap,
    blocks: [Option<NonNull<u8>>; BLOCKS],
}

/// The heap grows by pages that are mapped, and gives the frames of its tail back.
/// If there are no more frames, it answers `OutOfMemory`.
///
/// Catches a heap that reads or writes past its end, where nothing is mapped now.
pub fn heap_over_pages(context: &mut Context) -> Outcome {
    context.start_pages()?;
    let at_first = frames();
    let heap = match kernel_heap::build(Owner::User) {
        Ok(heap) => heap,
        Err(error) => fail!(expected: ("a heap at {KERNEL_HEAP_START}"), saw: ("{error}")),
    };
    let mut subject = InPlace { heap, blocks: [None; BLOCKS] };
    for round in 0..3 {
        subject.fill_up(round)?;
        subject.free_all(round)?;
        subject.ensure_small(&at_first, "after everything was freed")?;
    }
    subject.one_large(&at_first)?;
    subject.one_moved(&at_first)?;
    subject.run_out(context, &at_first)
}

/// The owners of the frames now.
fn frames() -> FrameCounts {
    memory::with(|memory| memory.frames())
}

/// The address in a pointer.
fn address(block: NonNull<u8>) -> VirtAddr {
    // The machine's addresses have 32 bits.
    VirtAddr::new(block.addr().get() as u32)
}

/// A word in each page of a block of `size` bytes: its address, and its distance from the block's first byte.
fn places(block: NonNull<u8>, size: u32) -> impl Iterator<Item = (VirtAddr, u32)> {
    let start = address(block).as_u32();
    (0..size).step_by(PAGE_SIZE as usize).map(move |offset| (VirtAddr::new(start + offset), offset))
}

impl InPlace {
    /// Allocates a block, writes to its first and last word, and reads them again.
    fn try_block(&mut self, stamp: u32) -> Result<Result<NonNull<u8>, AllocError>, Failed> {
        let block = match self.heap.allocate_zeroed(layout(SIZE, 8)) {
            Ok(block) => block,
            Err(error) => return Ok(Err(error)),
        };
        for offset in [0, SIZE / 2, SIZE - 4] {
            let place = VirtAddr::new(address(block).as_u32().wrapping_add(offset));
            let (first, second) = memory::with(|memory| {
                let first = memory.machine().read(place);
                (first, memory.machine().write(place, stamp ^ offset).is_ok())
            });
            ensure!(
                first == Ok(0),
                expected: ("a zero at {place}, in a block of {SIZE} bytes at {block:p}"),
                saw: ("{}", Access(first))
            );
            ensure!(second, expected: ("a block whose memory can be written to"), saw: ("a page fault at {place}"));
        }
        Ok(Ok(block))
    }

    /// Takes one of the blocks back, if it still has what was written to it.
    fn free(&mut self, index: usize, stamp: u32) -> Outcome {
        let Some(block) = self.blocks[index].take() else { return Ok(()) };
        for offset in [0, SIZE / 2, SIZE - 4] {
            let place = VirtAddr::new(address(block).as_u32().wrapping_add(offset));
            let word = memory::with(|memory| memory.machine().read(place));
            ensure!(
                word == Ok(stamp ^ offset),
                expected: ("{:#x} at {place}, as it was written", stamp ^ offset),
                saw: ("{}", Access(word))
            );
        }
        let answer = self.heap.free(block);
        ensure!(answer == Ok(()), expected: ("free() to take back the block at {block:p}"), saw: ("{}", told(&answer)));
        Ok(())
    }

    /// Allocates all blocks.
    fn fill_up(&mut self, round: u32) -> Outcome {
        for index in 0..BLOCKS {
            match self.try_block(stamp(round, index))? {
                Ok(block) => self.blocks[index] = Some(block),
                Err(error) => fail!(expected: ("{BLOCKS} blocks of {SIZE} bytes"), saw: ("{error}, after {index}")),
            }
        }
        self.summary("after the heap grew")?;
        Ok(())
    }

    /// Frees all of them: upwards, downwards, or the even ones first.
    fn free_all(&mut self, round: u32) -> Outcome {
        for step in 0..BLOCKS {
            let index = match round {
                0 => step,
                1 => BLOCKS - 1 - step,
                _ => step * 2 % BLOCKS + step * 2 / BLOCKS,
            };
            self.free(index, stamp(round, index))?;
        }
        Ok(())
    }

    /// Runs the self-test, which has to know how many pages are mapped.
    fn summary(&self, when: &str) -> Result<HeapSummary, Failed> {
        let mapped = frames().heap * PAGE_SIZE;
        match self.heap.check() {
            Ok(summary) => {
                ensure!(
                    summary.bytes == mapped,
                    expected: ("check() to count the {mapped} bytes that are mapped, {when}"),
                    saw: ("{}", summary.bytes)
                );
                Ok(summary)
            }
            Err(damage) => fail!(expected: ("a sound heap, {when}"), saw: ("{damage}")),
        }
    }

    /// Fails unless the heap has given its tail back, so that anybody can take those frames.
    fn ensure_small(&self, at_first: &FrameCounts, when: &str) -> Outcome {
        let (now, most) = (frames(), HEAP_SLACK / PAGE_SIZE + 2);
        ensure!(
            now.heap <= most,
            expected: ("at most {most} frames in the heap, {when}"),
            saw: ("{}", now.heap)
        );
        let expected = at_first.free + at_first.manager - now.manager - now.heap;
        ensure!(now.free == expected, expected: ("{expected} free frames, {when}"), saw: ("{}", now.free));
        let summary = self.summary(when)?;
        ensure!(summary.used_blocks == 0, expected: ("no blocks in use, {when}"), saw: ("{}", summary.used_blocks));
        Ok(())
    }

    /// A block of zeros, the answer to a request for `size` bytes. Writes to each of its pages.
    fn zeroed(&self, answer: Result<NonNull<u8>, AllocError>, size: u32) -> Result<NonNull<u8>, Failed> {
        let block = match answer {
            Ok(block) => block,
            Err(error) => {
                fail!(expected: ("a block of {size} bytes, half of the memory that is free"), saw: ("{error}"))
            }
        };
        for (place, offset) in places(block, size) {
            let (word, written) = memory::with(|memory| {
                (memory.machine().read(place), memory.machine().write(place, offset ^ 0x5EED).is_ok())
            });
            ensure!(word == Ok(0), expected: ("a zero at {place}, in a block of {size} bytes"), saw: ("{}", Access(word)));
            ensure!(written, expected: ("a block whose memory can be written to"), saw: ("a page fault at {place}"));
        }
        Ok(block)
    }

    /// Allocates one block of half of the free memory, twice: where the second one lies, the first one has left its
    /// bytes. On a machine with 64 MiB, that is more bytes than 24 bits can count.
    fn one_large(&mut self, at_first: &FrameCounts) -> Outcome {
        let size = frames().free / 2 * PAGE_SIZE;
        let array = self.heap.allocate_array(size / PAGE_SIZE, PAGE_SIZE);
        let array = self.zeroed(array, size)?;
        let answer = self.heap.free(array);
        ensure!(answer == Ok(()), expected: ("free() to take back an array of {size} bytes"), saw: ("{}", told(&answer)));
        self.ensure_small(at_first, "after a large array was freed")?;
        let block = self.heap.allocate_zeroed(layout(size, 8));
        let mut block = self.zeroed(block, size)?;
        self.summary("with a block of half of the memory")?;
        for more in [PAGE_SIZE * 10, 1] {
            block = match self.heap.reallocate(block, layout(size + more, 8)) {
                Ok(block) => block,
                Err(error) => fail!(
                    expected: ("a block of {size} bytes, the last one in the heap, to become one of {} bytes", size + more),
                    saw: ("{error}")
                ),
            };
            for (place, offset) in places(block, size) {
                let word = memory::with(|memory| memory.machine().read(place));
                ensure!(
                    word == Ok(offset ^ 0x5EED),
                    expected: ("{:#x} at {place}, as it was written before reallocate()", offset ^ 0x5EED),
                    saw: ("{}", Access(word))
                );
            }
        }
        let answer = self.heap.free(block);
        ensure!(answer == Ok(()), expected: ("free() to take back a block of {size} bytes"), saw: ("{}", told(&answer)));
        self.ensure_small(at_first, "after a large block was freed")
    }

    /// A block of nearly a third of the memory, more than 16 MiB where there is that much, which
    /// another one behind it keeps from growing where it is.
    fn one_moved(&mut self, at_first: &FrameCounts) -> Outcome {
        let size = (frames().free / 3 - 30) * PAGE_SIZE;
        let Ok(block) = self.heap.allocate(layout(size, 8)) else {
            fail!(expected: ("a block of {size} bytes, a third of the memory that is free"), saw: ("OutOfMemory"))
        };
        let Ok(behind) = self.heap.allocate(layout(SIZE, 8)) else {
            fail!(expected: ("a block of {SIZE} bytes behind a large one"), saw: ("OutOfMemory"))
        };
        for (place, offset) in places(block, size) {
            let written = memory::with(|memory| memory.machine().write(place, offset ^ 0x3057).is_ok());
            ensure!(written, expected: ("a block whose memory can be written to"), saw: ("a page fault at {place}"));
        }
        let larger = size + PAGE_SIZE;
        let moved = match self.heap.reallocate(block, layout(larger, 8)) {
            Ok(moved) => moved,
            Err(error) => fail!(expected: ("a block of {size} bytes to become one of {larger}"), saw: ("{error}")),
        };
        let usable = self.heap.usable_size(moved);
        ensure!(
            usable.is_ok_and(|usable| usable >= larger),
            expected: ("usable_size() of at least {larger} bytes, which were asked for"),
            saw: ("{}", told(&usable))
        );
        for (place, offset) in places(moved, size) {
            let word = memory::with(|memory| memory.machine().read(place));
            ensure!(
                word == Ok(offset ^ 0x3057),
                expected: ("{:#x} at {place}, as it was written before reallocate() to {larger} bytes", offset ^ 0x3057),
                saw: ("{}", Access(word))
            );
        }
        for block in [behind, moved] {
            let answer = self.heap.free(block);
            ensure!(answer == Ok(()), expected: ("free() to take back the block at {block:p}"), saw: ("{}", told(&answer)));
        }
        self.ensure_small(at_first, "after a large block was moved and freed")
    }

    /// Takes nearly all frames away, and asks for blocks until there are no more.
    fn run_out(&mut self, context: &mut Context, at_first: &FrameCounts) -> Outcome {
        const LEFT: u32 = 20;
        let taken = context.scratch(at_first.managed)?;
        let mut count = 0;
        while frames().free > LEFT
            && let Some(frame) = memory::with(|memory| memory.machine().take_frame())
        {
            taken[count] = frame.number();
            count += 1;
        }
        context.note(format_args!("{LEFT} frames are left"));
        let mut blocks = 0;
        let error = loop {
            match self.try_block(stamp(3, blocks))? {
                Ok(block) => self.blocks[blocks] = Some(block),
                Err(error) => break error,
            }
            blocks += 1;
            ensure!(blocks < BLOCKS, expected: ("{LEFT} frames to be used up"), saw: ("{blocks} blocks of {SIZE} bytes"));
        };
        ensure!(
            error == AllocError::OutOfMemory,
            expected: ("the error OutOfMemory when the frames are used up"),
            saw: ("{}", told(&error))
        );
        let before = (self.summary("when the frames are used up")?, frames().free);
        for size in [SIZE, 10 * PAGE_SIZE, 1000 * PAGE_SIZE] {
            let answer = self.heap.allocate(layout(size, 8));
            ensure!(
                answer == Err(AllocError::OutOfMemory),
                expected: ("the error OutOfMemory for {size} bytes when the frames are used up"),
                saw: ("{}", told(&answer))
            );
        }
        let after = (self.summary("after requests were refused")?, frames().free);
        ensure!(after == before, expected: ("{before} free frames, after requests were refused", before = told(&before)), saw: ("{}", told(&after)));
        for number in taken[..count].iter() {
            if let Some(frame) = Frame::new(*number) {
                memory::with(|memory| memory.machine().give_back(frame));
            }
        }
        // With frames it goes on.
        match self.try_block(0)? {
            Ok(block) => self.heap.free(block).ok(),
            Err(error) => fail!(expected: ("a block when there are frames again"), saw: ("{error}")),
        };
        for index in 0..blocks {
            self.free(index, stamp(3, index))?;
        }
        self.ensure_small(at_first, "after everything was freed")
    }
}

/// The pattern that is written into a block.
fn stamp(round: u32, index: usize) -> u32 {
    0x5EED_0000 | round << 12 | index as u32
}
