//! Slabs over the textbook's heap: small blocks of one size share a page, which has a bit for each
//! block that says whether it is used (Bonwick, "The Slab Allocator", USENIX Summer 1994).

use core::alloc::Layout;
use core::ptr::NonNull;

use textbook_heap::Textbook;

use crate::heaps::{Candidate, Heap, Region, Work};

use super::FirstFit;

const PAGE: u32 = 4096;
/// The sizes of small blocks. Larger ones come from the heap below.
const SIZES: [u32; 10] = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512];
/// Words of a slab's bitmap: enough for the 252 blocks of 16 bytes.
const MAP: usize = 8;

/// The header at the start of a page; the blocks follow it.
struct Slab {
    next: Option<NonNull<Slab>>,
    class: usize,
    used: u32,
    map: [u32; MAP],
}

/// Bytes of a page before its first block, such that blocks of 16 bytes are aligned to 16.
const HEADER: u32 = (size_of::<Slab>() as u32).next_multiple_of(16);

/// How many blocks of a class fit into a slab.
const fn count(class: usize) -> u32 {
    (PAGE - HEADER) / SIZES[class]
}

/// Slabs for small blocks, over a textbook heap for all others.
pub struct Slabs {
    below: Textbook<FirstFit>,
    /// For each class, the list of slabs with a free block.
    partial: [Option<NonNull<Slab>>; SIZES.len()],
}

/// The layout of a slab.
const SLAB: Layout = match Layout::from_size_align(PAGE as usize, PAGE as usize) {
    Ok(layout) => layout,
    Err(_) => panic!("a page is a layout"),
};

/// The class of a layout, if it is small.
fn class_of(layout: Layout) -> Option<usize> {
    let is_small = layout.align() <= 16;
    SIZES.iter().position(|size| layout.size() as u32 <= *size).filter(|_| is_small)
}

impl Slabs {
    /// A new slab of a class.
    fn add(&mut self, class: usize) -> Option<NonNull<Slab>> {
        let slab: NonNull<Slab> = self.below.allocate(SLAB)?.cast();
        // SAFETY: the page is new and aligned, and larger than a `Slab`.
        unsafe { slab.write(Slab { next: self.partial[class], class, used: 0, map: [0; MAP] }) };
        self.partial[class] = Some(slab);
        Some(slab)
    }

    fn allocate_small(&mut self, class: usize) -> Option<NonNull<u8>> {
        let page = match self.partial[class] {
            Some(page) => page,
            None => self.add(class)?,
        };
        // SAFETY: the page is a slab, and no other reference to it exists.
        let slab = unsafe { &mut *page.as_ptr() };
        let word = slab.map.iter().position(|word| *word != u32::MAX)?;
        let bit = slab.map[word].trailing_ones();
        slab.map[word] |= 1 << bit;
        slab.used += 1;
        let number = 32 * word as u32 + bit;
        if slab.used == count(class) {
            self.partial[class] = slab.next;
        }
        let offset = HEADER + number * SIZES[class];
        // SAFETY: a slab in the list has a free block, so the block of this bit lies in the page.
        Some(unsafe { page.cast::<u8>().add(offset as usize) })
    }

    /// Takes a slab out of the list of slabs with a free block.
    fn unlist(&mut self, page: NonNull<Slab>, class: usize) {
        let mut link = &mut self.partial[class];
        while let Some(slab) = *link {
            // SAFETY: the list holds slabs only, and no other reference to them exists.
            let next = unsafe { &mut (*slab.as_ptr()).next };
            if slab == page {
                *link = *next;
                return;
            }
            link = next;
        }
    }

    fn free_small(&mut self, block: NonNull<u8>) {
        let offset = block.addr().get() as u32 % PAGE;
        // SAFETY: a small block lies in a slab, which begins at its page's start.
        let page: NonNull<Slab> = unsafe { block.sub(offset as usize) }.cast();
        // SAFETY: as in `allocate_small`.
        let slab = unsafe { &mut *page.as_ptr() };
        let (class, number) = (slab.class, (offset - HEADER) / SIZES[slab.class]);
        slab.map[number as usize / 32] &= !(1 << (number % 32));
        slab.used -= 1;
        if slab.used == count(class) - 1 {
            slab.next = self.partial[class];
            self.partial[class] = Some(page);
        }
        if slab.used == 0 {
            self.unlist(page, class);
            // SAFETY: no block of the page is in use, and the heap below handed it out as a slab.
            unsafe { self.below.free(page.cast()) };
        }
    }
}

impl Candidate for Slabs {
    fn with(region: &Region<'_>, work: Work<'_>) {
        if region.bytes > PAGE {
            // SAFETY: the region belongs to this heap alone while it is borrowed, and begins at a
            // page.
            let below = unsafe { Textbook::new(region.base, region.bytes) };
            work(&mut Self { below, partial: [None; SIZES.len()] });
        }
    }
}

impl Heap for Slabs {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        match class_of(layout) {
            Some(class) => self.allocate_small(class),
            None => self.below.allocate(layout),
        }
    }

    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        if class_of(layout).is_some() {
            self.free_small(block);
            return true;
        }
        // SAFETY: the caller's promise.
        unsafe { self.below.free(block) };
        true
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        match (class_of(old), class_of(new)) {
            // SAFETY: the caller's promise.
            (None, None) => unsafe { self.below.reallocate(block, old, new) },
            (one, other) if one == other => Some(block),
            _ => {
                let moved = self.allocate(new)?;
                // SAFETY: both blocks have that many bytes, and they are different blocks.
                unsafe { block.copy_to_nonoverlapping(moved, old.size().min(new.size())) };
                // SAFETY: the caller's promise.
                unsafe { self.free(block, old) };
                Some(moved)
            }
        }
    }
}
