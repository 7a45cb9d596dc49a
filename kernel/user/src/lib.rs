//! The small library that programs in ring 3 are built on.
//!
//! A program begins at `_start` (`arch/start.s`), with its arguments on the stack, and calls the
//! kernel with `int 0x80`. The library gives it a heap, so `alloc` works, and a panic handler,
//! which ends the program with exit code 101.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! use user::println;
//! use user::start::Start;
//!
//! user::program!(main);
//!
//! fn main(_: &Start) -> u8 {
//!     println!("Hello!");
//!     0
//! }
//! ```
#![no_std]

extern crate alloc;

pub mod arch;
mod call;
pub mod cost;
mod heap;
pub mod io;
pub mod mapping;
pub mod meminfo;
pub mod memory;
mod panic;
pub mod process;
pub mod rng;
pub mod start;
pub mod test;
pub mod words;

pub use abi;
pub use call::call;
