//! Puts characters together from the bytes that programs write, even if a character arrives in
//! several pieces.

/// The first bytes of a character whose other bytes have not been written yet.
pub struct Characters {
    bytes: [u8; 4],
    length: usize,
}

impl Characters {
    /// No bytes yet.
    pub const fn new() -> Self {
        Self { bytes: [0; 4], length: 0 }
    }

    /// Calls `show` with the text that these bytes complete. Bytes that are not UTF-8 are shown as
    /// U+FFFD.
    pub fn take(&mut self, bytes: &[u8], mut show: impl FnMut(&str)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.length == 0 || !is_continuation(byte) {
                break;
            }
            self.bytes[self.length] = byte;
            self.length += 1;
            rest = after;
            if self.length == size(self.bytes[0]) {
                break;
            }
        }
        let is_complete = self.length == size(self.bytes[0]);
        if self.length > 0 && (is_complete || !rest.is_empty()) {
            show_all(&self.bytes[..self.length], &mut show);
            self.length = 0;
        }
        if self.length == 0 {
            let (complete, begun) = rest.split_at(rest.len() - begun(rest));
            show_all(complete, &mut show);
            self.bytes[..begun.len()].copy_from_slice(begun);
            self.length = begun.len();
        }
    }
}

/// Whether a byte continues a character, instead of beginning one.
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// How many bytes a character has whose first byte is this one.
fn size(first: u8) -> usize {
    match first {
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    }
}

/// How many bytes at the end belong to a character that is still incomplete.
fn begun(bytes: &[u8]) -> usize {
    let from_the_end = bytes.iter().rev().take(3).position(|&byte| !is_continuation(byte));
    match from_the_end {
        Some(index) if size(bytes[bytes.len() - 1 - index]) > index + 1 => index + 1,
        _ => 0,
    }
}

fn show_all(bytes: &[u8], show: &mut impl FnMut(&str)) {
    for chunk in bytes.utf8_chunks() {
        show(chunk.valid());
        if !chunk.invalid().is_empty() {
            show("\u{FFFD}");
        }
    }
}
