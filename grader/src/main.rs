//! `cargo grade`.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use grader::{app, machine};

fn main() -> ExitCode {
    let start = Instant::now();
    if let Some(status) = machine::become_one(env::args_os().skip(1)) {
        return ExitCode::from(u8::try_from(status).unwrap_or(app::EXIT_COULD_NOT_RUN));
    }
    app::main(start)
}
