//! `cargo grade setup`, and what every other command does first: looking for the
//! tools, and installing those that are missing.

pub mod debugger;
pub mod missing;
pub mod tools;
