//! Processes: programs in ring 3, each with memory of its own, that run in turn.
//!
//! A trap from ring 3 arrives on the process's kernel stack with all its registers
//! (`handler`). They are copied into the process's record, the kernel does what is
//! to be done (`calls`, `fault`), chooses who goes on (`scheduler`), and puts that
//! one's registers in their place. So the kernel is never suspended in the middle
//! of anything: a call that has to wait is made once more when its time has come.
//!
//! What a process has is made by the labs: frames by lab 01, the directory by lab
//! 02, the record on lab 03's heap, the program's heap by lab 04, both stacks by
//! lab 05, mappings by lab 07; lab 06 says what each may do with its memory. When it ends, all of it goes at once but for two things: the record,
//! until its parent asks how it ended, and the kernel stack, which the kernel still
//! stands on, until the next trap.
//!
//! Whatever programs do, the kernel goes on. There are at most
//! [`MOST_PROCESSES`](table::MOST_PROCESSES); every address that they give is
//! checked; whatever takes memory may be refused, and is undone then.

mod address_space;
mod adopting;
mod arguments;
mod audit;
mod calls;
mod characters;
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
