//! The kernel's heap: lab 03 over pages that lab 02 maps.

use core::ops::Range;
use core::ptr::{self, NonNull};

use kernel_core::interrupts::Processor;
use kernel_core::labs::{Heap, SharedHeap, SharedHeapObject, Switch};
use kernel_core::memory::boot_box::BootBox;
use kernel_core::memory::paged::Owner;
use mm_api::layout::{KERNEL_HEAP_END, KERNEL_HEAP_START, PAGE_SIZE};
use mm_api::{AllocError, HEAP_MAX, HeapMemory, Page, PageRange, Pages};
use spin::Once;

/// The pages that the heap may have.
pub const PART: PageRange = PageRange::between(KERNEL_HEAP_START, KERNEL_HEAP_END);

const _: () = assert!(PART.len() * PAGE_SIZE == HEAP_MAX);

/// The heap's memory: the first `pages` pages of its part are mapped.
struct HeapPages {
    pages: u32,
    owner: Owner,
}

/// The page with this index in the heap's part.
fn page(index: u32) -> Page {
    PART.first().checked_add(index).expect("the heap's part has no more than 16384 pages")
}

/// Unmaps the pages with these indices, the last one first.
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
            let mut pages = memory.heap_pages(self.owner);
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
        super::with(|memory| unmap_all(&mut memory.heap_pages(self.owner), left..self.pages));
        self.pages = left;
        less * PAGE_SIZE
    }
}

/// The heap, once it is started.
static HEAP: Once<SharedHeap> = Once::new();

/// Builds the heap over these pages; there can be only one. The system's address space has to be
/// up. The frames of its pages belong to `owner`: to the kernel if Rust is going to use the heap's
/// blocks.
///
/// # Errors
/// The error of lab 03.
///
/// # Panics
/// If the heap was built before, or the memory set aside at boot has no room for a few words.
#[allow(unsafe_code)]
pub fn build(owner: Owner) -> Result<Heap, AllocError> {
    static BUILT: Once = Once::new();

    assert!(!BUILT.is_completed(), "the kernel's heap is built twice");
    BUILT.call_once(|| ());
    let memory = BootBox::new(HeapPages { pages: 0, owner }).expect("the memory put aside at boot has room").leak();
    let start: *mut u8 = ptr::with_exposed_provenance_mut(KERNEL_HEAP_START.as_u32() as usize);
    let base = NonNull::new(start).ok_or(AllocError::OutOfMemory)?;
    let labs = super::with(|memory| memory.labs());
    // SAFETY: nothing else is ever mapped in this part of the address space, and the bytes that
    // `memory` has grown by are mapped and writable.
    unsafe { labs.heap(base, memory) }
}

/// Starts the heap: from now on, `Box` and `Vec` find memory.
///
/// # Errors
/// As [`build`].
///
/// # Panics
/// As [`build`].
pub fn start() -> Result<(), AllocError> {
    let heap = build(Owner::Kernel)?;
    let labs = super::with(|memory| memory.labs());
    HEAP.call_once(|| labs.shared_heap(heap, Switch(&Processor)));
    Ok(())
}

/// The heap; `None` before it is started.
#[track_caller]
pub fn shared() -> Option<&'static dyn SharedHeapObject> {
    assert!(
        !super::is_held(),
        "something is allocated or freed in the middle of memory::with(), where the heap cannot grow: do it before or \
         after"
    );
    HEAP.get().map(|heap| &**heap)
}
