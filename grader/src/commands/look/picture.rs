//! An address space as a picture: the 1024 entries of its directory, and what is
//! behind them.

use std::fmt::Write;

use crate::machine::walk::Slot;

use super::seen::{KERNEL_PAGE, Seen, line};

/// Entries in a row: 128 MiB.
const COLUMNS: usize = 32;
/// A square's size and distance.
const SQUARE: usize = 13;
const STEP: usize = 15;
/// Where the squares begin.
const LEFT: usize = 104;
const TOP: usize = 64;
/// Lines of text under the squares at most.
const MOST_LINES: usize = 16;
/// Between two of them.
const LINE: usize = 17;

/// All of it for this picture only: it may be put into a page with others.
const STYLE: &str = "\
.folio-look text { font: 12px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #1f2328; }
.folio-look .t { font: bold 14px system-ui, sans-serif; } .folio-look .d { fill: #5b6370; }
.folio-look .none { fill: #f0f1f3; } .folio-look .s { stroke-width: 1; }
.folio-look .user { fill: #b9e2c4; stroke: #2f7d43; } .folio-look .kernel { fill: #c3d2fa; stroke: #3f63c4; }
.folio-look .large { fill: #fbdc9a; stroke: #a86d14; } .folio-look .other { fill: #fbdcdc; stroke: #c03535; }
@media (prefers-color-scheme: dark) {
.folio-look { background: #14171d; } .folio-look text { fill: #dde1e8; } .folio-look .d { fill: #9aa3b2; }
.folio-look .none { fill: #1f232b; }
.folio-look .user { fill: #1f5a35; stroke: #6cc48d; } .folio-look .kernel { fill: #2b3d7a; stroke: #8fa9f5; }
.folio-look .large { fill: #6b521d; stroke: #deb068; } .folio-look .other { fill: #6a2a30; stroke: #f08c8c; }
}";

/// The picture, as SVG.
pub fn picture(seen: &Seen) -> String {
    let rows = seen.entries.len().div_ceil(COLUMNS);
    let shown = seen.runs.len().min(MOST_LINES);
    let more = seen.runs.len() - shown;
    let below = TOP + rows * STEP + 54;
    let height = below + (shown + usize::from(more > 0)) * LINE + 14;
    let mut svg = String::new();
    let mut put = |text: &str| {
        svg.push_str(text);
        svg.push('\n');
    };
    let check = escaped(&seen.check);
    put(&format!(
        "<svg class=\"folio-look\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" role=\"img\" aria-labelledby=\"look-title look-desc\">"
    ));
    put(&format!("<title id=\"look-title\">The address space at the end of {check}</title>"));
    put(&format!("<desc id=\"look-desc\">{}</desc>", escaped(&description(seen))));
    put(&format!("<style>{STYLE}</style>"));
    put(&format!("<text class=\"t\" x=\"16\" y=\"26\">The address space at the end of {check}</text>"));
    put("<text class=\"d\" x=\"16\" y=\"46\">Each square is an entry of the page directory: 4 MiB of addresses</text>");
    for row in 0..rows {
        let y = TOP + row * STEP;
        // Every fourth row, so every 512 MiB.
        if row % 4 == 0 {
            let start = (row * COLUMNS) as u32 * 0x40;
            put(&format!("<text class=\"d\" x=\"16\" y=\"{}\">0x{start:04X}_0000</text>", y + 11));
        }
    }
    for class in ["none", "s user", "s kernel", "s large", "s other"] {
        let squares = squares(seen, class);
        if !squares.is_empty() {
            put(&format!("<path class=\"{class}\" d=\"{squares}\"/>"));
        }
    }
    let legend = [("user", "table, user half"), ("kernel", "table, kernel half"), ("large", "4 MiB page")];
    for ((class, text), x) in legend.into_iter().zip((16..).step_by(190)) {
        let y = TOP + rows * STEP + 14;
        put(&format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{SQUARE}\" height=\"{SQUARE}\"/>"));
        put(&format!("<text x=\"{}\" y=\"{}\">{text}</text>", x + 20, y + 11));
    }
    for (number, run) in seen.runs.iter().take(shown).enumerate() {
        put(&format!(
            "<text x=\"16\" y=\"{}\" xml:space=\"preserve\">{}</text>",
            below + number * LINE,
            escaped(&line(run))
        ));
    }
    if more > 0 {
        put(&format!("<text class=\"d\" x=\"16\" y=\"{}\">and {more} more</text>", below + shown * LINE));
    }
    put("</svg>");
    svg
}

/// The outlines of all squares of a class.
fn squares(seen: &Seen, wanted: &str) -> String {
    let mut path = String::new();
    for (index, _) in seen.entries.iter().enumerate().filter(|(index, slot)| class(**slot, *index) == wanted) {
        let (x, y) = (LEFT + index % COLUMNS * STEP, TOP + index / COLUMNS * STEP);
        let _ = write!(path, "M{x} {y}h{SQUARE}v{SQUARE}h-{SQUARE}z");
    }
    path
}

/// How a square is drawn.
fn class(slot: Slot, index: usize) -> &'static str {
    match slot {
        Slot::Empty => "none",
        Slot::LargePage => "s large",
        Slot::Table(_) if index as u32 * 1024 < KERNEL_PAGE => "s user",
        Slot::Table(_) => "s kernel",
        Slot::NoMemory => "s other",
    }
}

/// The picture in a sentence, for those who cannot see it.
fn description(seen: &Seen) -> String {
    let count = |wanted: fn(&Slot) -> bool| seen.entries.iter().filter(|slot| wanted(slot)).count();
    let tables = count(|slot| matches!(slot, Slot::Table(_)));
    let large = count(|slot| *slot == Slot::LargePage);
    let mut text = format!("{tables} page tables and {large} pages of 4 MiB.");
    for run in seen.runs.iter().take(MOST_LINES) {
        let _ = write!(text, " {}.", line(run));
    }
    text
}

/// Text as it may stand in SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::seen::tests::seen;
    use super::*;

    #[test]
    fn a_picture_is_well_formed_and_says_what_it_shows() {
        let picture = picture(&seen());
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(picture.contains("<title ") && picture.contains("<desc "));
        let squares = |class: &str| {
            let path = picture.lines().find_map(|line| line.strip_prefix(&format!("<path class=\"{class}\" d=\"")));
            path.map_or(0, |path| path.matches('M').count())
        };
        let counts = ["none", "s user", "s kernel", "s large", "s other"].map(squares);
        assert_eq!(counts, [1021, 1, 1, 1, 0]);
    }

    #[test]
    fn what_a_check_is_called_cannot_break_the_picture() {
        let seen = Seen { check: "<a & b>".into(), ..seen() };
        assert!(picture(&seen).contains("&lt;a &amp; b&gt;"));
    }
}
