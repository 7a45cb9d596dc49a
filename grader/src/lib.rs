//! The program behind `cargo grade`: builds the kernel, boots it once for each
//! check, and turns what it hears into scores.
//!
//! From a save to a score: [`workspace`] reads what labs there are,
//! [`toolchain`] and [`emulator`] find the tools, [`compile`] builds the kernel,
//! [`grade`] boots machines, [`wire`] reads what they say, [`verdict`] judges,
//! and [`report`] tells.
#![forbid(unsafe_code)]

pub mod app;
pub mod cargo_output;
pub mod cli;
pub mod compare;
pub mod compile;
pub mod dev;
pub mod doctor;
pub mod emulator;
pub mod error;
pub mod explain;
pub mod grade;
pub mod interrupt;
pub mod kernel;
pub mod lab_toml;
pub mod look;
pub mod machine;
pub mod model;
pub mod nearest;
pub mod packages;
pub mod probe;
pub mod programs;
pub mod progress;
pub mod proof;
pub mod qmp;
pub mod report;
pub mod schedule;
pub mod system;
pub mod toolchain;
pub mod tools;
pub mod verdict;
pub mod walk;
pub mod watch;
pub mod wire;
pub mod workspace;
