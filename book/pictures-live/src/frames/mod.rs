//! A frame allocator at work: lab 01's reference on a small memory.

mod machine;
mod picture;

use alloc::format;
use alloc::string::{String, ToString};

use mm_api::{FreeError, Order};

use crate::Shown;
use crate::drawing::plural;
use crate::input::{choices, value};

use machine::{Done, Event, Machine};

/// Orders, and states worth a look.
pub const CHOICES: &str = "order\t0: 1 frame\t0
order\t1: 2 frames\t1
order\t2: 4 frames\t2
order\t3: 8 frames\t3
order\t4: 16 frames\t4
order\t5: 32 frames\t5
events\tA memory in use\tr3 a a r2 r4 a a f8 r1 f17 f16 a
events\tStart over\t
events\tHalf of it free\tall half";

/// The order whose runs are shown at first.
const FIRST_ORDER: &str = "2";

/// Draws the memory after all events, with the free runs of an order.
pub fn show(input: &str) -> Shown {
    let first = || choices(CHOICES, "events").next().map_or("", |(_, events)| events);
    let order = machine::order(value(input, "order").unwrap_or(FIRST_ORDER)).unwrap_or(Order::ZERO);
    let mut machine = Machine::new();
    let mut says = String::from("Nothing is handed out yet.");
    for word in value(input, "events").unwrap_or_else(first).split_ascii_whitespace() {
        says = match Event::parse(word) {
            Some(event) => sentence(&machine.make(event)),
            None => format!("“{word}” cannot happen here."),
        };
    }
    let runs = machine.free_runs(order).count() as u32;
    let free = are(machine.free());
    says = match order.power() {
        0 => format!("{says} {free} free."),
        power => format!("{says} {free} free, with {} of order {power}.", plural(runs, "free run")),
    };
    let svg = picture::draw(&machine, order, &says);
    Shown { says, state: machine.free().to_string(), svg }
}

/// `1 frame is`, `2 frames are`.
fn are(count: u32) -> String {
    plural(count, "frame") + if count == 1 { " is" } else { " are" }
}

/// The last event, in words.
fn sentence(done: &Done) -> String {
    match done {
        Done::Allocated(run) if run.order() == Order::ZERO => format!("Frame {} is handed out.", run.first().number()),
        Done::Allocated(run) => {
            let frames = run.frames();
            format!(
                "Frames {} to {} are handed out, a run of order {}.",
                frames.start(),
                frames.end() - 1,
                run.order().power()
            )
        }
        Done::NoRun(order) if *order == Order::ZERO => "No frame is free.".into(),
        Done::NoRun(order) => format!("No run of order {} is free.", order.power()),
        Done::Freed(run) if run.order() == Order::ZERO => format!("Frame {} is free again.", run.first().number()),
        Done::Freed(run) => format!("Frames {} to {} are free again.", run.frames().start(), run.frames().end() - 1),
        Done::Refused(FreeError::AlreadyFree) => "Refused: that is free already. Nothing has changed.".into(),
        Done::Refused(FreeError::NotManaged) => {
            "Refused: that is no frame that the allocator manages. Nothing has changed.".into()
        }
        Done::AllocatedAll(0) => "No frame is free.".into(),
        Done::AllocatedAll(count) => format!("{} handed out.", are(*count)),
        Done::FreedEverySecond(count) => format!("{} free again: every second one.", are(*count)),
        Done::NoSuchRun => "A run begins at a multiple of its length.".into(),
    }
}

#[cfg(all(test, feature = "references"))]
mod tests {
    use super::*;

    fn says(events: &str, order: u32) -> String {
        show(&format!("order {order}\nevents {events}")).says
    }

    #[test]
    fn frames_and_runs_come_and_go() {
        let all: u32 = show("events ").state.parse().unwrap();
        assert_eq!(show("events a").state, (all - 1).to_string());
        assert_eq!(show("events r3 a").state, (all - 9).to_string());
        assert!(says("r2 a", 0).contains("is handed out."), "{}", says("r2 a", 0));
    }

    #[test]
    fn what_cannot_be_freed_is_refused() {
        assert!(says("f40", 0).starts_with("Refused: that is free already."), "{}", says("f40", 0));
        assert!(
            says("f0", 0).starts_with("Refused: that is no frame that the allocator manages."),
            "{}",
            says("f0", 0)
        );
        assert!(says("f4000", 0).starts_with("Refused: that is no frame"), "{}", says("f4000", 0));
        assert!(says("F33.2", 0).starts_with("A run begins at a multiple"));
        for word in ["x", "r", "r21", "f", "f-1", "F1", "F1.", "F4.x", "f99999999999"] {
            assert!(says(word, 0).contains("cannot happen here."), "{word}: {}", says(word, 0));
        }
    }

    #[test]
    fn half_of_the_memory_may_be_free_without_a_run() {
        let says = says("all half", 1);
        assert!(
            says.starts_with("58 frames are free again: every second one. 58 frames are free, with 0 free runs"),
            "{says}"
        );
    }

    /// After any events, the allocator finds a run exactly if the picture shows one, and its count is the picture's.
    #[test]
    fn the_allocator_finds_what_the_picture_shows() {
        let mut machine = Machine::new();
        let mut number = 99_u32;
        for _ in 0..3000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (frame, kind, power) = (number >> 24 & 127, number >> 20 & 3, number >> 16 & 7);
            let text = match kind {
                0 => "a".to_string(),
                1 => format!("r{}", power % 6),
                2 => format!("f{frame}"),
                _ => format!("F{}.{}", frame >> 2 << 2, power % 3),
            };
            let event = Event::parse(&text).unwrap();
            let shown: alloc::vec::Vec<u32> = match event {
                Event::Allocate(order) => machine.free_runs(order).map(|run| run.first().number()).collect(),
                _ => alloc::vec::Vec::new(),
            };
            match machine.make(event) {
                Done::Allocated(run) => assert!(shown.contains(&run.first().number()), "{text}"),
                Done::NoRun(_) => assert!(shown.is_empty(), "{text}"),
                _ => {}
            }
            assert_eq!(machine.free(), machine.free_runs(Order::ZERO).count() as u32);
        }
    }
}
