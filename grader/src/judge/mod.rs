//! A run: kernels are built, machines are booted, and their output becomes verdicts.

pub mod compare;
mod conclude;
mod engine;
pub mod findings;
mod grade;
mod nonce;
mod plan;
mod proof;
mod queue;
mod request;
pub mod results;
#[cfg(test)]
pub mod samples;
mod schedule;
mod status;
pub mod verdict;
pub mod wire;

pub use engine::Engine;
pub use findings::{Crash, Findings, PageWalk};
pub use grade::Timings;
pub use nonce::nonce;
pub use request::{Boots, DEFAULT_SEED, Request, Whose, processors};
pub use status::Status;
