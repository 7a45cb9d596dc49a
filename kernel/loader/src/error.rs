//! Why a file is not a program that can be run.

use core::fmt;

/// Why a file is not a program that can be run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LoadError {
    /// The file ends before the file header does.
    Truncated,
    /// The file does not begin with the four bytes of every ELF file.
    BadMagic,
    /// The file is not a 32-bit file (`EI_CLASS`).
    NotElf32,
    /// The file's numbers are not little-endian (`EI_DATA`).
    NotLittleEndian,
    /// The version of ELF is not 1 (`EI_VERSION`, `e_version`).
    BadVersion,
    /// The program is for an operating system that is neither System V nor Linux (`EI_OSABI`,
    /// `EI_ABIVERSION`).
    ForeignSystem,
    /// The file is not an executable file at fixed addresses (`e_type`).
    NotExecutable,
    /// The program is for another processor (`e_machine`).
    WrongMachine,
    /// The file has flags, but none are defined for this processor (`e_flags`).
    UnknownFlags,
    /// The file header does not have the size that it should have (`e_ehsize`).
    BadHeaderSize,
    /// The program headers do not have the size that they should have (`e_phentsize`).
    BadProgramHeaderSize,
    /// There are more program headers than a header can count (`e_phnum`).
    TooManyProgramHeaders,
    /// Some of the program headers are not in the file (`e_phoff`).
    ProgramHeadersOutside,
    /// The program needs a dynamic linker when it starts (`PT_INTERP`, `PT_DYNAMIC`).
    Dynamic,
    /// The program has thread-local memory (`PT_TLS`), which this kernel does not provide.
    ThreadLocal,
    /// The program has no segment to load, or only empty ones.
    NoSegments,
    /// A segment has more bytes in the file than in memory (`p_filesz`, `p_memsz`).
    FileLargerThanMemory,
    /// Some of a segment's bytes are not in the file (`p_offset`, `p_filesz`).
    SegmentOutside,
    /// A segment's alignment is not a power of two (`p_align`).
    BadAlignment,
    /// A segment's address and its offset in the file differ modulo its alignment (`p_vaddr`,
    /// `p_offset`, `p_align`).
    Misaligned,
    /// A segment reaches past 4 GiB.
    Wraps,
    /// A segment is in page 0, which stays unmapped.
    NullPage,
    /// A segment reaches into the kernel half.
    KernelHalf,
    /// A segment begins below the area for programs.
    BelowImage,
    /// A segment reaches above the area for programs.
    AboveImage,
    /// A segment begins below the previous one: segments have to be in the order of their
    /// addresses.
    OutOfOrder,
    /// Two segments need the same page.
    Overlap,
    /// The program does not begin in a segment with code (`e_entry`).
    BadEntry,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the file is too short",
            Self::BadMagic => "this is not an ELF file",
            Self::NotElf32 => "this is not a 32-bit program",
            Self::NotLittleEndian => "this is a program for a big-endian processor",
            Self::BadVersion => "this version of ELF is not known",
            Self::ForeignSystem => "the program is for another operating system",
            Self::NotExecutable => "the file is not a program at fixed addresses",
            Self::WrongMachine => "the program is for another processor",
            Self::UnknownFlags => "the file's flags are not known",
            Self::BadHeaderSize => "the size of the file header is wrong",
            Self::BadProgramHeaderSize => "the size of the program headers is wrong",
            Self::TooManyProgramHeaders => "there are too many program headers",
            Self::ProgramHeadersOutside => "a program header is not in the file",
            Self::Dynamic => "the program is not linked statically",
            Self::ThreadLocal => "the program has thread-local memory",
            Self::NoSegments => "the program has nothing to load",
            Self::FileLargerThanMemory => "a segment is larger in the file than in memory",
            Self::SegmentOutside => "a segment is not in the file",
            Self::BadAlignment => "a segment's alignment is not a power of two",
            Self::Misaligned => "a segment's address does not fit to its place in the file",
            Self::Wraps => "a segment reaches past 4 GiB",
            Self::NullPage => "a segment is in page 0",
            Self::KernelHalf => "a segment reaches into the kernel half",
            Self::BelowImage => "a segment is below where programs are",
            Self::AboveImage => "a segment is above where programs are",
            Self::OutOfOrder => "the segments are not in the order of their addresses",
            Self::Overlap => "two segments need the same page",
            Self::BadEntry => "the program does not begin in its code",
        })
    }
}

impl core::error::Error for LoadError {}
