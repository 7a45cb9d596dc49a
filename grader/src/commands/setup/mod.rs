//! `cargo grade setup`, and the first step of every other command: looking for the
//! tools, and installing those that are missing.

pub mod debugger;
pub mod missing;
pub mod tools;
