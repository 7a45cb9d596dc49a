//! The kernel's heap: lab 03 over pages that lab 02 maps, behind `Box` and `Vec`.

use core::alloc::{GlobalAlloc, Layout};
use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};

use kernel_core::interrupts::Processor;
use mm_api::layout::{KERNEL_HEAP_END, KERNEL_HEAP_START, PAGE_SIZE};
use mm_api::{
    AllocError, BlockError, HEAP_MAX, HeapMemory, KernelHeap, Page, PageRange, Pages, ReallocError,
    SharedKernelHeap as _,
};
use spin::{Mutex, MutexGuard, Once};

use crate::labs::{Heap, SharedHeap};

/// The pages that the heap may have.
pub const PART: PageRange = PageRange::between(KERNEL_HEAP_START, KERNEL_HEAP_END);

const _: () = assert!(PART.len() * PAGE_SIZE == HEAP_MAX);

/// The heap's memory: the first so many pages of its part are mapped.
pub struct HeapPages {
    pages: u32,
}

impl HeapPages {
    /// No pages yet.
    pub const NONE: Self = Self { pages: 0 };
}

/// The page of this number in the heap's part.
fn page(index: u32) -> Page {
    PART.first().checked_add(index).expect("the heap's part has no more than 16384 pages")
}

/// Unmaps the pages of these numbers, the last one first.
fn unmap_all(pages: &mut impl Pages, indices: Range<u32>) {
    for index in indices.rev() {
        pages.unmap(page(index));
    }
}

impl HeapMemory for HeapPages {
    fn grow(&mut self, bytes: u32) -> Option<u32> {
        let more = bytes.div_ceil(PAGE_SIZE);
        if more > PART.len() - self.pages {
            return None;
        }
        super::with(|memory| {
            let mut pages = memory.heap_pages();
            for index in self.pages..self.pages + more {
                if pages.map(page(index)).is_err() {
                    unmap_all(&mut pages, self.pages..index);
                    return None;
                }
            }
            self.pages += more;
            Some(more * PAGE_SIZE)
        })
    }

    fn shrink(&mut self, bytes: u32) -> u32 {
        let less = (bytes / PAGE_SIZE).min(self.pages);
        let left = self.pages - less;
        super::with(|memory| unmap_all(&mut memory.heap_pages(), left..self.pages));
        self.pages = left;
        less * PAGE_SIZE
    }
}

/// The kernel's heap, as all of the kernel shares it.
pub type KernelWideHeap = SharedHeap<Heap<'static>, Processor>;

/// The heap, once it is started.
static HEAP: Once<KernelWideHeap> = Once::new();

/// Builds the one heap that there can be over these pages. The system's address
/// space has to be up.
///
/// # Errors
/// As the lab says.
///
/// # Panics
/// If it is built twice.
#[allow(unsafe_code)]
pub fn build() -> Result<Heap<'static>, AllocError> {
    static MEMORY: Mutex<HeapPages> = Mutex::new(HeapPages::NONE);

    // Locked for ever: it is the heap's from now on.
    let memory = MutexGuard::leak(MEMORY.try_lock().expect("the kernel's heap is built twice"));
    let start: *mut u8 = ptr::with_exposed_provenance_mut(KERNEL_HEAP_START.as_u32() as usize);
    let base = NonNull::new(start).ok_or(AllocError::OutOfMemory)?;
    // SAFETY: nothing else is ever mapped in this part of the address space, and it is
    // mapped, writable, as far as `memory` says that it has grown.
    unsafe { Heap::at(base, memory) }
}

/// Starts the heap: from now on, `Box` and `Vec` find memory.
///
/// # Errors
/// As [`build`].
///
/// # Panics
/// As [`build`].
pub fn start() -> Result<(), AllocError> {
    let heap = build()?;
    HEAP.call_once(|| SharedHeap::new(heap, Processor));
    Ok(())
}

/// The heap; `None` before it is started.
#[track_caller]
pub fn shared() -> Option<&'static KernelWideHeap> {
    assert!(
        !super::is_held(),
        "something is allocated or freed in the middle of memory::with(), where the heap cannot grow: do it before or \
         after"
    );
    HEAP.get()
}

/// Calls `work` with the heap; `None` before it is started.
fn with_heap<R>(work: impl FnOnce(&mut Heap<'static>) -> R) -> Option<R> {
    shared().map(|heap| heap.with(work))
}

/// How many blocks were asked for and not yet given back, and how many bytes.
static BLOCKS: AtomicU32 = AtomicU32::new(0);
static BYTES: AtomicU32 = AtomicU32::new(0);

/// How many blocks are in use, and how many bytes were asked for in all of them:
/// counted here, whatever the heap says.
pub fn in_use() -> (u32, u32) {
    (BLOCKS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed))
}

/// Counts a block that was handed out.
fn count(block: *mut u8, layout: Layout) -> *mut u8 {
    if !block.is_null() {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        // The heap has at most 64 MiB.
        BYTES.fetch_add(layout.size() as u32, Ordering::Relaxed);
    }
    block
}

/// The kernel's allocator, behind `Box`, `Vec` and their kin.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// A block, or null where there is none.
fn or_null<E>(block: Option<Result<NonNull<u8>, E>>) -> *mut u8 {
    match block {
        Some(Ok(block)) => block.as_ptr(),
        _ => ptr::null_mut(),
    }
}

/// Stops: a block that is not taken back is a bug in the kernel, or in the heap.
#[cold]
#[inline(never)]
#[track_caller]
fn refuse(what: &str, block: *mut u8, error: BlockError) -> ! {
    panic!("{what} of {block:p}: {error}")
}

// SAFETY: the heap's contract: blocks are as large and as aligned as was asked for,
// do not overlap, and stay as they are until they are freed. Nothing here unwinds,
// as nothing in this kernel does.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(or_null(with_heap(|heap| heap.allocate(layout))), layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(or_null(with_heap(|heap| heap.allocate_zeroed(layout))), layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, Ordering::Relaxed);
        BYTES.fetch_sub(layout.size() as u32, Ordering::Relaxed);
        let answer = NonNull::new(block).and_then(|block| with_heap(|heap| heap.free(block)));
        if let Some(Err(error)) = answer {
            refuse("a free", block, error);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (Some(old), Ok(new)) = (NonNull::new(block), Layout::from_size_align(size, layout.align())) else {
            return ptr::null_mut();
        };
        match with_heap(|heap| heap.reallocate(old, new)) {
            Some(Err(ReallocError::Block(error))) => refuse("a reallocation", block, error),
            Some(Ok(block)) => {
                BYTES.fetch_add(new.size() as u32, Ordering::Relaxed);
                BYTES.fetch_sub(layout.size() as u32, Ordering::Relaxed);
                block.as_ptr()
            }
            _ => ptr::null_mut(),
        }
    }
}
