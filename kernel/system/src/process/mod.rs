//! Processes: programs in ring 3 that run in turn, each with memory of its own.
//!
//! A trap from ring 3 arrives on the process's kernel stack with all its registers (`handler`). The
//! registers are copied into the process's record. The kernel then handles the trap (`calls`,
//! `fault`), chooses the process that runs next (`scheduler`), and puts that process's registers
//! into the trap frame. So the kernel is never suspended in the middle of its work: a call that has
//! to wait is made once more when its event has occurred.
//!
//! The labs make the parts of a process: lab 01 its frames, lab 02 its directory, lab 03 the heap
//! that holds its record, lab 04 the program's heap, lab 05 both stacks, and lab 07 its mappings;
//! lab 06 decides what a program may do with its memory. When a process ends, all of it goes at
//! once except for two parts. The record stays until the parent asks how the process ended. The
//! kernel stack stays until the next trap, because the kernel still runs on it.
//!
//! No program can stop the kernel. There are at most [`MOST_PROCESSES`](table::MOST_PROCESSES)
//! processes; every address that a program passes is checked; every step that takes memory may
//! fail, and is then undone.

mod address_space;
mod adopting;
mod arguments;
mod audit;
mod calls;
mod characters;
mod clearing;
mod fault;
mod handler;
mod mappings;
pub mod output;
mod picture;
mod program;
mod regions;
mod resolve;
mod run;
mod scheduler;
mod spawn_error;
mod system;
mod table;
pub mod terminal;
mod user_memory;

use table::process;

pub use audit::{Audit, Difference};
pub use program::try_to_load;
pub use regions::Regions;
pub use run::run;
pub use spawn_error::SpawnError;
