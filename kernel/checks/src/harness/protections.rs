//! The kernel's own crashes where a protection stops it: the report says which.

use crate::check::{Context, Failed, Outcome};
use crate::protect::supervisor::{DATA, Ground};
use kernel_core::{protection, provoke};

/// The kernel writes to its code.
pub fn write_protect(context: &mut Context) -> Outcome {
    context.start_protected()?;
    provoke::write_to_code();
    Ok(())
}

/// The kernel reads a page of a program's, and no window is open.
pub fn smap(context: &mut Context) -> Outcome {
    if !protection::features().smap {
        return Err(Failed::lacking("SMAP"));
    }
    let _ground = Ground::prepare(context)?;
    provoke::read_at(DATA.start());
    Ok(())
}
