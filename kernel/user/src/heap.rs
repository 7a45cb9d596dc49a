//! The program's own heap: `malloc` over the end of the data segment.
//!
//! Rust passes a block's size when it frees the block, so blocks need no headers. Free blocks are
//! in a list by ascending address, and each holds its own size and the address of the next one. The
//! first block that is large enough serves a request (first fit); neighbouring free blocks are
//! joined.
//!
//! A large block is a mapping of its own, which is unmapped when the block is freed, so it leaves
//! no hole in the heap.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

use crate::{mapping, memory};

/// Sizes and addresses of blocks are multiples of this: the size of a [`Free`].
const UNIT: usize = size_of::<Free>();
/// The least number of bytes that the heap grows by.
const STEP: usize = 16 * 1024;
/// Blocks of at least this many bytes are mappings, unless they need an alignment of more than a
/// page.
const LARGE: usize = 128 * 1024;

/// Whether a block is a mapping.
fn is_mapping(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= abi::PAGE_SIZE as usize
}

/// The header at the start of a free block.
struct Free {
    size: usize,
    next: *mut Free,
}

/// The heap. A program has one thread, so no two calls overlap.
struct Heap {
    first: UnsafeCell<*mut Free>,
}

// SAFETY: a program has one thread, and no signal interrupts it.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap { first: UnsafeCell::new(ptr::null_mut()) };

// SAFETY: a block is taken out of the list before it is handed out, and only blocks that were
// handed out come back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_mapping(layout) {
            return mapping::memory(layout.size() as u32)
                .map_or(ptr::null_mut(), |start| ptr::with_exposed_provenance_mut(start as usize));
        }
        let Some(size) = rounded(layout.size()) else { return ptr::null_mut() };
        let align = layout.align().max(UNIT);
        // SAFETY: this is the only thread, and `size` and `align` are multiples of a unit.
        unsafe {
            let list = self.first.get();
            let mut block = take(list, size, align);
            if block.is_null() && grow(list, size, align) {
                block = take(list, size, align);
            }
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_mapping(layout) {
            // SAFETY: the block was handed out with this layout, and is no longer in use. The
            // kernel cannot refuse to unmap all pages of a mapping.
            let _ = unsafe { mapping::unmap(block.expose_provenance() as u32, layout.size() as u32) };
            return;
        }
        let Some(size) = rounded(layout.size()) else { return };
        // SAFETY: this is the only thread; the block was handed out with this size.
        unsafe { insert(self.first.get(), block, size) }
    }
}

/// The size of the block that serves a request for `size` bytes.
fn rounded(size: usize) -> Option<usize> {
    size.max(UNIT).checked_next_multiple_of(UNIT)
}

/// Takes a block out of the list; null if no free block is large enough.
///
/// # Safety
/// `link` has to be the head of the list; the sizes have to be multiples of a unit.
unsafe fn take(mut link: *mut *mut Free, size: usize, align: usize) -> *mut u8 {
    // SAFETY: every link names the next free block, and free blocks belong to the heap alone.
    unsafe {
        while let Some(free) = (*link).as_mut() {
            let start = ptr::from_mut(free).cast::<u8>();
            let before = start.align_offset(align);
            if let Some(after) = before.checked_add(size).and_then(|used| free.size.checked_sub(used)) {
                let block = start.add(before);
                let mut next = free.next;
                if after > 0 {
                    let rest = block.add(size).cast::<Free>();
                    rest.write(Free { size: after, next });
                    next = rest;
                }
                if before > 0 {
                    *free = Free { size: before, next };
                } else {
                    *link = next;
                }
                return block;
            }
            link = &raw mut free.next;
        }
    }
    ptr::null_mut()
}

/// Puts a block into the list.
///
/// # Safety
/// `link` has to be the head of the list; the block must not be in use any more.
unsafe fn insert(mut link: *mut *mut Free, block: *mut u8, size: usize) {
    let block = block.cast::<Free>();
    let mut before = ptr::null_mut::<Free>();
    // SAFETY: every link names the next free block, and free blocks belong to the heap alone.
    unsafe {
        while !(*link).is_null() && *link < block {
            before = *link;
            link = &raw mut (**link).next;
        }
        let next = *link;
        let joins = |block: *mut Free, size: usize, next: *mut Free| block.byte_add(size) == next;
        block.write(if joins(block, size, next) {
            Free { size: size + (*next).size, next: (*next).next }
        } else {
            Free { size, next }
        });
        if !before.is_null() && joins(before, (*before).size, block) {
            *before = Free { size: (*before).size + (*block).size, next: (*block).next };
        } else {
            *link = block;
        }
    }
}

/// Grows the heap until it has a free block of this size and alignment. Returns whether it could
/// grow.
///
/// # Safety
/// As [`take`].
unsafe fn grow(list: *mut *mut Free, size: usize, align: usize) -> bool {
    let end = memory::end() as usize;
    // The program may have moved the break to an address at which no block can begin.
    let Some(start) = end.checked_next_multiple_of(UNIT) else { return false };
    let wanted = size.checked_add(align).map(|bytes| bytes.max(STEP));
    let Some(new_end) = wanted.and_then(|bytes| start.checked_add(bytes)) else { return false };
    // SAFETY: the heap grows, so nothing is beyond its end.
    if unsafe { memory::brk(new_end as u32) } as usize != new_end {
        return false;
    }
    // SAFETY: the memory is new, so it is not in use.
    unsafe { insert(list, ptr::with_exposed_provenance_mut(start), (new_end - start) / UNIT * UNIT) };
    true
}
