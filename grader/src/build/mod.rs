//! From the course's files to a kernel: the compiler, cargo and its messages, the
//! references that a kernel takes, and the lab at fault if it does not compile.

pub mod cargo;
pub mod compiler;
mod environment;
mod fenced;
pub mod foreign;
pub mod freshness;
mod image;
pub mod kernel;
pub mod messages;
pub mod pictures;
pub mod reference;
mod rustup;
pub mod site;
mod stopped;
pub mod toolchain;
mod wrappers;
