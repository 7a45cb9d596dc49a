//! What allocators cost in guest instructions: the labs' beside their peers,
//! as the kernel in `kernel/bench` counts them.

pub mod frames;
pub mod heaps;
mod kernel;
pub mod memory;

pub use kernel::{Kernel, champions};
