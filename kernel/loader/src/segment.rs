//! A segment: a piece of the file, and where in memory it belongs.

use elf::abi::{PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_TLS};
use elf::segment::ProgramHeader;
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_HEAP_START, USER_SPACE_END};
use mm_api::{PageRange, VirtAddr};

use crate::LoadError;
use crate::header::bytes_at;

/// A piece of the program that has to be in memory before it runs.
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

    /// The address of its first byte.
    #[must_use]
    pub const fn start(&self) -> VirtAddr {
        self.start
    }

    /// How many bytes of memory it takes: at least one.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// What its first bytes are. The rest of them, up to its size, are zero, as
    /// is whatever else is in its pages.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The pages that it needs, which no other segment does.
    #[must_use]
    pub fn pages(&self) -> PageRange {
        // Neither sum is beyond `USER_HEAP_START`, which is where a page begins.
        let end = (self.start.as_u32() + self.size).next_multiple_of(PAGE_SIZE);
        PageRange::between(self.start, VirtAddr::new(end))
    }

    /// Whether the program may write there.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.flags & PF_W != 0
    }

    /// Whether there is code.
    #[must_use]
    pub const fn is_executable(&self) -> bool {
        self.flags & PF_X != 0
    }

    /// Whether a byte of it is at `address`.
    #[must_use]
    pub fn contains(&self, address: VirtAddr) -> bool {
        address >= self.start && address.as_u32() - self.start.as_u32() < self.size
    }

    /// Where in memory `size` bytes of the file are, that begin at `offset` there,
    /// if this segment brings all of them along.
    pub(crate) fn address_of(&self, offset: u32, size: u32) -> Option<VirtAddr> {
        let skipped = offset.checked_sub(self.offset)?;
        let end = skipped.checked_add(size)?;
        if end as usize <= self.bytes.len() { self.start.checked_add(skipped) } else { None }
    }
}

/// Refuses what needs more than to be loaded.
pub fn check_kind(header: &ProgramHeader) -> Result<(), LoadError> {
    match header.p_type {
        PT_INTERP | PT_DYNAMIC => Err(LoadError::Dynamic),
        PT_TLS => Err(LoadError::ThreadLocal),
        _ => Ok(()),
    }
}
