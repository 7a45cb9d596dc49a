//! The course on disk: its labs, what their `lab.toml` says, the programs that run
//! in ring 3.

mod handed_in;
pub mod lab_toml;
pub mod mix;
pub mod programs;
pub mod workspace;
