//! Calls between the kernel and a compiled reference, which different compilers may have made.
//!
//! A hand-out carries the references compiled. Each reference is an object with one function per
//! table. The function returns a table of functions in the C ABI, which is the same for every
//! compiler, as Rust's own ABI is not. [`Remote`](remote::Remote) stands for a value on the other
//! side of this border: it implements the traits of `mm_api` by calling through such a table. Both
//! sides are built from this crate. A table's functions are generic in the type that they call; on
//! the calling side, a `Remote` takes the place of that type.
//!
//! - [`crossing`]: how arguments and answers cross the border;
//! - [`remote`]: values on the other side;
//! - [`instruments`]: tables for the objects that a lab is given, such as [`mm_api::Pages`];
//! - [`components`]: tables for the components that a lab provides;
//! - [`memory`]: the table for lab 00, which provides functions;
//! - [`services`]: the log and panics.
//!
//! Nothing is checked at the border, because the checks and the references both come from the
//! course. Only their versions are compared, when they are linked (`build.rs`).
#![no_std]

#[macro_use]
mod table;

pub mod components;
pub mod crossing;
pub mod instruments;
pub mod memory;
pub mod remote;
pub mod services;

/// The text that a compiled reference has to contain to be linked with this crate.
pub const VERSION: &str = env!("FOLIO_LAB_ABI");
