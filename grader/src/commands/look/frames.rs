//! The frame map: which frames a lab has handed out.

use std::fmt::Write as _;
use std::ops::Range;

use super::drawing::{COLUMNS, Drawing, STEP, TOP, first_of, legend, square};
use super::held::{Effect, Held, Part};
use crate::host::style::plural;

/// So many squares at most.
const MOST: u32 = 512;

/// What the squares of all pictures of a film stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// The first square's first frame.
    first: u32,
    /// Frames in a square: a power of two.
    per_square: u32,
    squares: u32,
}

impl Scale {
    /// A scale on which these frames are.
    pub fn of(frames: &Range<u32>) -> Self {
        let mut per_square: u32 = 1;
        loop {
            // A row begins at a round number.
            let row = per_square * COLUMNS as u32;
            let first = frames.start / row * row;
            let squares = frames.end.saturating_sub(first).div_ceil(row) * COLUMNS as u32;
            if squares <= MOST {
                return Self { first, per_square, squares };
            }
            per_square *= 2;
        }
    }

    fn frames(self, index: u32) -> Range<u32> {
        let first = self.first.saturating_add(index * self.per_square);
        first..first.saturating_add(self.per_square)
    }

    fn rows(self) -> usize {
        self.squares as usize / COLUMNS
    }
}

/// The map before a call with that effect.
pub fn drawing(held: &Held, effect: &Effect, scale: Scale) -> Drawing {
    let mut classes = vec![""; scale.squares as usize];
    for (class, index) in classes.iter_mut().zip(0..) {
        *class = class_of(held, effect, &scale.frames(index));
    }
    let mut body = String::new();
    for row in 0..scale.rows() {
        let (first, y) = (scale.frames((row * COLUMNS) as u32).start, TOP + row * STEP + 11);
        let _ = writeln!(body, "<text class=\"d\" x=\"16\" y=\"{y}\">{first:#x}</text>");
    }
    for class in ["none", "s kernel", "s part", "s user", "s other"] {
        let squares: String =
            classes.iter().enumerate().filter(|(_, own)| **own == class).map(|(index, _)| square(index)).collect();
        if !squares.is_empty() {
            let _ = writeln!(body, "<path class=\"{class}\" d=\"{squares}\"/>");
        }
    }
    let bottom = TOP + scale.rows() * STEP + 14;
    let mut colours = vec![("kernel", "handed out")];
    if scale.per_square > 1 {
        colours.push(("part", "some of them"));
    }
    colours.extend([("user", "this call hands out"), ("other", "this call takes back")]);
    body.push_str(&legend(bottom, &colours));
    Drawing {
        title: format!("The frame map: {} handed out", plural(held.frames.len(), "frame")),
        subtitle: match scale.per_square {
            1 => "Each square is a frame; the number at a row is its first frame's".to_owned(),
            many => format!("Each square is {many} frames; the number at a row is its first frame's"),
        },
        description: description(held),
        body,
        height: bottom + 34,
    }
}

/// How a square is drawn.
fn class_of(held: &Held, effect: &Effect, frames: &Range<u32>) -> &'static str {
    let meets = |part: &Option<Part>| matches!(part, Some(Part::Frames(other)) if other.start < frames.end && frames.start < other.end);
    if meets(&effect.handed_out) {
        return "s user";
    }
    if meets(&effect.taken_back) {
        return "s other";
    }
    match held.frames.range(frames.clone()).count() as u32 {
        0 => "none",
        count if count == frames.end - frames.start => "s kernel",
        _ => "s part",
    }
}

/// The frames that are handed out, neighbours together.
fn description(held: &Held) -> String {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for frame in &held.frames {
        match runs.last_mut() {
            Some(run) if run.end == *frame => run.end += 1,
            _ => runs.push(*frame..frame + 1),
        }
    }
    let words = runs.iter().take(16).map(|run| match run.end - run.start {
        1 => format!("{:#x}", run.start),
        _ => format!("{:#x} to {:#x}", run.start, run.end - 1),
    });
    let words: Vec<String> = words.collect();
    match runs.len() {
        0 => "No frame is handed out.".to_owned(),
        all => format!("Frames {}", first_of(&words, all)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::held::tests::call;
    use super::*;

    #[test]
    fn a_scale_has_every_frame_and_begins_at_a_round_number() {
        assert_eq!(Scale::of(&(0x105..0x108)), Scale { first: 0x100, per_square: 1, squares: 32 });
        for frames in [0..1, 0x1FF..0x201, 0x100..0x10_0000, 5..0x10_0000] {
            let scale = Scale::of(&frames);
            assert!(scale.squares <= MOST && scale.first <= frames.start, "{frames:?}: {scale:?}");
            assert!(scale.frames(scale.squares - 1).end >= frames.end, "{frames:?}: {scale:?}");
        }
    }

    #[test]
    fn a_map_shows_what_is_held_and_what_the_call_does() {
        let mut held = Held::default();
        held.pass(&call("allocate_run", &[], "Some(frames 0x100 to 0x103)"));
        let back = held.effect(&call("free", &[("frame", "frame 0x101 (from 0x0010_1000)")], "Ok(())"));
        let drawing = drawing(&held, &back, Scale::of(&(0x100..0x104)));
        let squares = |class: &str| {
            let path =
                drawing.body.lines().find_map(|line| line.strip_prefix(&format!("<path class=\"{class}\" d=\"")));
            path.map_or(0, |path| path.matches('M').count())
        };
        assert_eq!(["none", "s kernel", "s user", "s other"].map(squares), [28, 3, 0, 1]);
        assert_eq!(drawing.title, "The frame map: 4 frames handed out");
        assert_eq!(drawing.description, "Frames 0x100 to 0x103.");
        let coarse = Scale { first: 0, per_square: 0x80, squares: 32 };
        assert_eq!(class_of(&held, &Effect::default(), &coarse.frames(2)), "s part");
    }
}
