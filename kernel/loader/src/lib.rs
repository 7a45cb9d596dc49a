//! Reads a program's file, and tells which bytes have to be at which addresses before the program
//! can run.
//!
//! A program is a static ELF file for i386: an executable file at fixed addresses that needs no
//! dynamic linker. Its program headers list segments: pieces of the file, and their addresses in
//! memory. Nothing else in the file matters; see the ELF specification (gABI, chapter 5), and the
//! supplement for the Intel386 architecture.
//!
//! A file's author may be careless or hostile. So [`Program::new`] checks every field *before*
//! anything is loaded, and returns either a [`LoadError`] or a program that keeps all promises made
//! here. It allocates nothing, and takes time in proportion to the number of headers.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod header;
mod segment;

use elf::abi::PT_LOAD;
use elf::endian::LittleEndian;
use elf::segment::{ProgramHeader, SegmentTable};
use mm_api::{Page, VirtAddr};

pub use error::LoadError;
pub use segment::Segment;

/// A program that can be loaded. It promises:
///
/// - There is at least one segment that is not empty.
/// - Every segment lies between [`USER_CODE_START`](mm_api::layout::USER_CODE_START)
///   and [`USER_HEAP_START`](mm_api::layout::USER_HEAP_START).
/// - The segments come in the order of their addresses, and no two of them need the same page.
/// - The program begins in a segment with code.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    file: &'a [u8],
    table: &'a [u8],
    table_offset: u32,
    entry: VirtAddr,
}

impl<'a> Program<'a> {
    /// Checks a file, and returns the program in it.
    ///
    /// # Errors
    /// The first [`LoadError`] that is found.
    pub fn new(file: &'a [u8]) -> Result<Self, LoadError> {
        let header = header::parse(file)?;
        let program =
            Self { file, table: header.table, table_offset: header.table_offset, entry: VirtAddr::new(header.entry) };
        let mut last: Option<Segment<'_>> = None;
        let mut entry_found = false;
        for entry in program.table() {
            segment::check_kind(&entry)?;
            if entry.p_type != PT_LOAD {
                continue;
            }
            let Some(segment) = Segment::new(&entry, file)? else { continue };
            if let Some(last) = last {
                if segment.start() < last.start() {
                    return Err(LoadError::OutOfOrder);
                }
                if segment.pages().first().number() < last.pages().end() {
                    return Err(LoadError::Overlap);
                }
            }
            entry_found |= segment.is_executable() && segment.contains(program.entry);
            last = Some(segment);
        }
        match last {
            None => Err(LoadError::NoSegments),
            Some(_) if !entry_found => Err(LoadError::BadEntry),
            Some(_) => Ok(program),
        }
    }

    /// The address of the program's first instruction.
    #[must_use]
    pub const fn entry(&self) -> VirtAddr {
        self.entry
    }

    /// The segments to load, by ascending address. No segment is empty.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> + Clone + use<'a> {
        let file = self.file;
        let loaded = self.table().filter(|entry| entry.p_type == PT_LOAD);
        // All segments were checked, so only empty ones are left out.
        loaded.filter_map(move |entry| Segment::new(&entry, file).ok().flatten())
    }

    /// How many pages the segments need.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.segments().map(|segment| segment.pages().len()).sum()
    }

    /// The first page after the last segment.
    #[must_use]
    pub fn end(&self) -> Page {
        let end = self.segments().map(|segment| segment.pages().end()).max();
        end.and_then(Page::new).unwrap_or(Page::NULL)
    }

    /// The address of the program headers in memory (`AT_PHDR`), if a segment contains all of them.
    #[must_use]
    pub fn program_headers(&self) -> Option<VirtAddr> {
        self.segments().find_map(|segment| segment.address_of(self.table_offset, self.table.len() as u32))
    }

    /// How many program headers there are (`AT_PHNUM`).
    #[must_use]
    pub const fn program_header_count(&self) -> u32 {
        (self.table.len() / header::PROGRAM_HEADER_SIZE) as u32
    }

    fn table(&self) -> impl Iterator<Item = ProgramHeader> + Clone + use<'a> {
        let table = self.table;
        let count = table.len() / header::PROGRAM_HEADER_SIZE;
        (0..count)
            .filter_map(move |index| SegmentTable::new(LittleEndian, elf::file::Class::ELF32, table).get(index).ok())
    }
}
