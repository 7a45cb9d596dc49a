//! The picture: a row for each word, the lowest address at the bottom.

use alloc::format;
use alloc::string::String;

use crate::drawing::{Drawing, word};

use super::frame::{InitialFrame, Part, WORD};

/// The column of words, and the uppermost row.
const X: u32 = 168;
const WIDTH: u32 = 150;
const TOP: u32 = 40;
const ROW: u32 = 21;
/// Arrows have lanes between the words and their meanings; those that find no lane are left out.
const LANE: u32 = 12;
const LANES: usize = 14;
const MEANING: u32 = X + WIDTH + 30;

pub fn draw(frame: &InitialFrame, says: &str) -> String {
    let mut drawing = Drawing::new("stack");
    let count = frame.words.len() as u32;
    let y = |place: usize| TOP + (count - 1 - place as u32) * ROW;
    let arrows = frame.words.iter().filter(|word| word.points_to.is_some()).count().min(LANES) as u32;
    let meaning = MEANING + arrows * LANE;
    drawing.text("c b s", (X + WIDTH / 2, 20), "the stack");
    drawing.text("e m xs dim", (X - 14, TOP + 4), &word(frame.pointer + count * WORD));
    let mut lane = 0;
    let mut last = None;
    for (place, it) in frame.words.iter().enumerate() {
        let class = match it.part {
            Part::Count => "records",
            Part::Arguments => "usable",
            Part::Environment => "reserved",
            Part::Auxiliary => "unusable",
            Part::Padding => "none",
            Part::Strings => "plain",
        };
        drawing.cell(class, (X, y(place)), (WIDTH, ROW), "m xs", &it.shown);
        if last != Some(it.part) {
            drawing.text("e m xs dim", (X - 14, y(place) + 15), &word(frame.pointer + place as u32 * WORD));
            last = Some(it.part);
        }
        if let Some(target) = it.points_to.filter(|_| lane < LANES) {
            let x = X + WIDTH + 14 + lane as u32 * LANE;
            let (from, to) = (y(place) + ROW / 2, y(frame.place_of(target)) + ROW / 2);
            drawing.arrow(&format!("M{} {from} H{x} V{to} H{}", X + WIDTH, X + WIDTH + 4));
            lane += 1;
        }
        drawing.text("s", (meaning, y(place) + 15), &it.means);
    }
    drawing.text("e b s", (X - 100, y(0) + 15), "stack");
    drawing.text("e b s", (X - 100, y(0) + 30), "pointer");
    let strings = frame.words.len() - 1;
    if frame.words[strings].part == Part::Strings {
        drawing.text("s", (meaning, y(strings) + 15), "the strings, byte by byte");
    }
    drawing.finish((720, TOP + count * ROW + 20), "What a program finds on its stack", says)
}
