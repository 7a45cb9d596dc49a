//! Machines to boot a kernel on: an emulator, started for one boot or, where that is
//! possible, for many checks ([`ReusedMachine`]).
//!
//! Grading is made for [`Qemu`]. [`Bochs`] boots the same kernel in another way, from a
//! CD by GRUB, on a machine that has next to nothing in common with QEMU's. A check has to
//! end in the same verdict there.

pub mod bochs;
mod boot;
pub mod claim;
mod closed;
mod emulator;
mod intact;
mod limits;
mod outcome;
pub mod qemu;
mod trace;
pub mod tree;
pub mod walk;

pub use boot::Boot;
pub use emulator::{Emulator, Machine};
pub use outcome::{Conclusion, End, Found, Outcome};
pub use qemu::ReusedMachine;
