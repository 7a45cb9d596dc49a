//! The rule of every check: the functions that it called do their work, and do it themselves.

use core::cmp::Ordering;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use kernel_core::rng::Rng;
use spin::Mutex;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};

use super::field::{Field, Functions, first_wrong, pattern, write_pattern};

/// The four functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Memcpy,
    Memmove,
    Memset,
    Memcmp,
}

impl Function {
    const ALL: [Self; 4] = [Self::Memcpy, Self::Memmove, Self::Memset, Self::Memcmp];

    fn name(self) -> &'static str {
        match self {
            Self::Memcpy => "memcpy",
            Self::Memmove => "memmove",
            Self::Memset => "memset",
            Self::Memcmp => "memcmp",
        }
    }
}

/// The functions that were called in this check, one bit for each.
static CALLED: AtomicU32 = AtomicU32::new(0);

/// The first call that left its work to one of the compiler's symbols: the function, and the symbol.
static LEFT: Mutex<Option<(Function, &'static str)>> = Mutex::new(None);

/// Notes a call, and the symbol to which it left its work, if it did.
pub fn note(function: Function, symbol: Option<&'static str>) {
    CALLED.fetch_or(1 << function as u32, Relaxed);
    if let Some(symbol) = symbol {
        LEFT.lock().get_or_insert((function, symbol));
    }
}

/// Makes a check. It fails, too, if a function that it called left its work to one of the
/// symbols, or does no work at all: such a function would pass checks that it does not deserve.
///
/// # Errors
/// Those of the check, or a broken rule of the above.
pub fn judged(context: &mut Context, check: fn(&mut Context) -> Outcome) -> Outcome {
    check(context)?;
    let called = CALLED.load(Relaxed);
    let functions = Functions::new(context)?;
    for function in Function::ALL.into_iter().filter(|function| called & 1 << *function as u32 != 0) {
        ensure_works(&functions, function, context.rng())?;
    }
    let left = *LEFT.lock();
    match left {
        None => Ok(()),
        Some((function, symbol)) => fail!(
            expected: ("{} to do its work itself", function.name()),
            saw: ("that it calls the symbol {symbol} for it, which in the kernel is a function of this file: it would never end")
        ),
    }
}

/// The simplest call: whole words, at the start of pages.
fn ensure_works(functions: &Functions, function: Function, rng: &mut Rng) -> Result<(), Failed> {
    let n = 16 * (1 + rng.below(8) as usize);
    let (stamp, name) = (rng.next_u32() as u8, function.name());
    let (mut to, mut from) = (Field::new(1)?, Field::new(1)?);
    write_pattern(&mut from, 0..n, stamp);
    write_pattern(&mut to, 0..n, if function == Function::Memcmp { stamp } else { !stamp });
    let is_done = match function {
        Function::Memcpy => {
            functions.copy(&mut to, 0, &from, 0, n);
            first_wrong(&to, 0..n, |index| pattern(stamp, index)).is_none()
        }
        Function::Memmove => {
            functions.shift_across(&mut to, 0, &from, 0, n);
            first_wrong(&to, 0..n, |index| pattern(stamp, index)).is_none()
        }
        Function::Memset => {
            functions.set(&mut to, 0, i32::from(stamp), n);
            first_wrong(&to, 0..n, |_| stamp).is_none()
        }
        Function::Memcmp => {
            // All bytes are the same, but for one that the seed chooses.
            to.bytes_mut()[n - 1 - rng.below(16) as usize] ^= 0x40;
            functions.compare((&to, 0), (&from, 0), n) != Ordering::Equal
        }
    };
    ensure!(
        is_done,
        expected: ("{name} to do its work at all, for {n} bytes at the start of a page"),
        saw: ("that it did none, so its other rules do not count")
    );
    Ok(())
}
