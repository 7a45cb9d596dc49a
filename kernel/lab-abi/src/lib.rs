//! How the kernel and a compiled reference call each other, whichever compilers made them.
//!
//! A hand-out carries the references compiled. Each is an object with one function that
//! answers with a table of functions in the C ABI, which is the same for every compiler,
//! as Rust's own is not. [`Remote`] is a value on the other side of that border: it
//! implements the traits of `mm_api` by calling through such a table. Both sides are made
//! of this crate: a table's functions are generic in the type that is called, and on the
//! side that calls, a `Remote` is in its place.
//!
//! - [`crossing`]: how arguments and answers cross the border;
//! - [`remote`]: values on the other side;
//! - [`instruments`]: tables for what a lab is given, such as [`mm_api::Pages`];
//! - [`components`]: tables for what a lab provides;
//! - [`memory`]: the one for lab 00, which provides functions;
//! - [`services`]: the log, and what becomes of a panic.
//!
//! A border has no guard: what comes across is believed, as the checks and the references
//! are both the course's own. That they are of the same version is checked when they are
//! linked (`build.rs`).
#![no_std]

#[macro_use]
mod table;

pub mod components;
pub mod crossing;
pub mod instruments;
pub mod memory;
pub mod remote;
pub mod services;

/// What a compiled reference has to contain to be linked with this crate.
pub const VERSION: &str = env!("FOLIO_LAB_ABI");
