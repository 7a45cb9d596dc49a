//! The heap that a check is about, in an arena where every byte can be seen.

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use crate::arena::Arena;
pub use crate::arena::pattern;
use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::circumstances;
use kernel_core::labs::Heap;
use kernel_core::words::told;
use mm_api::{AllocError, BlockError, HEAP_ALIGN, HEAP_ALIGN_MAX, HeapSummary, KernelHeap, ReallocError};

/// A heap, and the arena that it is in.
pub struct Subject {
    /// The lab's heap.
    pub heap: Heap,
    /// The memory that it grows into.
    pub arena: &'static Arena,
}

/// A block that was handed out.
#[derive(Clone, Copy)]
pub struct Block {
    /// What the heap returned.
    pub pointer: NonNull<u8>,
    /// The block's offset in the arena.
    pub offset: u32,
    /// How many bytes were asked for.
    pub size: u32,
    /// The stamp of its pattern.
    pub stamp: u32,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the block of {} bytes at {}", self.size, Place(self.offset))
    }
}

/// A place in the heap's memory, as messages show it.
pub struct Place(pub u32);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "heap+{:#x}", self.0)
    }
}

/// A layout of these numbers, which the check knows to be sound.
pub fn layout(size: u32, align: u32) -> Layout {
    match Layout::from_size_align(size as usize, align as usize) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a check asks for {size} bytes aligned to {align}"),
    }
}

/// Builds a heap whose memory has at most `pages` pages, and calls `work` with
/// it.
///
/// # Errors
/// Fails the check if the heap cannot be built, if `work` fails, or if something was
/// written past the heap's memory.
pub fn on_heap(context: &mut Context, pages: u32, work: impl FnOnce(&mut Context, &mut Subject) -> Outcome) -> Outcome {
    let arena = context.arena(pages)?;
    let heap = match arena.heap(context.labs()) {
        Ok(heap) => heap,
        Err(error) => fail!(expected: ("a heap, over memory of up to {pages} pages"), saw: ("{error}")),
    };
    let mut subject = Subject { heap, arena };
    work(context, &mut subject)?;
    if let Some(offset) = arena.written_beyond() {
        fail!(
            expected: ("nothing to be written past the heap's memory, which ends at {}", Place(arena.bytes())),
            saw: ("something else at {}", Place(offset))
        );
    }
    Ok(())
}

