//! Lab 03, your first file: the kernel's heap, which hands out blocks of bytes.
//!
//! Frames and pages are 4096 bytes. Most objects of a kernel are smaller: the record of
//! a process, a list's node, a name. The heap takes pages, cuts them into blocks of any
//! size, and merges the blocks again when they come back.
//!
//! # What to do
//! Replace every `todo!()`. They are numbered in an order that works, and the checks
//! come in nearly the same order: `cargo grade 03` shows after each step which checks
//! pass. Each item documents its promises; the whole contract is the documentation of
//! [`KernelHeap`], and `README.md` in the folder above summarises it.
//!
//! # The suggested design
//! The memory is cut into blocks without gaps, and each begins with a header of
//! four bytes:
//!
//! ```text
//! ┌─────┬───────┬───────────────┬───────┬─────────────┬─────┐
//! │ pad │ block │ block         │ block │ block       │ end │
//! └─────┴───────┴───────────────┴───────┴─────────────┴─────┘
//! used block:  header │ the program's bytes ……………………………………
//! free block:  header │ ………………………………………………………………………… │ size
//! ```
//!
//! Every place is an *offset*: bytes from the beginning of the memory. Headers lie
//! four bytes before a multiple of eight, so that the program's bytes are aligned. A
//! header has the block's size, a multiple of eight. The bits that this leaves free
//! say whether the block is used, and whether the block before it is. The last word
//! of the memory is a header too, of a used block of size 0: the *end*. To find room,
//! go from header to header (first fit).
//!
//! That earns all points but the last six, which are about cost. It is a suggestion:
//! rename, change or drop every private item here. Only [`Heap::new`]'s signature and
//! the trait are fixed.
//!
//! # What is unsafe, and where
//! A heap reads and writes memory by computed addresses, so it needs `unsafe`. Keep it
//! in one place: the module `region` reads and writes words by their offset, and
//! everything else in this file is ordinary Rust. Each `unsafe` block has a comment,
//! `// SAFETY:`, which says why it is sound.
//!
//! One more promise stands below `struct Heap`, `unsafe impl Send`: another thread, or an
//! interrupt handler, may use the heap. The compiler cannot know that either, because a pointer
//! does not say who else has a copy of it.
//!
//! # Good to know
//! - `log::info!("{:?}", self.check());` works anywhere in this file, but not in
//!   `region` alone. `cargo grade 03 -v` shows the log.
//! - Arithmetic that overflows panics, and the grader shows you the line. So does a
//!   `debug_assert!` that does not hold: use it in `region`.
//! - `cargo test --package heap` runs the contract on your own computer.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, DamageKind, HEAP_ALIGN, HEAP_ALIGN_MAX, HEAP_MAX, HEAP_SLACK, HeapDamage, HeapMemory,
    HeapSummary, KernelHeap, ReallocError,
};

use region::Region;

/// Bytes in a word: a header, or the size at the end of a free block.
const WORD: u32 = 4;

/// The smallest block: a free one needs a header and a size at its end, and if
/// you keep lists later, room for two links.
const MIN_BLOCK: u32 = 4 * WORD;

/// The offset of the first block's header.
const FIRST: u32 = HEAP_ALIGN - WORD;

/// Header: the block is used.
const USED: u32 = 1;

/// Header: the block before this one is used. There is none before the first
/// block; say that it is used, and nobody will look for it.
const PREV_USED: u32 = 2;

/// Header: the bits that hold the block's size, its header included.
const SIZE: u32 = HEAP_MAX - HEAP_ALIGN;

/// The heap's memory, word by word: the one place with unsafe code.
mod region {
    use core::ptr::NonNull;

    use super::WORD;

    /// The bytes from which the heap cuts its blocks.
    pub struct Region {
        /// The first byte. Make every pointer into the region from this one: it may
        /// be used for the whole region, and a pointer made from a number may not.
        base: NonNull<u8>,
        /// How many bytes there are.
        bytes: u32,
    }

