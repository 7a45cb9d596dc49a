//! Checks of `memcmp`.

use core::cmp::Ordering;

use crate::check::{Context, Outcome};
use crate::ensure;

use super::field::{Field, Functions, NOWHERE, write_pattern};
use super::{ALIGNMENTS, LENGTHS};

const PLACE: usize = 64;
const SEEN: usize = 256;
const STAMP: u8 = 0x2D;

/// An answer in words.
pub fn sign(answer: Ordering) -> &'static str {
    match answer {
        Ordering::Less => "less than 0",
        Ordering::Equal => "0",
        Ordering::Greater => "greater than 0",
    }
}

/// Two fields whose bytes from two places on are equal.
fn same_bytes(left: &mut Field, a: usize, right: &mut Field, b: usize) {
    write_pattern(left, 0..SEEN, STAMP);
    for index in 0..SEEN / 2 {
        right.bytes_mut()[b + index] = left.bytes()[a + index];
    }
}

/// Ranges without a difference are equal, and so are two of no bytes.
///
/// Catches a comparison of bytes beside the ranges, and a made-up answer for no bytes.
pub fn compare_equal(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut left, mut right) = (Field::new(1)?, Field::new(1)?);
    for a in ALIGNMENTS.map(|align| PLACE + align) {
        for b in ALIGNMENTS.map(|align| PLACE + align) {
            same_bytes(&mut left, a, &mut right, b);
            for n in LENGTHS {
                let answer = functions.compare((&left, a), (&right, b), n);
                ensure!(
                    answer == Ordering::Equal,
                    expected: ("memcmp of {n} bytes that are the same to return 0"),
                    saw: ("that it is {}", sign(answer))
                );
            }
        }
    }
    left.bytes_mut()[PLACE] = 1;
    right.bytes_mut()[PLACE] = 2;
    let answer = functions.compare((&left, PLACE), (&right, PLACE), 0);
    ensure!(answer == Ordering::Equal, expected: ("memcmp of no bytes to return 0"), saw: ("that it is {}", sign(answer)));
    Ok(())
}

/// Bytes are unsigned numbers, and the sign of the answer says which byte is less.
///
/// Catches `char` where it is signed, and differences that are cut to eight bits.
pub fn compare_unsigned(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut left, mut right) = (Field::new(1)?, Field::new(1)?);
    // Alone, and as the last byte of a word and one byte more.
    for n in [1, 5] {
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                left.bytes_mut()[PLACE + n - 1] = a;
                right.bytes_mut()[PLACE + n - 1] = b;
                let answer = functions.compare((&left, PLACE), (&right, PLACE), n);
                ensure!(
                    answer == a.cmp(&b),
                    expected: ("memcmp of {a:#04x} with {b:#04x} to return a number that is {}", sign(a.cmp(&b))),
                    saw: ("that it is {}", sign(answer))
                );
            }
        }
        // Equal again, for the next round.
        left.bytes_mut()[PLACE..PLACE + n].fill(0);
        right.bytes_mut()[PLACE..PLACE + n].fill(0);
    }
    Ok(())
}

/// The first difference decides, whatever comes after it and before it.
///
/// Catches words that are compared as numbers, a search for the last difference, and an end at a byte 0.
pub fn compare_first(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut left, mut right) = (Field::new(1)?, Field::new(1)?);
    for (a, b) in [(PLACE, PLACE), (PLACE + 1, PLACE + 3), (PLACE + 2, PLACE + 5)] {
        for n in LENGTHS {
            for first in 0..n {
                for (less, greater, expected) in [(3, 4, Ordering::Less), (4, 3, Ordering::Greater)] {
                    // Equal up to there, also in zeros; then the first difference decides, and all later ones say
                    // the opposite.
                    for index in 0..n {
                        let (mine, other) = match index.cmp(&first) {
                            Ordering::Less => (index as u8 % 3, index as u8 % 3),
                            Ordering::Equal => (less, greater),
                            Ordering::Greater => (greater + 9, less + 9),
                        };
                        left.bytes_mut()[a + index] = mine;
                        right.bytes_mut()[b + index] = other;
                    }
                    let answer = functions.compare((&left, a), (&right, b), n);
                    ensure!(
                        answer == expected,
                        expected: (
                            "memcmp of {n} bytes to be {}: byte {first} is the first that differs, {less} and {greater}",
                            sign(expected)
                        ),
                        saw: ("that it is {}", sign(answer))
                    );
                }
            }
        }
    }
    overlapping(&functions)
}

/// A range, and the same some bytes further on: only the last byte differs.
fn overlapping(functions: &Functions) -> Outcome {
    const LENGTH: usize = 100;
    let mut field = Field::new(1)?;
    for shift in [1, 3, 4, 64] {
        field.bytes_mut()[PLACE..PLACE + shift + LENGTH].fill(7);
        field.bytes_mut()[PLACE + shift + LENGTH - 1] = 9;
        for (left, right, expected) in [(0, shift, Ordering::Less), (shift, 0, Ordering::Greater)] {
            let answer = functions.compare((&field, PLACE + left), (&field, PLACE + right), LENGTH);
            ensure!(
                answer == expected,
                expected: ("memcmp of {LENGTH} bytes with those {shift} bytes away, of which the last one differs, to return a number that is {}", sign(expected)),
                saw: ("that it is {}", sign(answer))
            );
        }
    }
    Ok(())
}

/// No byte outside of the ranges counts, and none is read: the pages beside them are not mapped.
///
/// Catches one byte too many, and words that reach across the end.
pub fn compare_exact(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut left, mut right) = (Field::new(1)?, Field::new(1)?);
    let len = left.len();
    left.bytes_mut()[..SEEN].fill(0x01);
    right.bytes_mut()[..SEEN].fill(0xFE);
    for n in LENGTHS {
        for (a, b) in [(PLACE, PLACE), (PLACE + 1, PLACE + 2), (PLACE + 3, PLACE)] {
            left.bytes_mut()[a..a + n].fill(0x55);
            right.bytes_mut()[b..b + n].fill(0x55);
            let answer = functions.compare((&left, a), (&right, b), n);
            ensure!(
                answer == Ordering::Equal,
                expected: ("memcmp of {n} bytes that are the same to return 0, though those beside them differ"),
                saw: ("that it is {}", sign(answer))
            );
            left.bytes_mut()[..SEEN].fill(0x01);
            right.bytes_mut()[..SEEN].fill(0xFE);
        }
    }
    left.bytes_mut().fill(0);
    right.bytes_mut().fill(0);
    for n in LENGTHS {
        for a in [0, 1, len - n - 1, len - n] {
            for b in [0, 1, len - n - 1, len - n] {
                let answer = functions.compare((&left, a), (&right, b), n);
                ensure!(
                    answer == Ordering::Equal,
                    expected: ("memcmp of {n} zeros at the edges of a page to return 0"),
                    saw: ("that it is {}", sign(answer))
                );
            }
        }
    }
    for offset in NOWHERE {
        let answer = functions.compare_nothing(&left, offset);
        ensure!(answer == Ordering::Equal, expected: ("memcmp of no bytes to return 0"), saw: ("that it is {}", sign(answer)));
    }
    Ok(())
}
