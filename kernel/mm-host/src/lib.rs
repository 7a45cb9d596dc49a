//! Fake memory for the labs' tests on the host.
#![forbid(unsafe_code)]

mod lender;

pub use lender::HostLender;
