//! What page tables need: memory, the processor's translations, and frames.
//!
//! In the kernel the machine provides them; in the labs' tests on the host, a fake machine.

use crate::{Entry, Frame, Page, TableIndex, VirtAddr};

// ANCHOR: machine
/// Frames of physical memory, each seen as a table of 1024 entries.
///
/// Only frames that came from the same machine's [`FrameSource`], and have not
/// been given back, may be named here. A frame that is not yours (the kernel's
/// image, a frame that was freed, one that does not exist) is a bug in the
/// caller, and each method panics with its number.
pub trait PhysMemory {
    /// The entry at `index` of the table in `table`.
    fn read(&self, table: Frame, index: TableIndex) -> Entry;

    /// Puts `entry` at `index` into the table in `table`.
    ///
    /// The kernel refuses, with a panic, entries that would break it: one that
    /// names a frame which is neither yours nor one that you were asked to map,
    /// and a change of the mappings that it runs in while they are loaded, such
    /// as the direct map.
    fn write(&mut self, table: Frame, index: TableIndex, entry: Entry);

    /// Fills `frame` with zeros: 1024 times [`Entry::EMPTY`].
    fn clear(&mut self, frame: Frame);
}
// ANCHOR_END: machine

/// The last 4 MiB of virtual memory, where a page directory may map itself.
///
/// A directory whose last entry names the directory itself shows its tables
/// there: the one for the directory's entry `i` at `0xFFC0_0000 + i * 4096`,
/// and the directory itself at `0xFFFF_F000`. Only designs that do so need this
/// trait. These accesses go through the directory that is loaded and through
/// what the processor remembers of it, as any other access does.
pub trait SelfMap {
    /// Reads the entry at `address`.
    ///
    /// # Panics
    /// If `address` is below [`SELF_MAP_START`](crate::layout::SELF_MAP_START)
    /// or not a multiple of four. Where nothing is mapped, the processor
    /// answers with a page fault.
    fn read_at(&self, address: VirtAddr) -> Entry;

    /// Writes `entry` to `address`.
    ///
    /// # Panics
    /// As [`read_at`](Self::read_at).
    fn write_at(&mut self, address: VirtAddr, entry: Entry);
}

/// The processor's memory of translations, the translation lookaside buffer.
///
/// The processor remembers how it translated a page, and does not look at the
/// tables again until it is told to forget (Intel SDM vol. 3A, section 4.10).
/// It never remembers that a page was *not* present.
pub trait Tlb {
    /// Forgets the translation of `page`, a global one too (INVLPG). Along
    /// with it, forgets which tables the directory's entries name.
    fn flush(&mut self, page: Page);

    /// Forgets every translation, the global ones too. This costs much: each
    /// page used after it has to be looked up again. The contract of
    /// [`VirtualMemory`](crate::VirtualMemory) allows no method to do it.
    fn flush_all(&mut self);

    /// Makes the directory in `directory` the current one (a write to CR3), and
    /// forgets every translation that is not global.
    fn load(&mut self, directory: Frame);
}

/// Where frames come from: the frame allocator of lab 01, as page tables see it.
pub trait FrameSource {
    /// A free frame, or `None` if there is none left.
    ///
    /// What the frame contains is not defined, and is seldom zero.
    fn allocate(&mut self) -> Option<Frame>;

    /// Takes back a frame that [`allocate`](Self::allocate) handed out.
    ///
    /// # Panics
    /// If the frame is not one that was handed out, or was given back already.
    fn free(&mut self, frame: Frame);
}

/// All of it together.
pub trait Machine: PhysMemory + SelfMap + Tlb + FrameSource {}

impl<T: PhysMemory + SelfMap + Tlb + FrameSource> Machine for T {}
