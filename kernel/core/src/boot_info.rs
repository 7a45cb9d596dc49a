//! What the bootloader hands over: the Multiboot information structure
//! (Multiboot Specification 0.6.96, section 3.3).

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

/// Offsets of the fields whose addresses matter here. The `multiboot` crate reads
/// what they point to, but does not say where that is.
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

/// Bits of the flags, each saying that its field is there.
#[allow(missing_docs, reason = "the specification's own names")]
pub mod flag {
    pub const COMMAND_LINE: u32 = 1 << 2;
    pub const MODULES: u32 = 1 << 3;
    pub const MAP: u32 = 1 << 6;
    pub const LOADER_NAME: u32 = 1 << 9;
}

/// Bytes in an entry of the module list.
const MODULE_SIZE: u32 = 16;
/// The least size that an entry of the memory map may state, which does not
/// count the field that states it.
pub const MAP_ENTRY_SIZE: u32 = 20;
/// The longest string that is read.
const LONGEST_STRING: u32 = 1 << 16;

/// Reads everything that the kernel wants to know into `machine`.
///
/// # Safety
/// `magic` and `info` must be what the bootloader left in EAX and EBX, and the
/// direct map must still show everything below `DIRECT_MAP_SIZE`.
pub unsafe fn read(magic: u32, info: u32, machine: &mut Machine) -> Result<(), BootError> {
    if magic != SIGNATURE_EAX {
        return Err(BootError::NotMultiboot(magic));
    }
    let fields = aligned_bytes(info, INFO_SIZE).ok_or(BootError::OutOfReach("its information"))?;
    let flags = word(fields, field::FLAGS);

    reserve_fixed(machine)?;
    machine.reserve(range(info, INFO_SIZE), BOOT_DATA)?;
    if flags & flag::COMMAND_LINE != 0 {
        let address = word(fields, field::COMMAND_LINE);
        let text = string(address).ok_or(BootError::OutOfReach("the command line"))?;
        machine.reserve(range(address, text.len() as u32 + 1), BOOT_DATA)?;
        machine.set_command_line(valid_start(text));
    }
    if flags & flag::LOADER_NAME != 0
        && let address = word(fields, field::LOADER_NAME)
        && let Some(text) = string(address)
    {
        machine.reserve(range(address, text.len() as u32 + 1), BOOT_DATA)?;
    }
    if flags & flag::MAP == 0 {
        return Err(BootError::NoMemoryMap);
    }
    let (address, length) = (word(fields, field::MAP), word(fields, field::MAP_LENGTH));
    if !entries_fit(bytes(address, length).ok_or(BootError::OutOfReach("the memory map"))?) {
        return Err(BootError::BrokenMemoryMap);
    }
    machine.reserve(range(address, length), BOOT_DATA)?;

    let mut memory = DirectMap;
    // SAFETY: the structure is there, in the direct map.
    let multiboot = unsafe { Multiboot::from_ptr(PAddr::from(info), &mut memory) };
    let multiboot = multiboot.ok_or(BootError::OutOfReach("its information"))?;
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
        let (address, count) = (word(fields, field::MODULES), word(fields, field::MODULE_COUNT));
        let length = count.checked_mul(MODULE_SIZE).filter(|&length| aligned_bytes(address, length).is_some());
        machine.reserve(range(address, length.ok_or(BootError::OutOfReach("the list of modules"))?), BOOT_DATA)?;
        for module in multiboot.modules().into_iter().flatten() {
            machine.reserve(PhysRange { start: module.start, end: module.end }, "module")?;
            let mut text: &[u8] = &[];
            if let Some(start) = module.string.map(physical_of) {
                text = string(start).unwrap_or_default();
                machine.reserve(range(start, text.len() as u32 + 1), BOOT_DATA)?;
            }
            let contents = module_bytes(module.start, module.end).ok_or(BootError::OutOfReach("a module"))?;
            machine.add_module(valid_start(text), contents)?;
        }
    }
    Ok(())
}

/// What the bootloader's data is reserved for.
const BOOT_DATA: &str = "boot data";

/// Reserves what every PC has, and the kernel's own image.
///
/// The first MiB of a PC (IBM PS/2 and PC BIOS Interface Technical Reference,
/// 1991, section 3): the real-mode interrupt vectors at 0, the BIOS data area at
/// 0x400, the extended BIOS data area up to 640 KiB, whose segment is at 0x40E,
/// then video memory and ROMs. The firmware's memory map need not mention them.
fn reserve_fixed(machine: &mut Machine) -> Result<(), BootError> {
    machine.reserve(PhysRange { start: 0, end: 0x500 }, "interrupt vectors and BIOS data")?;
    let segment = bytes(0x40E, 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
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

/// The bytes from a physical address on, if the direct map shows them.
fn bytes(address: u32, length: u32) -> Option<&'static [u8]> {
    let end = address.checked_add(length)?;
    if end > DIRECT_MAP_SIZE {
        return None;
    }
    let start = direct(PhysAddr::new(address))?.as_u32();
    // SAFETY: the direct map shows these addresses, and nobody writes to what the
    // bootloader left there. It is not zero, since the map begins at KERNEL_BASE.
    Some(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(start as usize), length as usize) })
}

/// The bytes of a module.
fn module_bytes(start: u64, end: u64) -> Option<&'static [u8]> {
    bytes(u32::try_from(start).ok()?, u32::try_from(end.checked_sub(start)?).ok()?)
}

/// As [`bytes`], for a structure of 32-bit words.
fn aligned_bytes(address: u32, length: u32) -> Option<&'static [u8]> {
    address.is_multiple_of(4).then(|| bytes(address, length)).flatten()
}

/// The 32-bit word at an offset of the structure.
fn word(fields: &[u8], offset: u32) -> u32 {
    let at = offset as usize;
    u32::from_le_bytes([fields[at], fields[at + 1], fields[at + 2], fields[at + 3]])
}

/// The bytes of the string at a physical address, without the zero at its end.
fn string(address: u32) -> Option<&'static [u8]> {
    let bytes = bytes(address, LONGEST_STRING.min(DIRECT_MAP_SIZE.checked_sub(address)?))?;
    bytes.iter().position(|&byte| byte == 0).map(|length| &bytes[..length])
}

/// The text up to where it is no longer UTF-8.
fn valid_start(text: &'static [u8]) -> &'static str {
    match str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Whether the memory map's entries, which state their own sizes, end where it does.
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

/// Where a text that is seen through the direct map lies in memory.
fn physical_of(text: &str) -> u32 {
    (text.as_ptr().addr() as u32).saturating_sub(KERNEL_BASE.as_u32())
}

/// How the `multiboot` crate reaches physical memory.
struct DirectMap;

impl MemoryManagement for DirectMap {
    unsafe fn paddr_to_slice(&self, address: PAddr, length: usize) -> Option<&'static [u8]> {
        bytes(u32::try_from(address).ok()?, u32::try_from(length).ok()?)
    }

    unsafe fn allocate(&mut self, _length: usize) -> Option<(PAddr, &mut [u8])> {
        None
    }

    unsafe fn deallocate(&mut self, _address: PAddr) {}
}
