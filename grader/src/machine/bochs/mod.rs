//! Bochs: looking for it, its CDs and its debugger, a machine from its start to its end.

mod debugger;
mod disc;
mod find;
mod program;
mod running;

pub use find::{NoBochs, Part, find};
pub use program::Bochs;
pub use running::Machine;
