//! Turns what a program printed on a terminal, colours and all, into an SVG
//! picture of it:
//!
//! ```console
//! $ cargo grade 01 --color always | cargo run -q -p folio-examples --example terminal > report.svg
//! ```
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};

use anstyle::{Color, RgbColor};
use anstyle_svg::{Palette, Term};

/// The sixteen colours of a terminal, chosen so that each can be read on [`BACKGROUND`].
const COLOURS: Palette = Palette([
    RgbColor(0x3B, 0x42, 0x52),
    RgbColor(0xF2, 0x77, 0x7A),
    RgbColor(0x7E, 0xC6, 0x99),
    RgbColor(0xE5, 0xB5, 0x67),
    RgbColor(0x8F, 0xA9, 0xF5),
    RgbColor(0xC8, 0x9B, 0xE8),
    RgbColor(0x6C, 0xC4, 0xD3),
    RgbColor(0xD6, 0xDB, 0xE4),
    RgbColor(0x6B, 0x74, 0x85),
    RgbColor(0xFF, 0x8B, 0x8B),
    RgbColor(0x8F, 0xDB, 0xA9),
    RgbColor(0xFF, 0xCB, 0x79),
    RgbColor(0xA9, 0xBE, 0xFF),
    RgbColor(0xDD, 0xB5, 0xFA),
    RgbColor(0x8A, 0xDC, 0xEA),
    RgbColor(0xFF, 0xFF, 0xFF),
]);

const FOREGROUND: Color = Color::Rgb(RgbColor(0xD6, 0xDB, 0xE4));
const BACKGROUND: Color = Color::Rgb(RgbColor(0x1B, 0x1F, 0x27));

fn main() -> io::Result<()> {
    let mut printed = String::new();
    io::stdin().read_to_string(&mut printed)?;
    let terminal = Term::new().palette(COLOURS).fg_color(FOREGROUND).bg_color(BACKGROUND);
    // Dimmed text is still meant to be read.
    let picture =
        terminal.render_svg(printed.trim_end()).replace(".dimmed { opacity: 0.4; }", ".dimmed { opacity: 0.7; }");
    io::stdout().write_all(picture.as_bytes())
}
