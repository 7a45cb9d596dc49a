//! QEMU: looking for it, its command line, a machine from its start to its end.

mod endless;
mod find;
mod gdb;
mod inspector;
mod log;
mod program;
mod qmp;
mod ram;
mod recorded;
mod reused;
mod running;
mod socket;
mod watch;

pub use find::{NoEmulator, find};
pub use program::{Qemu, Screen};
pub use qmp::Control;
pub use recorded::Recording;
pub use reused::ReusedMachine;
pub use running::Machine;
