//! Lab 03 behind the table: a heap, and a shared heap.

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, HeapDamage, HeapMemory, HeapSummary, Interrupts, KernelHeap, ReallocError, SharedKernelHeap,
};

use crate::memory::boot_box::BootBox;

/// Lab 03's heap and its constructor, which is not part of [`KernelHeap`].
pub trait HeapLab {
    /// The type of the heap.
    type Heap: KernelHeap + Send + 'static;

    /// A heap that grows by `memory`, whose region begins at `base`.
    ///
    /// # Errors
    /// The lab's.
    ///
    /// # Safety
    /// - `memory` has not grown yet, and is told to grow and shrink by this heap only.
    /// - `base` is the region's first byte, aligned to a page. The bytes by which `memory`
    ///   has grown, and has not shrunk again, may be read and written through `base`, and
    ///   are this heap's alone.
    /// - `memory` may be used wherever the heap is moved to.
    unsafe fn new(base: NonNull<u8>, memory: &'static mut dyn HeapMemory) -> Result<Self::Heap, AllocError>;
}

/// Lab 03's component: a heap with a single user.
pub type Heap = BootBox<dyn KernelHeap + Send>;

/// Puts a heap into a box: the lab's heap, or one that watches it.
///
/// # Panics
/// If the memory put aside at boot has no room for it.
#[must_use]
pub fn boxed_heap(heap: impl KernelHeap + Send + 'static) -> Heap {
    boxed!(heap => dyn KernelHeap + Send)
}

/// [`HeapLab::new`], in a box.
///
/// # Safety
/// As [`HeapLab::new`].
pub(super) unsafe fn new<H: HeapLab>(
    base: NonNull<u8>,
    memory: &'static mut dyn HeapMemory,
) -> Result<Heap, AllocError> {
    // SAFETY: the caller's promise.
    unsafe { H::new(base, memory) }.map(boxed_heap)
}

impl KernelHeap for Heap {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        (**self).allocate(layout)
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        (**self).allocate_zeroed(layout)
    }

    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        (**self).allocate_array(count, size)
    }

    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        (**self).free(block)
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        (**self).reallocate(block, layout)
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        (**self).usable_size(block)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        (**self).check()
    }
}

/// The interrupts that a shared heap switches off: the processor's, or simulated ones of a check.
#[derive(Clone, Copy)]
pub struct Switch(pub &'static (dyn Interrupts + Send + Sync));

impl Interrupts for Switch {
    fn disable(&self) -> bool {
        self.0.disable()
    }

    fn restore(&self, were_enabled: bool) {
        self.0.restore(were_enabled);
    }
}

/// Lab 03's component: the heap that the whole kernel shares.
pub type SharedHeap = BootBox<dyn SharedHeapObject>;

/// A shared heap as a trait object: [`call`](Self::call) stands for `with`, which is generic.
pub trait SharedHeapObject: SharedKernelHeap<Heap, Switch> + Send + Sync {
    /// [`SharedKernelHeap::with`], without an answer.
    fn call(&self, work: &mut dyn FnMut(&mut Heap));
}

impl<T: SharedKernelHeap<Heap, Switch> + Send + Sync> SharedHeapObject for T {
    fn call(&self, work: &mut dyn FnMut(&mut Heap)) {
        self.with(work);
    }
}

impl dyn SharedHeapObject + '_ {
    /// Calls `work` with the heap, and returns its result.
    ///
    /// # Panics
    /// If the lab's `with` returns without calling `work`.
    pub fn with_heap<R>(&self, work: impl FnOnce(&mut Heap) -> R) -> R {
        let (mut work, mut answer) = (Some(work), None);
        self.call(&mut |heap| answer = work.take().map(|work| work(heap)));
        answer.expect("with() calls its work once")
    }
}