    impl Region {
        /// The region of `bytes` bytes from `base` on.
        ///
        /// # Safety
        /// As long as the `Region` is used, those bytes may be read and written
        /// through `base`. Nobody else reads or writes them, except in blocks that were
        /// handed out. `base` and `bytes` are multiples of eight, and `bytes` is not 0.
        pub unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
            Self { base, bytes }
        }

        /// Sets the number of bytes, after the memory has grown or shrunk.
        ///
        /// # Safety
        /// As for [`new`](Self::new), with the new number of bytes.
        pub unsafe fn set_bytes(&mut self, bytes: u32) {
            self.bytes = bytes;
        }

        /// How many bytes there are.
        pub fn bytes(&self) -> u32 {
            self.bytes
        }

        /// The offset of the last word.
        pub fn last(&self) -> u32 {
            self.bytes - WORD
        }

        /// Step 1a: a pointer to the byte at the offset `at`.
        pub fn pointer(&self, at: u32) -> NonNull<u8> {
            todo!("step 1a: a pointer into the region")
        }

        /// Step 1b: the word at the offset `at`, a multiple of four.
        pub fn read(&self, at: u32) -> u32 {
            todo!("step 1b: read a word")
        }

        /// Step 1c: writes the word at the offset `at`, a multiple of four.
        pub fn write(&mut self, at: u32, word: u32) {
            todo!("step 1c: write a word")
        }

        /// Step 1d: the offset that the pointer points to; `None` if it points outside the
        /// region. The memory it points to is not read: the pointer may be wrong.
        ///
        /// `pointer.addr()` is the address as a number.
        pub fn offset_of(&self, pointer: NonNull<u8>) -> Option<u32> {
            todo!("step 1d: from a pointer to an offset")
        }

        /// Step 1e: makes bytes zero.
        pub fn zero(&mut self, at: u32, bytes: u32) {
            todo!("step 1e: write zeros")
        }

        /// Step 1f: copies bytes to another place, which may overlap the first.
        pub fn copy(&mut self, from: u32, to: u32, bytes: u32) {
            todo!("step 1f: copy bytes")
        }
    }
}

/// A block, as its header describes it.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The offset of the header.
    at: u32,
    /// The block's bytes, with the header.
    size: u32,
    used: bool,
    prev_used: bool,
}

impl Block {
    /// The offset of the next block's header.
    fn end(self) -> u32 {
        self.at + self.size
    }
}

/// Step 2a: the word to store as the header at the offset `at`, made of the size and
/// the two flags in `header`.
///
/// Sizes are below 2²⁶, so six bits are left: use them for a check sum over all other
/// bits and `at`. Then an overwritten header is not taken for a sound one, and neither
/// are a program's bytes that look like a header.
fn seal(at: u32, header: u32) -> u32 {
    todo!("step 2a: a header that shows when it was overwritten")
}

/// Step 3: how large a block is for this many bytes: with its header, rounded up to
/// a multiple of [`HEAP_ALIGN`], and at least [`MIN_BLOCK`]. `None` if it would be
/// too large for a heap.
fn block_size(bytes: usize) -> Option<u32> {
    todo!("step 3: from a request to a block's size")
}

/// Step 4a: the offset, in the free block `free`, where the header of an aligned
/// block of `need` bytes can lie. What is left in front of it has to be nothing, or
/// at least [`MIN_BLOCK`]. `None` if there is no such place.
fn aligned_place(free: Block, need: u32, align: u32) -> Option<u32> {
    todo!("step 4a: an aligned place in a free block")
}

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    memory: &'m mut dyn HeapMemory,
}

// SAFETY: the region is the heap's alone, whichever thread has the heap, and the caller
// of `new` promises that `memory` may be used there, too.
unsafe impl Send for Heap<'_> {}