impl Subject {
    /// Asks for a block, and fails the check if the result is not such a block.
    ///
    /// # Errors
    /// The inner error is the heap's.
    pub fn try_allocate(&mut self, size: u32, align: u32, stamp: u32) -> Result<Result<Block, AllocError>, Failed> {
        let call = format_args!("allocate() of {size} bytes, aligned to {align}");
        match circumstances::during(call, || self.heap.allocate(layout(size, align))) {
            Ok(pointer) => {
                let block = self.examine("allocate()", pointer, size, align, stamp)?;
                self.fill(&block);
                Ok(Ok(block))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Asks for a block for which the heap has room, and fills it with its pattern.
    ///
    /// # Errors
    /// Fails the check if there is none, or if it is not sound.
    pub fn allocate(&mut self, size: u32, align: u32, stamp: u32) -> Result<Block, Failed> {
        match self.try_allocate(size, align, stamp)? {
            Ok(block) => Ok(block),
            Err(error) => fail!(
                expected: ("{size} bytes, aligned to {align}, of a heap that may grow"),
                saw: ("{error}, with {} bytes of memory in use", self.arena.bytes(), error = told(&error))
            ),
        }
    }

    /// Fails unless a block lies where it may.
    ///
    /// # Errors
    /// Fails the check if not.
    pub fn examine(
        &mut self,
        call: &str,
        pointer: NonNull<u8>,
        size: u32,
        align: u32,
        stamp: u32,
    ) -> Result<Block, Failed> {
        let Some(offset) = self.arena.offset_of(pointer, size) else {
            fail!(
                expected: ("{call} of {size} bytes to answer with memory of the heap, {:p} to {:p}",
                    self.arena.base(), self.arena.base().as_ptr().wrapping_add(self.arena.bytes() as usize)),
                saw: ("{pointer:p}")
            );
        };
        let align = align.max(HEAP_ALIGN);
        ensure!(
            offset.is_multiple_of(align),
            expected: ("{call} of {size} bytes to be aligned to {align}"),
            saw: ("{}, which is {} bytes past a multiple", Place(offset), offset % align)
        );
        let usable = match self.heap.usable_size(pointer) {
            Ok(usable) => usable,
            Err(error) => fail!(
                expected: ("usable_size() of {} to be at least the {size} bytes asked for", Place(offset)),
                saw: ("{}", told(&error))
            ),
        };
        ensure!(
            usable >= size && self.arena.offset_of(pointer, usable).is_some(),
            expected: ("usable_size() of {} to be at least the {size} bytes asked for, and within the heap", Place(offset)),
            saw: ("{usable}")
        );
        Ok(Block { pointer, offset, size, stamp })
    }

    /// How many bytes of the block may be used.
    pub fn usable(&self, block: &Block) -> u32 {
        self.heap.usable_size(block.pointer).unwrap_or(block.size)
    }

    /// Writes the block's pattern into all of its bytes.
    pub fn fill(&self, block: &Block) {
        self.arena.write_pattern(block.offset, block.size, block.stamp);
    }

    /// Fails unless the first `bytes` bytes of a block are those of its pattern.
    ///
    /// # Errors
    /// Fails the check if one is not; `when` completes the sentence.
    pub fn verify_bytes(&self, block: &Block, bytes: u32, when: &str) -> Outcome {
        if let Some(index) = self.arena.differs_from_pattern(block.offset, bytes, block.stamp) {
            fail!(
                expected: ("byte {index} of {block} to be {:#04x}, as it was written, {when}", pattern(block.stamp, index)),
                saw: ("{:#04x}", self.arena.read(block.offset + index).unwrap_or_default())
            );
        }
        Ok(())
    }

    /// Fails unless the block still has its pattern.
    ///
    /// # Errors
    /// Fails the check if a byte has changed.
    pub fn verify(&self, block: &Block) -> Outcome {
        self.verify_bytes(block, block.size, "while it was in use")
    }

    /// Verifies a block's bytes, and frees it.
    ///
    /// # Errors
    /// Fails the check if the bytes have changed, or if the block is refused.
    pub fn free(&mut self, block: &Block) -> Outcome {
        self.verify(block)?;
        match circumstances::during(format_args!("free() of {block}"), || self.heap.free(block.pointer)) {
            Ok(()) => Ok(()),
            Err(error) => fail!(expected: ("free() to take back {block}"), saw: ("{}", told(&error))),
        }
    }

    /// Runs the self-test of a heap that is sound.
    ///
    /// # Errors
    /// Fails the check if the self-test finds damage, or reports a wrong size of the heap.
    pub fn summary(&self, when: &str) -> Result<HeapSummary, Failed> {
        match self.heap.check() {
            Ok(summary) => {
                ensure!(
                    summary.bytes == self.arena.bytes(),
                    expected: ("check() to count {} bytes of memory, {when}", self.arena.bytes()),
                    saw: ("{}", summary.bytes)
                );
                Ok(summary)
            }
            Err(damage) => {
                fail!(expected: ("check() to find a sound heap, {when}"), saw: ("{}", told(&damage)))
            }
        }
    }

    /// Runs the self-test, and compares the numbers of blocks.
    ///
    /// # Errors
    /// Fails the check if they are not the expected ones.
    pub fn ensure_blocks(&self, used: u32, free: u32, when: &str) -> Outcome {
        let summary = self.summary(when)?;
        ensure!(
            (summary.used_blocks, summary.free_blocks) == (used, free),
            expected: ("check() to count {used} used blocks and {free} free, {when}"),
            saw: ("{} used and {} free", summary.used_blocks, summary.free_blocks)
        );
        Ok(())
    }

    /// Passes a pointer that has to be refused to every method that takes one.
    ///
    /// # Errors
    /// Fails the check unless each answers with that error, and nothing changes.
    pub fn ensure_refused(&mut self, pointer: NonNull<u8>, expected: BlockError, what: fmt::Arguments<'_>) -> Outcome {
        let before = self.summary("before a pointer was passed that is to be refused")?;
        let freed = circumstances::during(format_args!("free() of {what}"), || self.heap.free(pointer));
        ensure!(freed == Err(expected), expected: ("{expected} from free() of {what}", expected = told(&expected)), saw: ("{}", told(&freed)));
        let usable = self.heap.usable_size(pointer);
        ensure!(usable == Err(expected), expected: ("{expected} from usable_size() of {what}", expected = told(&expected)), saw: ("{}", told(&usable)));
        // The second could not be had either, but the pointer is what is wrong first.
        for (size, align) in [(40, 8), (40, 2 * HEAP_ALIGN_MAX)] {
            let call = format_args!("reallocate() of {what} to {size} bytes, aligned to {align}");
            let moved = circumstances::during(call, || self.heap.reallocate(pointer, layout(size, align)));
            ensure!(
                moved == Err(ReallocError::Block(expected)),
                expected: ("{expected} from {call}", expected = told(&expected)),
                saw: ("{}", told(&moved))
            );
        }
        let after = self.summary("after a pointer was refused")?;
        ensure!(after == before, expected: ("{before}, after {what} was refused", before = told(&before)), saw: ("{}", told(&after)));
        Ok(())
    }
}

/// Up to `N` blocks.
pub struct Blocks<const N: usize> {
    blocks: [Option<Block>; N],
    len: usize,
}

impl<const N: usize> Blocks<N> {
    /// None.
    pub const fn new() -> Self {
        Self { blocks: [None; N], len: 0 }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Adds a block; drops it if there are `N` already.
    pub fn push(&mut self, block: Block) {
        if let Some(slot) = self.blocks.get_mut(self.len) {
            *slot = Some(block);
            self.len += 1;
        }
    }

    /// Takes a block out; the last one takes its place.
    pub fn take(&mut self, index: usize) -> Option<Block> {
        if index >= self.len {
            return None;
        }
        self.len -= 1;
        self.blocks.swap(index, self.len);
        self.blocks[self.len].take()
    }

    /// Takes the last one out.
    pub fn pop(&mut self) -> Option<Block> {
        self.take(self.len.checked_sub(1)?)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Block> {
        self.blocks[..self.len].iter().flatten().copied()
    }

    /// The block at an index.
    pub fn get(&self, index: usize) -> Option<Block> {
        self.blocks[..self.len].get(index).copied().flatten()
    }

    /// Replaces the block at an index.
    pub fn set(&mut self, index: usize, block: Block) {
        if index < self.len {
            self.blocks[index] = Some(block);
        }
    }

    /// Sorts them by where they lie.
    pub fn sort(&mut self) {
        self.blocks[..self.len].sort_unstable_by_key(|block| block.map_or(0, |block| block.offset));
    }
}
