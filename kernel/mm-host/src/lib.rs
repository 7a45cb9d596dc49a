//! Fakes of the machine and the kernel, for the labs' tests on the host and the book's pictures.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod heap;
mod interrupts;
mod lender;
mod machine;
mod mmu;
mod pages;
mod processes;
mod ram;
mod regions;

pub use heap::{FakeHeapMemory, HEAP_POISON};
pub use interrupts::FakeInterrupts;
pub use lender::HostLender;
pub use machine::{FakeMachine, FlushLog};
pub use mm_oracle::walk::{Level, Walk};
pub use mmu::{Access, PageFault};
pub use pages::{FakePages, PAGE_POISON, PageCall};
pub use processes::{FakeFork, FakeProcess};
pub use ram::POISON;
pub use regions::FakeRegions;
