//! Pages that are mapped one at a time: the heap and the stacks of a process
//! consist of them.

use core::fmt;

use crate::{Page, VirtAddr};

// ANCHOR: pages
/// A part of an address space in which pages can be had, one at a time.
///
/// For a process's heap it is what lies between the image and the guard page
/// below the stack, for its stack the stack's region, and where a stack grows,
/// those pages of the region that are not mapped yet; whichever process runs at
/// the moment. For kernel stacks it is a part of the kernel half. Every page
/// has a frame of its own, and may be read and written: in the user half by the
/// process too.
///
/// The memory is only reached through this trait: by address, never by
/// reference. So nothing that is done with it can harm anyone else.
pub trait Pages {
    /// Gives `page` memory. What it contains is not defined, and seldom zero.
    ///
    /// # Errors
    /// See [`PageError`]; nothing has changed then.
    ///
    /// # Panics
    /// If the page is outside of the part of the address space that this is about.
    fn map(&mut self, page: Page) -> Result<(), PageError>;

    /// Takes the page's memory away, and gives its frame back.
    ///
    /// # Panics
    /// If [`map`](Self::map) did not give the page memory, or it was taken away
    /// since.
    fn unmap(&mut self, page: Page);

    /// Whether something is mapped at `page`, by `map` or in another way.
    fn is_mapped(&self, page: Page) -> bool;

    /// Copies the bytes from `address` on into `bytes`.
    ///
    /// # Panics
    /// If one of them is in a page that is not mapped, or outside of that part.
    fn read(&self, address: VirtAddr, bytes: &mut [u8]);

    /// Copies `bytes` to the addresses from `address` on.
    ///
    /// # Panics
    /// If one of them is in a page that is not mapped, or outside of that part.
    fn write(&mut self, address: VirtAddr, bytes: &[u8]);

    /// Writes zeros to `bytes` bytes from `address` on.
    ///
    /// # Panics
    /// If one of them is in a page that is not mapped, or outside of that part.
    fn zero(&mut self, address: VirtAddr, bytes: u32);
}
// ANCHOR_END: pages

/// Why a page was not given memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PageError {
    /// The frames ran out, for the page itself or for a page table.
    OutOfFrames,
    /// Something is mapped there already.
    Occupied,
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfFrames => "the frames ran out",
            Self::Occupied => "something is mapped there already",
        })
    }
}
