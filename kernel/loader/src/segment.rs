//! A segment: a piece of the file, and its address in memory.

use elf::abi::{PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_TLS};
use elf::segment::ProgramHeader;
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_HEAP_START, USER_SPACE_END};
use mm_api::{PageRange, VirtAddr};

use crate::LoadError;
use crate::header::bytes_at;

/// A piece of the program that has to be in memory before the program runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    start: VirtAddr,
    size: u32,
    bytes: &'a [u8],
    offset: u32,
    flags: u32,
}

impl<'a> Segment<'a> {
    /// The segment that a program header describes; `None` if it is empty.
    pub(crate) fn new(header: &ProgramHeader, file: &'a [u8]) -> Result<Option<Self>, LoadError> {
        // A 32-bit file's numbers are 32-bit numbers, though `elf` widens them.
        let (offset, start) = (header.p_offset as u32, header.p_vaddr as u32);
        let (file_size, size, align) = (header.p_filesz as u32, header.p_memsz as u32, header.p_align as u32);

        let refuse = |is_wrong: bool, error: LoadError| if is_wrong { Err(error) } else { Ok(()) };
        refuse(file_size > size, LoadError::FileLargerThanMemory)?;
        let bytes = bytes_at(file, offset, file_size).ok_or(LoadError::SegmentOutside)?;
        // 0 and 1 both mean that any address will do.
        refuse(align != 0 && !align.is_power_of_two(), LoadError::BadAlignment)?;
        refuse(align != 0 && start % align != offset % align, LoadError::Misaligned)?;
        if size == 0 {
            return Ok(None);
        }
        // The last byte's address, since the one after it may be 4 GiB.
        let last = start.checked_add(size - 1).ok_or(LoadError::Wraps)?;
        refuse(start < PAGE_SIZE, LoadError::NullPage)?;
        refuse(last >= USER_SPACE_END.as_u32(), LoadError::KernelHalf)?;
        refuse(start < USER_CODE_START.as_u32(), LoadError::BelowImage)?;
        refuse(last >= USER_HEAP_START.as_u32(), LoadError::AboveImage)?;
        Ok(Some(Self { start: VirtAddr::new(start), size, bytes, offset, flags: header.p_flags }))
    }

    /// The address of the segment's first byte.
    #[must_use]
    pub const fn start(&self) -> VirtAddr {
        self.start
    }

    /// The segment's bytes in memory: at least one.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// The segment's first bytes. The rest of them, up to [`size`](Self::size()), are zero, and so
    /// are all other bytes of its pages.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The pages that the segment needs. No other segment of the program needs them.
    #[must_use]
    pub fn pages(&self) -> PageRange {
        // Neither sum is beyond `USER_HEAP_START`, which is the start of a page.
        let end = (self.start.as_u32() + self.size).next_multiple_of(PAGE_SIZE);
        PageRange::between(self.start, VirtAddr::new(end))
    }

    /// Whether the program may write to the segment.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.flags & PF_W != 0
    }

    /// Whether the segment contains code.
    #[must_use]
    pub const fn is_executable(&self) -> bool {
        self.flags & PF_X != 0
    }

    /// Whether `address` is in the segment.
    #[must_use]
    pub fn contains(&self, address: VirtAddr) -> bool {
        address >= self.start && address.as_u32() - self.start.as_u32() < self.size
    }

    /// The address in memory of `size` bytes of the file from `offset` on, if this segment contains
    /// all of them.
    pub(crate) fn address_of(&self, offset: u32, size: u32) -> Option<VirtAddr> {
        let skipped = offset.checked_sub(self.offset)?;
        let end = skipped.checked_add(size)?;
        if end as usize <= self.bytes.len() { self.start.checked_add(skipped) } else { None }
    }
}

/// Refuses a program header that asks for more than loading.
pub fn check_kind(header: &ProgramHeader) -> Result<(), LoadError> {
    match header.p_type {
        PT_INTERP | PT_DYNAMIC => Err(LoadError::Dynamic),
        PT_TLS => Err(LoadError::ThreadLocal),
        _ => Ok(()),
    }
}