impl<'m> Heap<'m> {
    /// A heap over `memory`, whose region begins at `base`. It lets the memory grow
    /// once, and makes the new bytes one free block and the end.
    ///
    /// # Safety
    /// - `memory` has not grown yet, and only this heap makes it grow and shrink.
    /// - `base` is the region's first byte, aligned to a page. The bytes by which
    ///   `memory` has grown, and has not shrunk again, may be read and written through
    ///   `base`, and are this heap's alone.
    /// - The heap is [`Send`]: `memory` may be used by any thread that the heap moves to.
    ///
    /// # Errors
    /// [`AllocError::OutOfMemory`] if the memory does not grow.
    pub unsafe fn new(base: NonNull<u8>, memory: &'m mut dyn HeapMemory) -> Result<Self, AllocError> {
        let bytes = memory.grow(FIRST + MIN_BLOCK + WORD).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: the memory has grown by `bytes`; the caller promises the rest.
        let region = unsafe { Region::new(base, bytes) };
        let mut heap = Self { region, memory };
        let end = heap.region.last();
        heap.set_header(end, USED);
        heap.make_free(FIRST, end - FIRST);
        Ok(heap)
    }

    /// Step 2b: the block whose header lies at `at`; `None` if there is no sound
    /// header there.
    fn open(&self, at: u32) -> Option<Block> {
        todo!("step 2b: read a header")
    }

    /// Writes the header at `at`.
    fn set_header(&mut self, at: u32, header: u32) {
        self.region.write(at, seal(at, header));
    }

    /// Step 2c: writes the header of a free block, and the size at its end. The block
    /// before it is used.
    fn make_free(&mut self, at: u32, size: u32) {
        todo!("step 2c: write a free block")
    }

    /// Step 2d: tells the block at `at` whether the one before it is used.
    fn set_prev_used(&mut self, at: u32, used: bool) {
        todo!("step 2d: change one flag of a header")
    }

    /// Step 4b: the first free block that has room for an aligned block of `need` bytes,
    /// and the offset of that block's header. `None` if no free block has room.
    fn find(&self, need: u32, align: u32) -> Option<(Block, u32)> {
        todo!("step 4b: find room")
    }

    /// Step 4c: makes `need` bytes at `at`, in the free block `free`, a used block.
    /// The bytes left in front and behind become free blocks. If too few for a block
    /// are left behind, they stay with the used block.
    fn cut(&mut self, free: Block, at: u32, need: u32) {
        todo!("step 4c: cut a free block")
    }

    /// Step 5: lets the memory grow by enough for a block of `need` bytes at its end.
    /// The new bytes become a free block, merged with the last block if that is free.
    ///
    /// # Errors
    /// [`AllocError::OutOfMemory`] if the memory does not grow. Then nothing has changed.
    fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        todo!("step 5: grow")
    }

    /// Step 6: makes a used block free, and merges it with the free blocks before
    /// and behind it.
    ///
    /// # Errors
    /// [`BlockError::Damaged`] if a neighbour's header is not sound. Then nothing has
    /// changed.
    fn release(&mut self, block: Block) -> Result<(), BlockError> {
        todo!("step 6: take a block back")
    }

    /// Step 7: the used block whose first byte, after the header, `pointer` points to.
    ///
    /// Begin with a sound heap: which rules does a wrong pointer break? A walk from
    /// block to block tells every case apart, and only a wrong pointer needs that walk.
    ///
    /// # Errors
    /// See [`BlockError`].
    fn used_block(&self, pointer: NonNull<u8>) -> Result<Block, BlockError> {
        todo!("step 7: from a pointer to a block")
    }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment);
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let align = (layout.align() as u32).max(HEAP_ALIGN);
        let found = match self.find(need, align) {
            Some(found) => found,
            None => {
                self.grow(need + align + MIN_BLOCK)?;
                self.find(need, align).ok_or(AllocError::Damaged)?
            }
        };
        let (free, at) = found;
        self.cut(free, at, need);
        Ok(self.region.pointer(at + WORD))
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        todo!("step 9a: a block of zeros")
    }

    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        todo!("step 9b: an array of zeros")
    }

    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        let block = self.used_block(block)?;
        self.release(block)?;
        // Step 12: if more than HEAP_SLACK bytes are free at the end, offer those beyond
        // it to `self.memory.shrink`, and write the end where the memory ends then.
        Ok(())
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        // Three cases: the block shrinks, it grows into the free block behind it, or it
        // has to move. Begin with the third: it serves all of them.
        todo!("step 11: make a block larger or smaller")
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        todo!("step 8: how much of a block can be used")
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        todo!("step 10: the self-test")
    }
}
