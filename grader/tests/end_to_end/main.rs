//! The grader from end to end: the real program, run like a user runs it, which
//! builds real kernels and boots real machines. The grader itself installs the tools that this
//! computer lacks.

// That rule is for the grader's own processes; these are a user's.
#![allow(clippy::disallowed_methods)]

mod bad_input;
mod batch;
mod bochs;
mod book;
mod claims;
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
