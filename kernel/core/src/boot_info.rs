//! The data from the bootloader: the Multiboot information structure (Multiboot Specification
//! 0.6.96, section 3.3).

use core::{ptr, slice, str};

use mm_api::layout::{DIRECT_MAP_SIZE, KERNEL_BASE};
use mm_api::{MemoryRegion, PhysAddr, PhysRange, RegionKind};
use multiboot::information::{MemoryManagement, MemoryType, Multiboot, PAddr, SIGNATURE_EAX};

use crate::arch::symbols;
use crate::boot_error::BootError;
use crate::machine::Machine;
use crate::memory::{direct, physical};

/// Bytes in the structure, up to and including its last field.
const INFO_SIZE: u32 = 116;

/// Offsets of the fields whose addresses matter here. The `multiboot` crate reads the data that
/// they point to, but does not give its address.
#[allow(missing_docs, reason = "the specification's own names")]
pub mod field {
    pub const FLAGS: u32 = 0;
    pub const COMMAND_LINE: u32 = 16;
    pub const MODULE_COUNT: u32 = 20;
    pub const MODULES: u32 = 24;
    pub const MAP_LENGTH: u32 = 44;
    pub const MAP: u32 = 48;
    pub const LOADER_NAME: u32 = 64;
}

/// Bits of the flags. Each one says that its field is valid.
#[allow(missing_docs, reason = "the specification's own names")]
pub mod flag {
    pub const COMMAND_LINE: u32 = 1 << 2;
    pub const MODULES: u32 = 1 << 3;
    pub const MAP: u32 = 1 << 6;
    pub const LOADER_NAME: u32 = 1 << 9;
}

/// Bytes in an entry of the module list.
const MODULE_SIZE: u32 = 16;
/// The least size that an entry of the memory map may state. It does not count the size field
/// itself.
pub const MAP_ENTRY_SIZE: u32 = 20;
/// The longest string that is read.
const LONGEST_STRING: u32 = 1 << 16;

/// Reads all that the kernel needs into `machine`: the memory map, the command line and the
/// modules.
///
/// # Errors
/// Why the kernel cannot start with this data: see [`BootError`].
///
/// # Safety
/// `magic` and `info` must be the values that the bootloader left in EAX and EBX, and the direct
/// map must still show everything below `DIRECT_MAP_SIZE`.
pub unsafe fn read(magic: u32, info: u32, machine: &mut Machine) -> Result<(), BootError> {
    const INFORMATION: &str = "its information";

    if magic != SIGNATURE_EAX {
        return Err(BootError::NotMultiboot(magic));
    }
    if !info.is_multiple_of(4) {
        return Err(BootError::OutOfReach(INFORMATION));
    }
    let fields = structure(machine, info, INFO_SIZE, INFORMATION)?;
    let flags = word(fields, field::FLAGS);
    reserve_fixed(machine)?;
    read_strings(machine, fields)?;
    if flags & flag::MAP == 0 {
        return Err(BootError::NoMemoryMap);
    }
    let (address, length) = (word(fields, field::MAP), word(fields, field::MAP_LENGTH));
    if !entries_fit(structure(machine, address, length, "the memory map")?) {
        return Err(BootError::BrokenMemoryMap);
    }
    let mut memory = DirectMap;
    // SAFETY: the structure and the memory map are in the direct map.
    let multiboot = unsafe { Multiboot::from_ptr(PAddr::from(info), &mut memory) };
    let multiboot = multiboot.ok_or(BootError::OutOfReach(INFORMATION))?;
    for entry in multiboot.memory_regions().into_iter().flatten() {
        let kind = match entry.memory_type() {
            MemoryType::Available => RegionKind::Usable,
            _ => RegionKind::Unusable,
        };
        machine.add_region(MemoryRegion { base: entry.base_address(), length: entry.length(), kind })?;
    }
    if machine.direct_map_end() == 0 {
        return Err(BootError::NoUsableMemory);
    }
    if flags & flag::MODULES != 0 {
        read_modules(machine, fields, &multiboot)?;
    }
    Ok(())
}

/// Reads the command line, and reserves the bootloader's name.
fn read_strings(machine: &mut Machine, fields: &[u8]) -> Result<(), BootError> {
    let flags = word(fields, field::FLAGS);
    if flags & flag::COMMAND_LINE != 0 {
        let text = string(machine, word(fields, field::COMMAND_LINE))?;
        machine.set_command_line(valid_start(text.ok_or(BootError::OutOfReach("the command line"))?));
    }
    if flags & flag::LOADER_NAME != 0 {
        string(machine, word(fields, field::LOADER_NAME))?;
    }
    Ok(())
}

/// Reads the modules: their list, their strings, and their contents.
fn read_modules(machine: &mut Machine, fields: &[u8], multiboot: &Multiboot<'_, '_>) -> Result<(), BootError> {
    const LIST: &str = "the list of modules";

    let (address, count) = (word(fields, field::MODULES), word(fields, field::MODULE_COUNT));
    let length = count.checked_mul(MODULE_SIZE).filter(|_| address.is_multiple_of(4));
    structure(machine, address, length.ok_or(BootError::OutOfReach(LIST))?, LIST)?;
    for module in multiboot.modules().into_iter().flatten() {
        let contents = module_bytes(machine, module.start, module.end)?;
        let text = match module.string.map(physical_of) {
            Some(start) => string(machine, start)?.unwrap_or_default(),
            None => &[],
        };
        machine.add_module(valid_start(text), contents)?;
    }
    Ok(())
}

/// The purpose for which the bootloader's data is reserved.
const BOOT_DATA: &str = "boot data";

