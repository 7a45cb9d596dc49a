//! Why the kernel cannot start.

use core::fmt;

use multiboot::information::SIGNATURE_EAX;

/// Why the kernel cannot start on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BootError {
    /// EAX did not hold the loader's magic number.
    NotMultiboot(u32),
    /// The Multiboot information structure, or data that it points to, is not in memory that the
    /// kernel sees.
    OutOfReach(&'static str),
    /// The bootloader gave no memory map.
    NoMemoryMap,
    /// The memory map's entries do not fit into its length.
    BrokenMemoryMap,
    /// The memory map has more than 128 entries.
    TooManyRegions,
    /// There are more than 32 ranges to reserve, because of too many modules.
    TooManyReserved,
    /// There are more than 24 modules.
    TooManyModules,
    /// No entry of the memory map is usable memory that the kernel sees.
    NoUsableMemory,
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMultiboot(magic) => {
                write!(f, "the bootloader does not speak Multiboot 1: EAX was {magic:#010x}, not {SIGNATURE_EAX:#010x}")
            }
            Self::OutOfReach(what) => write!(f, "the bootloader put {what} where the kernel cannot see it"),
            Self::NoMemoryMap => f.write_str("the bootloader gave no memory map"),
            Self::BrokenMemoryMap => f.write_str("the entries of the bootloader's memory map do not fit into it"),
            Self::TooManyRegions => f.write_str("the bootloader's memory map has more than 128 entries"),
            Self::TooManyReserved => f.write_str("there are more than 32 ranges to reserve: load fewer modules"),
            Self::TooManyModules => f.write_str("there are more than 24 modules: load fewer"),
            Self::NoUsableMemory => f.write_str("the bootloader's memory map has no usable memory below 768 MiB"),
        }
    }
}
