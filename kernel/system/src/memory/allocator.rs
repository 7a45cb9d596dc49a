//! The kernel's heap behind `Box` and `Vec`.

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};

use kernel_core::labs::Heap;
use mm_api::{AllocError, BlockError, KernelHeap, ReallocError};
use spin::Mutex;

use super::FrameCounts;
use super::kernel_heap::{PART, shared};

/// Calls `work` with the heap; `None` before it is started.
fn with_heap<R>(work: impl FnOnce(&mut Heap) -> R) -> Option<R> {
    shared().map(|heap| heap.with_heap(work))
}

/// How many blocks are in use, and how many bytes were asked for in all of them.
static BLOCKS: AtomicU32 = AtomicU32::new(0);
static BYTES: AtomicU32 = AtomicU32::new(0);

/// How many blocks are in use, and how many bytes were asked for in all of them. The kernel counts
/// them itself and does not ask the heap.
pub fn in_use() -> (u32, u32) {
    (BLOCKS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed))
}

/// A request that failed, with no successful request since.
#[derive(Clone, Copy)]
struct FailedRequest {
    bytes: usize,
    /// `None`: the heap was not started yet.
    reason: Option<AllocError>,
}

/// The last such request, to explain a panic.
static LAST_FAILURE: Mutex<Option<FailedRequest>> = Mutex::new(None);

/// Records the outcome of a request. Returns the block, or null.
fn note(answer: Option<Result<NonNull<u8>, AllocError>>, bytes: usize) -> *mut u8 {
    let failure = match answer {
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(FailedRequest { bytes, reason: Some(error) }),
        None => Some(FailedRequest { bytes, reason: None }),
    };
    // An interrupt handler may hold the lock; then its record stands.
    if let Some(mut place) = LAST_FAILURE.try_lock() {
        *place = failure;
    }
    match answer {
        Some(Ok(block)) => block.as_ptr(),
        _ => ptr::null_mut(),
    }
}

/// Explains a panic that a failed request may have caused: says how much was asked for, and how
/// much memory was free.
pub fn explain(say: &mut dyn FnMut(fmt::Arguments<'_>)) {
    let Some(failure) = LAST_FAILURE.try_lock().and_then(|place| *place) else { return };
    let bytes = failure.bytes;
    match failure.reason {
        None => say(format_args!("{bytes} bytes were asked for before the kernel's heap was started")),
        Some(error) => say(format_args!("the kernel's heap refused a request for {bytes} bytes: {error}")),
    }
    if let Some(frames) = super::try_frames() {
        let FrameCounts { free, managed, heap, .. } = frames;
        say(format_args!("{free} of {managed} frames are free, and the heap has {heap}, of at most {}", PART.len()));
    }
}

/// Counts a block that was handed out, and records a request that failed.
fn count(answer: Option<Result<NonNull<u8>, AllocError>>, layout: Layout) -> *mut u8 {
    let block = note(answer, layout.size());
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

/// Panics: the heap rejects the block, which is a bug in the kernel or in the heap.
#[cold]
#[inline(never)]
#[track_caller]
fn refuse(what: &str, block: *mut u8, error: BlockError) -> ! {
    panic!("{what} of {block:p}: {error}")
}

// SAFETY: the heap's contract: blocks have at least the size and the alignment that was asked for,
// do not overlap, and stay as they are until they are freed. Nothing here unwinds, because nothing
// in this kernel does.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(with_heap(|heap| heap.allocate(layout)), layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(with_heap(|heap| heap.allocate_zeroed(layout)), layout)
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
        let answer = match with_heap(|heap| heap.reallocate(old, new)) {
            Some(Err(ReallocError::Block(error))) => refuse("a reallocation", block, error),
            Some(Err(ReallocError::Alloc(error))) => Some(Err(error)),
            Some(Ok(block)) => Some(Ok(block)),
            None => None,
        };
        let block = note(answer, size);
        if !block.is_null() {
            BYTES.fetch_add(new.size() as u32, Ordering::Relaxed);
            BYTES.fetch_sub(layout.size() as u32, Ordering::Relaxed);
        }
        block
    }
}
