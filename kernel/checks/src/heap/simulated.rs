//! Interrupts that come at the worst moments, and a heap that tests whether they are off.

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use kernel_core::labs::Heap;
use mm_api::{AllocError, BlockError, HeapDamage, HeapSummary, Interrupts, KernelHeap, ReallocError};
use spin::Mutex;

/// An interrupt flag. If it has a handler, an interrupt comes at the last moment before
/// interrupts are off, and at the first after they are on again.
pub struct Flag {
    enabled: AtomicBool,
    handler: Mutex<Option<fn()>>,
    came: AtomicU32,
    disabled: AtomicU32,
    wrong: Mutex<Option<Wrong>>,
}

/// A rule that a shared heap broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// The heap was called while interrupts were on.
    HeapInterruptible,
    /// Interrupts were on at the end of a handler.
    HandlerInterruptible,
}

impl Flag {
    /// Interrupts are off, and there is no handler.
    pub const fn new() -> Self {
        Self {
            enabled: AtomicBool::new(false),
            handler: Mutex::new(None),
            came: AtomicU32::new(0),
            disabled: AtomicU32::new(0),
            wrong: Mutex::new(None),
        }
    }

    /// Whether interrupts are on.
    pub fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Switches interrupts on or off. This alone brings no interrupt.
    pub fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// From now on interrupts come, and each calls `handler`.
    pub fn handle(&self, handler: fn()) {
        *self.handler.lock() = Some(handler);
    }

    /// How many interrupts came.
    pub fn came(&self) -> u32 {
        self.came.load(Ordering::Relaxed)
    }

    /// How many times interrupts were switched off, even if they were off already.
    pub fn times_disabled(&self) -> u32 {
        self.disabled.load(Ordering::Relaxed)
    }

    /// The first broken rule since the last call.
    pub fn take_wrong(&self) -> Option<Wrong> {
        self.wrong.lock().take()
    }

    fn note(&self, wrong: Wrong) {
        self.wrong.lock().get_or_insert(wrong);
    }

    /// An interrupt comes, if interrupts are on and there is a handler.
    fn interrupt(&self) {
        let handler = *self.handler.lock();
        let Some(handler) = handler.filter(|_| self.enabled()) else { return };
        self.set_enabled(false);
        self.came.fetch_add(1, Ordering::Relaxed);
        handler();
        if self.enabled() {
            self.note(Wrong::HandlerInterruptible);
        }
        self.set_enabled(true);
    }
}

impl Interrupts for Flag {
    fn disable(&self) -> bool {
        self.disabled.fetch_add(1, Ordering::Relaxed);
        let were_enabled = self.enabled();
        self.interrupt();
        self.set_enabled(false);
        were_enabled
    }

    fn restore(&self, were_enabled: bool) {
        if were_enabled {
            self.set_enabled(true);
            self.interrupt();
        }
    }
}

/// A heap that tests, at each call, whether interrupts are off.
pub struct Watched {
    /// The heap.
    pub heap: Heap,
    /// The interrupts.
    pub flag: &'static Flag,
}

impl Watched {
    fn look(&self) {
        if self.flag.enabled() {
            self.flag.note(Wrong::HeapInterruptible);
        }
    }

    fn heap(&mut self) -> &mut Heap {
        self.look();
        &mut self.heap
    }
}

impl KernelHeap for Watched {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.heap().allocate(layout)
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.heap().allocate_zeroed(layout)
    }

    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        self.heap().allocate_array(count, size)
    }

    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        self.heap().free(block)
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        self.heap().reallocate(block, layout)
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        self.look();
        self.heap.usable_size(block)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        self.look();
        self.heap.check()
    }
}
