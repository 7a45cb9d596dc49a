//! The picture: the pages of both processes, and the frames between them.

use alloc::format;
use alloc::string::String;

use crate::drawing::Drawing;

use super::machine::{Machine, PAGES, Who};

/// Where the columns begin, and the width of their boxes.
const PARENT: u32 = 14;
const FRAMES: u32 = 282;
const CHILD: u32 = 536;
const WIDTH: u32 = 170;
const FRAME_WIDTH: u32 = 156;
/// How many frames have room: enough for both processes with pages of their own, and the shared one.
const MOST_FRAMES: usize = 7;
/// The height of a box, and the distances of frames and of pages.
const HEIGHT: u32 = 34;
const FRAME_STEP: u32 = 44;
const PAGE_STEP: u32 = 74;
const TOP: u32 = 42;

pub fn draw(machine: &Machine, says: &str) -> String {
    let mut drawing = Drawing::new("fork");
    drawing.text("c b s", (FRAMES + FRAME_WIDTH / 2, 24), "frames");
    for who in [Who::Parent, Who::Child] {
        process(&mut drawing, machine, who);
    }
    frames(&mut drawing, machine);
    let height = TOP + MOST_FRAMES.max(machine.highest()) as u32 * FRAME_STEP + 4;
    drawing.finish((720, height), "A process and its fork", says)
}

/// The middle of a page's box, and of a frame's.
fn page_y(place: usize) -> u32 {
    TOP + place as u32 * PAGE_STEP + 16 + HEIGHT / 2
}

fn frame_y(number: usize) -> u32 {
    TOP + (number - 1) as u32 * FRAME_STEP + HEIGHT / 2
}

fn process(drawing: &mut Drawing, machine: &Machine, who: Who) {
    let (x, name) = if who == Who::Parent { (PARENT, "parent") } else { (CHILD, "child") };
    let pages = machine.pages(who);
    if pages.is_empty() {
        drawing.text("c s dim", (x + WIDTH / 2, 24), &format!("no {name}"));
        return;
    }
    drawing.text("c b s", (x + WIDTH / 2, 24), name);
    for (place, page) in pages.iter().enumerate() {
        let middle = page_y(place);
        let at = (x, middle - HEIGHT / 2);
        let kind = if place == PAGES - 1 { "shared" } else { "page" };
        let name = if kind == "page" { format!("page {}", place + 1) } else { format!("page {}, shared", place + 1) };
        let (class, text) = match page {
            None => ("none", format!("{name}: no frame")),
            Some(page) if page.writable => ("usable", format!("{name}: rw-")),
            Some(_) => ("records", format!("{name}: r--")),
        };
        drawing.cell(class, at, (WIDTH, HEIGHT), "s", &text);
        if machine.last == Some((who, place)) {
            drawing.rect("ring", (at.0 + 3, at.1 + 3), (WIDTH - 6, HEIGHT - 6));
        }
        if let Some(page) = page {
            let frame = frame_y(page.frame);
            let path = match who {
                Who::Parent => format!("M{} {middle}L{} {frame}", x + WIDTH, FRAMES - 3),
                Who::Child => format!("M{x} {middle}L{} {frame}", FRAMES + FRAME_WIDTH + 3),
            };
            drawing.arrow(&path);
        }
    }
}

fn frames(drawing: &mut Drawing, machine: &Machine) {
    for number in 1..=MOST_FRAMES.max(machine.highest()) {
        let at = (FRAMES, frame_y(number) - HEIGHT / 2);
        let both = [Who::Parent, Who::Child].into_iter().flat_map(|who| machine.pages(who));
        match both.flatten().find(|page| page.frame == number) {
            Some(page) => {
                let contents = if page.contents.is_empty() { "zeros" } else { &page.contents };
                drawing.rect("reserved", at, (FRAME_WIDTH, HEIGHT));
                drawing.text("s", (at.0 + 8, at.1 + 21), &format!("{number}: {contents}"));
                drawing.text("e b s", (at.0 + FRAME_WIDTH - 8, at.1 + 21), &format!("×{}", page.users));
            }
            None => drawing.cell("none", at, (FRAME_WIDTH, HEIGHT), "xs dim", "free"),
        }
    }
}
