//! The processor's walk through the page tables to a page fault, in words: which
//! level is missing, or which bit denies the access.

use super::page_fault::{USER, WRITE, address};
use crate::judge::PageWalk;

/// The entry is present.
const PRESENT: u32 = 1 << 0;
/// The entry allows writing.
const WRITABLE: u32 = 1 << 1;
/// The entry allows ring 3.
const FOR_USERS: u32 = 1 << 2;
/// The directory's entry maps 4 MiB itself.
const LARGE: u32 = 1 << 7;

/// `directory entry 32 (rwu) -> table entry 72 (r-u): the table's entry does not allow writing`.
pub fn words(walk: &PageWalk, error_code: u32, cr2: u32) -> String {
    let (upper, lower) = (cr2 >> 22, cr2 >> 12 & 0x3FF);
    let directory = walk.directory_entry;
    if directory & PRESENT == 0 {
        let (first, last) = (upper << 22, (upper << 22) | 0x003F_FFFF);
        return format!(
            "entry {upper} of the page directory, in frame {:#x}, is not present{}: nothing is mapped from {} to {}",
            walk.cr3 >> 12,
            remains(directory),
            address(first),
            address(last)
        );
    }
    if directory & LARGE != 0 {
        let way = format!("directory entry {upper} ({}, a page of 4 MiB)", rights(directory));
        return format!("{way}: {}", denial(error_code, directory, None));
    }
    let Some(table) = walk.table_entry else {
        return format!(
            "directory entry {upper} ({}) -> a page table in frame {:#x}, which is no memory that can be read",
            rights(directory),
            directory >> 12
        );
    };
    if table & PRESENT == 0 {
        return format!(
            "directory entry {upper} ({}) -> page table in frame {:#x}, whose entry {lower} is not present{}",
            rights(directory),
            directory >> 12,
            remains(table)
        );
    }
    format!(
        "directory entry {upper} ({}) -> table entry {lower} ({}, frame {:#x}): {}",
        rights(directory),
        rights(table),
        table >> 12,
        denial(error_code, directory, Some(table))
    )
}

/// The contents of an entry that is not present, if it is not zero.
fn remains(entry: u32) -> String {
    if entry == 0 { String::new() } else { format!(" (it is {})", address(entry)) }
}

/// The rights that an entry gives: `rwu`, `r--`, ….
fn rights(entry: u32) -> String {
    let letter = |bit, letter| if entry & bit != 0 { letter } else { '-' };
    ['r', letter(WRITABLE, 'w'), letter(FOR_USERS, 'u')].iter().collect()
}

/// Which entry denies the access, if both are present.
fn denial(error_code: u32, directory: u32, table: Option<u32>) -> String {
    let table = table.unwrap_or(directory);
    for (asked, bit, what) in [(USER, FOR_USERS, "ring 3 to use the page"), (WRITE, WRITABLE, "writing")]
        .map(|(a, b, w)| (error_code & a, b, w))
    {
        if asked != 0 && directory & bit == 0 {
            return format!("the directory's entry does not allow {what}");
        }
        if asked != 0 && table & bit == 0 {
            return format!("the table's entry does not allow {what}");
        }
    }
    "the tables allow it now, so the processor went by an older entry that it remembers: was the page flushed \
     (INVLPG) after its entry was changed?"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(directory_entry: u32, table_entry: Option<u32>) -> PageWalk {
        PageWalk { cr3: 0x001F_2000, directory_entry, table_entry }
    }

    #[test]
    fn the_missing_level_is_named() {
        let text = words(&walk(0, None), 2, 0x0040_1004);
        assert_eq!(
            text,
            "entry 1 of the page directory, in frame 0x1f2, is not present: nothing is mapped from 0x0040_0000 to 0x007F_FFFF"
        );
        let text = words(&walk(0x0012_3067, Some(0x0001_2000)), 0, 0x0040_1004);
        assert_eq!(
            text,
            "directory entry 1 (rwu) -> page table in frame 0x123, whose entry 1 is not present (it is 0x0001_2000)"
        );
        let text = words(&walk(0xDEAD_B003, None), 0, 0x0040_1004);
        assert!(text.ends_with("a page table in frame 0xdeadb, which is no memory that can be read"), "{text}");
    }

    #[test]
    fn the_bit_that_denies_is_named() {
        let text = words(&walk(0x0012_3067, Some(0x0045_6005)), 7, 0x0804_8000);
        assert_eq!(
            text,
            "directory entry 32 (rwu) -> table entry 72 (r-u, frame 0x456): the table's entry does not allow writing"
        );
        let text = words(&walk(0x0012_3003, Some(0x0045_6007)), 5, 0x0804_8000);
        assert!(
            text.ends_with("(rwu, frame 0x456): the directory's entry does not allow ring 3 to use the page"),
            "{text}"
        );
        let text = words(&walk(0x0040_0081, None), 3, 0xC040_0000);
        assert_eq!(text, "directory entry 769 (r--, a page of 4 MiB): the directory's entry does not allow writing");
    }

    #[test]
    fn a_translation_that_was_not_flushed_is_named() {
        let text = words(&walk(0x0012_3067, Some(0x0045_6067)), 7, 0x0804_8000);
        assert!(text.contains("was the page flushed"), "{text}");
    }
}
