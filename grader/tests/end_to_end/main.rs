//! The grader from end to end: the real program, run as a user runs it, which
//! builds real kernels and boots real machines. What is missing for that on this
//! machine, the grader installs itself.

// The rule is for the grader's own processes; these are a user's.
#![allow(clippy::disallowed_methods)]

mod bad_input;
mod batch;
mod bochs;
mod book;
mod contest;
mod course;
mod debug;
mod fake_emulator;
mod forging;
mod guarded;
mod handout;
mod hostile;
mod interrupt;
mod labs;
mod linux;
mod nothing;
mod own_work;
mod pictures;
mod programs;
mod proofs;
mod reports;
mod shared;
mod students;
mod verdicts;
mod watch;
