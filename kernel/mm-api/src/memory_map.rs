//! The memory map: what the bootloader says about physical memory.

/// A half-open range of physical addresses, in bytes: `start` belongs to it,
/// `end` does not.
///
/// The addresses have 64 bits, since a PC's memory map speaks of memory beyond
/// 4 GiB too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct PhysRange {
    /// The first byte.
    pub start: u64,
    /// The byte after the last one. A range whose end is not above its start is empty.
    pub end: u64,
}

// ANCHOR: region
/// What a region of the memory map may be used for.
///
/// The numbers are those of the BIOS call INT 15h, E820h
/// (ACPI Specification 6.5, section 15.1, "INT 15H, E820H").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RegionKind {
    /// Type 1: memory that the kernel may use.
    Usable,
    /// Every other type: reserved, ACPI tables, device memory, faulty memory.
    Unusable,
}

/// One line of the bootloader's memory map, exactly as the firmware gave it.
///
/// Nothing is promised: `base + length` may be past the last 64-bit address,
/// and `length` may be zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct MemoryRegion {
    /// The region's first byte.
    pub base: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Whether the kernel may use it.
    pub kind: RegionKind,
}
// ANCHOR_END: region

// ANCHOR: map
/// All that is known about physical memory when the kernel starts.
///
/// Neither list is sorted. Regions may overlap, touch, be empty, begin or end
/// in the middle of a frame, and lie or reach beyond 4 GiB; so may reserved
/// ranges, apart from lying beyond 4 GiB.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MemoryMap<'a> {
    /// The firmware's regions.
    pub regions: &'a [MemoryRegion],
    /// Memory that is in use already: the kernel's image, the bootloader's
    /// data, modules, and what the PC keeps in the first MiB.
    pub reserved: &'a [PhysRange],
}
// ANCHOR_END: map
