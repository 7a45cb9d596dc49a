//! A page fault in words: the access, the address, and what lies there.
//!
//! The error code's bits are those of the Intel SDM, volume 3A, section 4.7,
//! "Page-Fault Exceptions".

/// The page was present, but the access is not allowed.
const PRESENT: u32 = 1 << 0;
/// A write; otherwise a read.
pub const WRITE: u32 = 1 << 1;
/// An access from ring 3.
pub const USER: u32 = 1 << 2;
/// A bit that must be zero was set in a page-table entry.
const RESERVED: u32 = 1 << 3;
/// The fetch of an instruction.
const FETCH: u32 = 1 << 4;

// The kernel's layout, as `kernel/mm-api/src/layout.rs` has it. The grader links
// none of the kernel's crates, so a test compares these with that file.
const PAGE_SIZE: u32 = 0x1000;
const KERNEL_BASE: u32 = 0xC000_0000;
const DIRECT_MAP_SIZE: u32 = 0x3000_0000;
const KERNEL_VIRTUAL_START: u32 = 0xF000_0000;
const KERNEL_HEAP_START: u32 = 0xF800_0000;
const KERNEL_STACKS_START: u32 = 0xFC00_0000;
const USER_CODE_START: u32 = 0x0804_8000;
const USER_HEAP_START: u32 = 0x1000_0000;
const USER_STACK_START: u32 = 0xBFFF_0000;
const TEMPORARY_START: u32 = 0xFF80_0000;
const TEMPORARY_END: u32 = 0xFFC0_0000;

/// Values that programs fill memory with, so that its use before or after its
/// lifetime shows.
const POISON: [u32; 12] = [
    0xDEAD_BEEF,
    0xCAFE_BABE,
    0xBAAD_F00D,
    0xFEED_FACE,
    0xFEEE_FEEE,
    0xCCCC_CCCC,
    0xCDCD_CDCD,
    0xDDDD_DDDD,
    0xAAAA_AAAA,
    0x5555_5555,
    0xA5A5_A5A5,
    0x5A5A_5A5A,
];

/// `page fault: write to 0x0000_0004, not mapped, from the kernel`.
pub fn words(error_code: u32, cr2: u32) -> String {
    let access = if error_code & FETCH != 0 {
        "jump to"
    } else if error_code & WRITE != 0 {
        "write to"
    } else {
        "read of"
    };
    let user = error_code & USER != 0;
    let why = if error_code & RESERVED != 0 {
        "through a page-table entry with a reserved bit set"
    } else if error_code & PRESENT == 0 {
        "not mapped"
    } else if error_code & FETCH != 0 {
        "mapped but not executable"
    } else if user && cr2 >= KERNEL_BASE {
        "which belongs to the kernel"
    } else if error_code & WRITE != 0 {
        "mapped but not writable"
    } else {
        "mapped but not allowed"
    };
    let who = if user { "a user program" } else { "the kernel" };
    format!("page fault: {access} {}, {why}, from {who}", address(cr2))
}

/// A description of the address, if there is something to say about it.
///
/// `memory` is the size of the machine's memory, in bytes.
pub fn place(cr2: u32, memory: Option<u64>) -> Option<String> {
    if cr2 < PAGE_SIZE {
        return Some(match cr2 {
            0 => "that is the null pointer".to_owned(),
            _ => format!("that is {cr2} bytes past the null pointer: a field or an element of something at address 0"),
        });
    }
    if let Some(poison) = POISON.iter().find(|poison| cr2.abs_diff(**poison) < PAGE_SIZE) {
        return Some(format!(
            "that is {} 0x{poison:08X}, a value that memory is filled with: it was used before it was set, \
             or after it was freed",
            if cr2 == *poison { "exactly" } else { "close to" },
        ));
    }
    if cr2 > u32::MAX - PAGE_SIZE {
        return Some(format!("that is {} bytes below address 0: a small number below zero", (u32::MAX - cr2) + 1));
    }
    match cr2 {
        0..KERNEL_BASE => Some("that is in user space".to_owned()),
        KERNEL_BASE..KERNEL_VIRTUAL_START => {
            let physical = cr2 - KERNEL_BASE;
            Some(match memory {
                Some(memory) if u64::from(physical) >= memory && physical < DIRECT_MAP_SIZE => format!(
                    "that is physical address {} in the direct map, beyond the machine's memory of {} MiB",
                    address(physical),
                    memory >> 20,
                ),
                _ => format!("that is physical address {} in the direct map", address(physical)),
            })
        }
        KERNEL_VIRTUAL_START..KERNEL_HEAP_START => Some("that is among the kernel's virtual allocations".to_owned()),
        KERNEL_HEAP_START..KERNEL_STACKS_START => Some("that is in the area of the kernel's heap".to_owned()),
        KERNEL_STACKS_START..TEMPORARY_START => Some("that is in the area of the kernel's stacks".to_owned()),
        TEMPORARY_START..TEMPORARY_END => Some("that is among the temporary mappings".to_owned()),
        TEMPORARY_END.. => None,
    }
}

