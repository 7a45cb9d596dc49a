//! The check of cost: how many instructions a call takes. Only this check may fail correct
//! functions.

use crate::check::{Context, Outcome};
use crate::ensure;

use super::field::{Field, Functions};

/// Bytes of a call.
const LENGTH: usize = 4000;

/// The most instructions for a call of [`LENGTH`] bytes: three per byte. A loop over bytes takes
/// at least four, one over words at most two.
const LIMIT: u64 = 3 * LENGTH as u64;

/// Long ranges are handled by words.
///
/// Catches a loop over bytes.
pub fn memory_cost(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut to, from) = (Field::new(2)?, Field::new(2)?);
    functions.copy(&mut to, 0, &from, 0, LENGTH);
    let copying = functions.spent();
    functions.set(&mut to, 0, 0, LENGTH);
    let filling = functions.spent();
    functions.shift(&mut to, 0, 64, LENGTH);
    let moving_down = functions.spent();
    functions.shift(&mut to, 64, 0, LENGTH);
    let moving_up = functions.spent();
    to.bytes_mut().fill(9);
    functions.compare((&to, 0), (&to, 4096), LENGTH);
    let comparing = functions.spent();
    let costs = [
        ("memcpy", copying),
        ("memset", filling),
        ("memmove-down", moving_down),
        ("memmove-up", moving_up),
        ("memcmp", comparing),
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
