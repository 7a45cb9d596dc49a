//! Fake memory for the labs' tests on the host.
#![forbid(unsafe_code)]

mod heap;
mod lender;

pub use heap::{FakeHeapMemory, POISON};
pub use lender::HostLender;
