//! The file header: it tells whether the file is a program for this machine.

use elf::abi::{ELFOSABI_LINUX, ELFOSABI_SYSV, EM_386, ET_EXEC, EV_CURRENT, PN_XNUM};
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::ParseError;

use crate::LoadError;

/// Bytes of the header's first part, which says how to read the rest.
const IDENT_SIZE: usize = elf::abi::EI_NIDENT;
/// Bytes of the file header.
const HEADER_SIZE: usize = IDENT_SIZE + elf::file::ELF32_EHDR_TAILSIZE;
/// Bytes of a program header.
pub const PROGRAM_HEADER_SIZE: usize = 32;

/// The fields of the file header that matter for loading.
pub struct Header<'a> {
    /// The bytes of all program headers.
    pub table: &'a [u8],
    /// The offset of the program headers in the file.
    pub table_offset: u32,
    /// The address of the program's first instruction.
    pub entry: u32,
}

/// Reads the file header, and checks it.
pub fn parse(file: &[u8]) -> Result<Header<'_>, LoadError> {
    let Some((ident, rest)) = file.split_at_checked(IDENT_SIZE) else { return Err(LoadError::Truncated) };
    let ident = parse_ident::<LittleEndian>(ident).map_err(|error| match error {
        ParseError::BadMagic(_) => LoadError::BadMagic,
        ParseError::UnsupportedElfClass(_) => LoadError::NotElf32,
        ParseError::UnsupportedElfEndianness(_) => LoadError::NotLittleEndian,
        // Only the version is left.
        _ => LoadError::BadVersion,
    })?;
    if ident.1 != Class::ELF32 {
        return Err(LoadError::NotElf32);
    }
    let header = FileHeader::parse_tail(ident, rest).map_err(|_| LoadError::Truncated)?;

    let refuse = |is_wrong: bool, error: LoadError| if is_wrong { Err(error) } else { Ok(()) };
    refuse(header.version != u32::from(EV_CURRENT), LoadError::BadVersion)?;
    let system_is_known = matches!(header.osabi, ELFOSABI_SYSV | ELFOSABI_LINUX) && header.abiversion == 0;
    refuse(!system_is_known, LoadError::ForeignSystem)?;
    refuse(header.e_type != ET_EXEC, LoadError::NotExecutable)?;
    refuse(header.e_machine != EM_386, LoadError::WrongMachine)?;
    refuse(header.e_flags != 0, LoadError::UnknownFlags)?;
    refuse(usize::from(header.e_ehsize) != HEADER_SIZE, LoadError::BadHeaderSize)?;
    refuse(header.e_phnum == 0, LoadError::NoSegments)?;
    refuse(header.e_phnum == PN_XNUM, LoadError::TooManyProgramHeaders)?;
    refuse(usize::from(header.e_phentsize) != PROGRAM_HEADER_SIZE, LoadError::BadProgramHeaderSize)?;

    // A 32-bit file's numbers are 32-bit numbers, though `elf` widens them.
    let (table_offset, entry) = (header.e_phoff as u32, header.e_entry as u32);
    let table = bytes_at(file, table_offset, u32::from(header.e_phnum) * PROGRAM_HEADER_SIZE as u32)
        .ok_or(LoadError::ProgramHeadersOutside)?;
    Ok(Header { table, table_offset, entry })
}

/// `size` bytes of the file from `offset` on, if the file has so many.
pub fn bytes_at(file: &[u8], offset: u32, size: u32) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    file.get(start..end)
}
