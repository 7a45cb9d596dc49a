//! The cost of allocators in guest instructions: the labs' compared with their peers,
//! as the kernel in `kernel/bench` counts them.

mod each;
pub mod frames;
pub mod heaps;
mod kernel;
pub mod memory;
pub mod policies;
pub mod table;

pub use each::Measured;
pub use kernel::{Beside, Kernel, champions, read};
