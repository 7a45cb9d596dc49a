//! The picture: a square for each frame, a row for each word of the bitmap.

use alloc::format;
use alloc::string::{String, ToString};

use mm_api::Order;

use crate::drawing::{Drawing, word};

use super::machine::{FRAMES, Machine, State};

/// Bits in a word, and frames in a row.
const BITS: u32 = 32;
const LEFT: u32 = 40;
const TOP: u32 = 48;
const SIDE: u32 = 20;
/// After this many frames, one is labelled with its number.
const TICKS: u32 = 4;
const STEP: u32 = 74;

pub fn draw(machine: &Machine, order: Order, says: &str) -> String {
    let mut drawing = Drawing::new("frames");
    for row in 0..FRAMES / BITS {
        let y = TOP + row * STEP;
        let numbers = row * BITS..(row + 1) * BITS;
        let bits =
            numbers.clone().filter(|&number| machine.state(number) == State::Free).map(|number| 1 << (number % BITS));
        drawing.text("m xs dim", (LEFT, y - 22), &format!("word {row}, free: {}", word(bits.sum())));
        for number in numbers {
            if number % TICKS == 0 {
                drawing.text("c m xs dim", (at(number).0 + SIDE / 2, y - 5), &number.to_string());
            }
            let class = match machine.state(number) {
                State::NotManaged => "unusable",
                State::Records => "records",
                State::Free => "usable",
                State::Allocated => "reserved",
            };
            drawing.rect(class, at(number), (SIDE, SIDE));
        }
    }
    for frame in machine.last.iter() {
        let (x, y) = at(frame.number());
        drawing.rect("ring", (x + 3, y + 3), (SIDE - 6, SIDE - 6));
    }
    if order != Order::ZERO {
        for run in machine.free_runs(order) {
            let (x, y) = at(run.first().number());
            drawing.rect("usable", (x + 2, y + SIDE + 4), (order.frames() * SIDE - 4, 5));
        }
    }
    legend(&mut drawing, order);
    drawing.finish((720, TOP + (FRAMES / BITS) * STEP + 30), "A frame allocator at work", says)
}

fn at(number: u32) -> (u32, u32) {
    (LEFT + number % BITS * SIDE, TOP + number / BITS * STEP)
}

fn legend(drawing: &mut Drawing, order: Order) {
    let y = TOP + (FRAMES / BITS) * STEP + 4;
    let kinds = [("usable", "free"), ("reserved", "handed out"), ("records", "records"), ("unusable", "not managed")];
    let mut x = LEFT;
    for (class, name) in kinds {
        drawing.rect(class, (x, y), (14, 14));
        drawing.text("s", (x + 20, y + 12), name);
        x += 44 + name.len() as u32 * 8;
    }
    if order != Order::ZERO {
        drawing.rect("usable", (x, y + 5), (28, 5));
        drawing.text("s", (x + 34, y + 12), &format!("a free run of order {}", order.power()));
    }
}
