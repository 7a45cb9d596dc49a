//! Boot information that no bootloader should hand over, and the kernel's answers to it.

use mm_api::PhysRange;
use mm_api::layout::KERNEL_BASE;
use multiboot::information::SIGNATURE_EAX;

use crate::check::{Context, Failed, Outcome};
use crate::ensure;
use kernel_core::BootError;
use kernel_core::boot_info::{MAP_ENTRY_SIZE, field, flag, read};
use kernel_core::machine::Machine;

/// A memory map's entry: base, length, type.
type Entry = (u64, u64, u32);

/// The memory map of a usual PC with 16 MiB.
const USUAL: &[Entry] = &[(0, 0x9_FC00, 1), (0xF_0000, 0x1_0000, 2), (0x10_0000, 0xF0_0000, 1)];

/// Where the parts are, in words from the start of the boot information.
const MAP: usize = 64;
const MODULES: usize = 1024;
/// The size of the boot information, in words.
const SIZE: u32 = 2048;

/// Boot information in the making.
struct Made {
    memory: &'static mut [u32],
    address: u32,
}

impl Made {
    /// With the memory map of the usual PC, and nothing else.
    fn new(context: &mut Context) -> Result<Self, Failed> {
        let memory = context.scratch(SIZE)?;
        let address = memory.as_ptr().addr() as u32 - KERNEL_BASE.as_u32();
        let mut made = Self { memory, address };
        made.set_map(USUAL);
        Ok(made)
    }

    fn set(&mut self, field: u32, value: u32) {
        self.memory[field as usize / 4] = value;
    }

    fn set_map(&mut self, entries: &[Entry]) {
        let mut at = MAP;
        for &(base, length, kind) in entries {
            let words = [MAP_ENTRY_SIZE, base as u32, (base >> 32) as u32, length as u32, (length >> 32) as u32, kind];
            self.memory[at..at + words.len()].copy_from_slice(&words);
            at += words.len();
        }
        self.set(field::FLAGS, flag::MAP);
        self.set(field::MAP, self.address + 4 * MAP as u32);
        self.set(field::MAP_LENGTH, 4 * (at - MAP) as u32);
    }

    /// Adds modules of one page each, far from each other.
    fn set_modules(&mut self, count: u32) {
        for index in 0..count {
            let at = MODULES + 4 * index as usize;
            let start = 0x80_0000 + 0x4000 * index;
            self.memory[at..at + 4].copy_from_slice(&[start, start + 0x1000, 0, 0]);
        }
        self.set(field::FLAGS, flag::MAP | flag::MODULES);
        self.set(field::MODULES, self.address + 4 * MODULES as u32);
        self.set(field::MODULE_COUNT, count);
    }

    /// The kernel's answer to it.
    fn read(&self, magic: u32, machine: &mut Machine) -> Result<(), BootError> {
        #[allow(unsafe_code)]
        // SAFETY: the structure is in the direct map. It may contain wrong addresses:
        // the kernel reads from them only if the direct map covers them, and
        // then they are this memory or memory that does not exist.
        unsafe {
            read(magic, self.address, machine)
        }
    }
}

/// Reads boot information of every bad kind: each is answered with its error.
pub fn run(context: &mut Context) -> Outcome {
    let mut made = Made::new(context)?;
    let mut machine = Machine::unknown();
    let answer = made.read(SIGNATURE_EAX, &mut machine);
    ensure!(answer.is_ok(), expected: ("a usual memory map to be read"), saw: ("{answer:?}"));
    let (regions, bytes) = (machine.map().regions.len(), machine.usable_bytes());
    ensure!(
        regions == 3 && bytes == 0xF9_FC00,
        expected: ("3 regions, and {:#x} bytes", 0xF9_FC00),
        saw: ("{regions} regions, and {bytes:#x} bytes")
    );
    expect(&made, "another magic number", 1, BootError::NotMultiboot(1))?;

    made.set(field::FLAGS, 0);
    expect(&made, "no memory map", SIGNATURE_EAX, BootError::NoMemoryMap)?;

    let far = [(1 << 32, 1 << 30, 1)];
    let maps: [(&str, &[Entry]); 4] = [
        ("an empty memory map", &[]),
        ("only reserved memory", &[(0, 1 << 32, 2)]),
        ("only memory above 4 GiB", &far),
        ("regions of no bytes", &[(0x10_0000, 0, 1)]),
    ];
    for (what, entries) in maps {
        made.set_map(entries);
        expect(&made, what, SIGNATURE_EAX, BootError::NoUsableMemory)?;
    }
    made.set_map(&[(0x1000, u64::MAX, 1); 129]);
    expect(&made, "129 regions", SIGNATURE_EAX, BootError::TooManyRegions)?;
    made.set_map(&[(0x1000, u64::MAX, 1); 128]);
    let answer = made.read(SIGNATURE_EAX, &mut Machine::unknown());
    ensure!(answer.is_ok(), expected: ("128 regions past the last address to be read"), saw: ("{answer:?}"));

    broken_maps(&mut made)?;

    made.set_map(USUAL);
    modules(&mut made)?;
    made.set(field::MODULE_COUNT, u32::MAX / 8);
    expect(&made, "too many modules to count", SIGNATURE_EAX, BootError::OutOfReach("the list of modules"))?;
    made.set_modules(3);
    made.set(field::MODULES, 0xFFFF_FF00);
    expect(&made, "modules listed out of reach", SIGNATURE_EAX, BootError::OutOfReach("the list of modules"))
}

