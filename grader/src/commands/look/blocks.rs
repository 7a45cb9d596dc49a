//! A heap as blocks: those that a lab has handed out, to scale.

use std::fmt::Write as _;
use std::ops::Range;

use super::drawing::{Drawing, LEFT, TOP, first_of, legend};
use super::held::{Effect, Held, Part};
use super::seen::address;
use crate::host::style::plural;

/// So many rows at most.
const MOST: u32 = 16;
/// A row's width, and the height of a bar and of a row.
const WIDTH: u32 = 640;
const BAR: usize = 16;
const ROW: usize = 22;

/// What the rows of all pictures of a film stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// Where the first row begins.
    first: u32,
    /// Bytes in a row: a power of two.
    per_row: u32,
    rows: u32,
}

impl Scale {
    /// A scale on which these addresses are.
    pub fn of(bytes: &Range<u32>) -> Self {
        let mut per_row: u32 = 256;
        loop {
            let first = bytes.start / per_row * per_row;
            let rows = bytes.end.saturating_sub(first).div_ceil(per_row).max(1);
            if rows <= MOST {
                return Self { first, per_row, rows };
            }
            per_row *= 2;
        }
    }

    /// The bars of a block: one in each row that it is in.
    fn bars(self, block: &Range<u32>) -> String {
        let mut bars = String::new();
        // A block of no bytes has a place, too.
        let (start, end) = (block.start - self.first, (block.end - self.first).max(block.start - self.first + 1));
        for row in start / self.per_row..end.div_ceil(self.per_row) {
            let (left, right) = (start.max(row * self.per_row), end.min((row + 1).saturating_mul(self.per_row)));
            let x = |byte: u32| {
                LEFT as f64 + f64::from(byte - row * self.per_row) * f64::from(WIDTH) / f64::from(self.per_row)
            };
            let width = (x(right) - x(left)).max(1.0);
            let y = TOP + row as usize * ROW;
            let _ = write!(bars, "M{:.1} {y}h{width:.1}v{BAR}h-{width:.1}z", x(left));
        }
        bars
    }
}

/// The heap before a call with that effect.
pub fn drawing(held: &Held, effect: &Effect, scale: Scale) -> Drawing {
    let mut body = String::new();
    for row in 0..scale.rows {
        let y = TOP + row as usize * ROW;
        let start = address(scale.first + row * scale.per_row);
        let _ = writeln!(
            body,
            "<text class=\"d\" x=\"16\" y=\"{}\">{start}</text>\n\
             <rect class=\"none\" x=\"{LEFT}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{BAR}\"/>",
            y + 12
        );
    }
    let blocks: String = held.blocks.iter().map(|(at, size)| scale.bars(&(*at..at.saturating_add(*size)))).collect();
    let part = |part: &Option<Part>| match part {
        Some(Part::Block(block)) => scale.bars(block),
        _ => String::new(),
    };
    let bars = [("kernel", blocks), ("other", part(&effect.taken_back)), ("user", part(&effect.handed_out))];
    for (class, bars) in bars.iter().filter(|(_, bars)| !bars.is_empty()) {
        let _ = writeln!(body, "<path class=\"s {class}\" d=\"{bars}\"/>");
    }
    let bottom = TOP + scale.rows as usize * ROW + 10;
    body.push_str(&legend(
        bottom,
        &[("kernel", "in use"), ("user", "this call hands out"), ("other", "this call takes back")],
    ));
    let bytes: u64 = held.blocks.values().map(|size| u64::from(*size)).sum();
    Drawing {
        title: format!("The heap: {} in use, with {bytes} bytes", plural(held.blocks.len(), "block")),
        subtitle: format!("Each row is {} bytes; a bar has the bytes that were asked for", scale.per_row),
        description: description(held),
        body,
        height: bottom + 34,
    }
}

fn description(held: &Held) -> String {
    let words = held.blocks.iter().take(16).map(|(at, size)| format!("{size} bytes at {}", address(*at)));
    let words: Vec<String> = words.collect();
    match held.blocks.len() {
        0 => "No block is in use.".to_owned(),
        all => first_of(&words, all),
    }
}

#[cfg(test)]
mod tests {
    use super::super::held::tests::call;
    use super::*;

    #[test]
    fn a_scale_has_every_byte() {
        for bytes in [0xF800_0010..0xF800_0011, 0xF800_00F0..0xF800_0110, 0xF800_0000..0xFC00_0000, 3..u32::MAX] {
            let scale = Scale::of(&bytes);
            let end = u64::from(scale.first) + u64::from(scale.per_row) * u64::from(scale.rows);
            assert!(scale.rows <= MOST && scale.first <= bytes.start && end >= u64::from(bytes.end), "{scale:?}");
        }
    }

    #[test]
    fn a_block_is_in_each_row_that_it_reaches() {
        let scale = Scale::of(&(0xF800_0000..0xF800_0300));
        assert_eq!(scale.bars(&(0xF800_0080..0xF800_0100)), "M424.0 64h320.0v16h-320.0z");
        assert_eq!(scale.bars(&(0xF800_0080..0xF800_0201)).matches('M').count(), 3);
        assert_eq!(scale.bars(&(0xF800_0080..0xF800_0080)).matches('M').count(), 1);
    }

    #[test]
    fn a_heap_shows_what_is_in_use_and_what_the_call_does() {
        let mut held = Held::default();
        held.pass(&call("allocate", &[("layout", "24 bytes, aligned to 8")], "Ok(0xF800_0010)"));
        let next = held.effect(&call("allocate", &[("layout", "8 bytes, aligned to 8")], "Ok(0xF800_0030)"));
        let drawing = drawing(&held, &next, Scale::of(&(0xF800_0010..0xF800_0038)));
        assert_eq!(drawing.title, "The heap: 1 block in use, with 24 bytes");
        assert_eq!(drawing.description, "24 bytes at 0xF800_0010.");
        assert_eq!(drawing.body.matches("<path ").count(), 2);
    }
}
