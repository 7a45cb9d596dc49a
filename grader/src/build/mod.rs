//! From the course's files to a kernel: the compiler, cargo and what it says, which
//! references a kernel takes, and whose fault it is if it does not compile.

pub mod cargo;
mod environment;
mod fenced;
pub mod foreign;
pub mod freshness;
pub mod kernel;
pub mod messages;
mod rustup;
pub mod site;
pub mod toolchain;
mod wrappers;
