//! The check of lengths that need more than 16 bits, and more than 24.

use core::cmp::Ordering;

use crate::check::{Context, Outcome};
use crate::ensure;
use mm_api::layout::PAGE_SIZE;

use super::comparing::sign;
use super::field::{Field, Functions, first_wrong, pattern};

/// The lengths: a little more than 64 KiB, and a little more than 16 MiB.
const LENGTHS: [usize; 2] = [(1 << 16) + 13, (1 << 24) + 7];
/// Bytes whose index is a multiple of this are compared; it is odd, so that they have all alignments.
const STEP: usize = 4001;

/// Long ranges are copied, filled, compared and moved to the end.
pub fn large_lengths(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let pages = (LENGTHS[1] as u32 + 64).div_ceil(PAGE_SIZE);
    let (mut left, mut right) = (Field::new(pages)?, Field::new(pages)?);
    for n in LENGTHS {
        // From here on, the last bytes are looked at one by one.
        let tail = n - 40;
        let mark = |field: &mut Field, stamp| {
            for index in (0..tail).step_by(STEP).chain(tail..n + 40) {
                field.bytes_mut()[index] = pattern(stamp, index);
            }
        };
        let is_marked = |field: &Field, from: usize, stamp| {
            let sampled = (0..tail).step_by(STEP).all(|index| field.bytes()[index + from] == pattern(stamp, index));
            sampled && first_wrong(field, tail + from..n + from, |index| pattern(stamp, index - from)).is_none()
        };
        left.bytes_mut().fill(0);
        right.bytes_mut().fill(0);
        mark(&mut left, 1);
        functions.copy(&mut right, 0, &left, 0, n);
        ensure!(is_marked(&right, 0, 1), expected: ("memcpy of {n} bytes to copy all of them"), saw: ("other bytes"));

        let equal = functions.compare((&left, 0), (&right, 0), n);
        ensure!(equal == Ordering::Equal, expected: ("memcmp of {n} equal bytes to return 0"), saw: ("that it is {}", sign(equal)));
        left.bytes_mut()[n - 1] = 1;
        right.bytes_mut()[n - 1] = 2;
        let less = functions.compare((&left, 0), (&right, 0), n);
        ensure!(
            less == Ordering::Less,
            expected: ("memcmp of {n} bytes to be less than 0: the last ones are 1 and 2"),
            saw: ("that it is {}", sign(less))
        );

        mark(&mut left, 2);
        functions.shift(&mut left, 9, 0, n);
        ensure!(is_marked(&left, 9, 2), expected: ("memmove of {n} bytes by +9 to move all of them"), saw: ("other bytes"));
        functions.shift(&mut left, 2, 9, n);
        ensure!(is_marked(&left, 2, 2), expected: ("memmove of {n} bytes by -7 to move all of them"), saw: ("other bytes"));

        functions.set(&mut right, 0, 0xA5, n);
        let filled = (0..n).step_by(STEP).chain(tail..n).all(|index| right.bytes()[index] == 0xA5);
        ensure!(filled, expected: ("memset of {n} bytes to fill all of them"), saw: ("other bytes"));
    }
    Ok(())
}
