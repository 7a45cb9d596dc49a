//! The contract of lab 00, rule by rule.

mod common;

use common::Functions;

/// Lengths up to more than sixteen words; fewer under Miri, which is slow.
const LENGTHS: std::ops::RangeInclusive<usize> = 0..=if cfg!(miri) { 9 } else { 70 };

/// Bytes that differ from their neighbours.
fn bytes(len: usize, stamp: u8) -> Vec<u8> {
    (0..len).map(|index| (index as u32).wrapping_mul(0x9E37_79B1).to_le_bytes()[3] ^ stamp).collect()
}

/// Compares byte by byte. `assert_eq!` would print hundreds of numbers, and leave the search for the difference to the reader.
#[track_caller]
fn assert_same(found: &[u8], expected: &[u8], call: &str) {
    assert_eq!(found.len(), expected.len());
    let wrong: Vec<usize> = (0..found.len()).filter(|&index| found[index] != expected[index]).collect();
    if let Some(&first) = wrong.first() {
        panic!(
            "{call}: byte {first} of the field is {:#04x} afterwards, and should be {:#04x}; {} of {} bytes are wrong",
            found[first],
            expected[first],
            wrong.len(),
            found.len()
        );
    }
}

fn each(test: impl Fn(&Functions)) {
    common::all().iter().for_each(test);
}

#[test]
fn memcpy_copies_every_byte_and_no_other() {
    each(|functions| {
        let source = bytes(100, 1);
        for n in LENGTHS {
            for src in 0..8 {
                for dest in 0..8 {
                    let mut target = bytes(100, 2);
                    let mut expected = target.clone();
                    expected[dest..dest + n].copy_from_slice(&source[src..src + n]);
                    functions.copy(&mut target[dest..dest + n], &source[src..src + n]);
                    assert_same(&target, &expected, &format!("memcpy, {n} bytes from {src} to {dest}"));
                }
            }
        }
    });
}

#[test]
fn memcpy_onto_itself_changes_nothing() {
    each(|functions| {
        let mut field = bytes(100, 3);
        for n in LENGTHS {
            functions.copy_itself(&mut field[5..5 + n]);
            assert_same(&field, &bytes(100, 3), &format!("memcpy, {n} bytes from 5 to 5"));
        }
    });
}

#[test]
fn memset_fills_with_the_low_byte() {
    each(|functions| {
        for value in [0, 1, -1, 0x100, 0x0102_03F4, i32::MIN, -100] {
            for n in LENGTHS {
                for dest in 0..8 {
                    let mut field = bytes(100, 4);
                    let mut expected = field.clone();
                    expected[dest..dest + n].fill(value as u8);
                    functions.set(&mut field[dest..dest + n], value);
                    assert_same(&field, &expected, &format!("memset, {n} bytes at {dest} with {value:#x}"));
                }
            }
        }
    });
}

#[test]
fn memcmp_says_which_range_is_less() {
    each(|functions| {
        // The ranges are parts of longer ones whose other bytes all differ: a function that reads too far gives a wrong answer.
        let left = bytes(100, 5);
        for n in LENGTHS {
            let mut equal = left.clone();
            equal[n..].iter_mut().for_each(|byte| *byte = !*byte);
            assert!(functions.compare(&left[..n], &equal[..n]).is_eq(), "{n} bytes");
            for first in 0..n {
                for second in first..n {
                    let mut right = equal.clone();
                    right[second] = !right[second];
                    right[first] = right[first].wrapping_add(0x80);
                    assert_eq!(
                        functions.compare(&left[..n], &right[..n]),
                        left[..n].cmp(&right[..n]),
                        "{n} bytes, {first} and {second} differ"
                    );
                }
            }
        }
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                assert_eq!(functions.compare(&[a], &[b]), a.cmp(&b), "{a:#x} and {b:#x}");
            }
        }
    });
}

#[test]
fn memmove_moves_over_every_distance() {
    each(|functions| {
        for n in LENGTHS {
            for src in 70..74 {
                for dest in src - 66..src + 66 {
                    let mut field = bytes(220, 6);
                    let mut expected = field.clone();
                    expected.copy_within(src..src + n, dest);
                    functions.shift(&mut field, dest, src, n);
                    assert_same(&field, &expected, &format!("memmove, {n} bytes from {src} to {dest}"));
                }
            }
        }
    });
}
