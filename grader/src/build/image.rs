//! Whether a linked image can be booted at all.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::host::error::{Error, Result};

/// The header lies within so many bytes from the start of the file: Multiboot Specification 0.6.96, section 3.1.
const SEARCHED: u64 = 8192;

/// The header's first word (section 3.1.1).
const MAGIC: u32 = 0x1BAD_B002;

/// The header's second word, the flags, as in the kernel's own header (section 3.1.2).
const FLAGS: u32 = 3;

/// Why an image cannot be booted; `None` if it can.
///
/// Other bytes before the header, or bytes that look like another header, keep every machine from
/// booting. The fence refuses names of sections, by which a lab could place bytes there.
pub fn flaw(image: &Path) -> Result<Option<String>> {
    let mut start = Vec::new();
    let read = File::open(image).and_then(|file| file.take(SEARCHED).read_to_end(&mut start));
    read.map_err(|error| Error::io("cannot read", image, &error))?;
    let flaw = "error: the kernel was linked, and no machine would boot it: in the first 8 KiB of its file there is \
                no Multiboot header, or not the kernel's own\n";
    Ok((first_flags(&start) != Some(FLAGS)).then(|| flaw.to_owned()))
}

/// The flags of the first header: three words that add up to zero.
fn first_flags(start: &[u8]) -> Option<u32> {
    let words: Vec<u32> =
        start.chunks_exact(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
    let is_header =
        |words: &&[u32]| words[0] == MAGIC && words.iter().fold(0_u32, |sum, word| sum.wrapping_add(*word)) == 0;
    words.windows(3).find(is_header).map(|header| header[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_three_words_that_add_up_to_zero() {
        let image = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let header = |flags: u32| [MAGIC, flags, 0_u32.wrapping_sub(MAGIC).wrapping_sub(flags)];
        assert_eq!(first_flags(&image(&[&[7], &header(3)[..]].concat())), Some(3));
        assert_eq!(first_flags(&image(&[header(1 << 16), header(3)].concat())), Some(1 << 16));
        assert_eq!(first_flags(&image(&[MAGIC, 3, 4])), None);
        assert_eq!((first_flags(&image(&[MAGIC, 3])), first_flags(&[])), (None, None));
    }
}