/// Reserves the parts of memory that every PC uses, and the kernel's own image.
///
/// The first MiB of a PC (IBM PS/2 and PC BIOS Interface Technical Reference,
/// 1991, section 3): the real-mode interrupt vectors at 0, the BIOS data area at
/// 0x400, the extended BIOS data area up to 640 KiB, whose segment is at 0x40E,
/// then video memory and ROMs. The firmware's memory map need not mention them.
fn reserve_fixed(machine: &mut Machine) -> Result<(), BootError> {
    machine.reserve(PhysRange { start: 0, end: 0x500 }, "interrupt vectors and BIOS data")?;
    let segment = u16::from_le_bytes([0x40E, 0x40F].map(|address| byte(address).unwrap_or(0)));
    let extended = u64::from(segment) << 4;
    // Where the BIOS keeps no such area, the word is zero.
    if (0x8_0000..0xA_0000).contains(&extended) {
        machine.reserve(PhysRange { start: extended, end: 0xA_0000 }, "extended BIOS data")?;
    }
    machine.reserve(PhysRange { start: 0xA_0000, end: 0x10_0000 }, "video memory and ROMs")?;
    let image = PhysRange {
        start: u64::from(symbols::image_start().as_u32()),
        end: u64::from(physical(symbols::image_end()).as_u32()),
    };
    machine.reserve(image, "kernel")
}

/// `length` bytes from a physical address on, for ever, if the direct map shows them.
///
/// # Safety
/// Nothing writes to them: they are reserved before memory is handed out.
unsafe fn bytes(address: u32, length: u32) -> Option<&'static [u8]> {
    let end = address.checked_add(length)?;
    if end > DIRECT_MAP_SIZE {
        return None;
    }
    let start = direct(PhysAddr::new(address))?.as_u32();
    // SAFETY: the direct map shows these addresses; the rest is the caller's promise. It
    // is not zero, since the map begins at KERNEL_BASE.
    Some(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(start as usize), length as usize) })
}

/// The present value of a byte of memory that may be handed out later.
fn byte(address: u32) -> Option<u8> {
    let place: *const u8 = ptr::with_exposed_provenance(direct(PhysAddr::new(address))?.as_u32() as usize);
    // SAFETY: the direct map shows the address.
    Some(unsafe { place.read_volatile() })
}

/// Reserves a structure of the bootloader's, and returns its bytes. `what` names it in an error.
fn structure(machine: &mut Machine, address: u32, length: u32, what: &'static str) -> Result<&'static [u8], BootError> {
    // SAFETY: it is reserved in the next line, or this returns an error.
    let structure = unsafe { bytes(address, length) }.ok_or(BootError::OutOfReach(what))?;
    machine.reserve(range(address, length), BOOT_DATA)?;
    Ok(structure)
}

/// Reserves a string that ends with a zero byte, and returns it without that; `None` if it is out
/// of reach.
fn string(machine: &mut Machine, address: u32) -> Result<Option<&'static [u8]>, BootError> {
    let mut places = (0..LONGEST_STRING).map_while(|length| Some((length, byte(address.checked_add(length)?)?)));
    let Some((length, _)) = places.find(|&(_, byte)| byte == 0) else { return Ok(None) };
    let with_zero = structure(machine, address, length + 1, "a string")?;
    Ok(with_zero.split_last().map(|(_, text)| text))
}

/// Reserves a module, and returns its bytes.
fn module_bytes(machine: &mut Machine, start: u64, end: u64) -> Result<&'static [u8], BootError> {
    const OUT_OF_REACH: BootError = BootError::OutOfReach("a module");

    machine.reserve(PhysRange { start, end }, "module")?;
    let length = end.checked_sub(start).and_then(|length| u32::try_from(length).ok()).ok_or(OUT_OF_REACH)?;
    let start = u32::try_from(start).map_err(|_| OUT_OF_REACH)?;
    // SAFETY: it is reserved.
    unsafe { bytes(start, length) }.ok_or(OUT_OF_REACH)
}

/// The 32-bit word at an offset of the structure.
fn word(fields: &[u8], offset: u32) -> u32 {
    let at = offset as usize;
    u32::from_le_bytes([fields[at], fields[at + 1], fields[at + 2], fields[at + 3]])
}

/// The text up to the first byte that is not UTF-8.
fn valid_start(text: &'static [u8]) -> &'static str {
    match str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Whether the memory map's entries, which state their own sizes, end where the map ends.
fn entries_fit(mut map: &[u8]) -> bool {
    while let Some((size, rest)) = map.split_first_chunk() {
        let size = u32::from_le_bytes(*size);
        match rest.get(size as usize..) {
            Some(next) if size >= MAP_ENTRY_SIZE => map = next,
            _ => return false,
        }
    }
    map.is_empty()
}

fn range(start: u32, length: u32) -> PhysRange {
    PhysRange { start: u64::from(start), end: u64::from(start) + u64::from(length) }
}

/// The physical address of a text that is seen through the direct map.
fn physical_of(text: &str) -> u32 {
    (text.as_ptr().addr() as u32).saturating_sub(KERNEL_BASE.as_u32())
}

/// How the `multiboot` crate reaches physical memory.
struct DirectMap;

impl MemoryManagement for DirectMap {
    unsafe fn paddr_to_slice(&self, address: PAddr, length: usize) -> Option<&'static [u8]> {
        // SAFETY: the crate reads the structures that `read` has reserved. It reads strings, too,
        // but keeps no reference to them.
        unsafe { bytes(u32::try_from(address).ok()?, u32::try_from(length).ok()?) }
    }

    unsafe fn allocate(&mut self, _length: usize) -> Option<(PAddr, &mut [u8])> {
        None
    }

    unsafe fn deallocate(&mut self, _address: PAddr) {}
}
