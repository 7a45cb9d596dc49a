//! The check that the functions do not call themselves.

use crate::check::{Context, Outcome};
use crate::fail;

use super::field::{Field, Functions, write_pattern};

/// None of the functions calls one of the four symbols: in the kernel the functions are these symbols.
///
/// Catches the library's own copying, filling and comparing. The processor finds the calls: each
/// of the symbols has a breakpoint.
pub fn own_work(context: &mut Context) -> Outcome {
    let functions = Functions::new(context)?;
    let (mut to, mut from) = (Field::new(2)?, Field::new(2)?);
    for n in [0, 1, 2, 3, 4, 7, 8, 16, 31, 64, 200, 1000, 5000] {
        write_pattern(&mut from, 0..n + 1, 0x44);
        functions.copy(&mut to, 3, &from, 1, n);
        judge(&functions, "memcpy", n)?;
        functions.compare((&from, 1), (&from, 1), n);
        judge(&functions, "memcmp", n)?;
        functions.compare((&from, 1), (&to, 4), n);
        judge(&functions, "memcmp", n)?;
        functions.shift(&mut to, 3, 1, n);
        judge(&functions, "memmove", n)?;
        functions.shift(&mut to, 1, 3, n);
        judge(&functions, "memmove", n)?;
        functions.set(&mut to, 3, 7, n);
        judge(&functions, "memset", n)?;
    }
    Ok(())
}

/// Fails the check if the last call reached one of the symbols.
fn judge(functions: &Functions, name: &str, n: usize) -> Outcome {
    match functions.called() {
        None => Ok(()),
        Some(called) => fail!(
            expected: ("{name} of {n} bytes to do its work itself"),
            saw: ("a call of the symbol {called}, which in the kernel is a function of this file: it would never end")
        ),
    }
}
