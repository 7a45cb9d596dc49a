//! The grader from end to end: the real program, run as a user runs it, which
//! builds real kernels and boots real machines. What is missing for that on this
//! machine, the grader installs itself.

mod bad_input;
mod bochs;
mod course;
mod fake_emulator;
mod interrupt;
mod labs;
mod proofs;
mod reports;
mod students;
mod verdicts;
