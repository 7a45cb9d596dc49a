//! Checks of `memcpy`, and of the addresses that the functions return.

use crate::check::{Context, Outcome};
use crate::ensure;

use super::field::{Field, Functions, first_wrong, pattern, write_pattern};
use super::{ALIGNMENTS, LENGTHS};

/// Where ranges begin, apart from their alignment: there is room on both sides.
const PLACE: usize = 64;
/// The bytes that are compared: the ranges, and those on both sides.
const SEEN: usize = 256;

const SOURCE: u8 = 0x11;
const BEFORE: u8 = 0x9E;

/// Copies every length between every two alignments, and calls `judge` after each
/// copy with the fields, the places and the length.
fn each_copy(context: &mut Context, judge: impl Fn(&Field, usize, &Field, usize, usize) -> Outcome) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut to, mut from) = (Field::new(1)?, Field::new(1)?);
    write_pattern(&mut from, 0..SEEN, SOURCE);
    for n in LENGTHS {
        for src in ALIGNMENTS.map(|align| PLACE + align) {
            for dest in ALIGNMENTS.map(|align| PLACE + align) {
                write_pattern(&mut to, 0..SEEN, BEFORE);
                functions.copy(&mut to, dest, &from, src, n);
                judge(&to, dest, &from, src, n)?;
            }
        }
    }
    Ok(())
}

/// All bytes arrive.
///
/// Catches words where bytes are left over, and addresses that are rounded.
pub fn copy_bytes(context: &mut Context) -> Outcome {
    each_copy(context, |to, dest, _, src, n| {
        let wrong = first_wrong(to, dest..dest + n, |index| pattern(SOURCE, index - dest + src));
        if let Some(wrong) = wrong {
            ensure!(
                false,
                expected: (
                    "memcpy of {n} bytes, from an address that ends in {:#x} to one that ends in {:#x}, to make byte {} \
                     {:#04x}, as it is in the source",
                    src % 16, dest % 16, wrong.index - dest, wrong.expected
                ),
                saw: ("{:#04x}", wrong.saw)
            );
        }
        Ok(())
    })
}

/// Nothing else is written: neither beside the target, nor in the source.
///
/// Catches lengths that are rounded up to words.
pub fn copy_exact(context: &mut Context) -> Outcome {
    each_copy(context, |to, dest, from, _, n| {
        let beside = first_wrong(to, 0..dest, |index| pattern(BEFORE, index))
            .or_else(|| first_wrong(to, dest + n..SEEN, |index| pattern(BEFORE, index)));
        if let Some(wrong) = beside {
            ensure!(
                false,
                expected: (
                    "memcpy of {n} bytes, to an address that ends in {:#x}, to leave the byte at dest{:+} as it is: {:#04x}",
                    dest % 16, wrong.index as isize - dest as isize, wrong.expected
                ),
                saw: ("{:#04x}", wrong.saw)
            );
        }
        let source = first_wrong(from, 0..SEEN, |index| pattern(SOURCE, index));
        ensure!(source.is_none(), expected: ("memcpy of {n} bytes to leave its source as it is"), saw: ("other bytes there"));
        Ok(())
    })
}

/// Copying a range onto itself leaves it as it is.
///
/// Catches a function that refuses it, or clears its target first.
pub fn copy_itself(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let mut field = Field::new(1)?;
    write_pattern(&mut field, 0..SEEN, SOURCE);
    for n in LENGTHS {
        for place in ALIGNMENTS.map(|align| PLACE + align) {
            functions.copy_itself(&mut field, place, n);
            let wrong = first_wrong(&field, 0..SEEN, |index| pattern(SOURCE, index));
            ensure!(
                wrong.is_none(),
                expected: ("{n} bytes that are copied onto themselves to stay as they are"),
                saw: ("other bytes there")
            );
        }
    }
    Ok(())
}

/// The three functions that write return their target.
///
/// Catches a function that returns the end of the range, the source, or a null pointer for no bytes.
pub fn returns_dest(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut to, from) = (Field::new(1)?, Field::new(1)?);
    for n in LENGTHS.chain([1000]) {
        for dest in ALIGNMENTS.map(|align| PLACE + align) {
            let answers = [
                ("memcpy", functions.copy(&mut to, dest, &from, PLACE, n)),
                ("memset", functions.set(&mut to, dest, 0, n)),
                ("memmove, downwards,", functions.shift(&mut to, dest, dest + 9, n)),
                ("memmove, upwards,", functions.shift(&mut to, dest, dest - 9, n)),
            ];
            for (name, answer) in answers {
                ensure!(
                    answer == dest as isize,
                    expected: ("{name} of {n} bytes to return dest"),
                    saw: ("an address {:+} bytes from it", answer.wrapping_sub(dest as isize))
                );
            }
        }
    }
    Ok(())
}
