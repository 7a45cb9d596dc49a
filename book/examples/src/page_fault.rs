//! What a page fault says, taken apart.

// ANCHOR: parts
/// The parts of an address: the entry of the page directory, the entry of the
/// page table, and the byte in the page.
pub fn parts(address: u32) -> (u32, u32, u32) {
    (address >> 22, address >> 12 & 0x3FF, address & 0xFFF)
}
// ANCHOR_END: parts

// ANCHOR: error-code
/// What an error code says.
pub fn described(error_code: u32) -> [&'static str; 3] {
    let bit = |number: u32| error_code >> number & 1 == 1;
    [
        if bit(2) { "from ring 3" } else { "from the kernel" },
        match (bit(4), bit(1)) {
            (true, _) => "the fetch of an instruction",
            (false, true) => "a write",
            (false, false) => "a read",
        },
        match (bit(3), bit(0)) {
            (true, _) => "an entry with a reserved bit",
            (false, true) => "a mapping that forbids it",
            (false, false) => "no mapping",
        },
    ]
}
// ANCHOR_END: error-code

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_parts_that_the_reports_name() {
        // The walk of `memory-edge.txt`, and that of the picture of a crash.
        assert_eq!(parts(0xF000_2000), (960, 2, 0));
        assert_eq!(parts(0xF805_8FFC), (992, 88, 0xFFC));
        assert_eq!(parts(0), (0, 0, 0));
        assert_eq!(parts(u32::MAX), (1023, 1023, 0xFFF));
    }

    #[test]
    fn an_error_code_has_the_bits_of_the_manual() {
        assert_eq!(described(0b00010), ["from the kernel", "a write", "no mapping"]);
        assert_eq!(described(0b00101), ["from ring 3", "a read", "a mapping that forbids it"]);
        assert_eq!(described(0b10001), ["from the kernel", "the fetch of an instruction", "a mapping that forbids it"]);
        assert_eq!(described(0b01001), ["from the kernel", "a read", "an entry with a reserved bit"]);
    }
}
