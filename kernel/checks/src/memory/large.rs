//! The check of lengths that need more than 16 bits, and more than 24.

use core::cmp::Ordering;
use core::ops::Range;

use crate::check::{Context, Outcome};
use crate::ensure;
use mm_api::layout::PAGE_SIZE;

use super::comparing::sign;
use super::field::{Field, Functions, first_wrong, pattern, write_pattern};

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
    far_apart(&functions, &mut left)?;
    at_the_end(&functions)
}

/// Ranges that overlap, though they begin far from each other.
fn far_apart(functions: &Functions, field: &mut Field) -> Outcome {
    for distance in [(1_usize << 16) + 5, (1 << 20) + 5, (1 << 22) + 5] {
        let n = distance + 50_000;
        for index in (0..n).step_by(STEP) {
            field.bytes_mut()[index] = pattern(6, index);
        }
        functions.shift(field, distance, 0, n);
        let is_moved = (0..n).step_by(STEP).all(|index| field.bytes()[distance + index] == pattern(6, index));
        ensure!(is_moved, expected: ("memmove of {n} bytes by {distance:+} to move all of them"), saw: ("other bytes"));
    }
    Ok(())
}

/// More than 64 KiB, as in ranges that are short: no byte beside them counts, and the first
/// difference does. Ranges end where a field ends, and behind it nothing is mapped.
fn at_the_end(functions: &Functions) -> Outcome {
    let n = LENGTHS[0];
    let pages = (n as u32).div_ceil(PAGE_SIZE);
    let (mut left, mut right) = (Field::new(pages)?, Field::new(pages)?);
    let place = left.len() - n;
    write_pattern(&mut left, 0..place + n, 3);
    let answer = functions.copy(&mut right, place, &left, place, n);
    ensure_at(answer, place, "memcpy", n)?;
    ensure_pattern(&right, place..place + n, 3, "all bytes of more than 64 KiB to be copied")?;
    ensure_pattern(&left, 0..place + n, 3, "memcpy to leave its source as it is")?;
    first_difference(functions, &mut left, &mut right, place)?;

    // Upwards and downwards, by far more than a page, and by less.
    for (dest, src) in [(n / 4 + 1, 0), (0, n / 4 + 1), (5, 0), (0, 5), (5000, 0), (0, 5000)] {
        let moved = n - dest.max(src);
        write_pattern(&mut left, 0..place + n, 4);
        let answer = functions.shift(&mut left, place + dest, place + src, moved);
        ensure_at(answer, place + dest, "memmove", moved)?;
        let end = place + dest + moved;
        ensure_pattern(&left, 0..place + dest, 4, "memmove to leave what is before its target")?;
        ensure_moved(&left, (place + dest, place + src), moved)?;
        ensure_pattern(&left, end..place + n, 4, "memmove to leave what is behind its target")?;
    }

    write_pattern(&mut right, 0..place + n, 5);
    let answer = functions.set(&mut right, place, 0x77, n);
    ensure_at(answer, place, "memset", n)?;
    ensure_pattern(&right, 0..place, 5, "memset to leave what is before its range")?;
    let unfilled = first_wrong(&right, place..place + n, |_| 0x77);
    ensure!(unfilled.is_none(), expected: ("memset of {n} bytes to fill each of them"), saw: ("other bytes"));
    Ok(())
}

/// Where the ranges differ first decides, whatever comes behind.
fn first_difference(functions: &Functions, left: &mut Field, right: &mut Field, place: usize) -> Outcome {
    let n = LENGTHS[0];
    for index in [0, n / 2 + 1, n - 2] {
        for (less, greater, expected) in [(3, 4, Ordering::Less), (4, 3, Ordering::Greater)] {
            write_pattern(right, place..place + n, 3);
            write_pattern(left, place..place + n, 3);
            left.bytes_mut()[place + index] = less;
            right.bytes_mut()[place + index] = greater;
            left.bytes_mut()[place + index + 1] = greater;
            right.bytes_mut()[place + index + 1] = less;
            let answer = functions.compare((left, place), (right, place), n);
            ensure!(
                answer == expected,
                expected: ("memcmp of {n} bytes to be {}: byte {index} is the first that differs, {less} and {greater}", sign(expected)),
                saw: ("that it is {}", sign(answer))
            );
        }
    }
    Ok(())
}

/// Fails unless a function returned where it was told to write.
fn ensure_at(answer: isize, dest: usize, name: &str, n: usize) -> Outcome {
    ensure!(
        answer == dest as isize,
        expected: ("{name} of {n} bytes to return dest"),
        saw: ("an address {:+} bytes from it", answer.wrapping_sub(dest as isize))
    );
    Ok(())
}

/// Fails unless each byte of a part is that of the pattern.
fn ensure_pattern(field: &Field, part: Range<usize>, stamp: u8, what: &str) -> Outcome {
    let wrong = first_wrong(field, part, |index| pattern(stamp, index));
    ensure!(wrong.is_none(), expected: ("{what}"), saw: ("other bytes"));
    Ok(())
}

/// Fails unless the bytes of the pattern have moved.
fn ensure_moved(field: &Field, (dest, src): (usize, usize), n: usize) -> Outcome {
    let wrong = first_wrong(field, dest..dest + n, |index| pattern(4, index - dest + src));
    ensure!(
        wrong.is_none(),
        expected: ("memmove of {n} bytes by {:+} to move each of them", dest as isize - src as isize),
        saw: ("other bytes")
    );
    Ok(())
}
