//! Walking through the memory map that a multiboot loader leaves in memory.

use std::fmt;

// ANCHOR: entry
/// An entry of the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The first byte's address.
    pub base: u64,
    /// How many bytes.
    pub length: u64,
    /// 1: memory for the system to use. Anything else is not.
    pub kind: u32,
}

/// The entries in the bytes `mmap_addr .. mmap_addr + mmap_length`.
pub fn entries(mut bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    // An entry says how long it is, not counting the field that says so. Most
    // are 20 bytes long; a loader may append more, so trust only the field.
    while let Some((size, rest)) = bytes.split_first_chunk::<4>() {
        let size = u32::from_le_bytes(*size) as usize;
        let Some((entry, next)) = rest.split_at_checked(size) else { break };
        let Some(entry) = parse(entry) else { break };
        found.push(entry);
        bytes = next;
    }
    found
}

fn parse(bytes: &[u8]) -> Option<Entry> {
    let (base, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (kind, _) = rest.split_first_chunk::<4>()?;
    Some(Entry {
        base: u64::from_le_bytes(*base),
        length: u64::from_le_bytes(*length),
        kind: u32::from_le_bytes(*kind),
    })
}
// ANCHOR_END: entry

/// One line, the first byte and the byte after the last:
/// `0x0_0000_0000 .. 0x0_0009_FC00     639 KiB  1 usable`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            1 => "usable",
            2 => "reserved",
            3 => "ACPI tables",
            4 => "ACPI NVS",
            5 => "faulty",
            _ => "unknown",
        };
        let end = self.base.saturating_add(self.length);
        write!(f, "{} .. {}  {:>11}  {} {kind}", grouped(self.base), grouped(end), size(self.length), self.kind)
    }
}

/// Nine digits, as addresses a little over 4 GiB need.
fn grouped(address: u64) -> String {
    format!("0x{:X}_{:04X}_{:04X}", address >> 32, address >> 16 & 0xFFFF, address & 0xFFFF)
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else if bytes.is_multiple_of(1024) {
        format!("{} KiB", bytes / 1024)
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes as `maps/*.hex` has them: 32-bit words, as the emulator's monitor prints them.
    fn bytes(hex: &str) -> Vec<u8> {
        let words = hex.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        words.flat_map(|word| u32::from_str_radix(word, 16).unwrap().to_le_bytes()).collect()
    }

    /// What the book prints is what these bytes, taken from real machines, say.
    macro_rules! the_book_shows_the_real_map {
        ($($test:ident: $name:literal),* $(,)?) => {$(
            #[test]
            fn $test() {
                let raw = bytes(include_str!(concat!("../maps/", $name, ".hex")));
                let shown: String = entries(&raw).iter().map(|entry| format!("{entry}\n")).collect();
                assert_eq!(shown, include_str!(concat!("../maps/", $name, ".txt")));
            }
        )*};
    }

    the_book_shows_the_real_map! {
        qboot_16_mib: "qboot-16M",
        qboot_64_mib: "qboot-64M",
        qboot_3_5_gib: "qboot-3584M",
        seabios_64_mib: "seabios-64M",
    }

    #[test]
    fn a_longer_entry_is_skipped_as_a_whole() {
        let mut raw = vec![24, 0, 0, 0];
        raw.extend([0; 20]);
        raw.extend([0xEE; 4]);
        raw.extend([20, 0, 0, 0, 0, 0x10]);
        raw.extend([0; 18]);
        let found = entries(&raw);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].base, 0x1000);
    }

    #[test]
    fn a_map_that_is_cut_short_ends() {
        assert_eq!(entries(&[]), []);
        assert_eq!(entries(&[20, 0, 0, 0, 1, 2]), []);
        assert_eq!(entries(&[0; 8]), []);
    }
}