/// Modules: all are found, with their names, and as many as there may be.
fn modules(made: &mut Made) -> Outcome {
    const TEXT: usize = MODULES + 4 * 25;

    made.set_modules(24);
    made.memory[TEXT..TEXT + 4]
        .copy_from_slice(&[b"/a/b", b"in/p", b"s -a", b"/x\0\0"].map(|text| u32::from_le_bytes(*text)));
    made.memory[MODULES + 2] = made.address + 4 * TEXT as u32;
    let mut machine = Machine::unknown();
    let answer = made.read(SIGNATURE_EAX, &mut machine);
    ensure!(answer.is_ok(), expected: ("24 modules to be read"), saw: ("{answer:?}"));
    let (count, wrong) = (machine.modules().count(), machine.modules().find(|module| module.bytes.len() != 0x1000));
    ensure!(count == 24 && wrong.is_none(), expected: ("24 modules of a page each"), saw: ("{count} modules"));
    let name = machine.modules().next().map_or("", |module| module.name);
    ensure!(name == "ps", expected: ("the name `ps` of `/a/bin/ps -a/x`"), saw: ("`{name}`"));

    let mut ranges = 0_u32;
    let full = loop {
        ranges += 1;
        let start = u64::from(ranges) << 32;
        if let Err(error) = machine.reserve(PhysRange { start, end: start + 1 }, "nothing") {
            break error;
        }
        ensure!(ranges < 32, expected: ("no room for 32 more ranges"), saw: ("that there is"));
    };
    ensure!(full == BootError::TooManyReserved, expected: ("{:?}", BootError::TooManyReserved), saw: ("{full:?}"));

    made.memory[MODULES + 1] = made.memory[MODULES] - 1;
    expect(made, "a module that ends before it begins", SIGNATURE_EAX, BootError::OutOfReach("a module"))?;
    made.set_modules(25);
    expect(made, "25 modules", SIGNATURE_EAX, BootError::TooManyModules)
}

/// Memory maps whose entries cannot be told apart.
fn broken_maps(made: &mut Made) -> Outcome {
    made.set_map(USUAL);
    made.set(field::MAP_LENGTH, 70);
    expect(made, "a map cut in the middle", SIGNATURE_EAX, BootError::BrokenMemoryMap)?;
    for size in [0, 19, 60, u32::MAX] {
        made.set_map(USUAL);
        made.memory[MAP] = size;
        expect(made, "an entry of another size", SIGNATURE_EAX, BootError::BrokenMemoryMap)?;
    }
    for (address, length) in [(0xFFFF_FFF0, 48), (0x1000, u32::MAX), (0x4000_0000, 24)] {
        made.set(field::MAP, address);
        made.set(field::MAP_LENGTH, length);
        expect(made, "a map out of reach", SIGNATURE_EAX, BootError::OutOfReach("the memory map"))?;
    }
    Ok(())
}

/// Has the boot information read, and expects an error.
fn expect(made: &Made, what: &str, magic: u32, error: BootError) -> Outcome {
    let answer = made.read(magic, &mut Machine::unknown());
    ensure!(answer == Err(error), expected: ("{error:?} for {what}"), saw: ("{answer:?}"));
    Ok(())
}
