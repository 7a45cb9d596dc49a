//! QEMU: looking for it, its command line, a machine from its start to its end.

mod find;
mod inspector;
mod program;
mod qmp;
mod reused;
mod running;
mod watch;

pub use find::{NoEmulator, find};
pub use program::{Qemu, Screen};
pub use qmp::Control;
pub use reused::ReusedMachine;
pub use running::Machine;
