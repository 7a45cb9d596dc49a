//! What a lab has handed out and not taken back, as its calls and their answers say.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::debug::Call;

/// What hands something out, takes it back, or does both.
const HAND_OUT: [&str; 5] = ["allocate", "allocate_run", "allocate_zeroed", "allocate_array", "reallocate"];
const TAKE_BACK: [&str; 3] = ["free", "free_run", "reallocate"];

/// Frames by their numbers, or the bytes of a block of a heap by their addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Frames.
    Frames(Range<u32>),
    /// A block. What is asked for, not what the heap keeps beside it.
    Block(Range<u32>),
}

/// What a call does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Effect {
    /// What it hands out.
    pub handed_out: Option<Part>,
    /// What it takes back.
    pub taken_back: Option<Part>,
}

/// What is handed out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Frames.
    pub frames: BTreeSet<u32>,
    /// Blocks: where each begins, and so many bytes of it were asked for.
    pub blocks: BTreeMap<u32, u32>,
}

impl Held {
    /// What a call does, seen from before it.
    pub fn effect(&self, call: &Call) -> Effect {
        let is_one_of = |names: &[&str]| names.contains(&call.name.as_str());
        let Some(granted) = call.answer.as_deref().and_then(granted) else { return Effect::default() };
        Effect {
            handed_out: if is_one_of(&HAND_OUT) { handed_out(granted, call) } else { None },
            taken_back: if is_one_of(&TAKE_BACK) { self.taken_back(call) } else { None },
        }
    }

    fn taken_back(&self, call: &Call) -> Option<Part> {
        if let Some(block) = argument(call, "block") {
            let at = number(block)?;
            return Some(Part::Block(at..at.saturating_add(*self.blocks.get(&at)?)));
        }
        frames(argument(call, "frame").or(argument(call, "run"))?).map(Part::Frames)
    }

    /// Goes past a call. A new allocator has handed out nothing.
    pub fn pass(&mut self, call: &Call) {
        if call.name == "new" {
            *self = Self::default();
        }
        let effect = self.effect(call);
        match effect.taken_back {
            Some(Part::Frames(gone)) => self.frames.retain(|frame| !gone.contains(frame)),
            Some(Part::Block(gone)) => drop(self.blocks.remove(&gone.start)),
            None => {}
        }
        match effect.handed_out {
            Some(Part::Frames(new)) => self.frames.extend(new),
            Some(Part::Block(new)) => drop(self.blocks.insert(new.start, new.end - new.start)),
            None => {}
        }
    }
}

/// What a call hands out, whose answer holds this.
fn handed_out(granted: &str, call: &Call) -> Option<Part> {
    if let Some(frames) = frames(granted) {
        return Some(Part::Frames(frames));
    }
    let at = number(granted)?;
    let size = match argument(call, "layout") {
        Some(layout) => number(layout)?,
        None => number(argument(call, "count")?)?.checked_mul(number(argument(call, "size")?)?)?,
    };
    Some(Part::Block(at..at.saturating_add(size)))
}

/// What is in an answer that grants something: `Ok(…)` or `Some(…)`.
fn granted(answer: &str) -> Option<&str> {
    let inside = answer.strip_prefix("Ok(").or_else(|| answer.strip_prefix("Some("))?;
    inside.strip_suffix(')')
}

fn argument<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.arguments.get(name)?.as_deref()
}

/// `frame 0x46 (from 0x0004_6000)` or `frames 0x40 to 0x43`.
fn frames(words: &str) -> Option<Range<u32>> {
    if let Some(words) = words.strip_prefix("frames ") {
        let (first, last) = words.split_once(" to ")?;
        return Some(number(first)?..number(last)?.checked_add(1)?);
    }
    let frame = number(words.strip_prefix("frame ")?)?;
    Some(frame..frame.checked_add(1)?)
}

/// The number at the beginning of words: `0xF800_0010` or `16 bytes`.
fn number(words: &str) -> Option<u32> {
    let word = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?.replace('_', "");
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A call with these arguments and this answer.
    pub fn call(name: &str, arguments: &[(&str, &str)], answer: &str) -> Call {
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        Call {
            name: name.to_owned(),
            arguments: arguments.collect(),
            answer: Some(answer.to_owned()),
            words: format!("{name}(…) -> {answer}"),
            place: "kernel/checks/src/a.rs:3".to_owned(),
        }
    }

    #[test]
    fn frames_are_handed_out_and_taken_back_alone_and_in_runs() {
        let mut held = Held::default();
        held.pass(&call("allocate", &[], "Some(frame 0x46 (from 0x0004_6000))"));
        held.pass(&call("allocate_run", &[("order", "order 2")], "Some(frames 0x40 to 0x43)"));
        held.pass(&call("allocate", &[], "None"));
        held.pass(&call("free", &[("frame", "frame 0x41 (from 0x0004_1000)")], "Ok(())"));
        held.pass(&call("free", &[("frame", "frame 0x42 (from 0x0004_2000)")], "Err(AlreadyFree)"));
        assert_eq!(held.frames, [0x40, 0x42, 0x43, 0x46].into());
        let back = call("free_run", &[("run", "frames 0x42 to 0x43")], "Ok(())");
        assert_eq!(held.effect(&back).taken_back, Some(Part::Frames(0x42..0x44)));
        held.pass(&back);
        assert_eq!(held.frames, [0x40, 0x46].into());
        held.pass(&call("new", &[], "Ok(Pmm {…})"));
        assert_eq!(held, Held::default());
    }

    #[test]
    fn blocks_have_the_size_that_was_asked_for() {
        let mut held = Held::default();
        held.pass(&call("allocate", &[("layout", "24 bytes, aligned to 8")], "Ok(0xF800_0010)"));
        held.pass(&call("allocate_array", &[("count", "3"), ("size", "8")], "Ok(0xF800_0040)"));
        held.pass(&call("allocate_array", &[("count", "3"), ("size", "4294967295")], "Err(OutOfMemory)"));
        assert_eq!(held.blocks, [(0xF800_0010, 24), (0xF800_0040, 24)].into());
        let arguments = [("block", "0xF800_0010"), ("layout", "64 bytes, aligned to 8")];
        let moved = call("reallocate", &arguments, "Ok(0xF800_0080)");
        assert_eq!(
            held.effect(&moved),
            Effect {
                handed_out: Some(Part::Block(0xF800_0080..0xF800_00C0)),
                taken_back: Some(Part::Block(0xF800_0010..0xF800_0028)),
            }
        );
        held.pass(&moved);
        held.pass(&call("free", &[("block", "0xF800_0040")], "Ok(())"));
        assert_eq!(held.blocks, [(0xF800_0080, 64)].into());
    }

    #[test]
    fn what_cannot_be_told_has_no_effect() {
        let held = Held::default();
        let mut unknown = call("free", &[], "Ok(())");
        unknown.arguments.insert("block".to_owned(), None);
        assert_eq!(held.effect(&unknown), Effect::default());
        for answer in ["Ok(nonsense)", "Some(frame x)", "Some(frames 0x1 to )", "", "Ok(0xFFFF_FFFF_F)"] {
            assert_eq!(held.effect(&call("allocate", &[("layout", "1 byte")], answer)), Effect::default(), "{answer}");
        }
    }
}
