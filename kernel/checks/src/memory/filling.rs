//! Checks of `memset`.

use crate::check::{Context, Outcome};
use crate::ensure;

use super::field::{Field, Functions, NOWHERE, first_wrong, pattern, write_pattern};
use super::{ALIGNMENTS, LENGTHS};

const PLACE: usize = 64;
const SEEN: usize = 256;
const BEFORE: u8 = 0x6B;

/// Every byte of the range is filled.
///
/// Catches words where bytes are left over.
pub fn set_bytes(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let mut field = Field::new(1)?;
    for n in LENGTHS {
        for dest in ALIGNMENTS.map(|align| PLACE + align) {
            for value in [0, 0x5A, 0xFF] {
                write_pattern(&mut field, 0..SEEN, BEFORE);
                functions.set(&mut field, dest, value, n);
                if let Some(wrong) = first_wrong(&field, dest..dest + n, |_| value as u8) {
                    ensure!(
                        false,
                        expected: (
                            "memset({value:#04x}) of {n} bytes, at an address that ends in {:#x}, to make byte {} {:#04x}",
                            dest % 16, wrong.index - dest, wrong.expected
                        ),
                        saw: ("{:#04x}", wrong.saw)
                    );
                }
            }
        }
    }
    Ok(())
}

/// Only the low byte of the value counts.
///
/// Catches a value that is written as a word, and a function that refuses a large one.
pub fn set_low_byte(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let mut field = Field::new(1)?;
    for value in [-1, -2, -128, 0x100, 0x180, 0x0102_0304, 0x7FFF_FF42, i32::MIN, i32::MIN + 0x77] {
        for n in [1, 3, 4, 7, 8, 33, 64] {
            functions.set(&mut field, PLACE, 0x33, n);
            functions.set(&mut field, PLACE, value, n);
            let low = value.to_le_bytes()[0];
            if let Some(wrong) = first_wrong(&field, PLACE..PLACE + n, |_| low) {
                ensure!(
                    false,
                    expected: ("memset({value:#x}) of {n} bytes to make byte {} {low:#04x}", wrong.index - PLACE),
                    saw: ("{:#04x}", wrong.saw)
                );
            }
        }
    }
    Ok(())
}

/// Nothing beside the range is written, even if the next page is not mapped.
///
/// Catches lengths that are rounded up to words.
pub fn set_exact(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let mut field = Field::new(1)?;
    let len = field.len();
    for n in LENGTHS {
        for dest in ALIGNMENTS.map(|align| PLACE + align) {
            write_pattern(&mut field, 0..SEEN, BEFORE);
            functions.set(&mut field, dest, 0xC3, n);
            let beside = first_wrong(&field, 0..dest, |index| pattern(BEFORE, index))
                .or_else(|| first_wrong(&field, dest + n..SEEN, |index| pattern(BEFORE, index)));
            if let Some(wrong) = beside {
                ensure!(
                    false,
                    expected: (
                        "memset of {n} bytes, at an address that ends in {:#x}, to leave the byte at dest{:+} as it is: {:#04x}",
                        dest % 16, wrong.index as isize - dest as isize, wrong.expected
                    ),
                    saw: ("{:#04x}", wrong.saw)
                );
            }
        }
        for dest in [0, 1, len - n - 1, len - n] {
            functions.set(&mut field, dest, 0x3C, n);
        }
    }
    NOWHERE.into_iter().for_each(|offset| functions.set_nothing(&field, offset));
    Ok(())
}
