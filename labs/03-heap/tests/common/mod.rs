//! Shared by the tests: a heap over the host's memory, and blocks
//! that are filled with a pattern.

// Every test file compiles this file, and none uses all of it.
#![allow(dead_code)]

use std::alloc::Layout;
use std::ptr::NonNull;

use mm_api::{AllocError, BlockError, HEAP_ALIGN, HeapSummary, KernelHeap, ReallocError};
use mm_host::FakeHeapMemory;

// The heap under test, as the test's root names it.
use crate::Heap;

/// A heap, and the memory that it grows into.
pub struct Subject {
    pub heap: Heap<'static>,
    pub memory: FakeHeapMemory,
}

/// A block that was handed out, with its size.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub pointer: NonNull<u8>,
    pub size: u32,
    pub align: u32,
    /// The stamp of its pattern, different for every block.
    pub stamp: u32,
}

pub fn layout(size: u32, align: u32) -> Layout {
    Layout::from_size_align(size as usize, align as usize).unwrap()
}

impl Subject {
    /// A heap whose memory has at most this many pages.
    pub fn new(pages: u32) -> Self {
        let memory = FakeHeapMemory::new(pages);
        // SAFETY: the memory is new, its base is aligned to a page and valid for the
        // whole region, and only this heap and its blocks use it. The heap stays in its thread.
        let heap = unsafe { Heap::new(memory.base(), Box::leak(Box::new(memory.clone()))) };
        Self { heap: heap.unwrap(), memory }
    }

    /// Asks for a block, and verifies what can be seen from outside.
    pub fn try_allocate(&mut self, size: u32, align: u32, stamp: u32) -> Result<Block, AllocError> {
        let pointer = self.heap.allocate(layout(size, align))?;
        let block = Block { pointer, size, align, stamp };
        self.examine(&block);
        self.fill(&block);
        Ok(block)
    }

    /// Asks for a block, which must exist, and fills it with its pattern.
    pub fn allocate(&mut self, size: u32, align: u32, stamp: u32) -> Block {
        self.try_allocate(size, align, stamp).unwrap()
    }

    /// Fails unless a block lies where it may.
    pub fn examine(&self, block: &Block) {
        let Block { pointer, size, align, .. } = *block;
        let address = pointer.addr().get();
        assert!(address.is_multiple_of(align.max(HEAP_ALIGN) as usize), "{pointer:?} is not aligned to {align}");
        let usable = self.heap.usable_size(pointer).unwrap();
        assert!(usable >= size, "{usable} usable bytes of {size}");
        assert!(self.memory.contains(pointer, usable), "{pointer:?} with {usable} bytes is not in the heap's memory");
    }

    /// Writes the block's pattern into all of its bytes.
    pub fn fill(&self, block: &Block) {
        for index in 0..block.size {
            self.write(block.pointer, index as i64, pattern(block.stamp, index));
        }
    }

    /// Fails unless the first `bytes` bytes at `pointer` are those of the pattern.
    pub fn verify_bytes(&self, pointer: NonNull<u8>, bytes: u32, stamp: u32) {
        for index in 0..bytes {
            let (byte, expected) = (self.read(pointer, index as i64), pattern(stamp, index));
            assert_eq!(byte, expected, "byte {index} of {bytes} of the block at {pointer:?}");
        }
    }

    /// Fails unless the block still has its pattern.
    pub fn verify(&self, block: &Block) {
        self.verify_bytes(block.pointer, block.size, block.stamp);
    }

    /// Verifies the block's bytes, and frees it.
    pub fn free(&mut self, block: Block) {
        self.verify(&block);
        assert_eq!(self.heap.free(block.pointer), Ok(()), "free of {block:?}");
    }

    /// Reallocates a block, and verifies that its bytes are kept.
    pub fn reallocate(&mut self, block: &mut Block, size: u32, align: u32) -> Result<(), ReallocError> {
        self.verify(block);
        match self.heap.reallocate(block.pointer, layout(size, align)) {
            Ok(pointer) => {
                self.verify_bytes(pointer, size.min(block.size), block.stamp);
                *block = Block { pointer, size, align, ..*block };
                self.examine(block);
                self.fill(block);
                Ok(())
            }
            Err(error) => {
                self.verify(block);
                Err(error)
            }
        }
    }

    /// The self-test of a sound heap.
    pub fn summary(&self) -> HeapSummary {
        let summary = self.heap.check().unwrap();
        assert_eq!(summary.bytes, self.memory.bytes());
        summary
    }

    /// Frees a pointer that must be refused, with this error and without effect.
    pub fn refused(&mut self, pointer: NonNull<u8>, expected: BlockError) {
        let before = self.summary();
        assert_eq!(self.heap.free(pointer), Err(expected), "free({pointer:?})");
        assert_eq!(self.heap.usable_size(pointer), Err(expected), "usable_size({pointer:?})");
        let answer = self.heap.reallocate(pointer, layout(24, 8));
        assert_eq!(answer, Err(ReallocError::Block(expected)), "reallocate({pointer:?})");
        assert_eq!(self.summary(), before);
    }

    /// The byte at an offset from a pointer.
    pub fn read(&self, pointer: NonNull<u8>, offset: i64) -> u8 {
        let byte = self.byte(pointer, offset);
        // SAFETY: the byte is in the heap's memory, and while this runs nobody else uses it.
        unsafe { byte.read() }
    }

    /// Writes the byte at an offset from a pointer, which need not be in a block.
    pub fn write(&self, pointer: NonNull<u8>, offset: i64, byte: u8) {
        let place = self.byte(pointer, offset);
        // SAFETY: the byte is in the heap's memory, and while this runs nobody else uses it.
        unsafe { place.write(byte) }
    }

    /// A pointer to such a byte, derived from the memory's base like the heap's own.
    fn byte(&self, pointer: NonNull<u8>, offset: i64) -> NonNull<u8> {
        let base = self.memory.base();
        let at = pointer.addr().get() as i64 - base.addr().get() as i64 + offset;
        assert!((0..i64::from(self.memory.bytes())).contains(&at), "no byte of the heap's memory");
        // SAFETY: the offset is within the region.
        unsafe { base.add(at as usize) }
    }
}

/// The byte at `index` of a block with this stamp.
pub fn pattern(stamp: u32, index: u32) -> u8 {
    (stamp.wrapping_mul(0x9E37_79B1).wrapping_add(index.wrapping_mul(0x0101_4547)) >> 24) as u8
}
