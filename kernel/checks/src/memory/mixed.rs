//! The check of all four functions in random order.

use core::cmp::Ordering;

use crate::check::{Context, Outcome};
use crate::ensure;

use super::comparing::sign;
use super::field::{Field, Functions};

/// The field's bytes, and as many for its model.
const BYTES: usize = 4096;
const ROUNDS: u32 = 600;

/// After any sequence of calls, memory is as it should be.
///
/// Catches mistakes at other lengths and distances than those of the checks above.
pub fn memory_mix(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut field, mut other, mut model) = (Field::new(1)?, Field::new(1)?, Field::new(1)?);
    for index in 0..BYTES {
        let byte = context.rng().next_u32() as u8;
        field.bytes_mut()[index] = byte;
        other.bytes_mut()[index] = !byte;
        model.bytes_mut()[index] = byte;
    }
    for round in 0..ROUNDS {
        let n = length(context);
        let (dest, src) = (place(context, n), place(context, n));
        let kind = context.rng().below(4);
        match kind {
            0 => {
                functions.copy(&mut field, dest, &other, src, n);
                model.bytes_mut()[dest..dest + n].copy_from_slice(&other.bytes()[src..src + n]);
            }
            1 => {
                let value = context.rng().next_u32() as i32;
                functions.set(&mut field, dest, value, n);
                model.bytes_mut()[dest..dest + n].fill(value as u8);
            }
            2 => {
                functions.shift(&mut field, dest, src, n);
                model.bytes_mut().copy_within(src..src + n, dest);
            }
            _ => {
                // Against its own model, in which one byte may differ.
                let at = context.rng().below(BYTES as u32) as usize;
                model.bytes_mut()[at] ^= 0x80;
                let expected = field.bytes()[dest..dest + n].cmp(&model.bytes()[dest..dest + n]);
                let answer = functions.compare((&field, dest), (&model, dest), n);
                model.bytes_mut()[at] ^= 0x80;
                judge_order(round, n, answer, expected)?;
            }
        }
        ensure!(
            field.bytes() == model.bytes(),
            expected: ("memory as it should be after {} of {n} bytes from {src:#x} to {dest:#x}, round {round}", name(kind)),
            saw: ("other bytes")
        );
    }
    Ok(())
}

/// Mostly short, sometimes as long as possible.
fn length(context: &mut Context) -> usize {
    let bound = [16, 80, 300, BYTES as u32][context.rng().below(4) as usize];
    context.rng().below(bound) as usize
}

/// A place with room for this many bytes.
fn place(context: &mut Context, n: usize) -> usize {
    context.rng().below((BYTES - n) as u32 + 1) as usize
}

/// A call's name.
fn name(kind: u32) -> &'static str {
    ["memcpy", "memset", "memmove", "memcmp"][kind as usize]
}

fn judge_order(round: u32, n: usize, answer: Ordering, expected: Ordering) -> Outcome {
    ensure!(
        answer == expected,
        expected: ("memcmp of {n} bytes to be {}, round {round}", sign(expected)),
        saw: ("that it is {}", sign(answer))
    );
    Ok(())
}
