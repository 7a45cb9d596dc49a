//! Checks of `memmove`.

use crate::check::{Context, Outcome};
use crate::ensure;

use super::field::{Field, Functions, NOWHERE, Wrong, first_wrong, pattern, write_pattern};
use super::{ALIGNMENTS, LENGTHS};

/// Where sources begin, apart from their alignment: there is room on both sides.
const PLACE: usize = 128;
const SEEN: usize = 512;
const STAMP: u8 = 0x77;

/// Fails the check if a byte did not arrive.
fn judge(dest: usize, src: usize, n: usize, wrong: Option<Wrong>) -> Outcome {
    let Some(wrong) = wrong else { return Ok(()) };
    let by = dest as isize - src as isize;
    ensure!(
        false,
        expected: (
            "memmove of {n} bytes by {by:+} to make byte {} {:#04x}, as it was in the source",
            wrong.index - dest, wrong.expected
        ),
        saw: ("{:#04x}", wrong.saw)
    );
    Ok(())
}

/// Moves every length by these distances, and compares the target with the old source.
fn each_distance(context: &mut Context, distances: impl Iterator<Item = isize> + Clone) -> Outcome {
    let functions = Functions::new(context)?;
    let mut field = Field::new(1)?;
    for n in LENGTHS.chain([128, 129, 200]) {
        for src in [PLACE, PLACE + 1, PLACE + 2, PLACE + 3] {
            for distance in distances.clone() {
                let dest = src.wrapping_add_signed(distance);
                write_pattern(&mut field, 0..SEEN, STAMP);
                functions.shift(&mut field, dest, src, n);
                judge(dest, src, n, first_wrong(&field, dest..dest + n, |index| pattern(STAMP, index - dest + src)))?;
            }
        }
    }
    Ok(())
}

/// Without an overlap it copies, and a range that is moved by 0 bytes stays as it is.
pub fn move_bytes(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut to, mut from) = (Field::new(1)?, Field::new(1)?);
    write_pattern(&mut from, 0..SEEN, STAMP);
    for n in LENGTHS {
        for src in ALIGNMENTS.map(|align| PLACE + align) {
            for dest in ALIGNMENTS.map(|align| PLACE + align) {
                to.bytes_mut()[..SEEN].fill(0);
                functions.shift_across(&mut to, dest, &from, src, n);
                let wrong = first_wrong(&to, dest..dest + n, |index| pattern(STAMP, index - dest + src));
                judge(dest, src, n, wrong)?;
            }
            functions.shift(&mut from, src, src, n);
            judge(src, src, n, first_wrong(&from, 0..SEEN, |index| pattern(STAMP, index)))?;
        }
    }
    Ok(())
}

/// The target begins below the source, and may reach into it.
///
/// Catches copying from the end.
pub fn move_down(context: &mut Context) -> Outcome {
    each_distance(context, (1..=64).map(|distance| -distance))
}

/// The target begins above the source, and may begin in it.
///
/// Catches copying from the beginning.
pub fn move_up(context: &mut Context) -> Outcome {
    each_distance(context, 1..=64)
}

/// Nothing outside the target is written, and nothing outside both ranges is accessed,
/// even if the next page is not mapped.
///
/// Catches lengths that are rounded up to words.
pub fn move_exact(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let mut field = Field::new(1)?;
    let len = field.len();
    for n in LENGTHS {
        for distance in [-65, -17, -4, -1, 1, 3, 8, 40, 65] {
            let dest = PLACE.wrapping_add_signed(distance);
            write_pattern(&mut field, 0..SEEN, STAMP);
            functions.shift(&mut field, dest, PLACE, n);
            let beside = first_wrong(&field, 0..dest, |index| pattern(STAMP, index))
                .or_else(|| first_wrong(&field, dest + n..SEEN, |index| pattern(STAMP, index)));
            if let Some(wrong) = beside {
                ensure!(
                    false,
                    expected: (
                        "memmove of {n} bytes by {distance:+} to leave the byte at dest{:+} as it is: {:#04x}",
                        wrong.index as isize - dest as isize, wrong.expected
                    ),
                    saw: ("{:#04x}", wrong.saw)
                );
            }
        }
        for (dest, src) in
            [(0, 1), (1, 0), (0, 3), (len - n, len - n - 1), (len - n - 1, len - n), (0, len - n), (len - n, 0)]
        {
            functions.shift(&mut field, dest, src, n);
        }
    }
    NOWHERE.into_iter().for_each(|offset| functions.shift_nothing(&field, offset));
    Ok(())
}
