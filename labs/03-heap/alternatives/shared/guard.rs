//! An alternative: instead of a mutex, a flag, and a guard that lives as long as the heap is
//! locked.
//!
//! The guard borrows the lock, gives access to the heap, and undoes everything when it goes
//! out of scope: first the lock, then the interrupts. So no function can forget it.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ptr::{null_mut, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};

use mm_api::{
    BlockError, HEAP_ALIGN, HeapDamage, HeapSummary, Interrupts, KernelHeap, ReallocError, SharedKernelHeap,
};

/// A heap, the flag that says whether it is locked, and the interrupts.
pub struct SharedHeap<H, I> {
    heap: UnsafeCell<H>,
    busy: AtomicBool,
    interrupts: I,
}

// SAFETY: the heap is reached only through a guard, and there is one guard at a time.
unsafe impl<H: Send, I: Sync> Sync for SharedHeap<H, I> {}

/// The heap, locked.
struct Guard<'a, H, I: Interrupts> {
    shared: &'a SharedHeap<H, I>,
    were_enabled: bool,
}

impl<H: KernelHeap, I: Interrupts> SharedHeap<H, I> {
    fn lock(&self) -> Guard<'_, H, I> {
        let were_enabled = self.interrupts.disable();
        assert!(!self.busy.swap(true, Ordering::Acquire), "the heap is locked already, by whoever called this");
        Guard { shared: self, were_enabled }
    }
}

impl<H, I: Interrupts> Guard<'_, H, I> {
    fn heap(&mut self) -> &mut H {
        // SAFETY: there is one guard at a time, and it is borrowed as long as this reference lives.
        unsafe { &mut *self.shared.heap.get() }
    }
}

impl<H, I: Interrupts> Drop for Guard<'_, H, I> {
    fn drop(&mut self) {
        self.shared.busy.store(false, Ordering::Release);
        self.shared.interrupts.restore(self.were_enabled);
    }
}

/// A layout for this many bytes; if there is none, one that no heap has room for.
fn layout(bytes: u32) -> Layout {
    let bytes = bytes.min(mm_api::HEAP_MAX) as usize;
    Layout::from_size_align(bytes, HEAP_ALIGN as usize).unwrap_or(Layout::new::<u64>())
}

fn pointer<E>(block: Result<NonNull<u8>, E>) -> *mut u8 {
    match block {
        Ok(block) => block.as_ptr(),
        Err(_) => null_mut(),
    }
}

impl<H: KernelHeap, I: Interrupts> SharedKernelHeap<H, I> for SharedHeap<H, I> {
    fn new(heap: H, interrupts: I) -> Self {
        Self { heap: UnsafeCell::new(heap), busy: AtomicBool::new(false), interrupts }
    }

    fn with<R>(&self, work: impl FnOnce(&mut H) -> R) -> R {
        work(self.lock().heap())
    }

    fn kmalloc(&self, bytes: u32) -> *mut u8 {
        pointer(self.lock().heap().allocate(layout(bytes)))
    }

    fn kzalloc(&self, bytes: u32) -> *mut u8 {
        pointer(self.lock().heap().allocate_zeroed(layout(bytes)))
    }

    fn kfree(&self, block: *mut u8) -> Result<(), BlockError> {
        let Some(block) = NonNull::new(block) else { return Ok(()) };
        self.lock().heap().free(block)
    }

    fn calloc(&self, count: u32, size: u32) -> *mut u8 {
        pointer(self.lock().heap().allocate_array(count, size))
    }

    fn realloc(&self, block: *mut u8, bytes: u32) -> Result<*mut u8, BlockError> {
        let Some(old) = NonNull::new(block) else { return Ok(self.malloc(bytes)) };
        match self.lock().heap().reallocate(old, layout(bytes)) {
            Err(ReallocError::Block(error)) => Err(error),
            answer => Ok(pointer(answer)),
        }
    }

    fn heap_self_test(&self) -> Result<HeapSummary, HeapDamage> {
        self.lock().heap().check()
    }
}
