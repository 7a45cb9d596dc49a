//! The check of cost: how many instructions a call takes. It alone may fail functions that
//! are correct.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::instructions;

use super::field::{Field, Functions};

/// Bytes of a call.
const LENGTH: usize = 4000;

/// The most instructions for a call of [`LENGTH`] bytes: three a byte. By bytes it takes
/// at least four, by words two at most.
const LIMIT: u64 = 3 * LENGTH as u64;

/// Long ranges are handled by words.
///
/// Catches a loop over bytes.
pub fn memory_cost(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut to, from) = (Field::new(2)?, Field::new(2)?);
    let costs = [
        ("memcpy", cost(|| drop(functions.copy(&mut to, 0, &from, 0, LENGTH)))),
        ("memset", cost(|| drop(functions.set(&mut to, 0, 0, LENGTH)))),
        ("memmove-down", cost(|| drop(functions.shift(&mut to, 0, 64, LENGTH)))),
        ("memmove-up", cost(|| drop(functions.shift(&mut to, 64, 0, LENGTH)))),
        ("memcmp", {
            to.bytes_mut().fill(9);
            let copy = &to;
            cost(|| drop(functions.compare((copy, 0), (copy, 4096), LENGTH)))
        }),
    ];
    for (name, spent) in costs {
        context.measure(name, spent, "instructions");
    }
    for (name, spent) in costs {
        ensure!(
            spent <= LIMIT,
            expected: ("{name} of {LENGTH} bytes to take at most {LIMIT} instructions"),
            saw: ("{spent}")
        );
    }
    Ok(())
}

/// The instructions of a call.
fn cost(call: impl FnOnce()) -> u64 {
    let start = instructions();
    call();
    instructions() - start
}
