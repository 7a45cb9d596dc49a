//! The reference of the second part: a lock that no interrupt gets caught in.
//!
//! The heap lies in a [`Mutex`], which no code ever waits for. On one processor,
//! waiting would be for ever: the code that could open the lock goes on only when
//! the code that waits has returned. Other code is kept out because interrupts are
//! off. The mutex proves that to the compiler; and a call of the heap from the
//! middle of another call ends in a panic.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use mm_api::{
    AllocError, BlockError, HEAP_ALIGN, HeapDamage, HeapSummary, Interrupts, KernelHeap, ReallocError, SharedKernelHeap,
};
use spin::Mutex;

/// The heap that all of the kernel shares.
pub struct SharedHeap<H, I> {
    heap: Mutex<H>,
    interrupts: I,
}

/// What a C program asks for with a number of bytes.
fn layout(bytes: u32) -> Result<Layout, AllocError> {
    Layout::from_size_align(bytes as usize, HEAP_ALIGN as usize).map_err(|_| AllocError::OutOfMemory)
}

/// A block as a C program knows it: null if there is none.
fn or_null(block: Result<NonNull<u8>, AllocError>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}

impl<H: KernelHeap, I: Interrupts> SharedKernelHeap<H, I> for SharedHeap<H, I> {
    fn new(heap: H, interrupts: I) -> Self {
        Self { heap: Mutex::new(heap), interrupts }
    }

    fn with<R>(&self, work: impl FnOnce(&mut H) -> R) -> R {
        let were_enabled = self.interrupts.disable();
        let Some(mut heap) = self.heap.try_lock() else {
            panic!("the heap is called from the middle of another call to it");
        };
        let answer = work(&mut heap);
        drop(heap);
        self.interrupts.restore(were_enabled);
        answer
    }

    fn kmalloc(&self, bytes: u32) -> *mut u8 {
        or_null(layout(bytes).and_then(|layout| self.with(|heap| heap.allocate(layout))))
    }

    fn kzalloc(&self, bytes: u32) -> *mut u8 {
        or_null(layout(bytes).and_then(|layout| self.with(|heap| heap.allocate_zeroed(layout))))
    }

    fn kfree(&self, block: *mut u8) -> Result<(), BlockError> {
        match NonNull::new(block) {
            Some(block) => self.with(|heap| heap.free(block)),
            None => Ok(()),
        }
    }

    fn calloc(&self, count: u32, size: u32) -> *mut u8 {
        or_null(self.with(|heap| heap.allocate_array(count, size)))
    }

    fn realloc(&self, block: *mut u8, bytes: u32) -> Result<*mut u8, BlockError> {
        let Some(block) = NonNull::new(block) else { return Ok(self.kmalloc(bytes)) };
        let Ok(layout) = layout(bytes) else {
            // There is no place for so many bytes; but the pointer may be wrong, too.
            return self.with(|heap| heap.usable_size(block)).map(|_| ptr::null_mut());
        };
        match self.with(|heap| heap.reallocate(block, layout)) {
            Ok(block) => Ok(block.as_ptr()),
            Err(ReallocError::Alloc(_)) => Ok(ptr::null_mut()),
            Err(ReallocError::Block(error)) => Err(error),
        }
    }

    fn heap_self_test(&self) -> Result<HeapSummary, HeapDamage> {
        self.with(|heap| heap.check())
    }
}
