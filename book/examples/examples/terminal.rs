//! Turns what a program printed on a terminal, colours and all, into an SVG
//! picture of it:
//!
//! ```console
//! $ cargo grade 01 --color always | cargo run -q -p folio-examples --example terminal > report.svg
//! ```
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};

use anstyle_svg::Term;

fn main() -> io::Result<()> {
    let mut printed = String::new();
    io::stdin().read_to_string(&mut printed)?;
    let picture = Term::new().render_svg(&printed);
    io::stdout().write_all(picture.as_bytes())
}
