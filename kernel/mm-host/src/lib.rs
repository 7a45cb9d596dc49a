//! Fake memory for the labs' tests on the host.