/// What an address belongs to, if that is a process's: a region of its address space, or the kernel's stacks.
pub fn area(address: u32) -> Option<&'static str> {
    match address {
        0..USER_CODE_START => Some("below the exec image"),
        USER_CODE_START..USER_HEAP_START => Some("exec image"),
        USER_HEAP_START..USER_STACK_START => Some("heap and mappings"),
        USER_STACK_START..KERNEL_BASE => Some("stack"),
        KERNEL_STACKS_START..TEMPORARY_START => Some("kernel stacks"),
        _ => None,
    }
}

/// An address as the whole course writes it: `0x0010_0000`.
pub fn address(number: u32) -> String {
    format!("0x{:04X}_{:04X}", number >> 16, number & 0xFFFF)
}

/// A memory size as `lab.toml` writes it, in bytes: `64M`, `1G`, `3584M`.
pub fn bytes(size: &str) -> Option<u64> {
    let shift = match size.bytes().last()? {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        _ => return None,
    };
    size[..size.len() - 1].parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_the_error_code_become_words() {
        assert_eq!(words(0b00010, 4), "page fault: write to 0x0000_0004, not mapped, from the kernel");
        assert_eq!(words(0b00000, 0x1000), "page fault: read of 0x0000_1000, not mapped, from the kernel");
        assert_eq!(
            words(0b00011, 0xC010_0000),
            "page fault: write to 0xC010_0000, mapped but not writable, from the kernel"
        );
        assert_eq!(
            words(0b00101, 0xC010_0000),
            "page fault: read of 0xC010_0000, which belongs to the kernel, from a user program"
        );
        assert_eq!(words(0b10000, 0), "page fault: jump to 0x0000_0000, not mapped, from the kernel");
        assert!(words(0b01001, 0x5000).contains("reserved bit"));
    }

    #[test]
    fn well_known_addresses_have_names() {
        assert_eq!(place(0, None).unwrap(), "that is the null pointer");
        assert!(place(4, None).unwrap().starts_with("that is 4 bytes past the null pointer"));
        assert!(place(0xDEAD_BEEF, None).unwrap().starts_with("that is exactly 0xDEADBEEF"));
        assert!(place(0xDEAD_BEF3, None).unwrap().starts_with("that is close to 0xDEADBEEF"));
        assert!(place(0xFFFF_FFFC, None).unwrap().starts_with("that is 4 bytes below address 0"));
        assert!(place(0xC800_0000, Some(64 << 20)).unwrap().ends_with("beyond the machine's memory of 64 MiB"));
        assert!(place(0xC100_0000, Some(64 << 20)).unwrap().ends_with("in the direct map"));
    }

    #[test]
    fn sizes_are_read_as_lab_toml_writes_them() {
        assert_eq!(bytes("64M"), Some(64 << 20));
        assert_eq!(bytes("1G"), Some(1 << 30));
        assert_eq!(bytes("3584M"), Some(3584 << 20));
        assert_eq!(bytes(""), None);
        assert_eq!(bytes("M"), None);
        assert_eq!(bytes("64"), None);
    }

    /// The grader keeps its own copy of these numbers; this keeps it honest.
    #[test]
    fn the_layout_is_the_kernel_s() {
        let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernel/mm-api/src/layout.rs");
        let text = std::fs::read_to_string(layout).unwrap().replace('_', "");
        for (name, value) in [
            ("KERNEL_BASE", KERNEL_BASE),
            ("DIRECT_MAP_SIZE", DIRECT_MAP_SIZE),
            ("KERNEL_VIRTUAL_START", KERNEL_VIRTUAL_START),
            ("KERNEL_HEAP_START", KERNEL_HEAP_START),
            ("KERNEL_STACKS_START", KERNEL_STACKS_START),
            ("USER_CODE_START", USER_CODE_START),
            ("USER_HEAP_START", USER_HEAP_START),
            ("USER_STACK_START", USER_STACK_START),
            ("TEMPORARY_START", TEMPORARY_START),
            ("TEMPORARY_END", TEMPORARY_END),
        ] {
            let start = format!("pub const {}:", name.replace('_', ""));
            let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
            assert!(line.contains(&format!("0x{value:08X}")), "{name}: {line}");
        }
        // The size of a page is the one that programs know, too.
        assert!(text.contains("pub const PAGESIZE: u32 = abi::PAGESIZE;"));
        let abi = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernel/abi/src/lib.rs");
        assert!(std::fs::read_to_string(abi).unwrap().contains("pub const PAGE_SIZE: u32 = 4096;"));
    }
}
