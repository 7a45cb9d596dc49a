//! The operating system: memory, processes and the screen, on the labs' components.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

pub mod memory;
mod os;
pub mod pages;
pub mod process;
mod screen;

pub use os::run;
