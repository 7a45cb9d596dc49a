//! The picture: the heap's blocks, and a table that compares the policies on the same calls.

use alloc::format;
use alloc::string::{String, ToString};

use textbook_heap::Block;

use crate::drawing::Drawing;

use super::Choice;
use super::run::{FITS, Outcome, REGION, Run};
use super::trace::{Call, Trace};

/// Bytes in a row of the heap, and where the rows are.
const ROW: u32 = 256;
const LEFT: u32 = 62;
const TOP: u32 = 44;
const HEIGHT: u32 = 34;
const STEP: u32 = 44;
/// A byte is so many tenths wide.
const TENTHS: u32 = 25;

/// Where the table begins, and the distance of its lines.
const TABLE: u32 = TOP + (REGION / ROW) * STEP + 36;
const LINE: u32 = 20;
/// The columns' right ends, and the widest bar.
const COLUMNS: [u32; 5] = [440, 530, 590, 650, 706];
const BAR: (u32, u32) = (196, 200);

pub fn draw(trace: &Trace, step: usize, choice: &Choice, run: &Run, says: &str) -> String {
    let mut drawing = Drawing::new("heap");
    let last = step.checked_sub(1).map(|last| &trace.calls[last]);
    let call = match last {
        Some(Call::Allocate { name, bytes }) => format!("{name} = allocate({bytes})"),
        Some(Call::Free { name }) => format!("free({name})"),
        None => "an empty heap".to_string(),
    };
    let name = choice.fitting.name;
    let merging = if choice.merges { "merging" } else { "no merging" };
    drawing.text("b s", (20, 24), &format!("{name}, {merging}"));
    drawing.text("e m s", (706, 24), &call);
    for row in 0..REGION / ROW {
        drawing.text("e m xs dim", (LEFT - 8, TOP + row * STEP + 21), &(row * ROW).to_string());
    }
    strip(&mut drawing, run.taken, REGION - run.taken, "none", "");
    for (block, name) in &run.blocks {
        let is_new = matches!(run.outcome, Outcome::At(at) if (block.start..block.start + block.bytes).contains(&at));
        let class = match name {
            None => "empty",
            Some(_) if is_new => "usable",
            Some(_) => "records",
        };
        let Block { start, bytes, .. } = *block;
        let label = name.map_or_else(|| bytes.to_string(), str::to_string);
        strip(&mut drawing, start, bytes, class, &label);
    }
    table(&mut drawing, trace, step, choice);
    drawing.finish((720, TABLE + 13 * LINE + 8), "A heap, call by call", says)
}

/// Some bytes of the heap: a piece in each row that they are in, with the label in the widest piece.
fn strip(drawing: &mut Drawing, start: u32, bytes: u32, class: &str, label: &str) {
    let (mut at, end) = (start, start + bytes);
    let mut widest = (0, (0, 0));
    while at < end {
        let piece = (ROW - at % ROW).min(end - at);
        let x = LEFT + at % ROW * TENTHS / 10;
        let width = (at % ROW + piece) * TENTHS / 10 + LEFT - x;
        let y = TOP + at / ROW * STEP;
        drawing.rect(class, (x, y), (width, HEIGHT));
        if width > widest.0 {
            widest = (width, (x + width / 2, y + 21));
        }
        at += piece;
    }
    let class = if class == "empty" { "c xs dim" } else { "c m s" };
    drawing.text(class, widest.1, label);
}

/// The results of the policies for these calls.
fn table(drawing: &mut Drawing, trace: &Trace, step: usize, choice: &Choice) {
    let heads = ["taken", "utilization", "free", "largest", "refused"];
    for (head, x) in heads.into_iter().zip(COLUMNS) {
        drawing.text("e xs dim", (x, TABLE), head);
    }
    drawing.text("xs dim", (20, TABLE), "after the same calls");
    let mut y = TABLE;
    for merges in [true, false] {
        y += LINE;
        drawing.text("xs dim", (20, y), if merges { "merging" } else { "no merging" });
        for fitting in FITS {
            y += LINE;
            let run = fitting.run(merges, &trace.calls[..step]);
            let is_chosen = fitting.key == choice.fitting.key && merges == choice.merges;
            line(drawing, y, fitting.name, is_chosen, &run);
        }
    }
}

/// A line of the table.
fn line(drawing: &mut Drawing, y: u32, name: &str, is_chosen: bool, run: &Run) {
    let (class, bar) = if is_chosen { ("b", "usable") } else { ("", "records") };
    if is_chosen {
        drawing.text("b s", (20, y), "▸");
    }
    drawing.text(&format!("s {class}"), (32, y), name);
    let (x, widest) = BAR;
    drawing.rect(bar, (x, y - 11), ((run.taken * widest / REGION).max(1), 13));
    let utilization = run.utilization().map_or("–".to_string(), |percent| format!("{percent} %"));
    let [taken, free, largest, refused] =
        [run.taken, run.free_blocks as u32, run.largest_free, run.refused].map(|number| number.to_string());
    for (text, x) in [taken, utilization, free, largest, refused].iter().zip(COLUMNS) {
        drawing.text(&format!("e s {class}"), (x, y), text);
    }
}
