//! The program behind `cargo grade`.

mod model;

fn main() {}
