//! The course on disk: its labs, what their `lab.toml` says, the programs that run in
//! ring 3, and what a student's file must not contain.

pub mod fence;
mod handed_in;
pub mod handout;
pub mod lab_toml;
pub mod mix;
pub mod programs;
pub mod stage;
pub mod workspace;
