//! The check of `memcpy` at the edges of mapped memory.

use crate::check::{Context, Outcome};
use crate::ensure;

use super::LENGTHS;
use super::field::{Field, Functions, NOWHERE, first_wrong, pattern, write_pattern};

const SOURCE: u8 = 0x35;

/// Nothing outside of the ranges is read or written: the pages beside them are not mapped.
/// With no bytes, the pointers may point there.
///
/// Catches words that are read across the end or the beginning, and a loop that reads the
/// first byte before it tests the length. Such an access is a page fault in the student's line.
pub fn copy_edges(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut to, mut from) = (Field::new(1)?, Field::new(1)?);
    let len = from.len();
    write_pattern(&mut from, 0..len, SOURCE);
    for n in LENGTHS {
        // At one edge, at the other, and with ends that are aligned differently.
        let starts = [0, 1, 2, 3, len - n - 3, len - n - 2, len - n - 1, len - n];
        for src in starts {
            for dest in starts {
                functions.copy(&mut to, dest, &from, src, n);
                let wrong = first_wrong(&to, dest..dest + n, |index| pattern(SOURCE, index - dest + src));
                ensure!(
                    wrong.is_none(),
                    expected: ("all of {n} bytes that are copied at the edges of a page to arrive"),
                    saw: ("other bytes there")
                );
            }
        }
    }
    NOWHERE.into_iter().for_each(|offset| functions.copy_nothing(&from, offset));
    Ok(())
}
