//! A process, its fork, and the frames that they share: lab 07's reference at work.

mod machine;
mod picture;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::Shown;
use crate::drawing::plural;
use crate::input::value;

use machine::{Done, Event, Machine, Who};

/// The first state of the picture, for a reader with scripts.
pub const CHOICES: &str = "events\tthe first state\tfork write-child-1";

/// Draws the two processes after all events.
pub fn show(input: &str) -> Shown {
    let first = || CHOICES.rsplit('\t').next().unwrap_or_default();
    let mut machine = Machine::new();
    let mut says =
        String::from("One process, with two pages that were written to, one that was not, and one to share.");
    for word in value(input, "events").unwrap_or_else(first).split_ascii_whitespace() {
        says = match Event::parse(word).filter(|event| machine.is_possible(*event)) {
            Some(event) => sentence(event, machine.make(event)),
            None => format!("“{word}” cannot happen here."),
        };
    }
    says = format!("{says} {} in use.", frames(machine.frames(), "is", "are"));
    let possible: Vec<&str> = Event::all().filter(|event| machine.is_possible(*event)).map(Event::name).collect();
    let svg = picture::draw(&machine, &says);
    Shown { says, state: possible.join(" "), svg }
}

/// "1 frame is", "2 frames are", with these verbs.
fn frames(count: u32, does: &str, and_do: &str) -> String {
    format!("{} {}", plural(count, "frame"), if count == 1 { does } else { and_do })
}

/// The last event, in words.
fn sentence(event: Event, done: Done) -> String {
    let name = |who| if who == Who::Parent { "parent" } else { "child" };
    let whose = match event {
        Event::Write(who, place) => format!("The {} writes to page {}", name(who), place + 1),
        Event::Exit(who) => format!("The {} exits", name(who)),
        Event::Fork => String::from("The parent forks"),
    };
    let what = match done {
        Done::Forked { filled: false } => "no page is copied, and no private page may be written to.".into(),
        Done::Forked { filled: true } => {
            "no page is copied, and no private page may be written to. The shared page gets its first frame.".into()
        }
        Done::Filled(frame) => {
            format!("a page fault, since the page has no frame yet. It gets frame {frame}, full of zeros.")
        }
        Done::Copied { from, to } => {
            format!("a page fault, since another page has frame {from}, too. It gets a copy, frame {to}.")
        }
        Done::Allowed(frame) => {
            format!("a page fault, but no other page has frame {frame}. It may be written to again; nothing is copied.")
        }
        Done::Written(1) => "no fault.".into(),
        Done::Written(_) => "no fault, and both see what is written.".into(),
        Done::Left(freed) => format!("{} back that no other page has.", frames(freed, "goes", "go")),
    };
    format!("{whose}: {what}")
}

#[cfg(all(test, feature = "references"))]
mod tests {
    use super::*;

    fn says(events: &str) -> String {
        show(&format!("events {events}")).says
    }

    #[test]
    fn a_fork_copies_nothing_and_a_write_one_page() {
        assert!(says("fork").ends_with("3 frames are in use."), "{}", says("fork"));
        assert!(
            says("fork write-child-1").contains("It gets a copy, frame 4. 4 frames are"),
            "{}",
            says("fork write-child-1")
        );
        assert!(says("fork write-child-1 write-parent-1").contains("nothing is copied. 4 frames are"));
        assert!(says("fork write-child-1 write-child-1").contains("no fault. 4 frames are"));
    }

    #[test]
    fn a_shared_page_stays_shared() {
        assert!(
            says("fork write-child-4").contains("both see what is written. 3 frames are"),
            "{}",
            says("fork write-child-4")
        );
        assert!(says("fork write-child-3").contains("full of zeros. 4 frames are"));
    }

    #[test]
    fn who_exits_gives_back_what_nobody_else_has() {
        assert!(
            says("fork write-child-1 exit-child")
                .ends_with("The child exits: 1 frame goes back that no other page has. 3 frames are in use.")
        );
        assert!(says("fork exit-parent").contains("0 frames go back"), "{}", says("fork exit-parent"));
        assert!(says("fork exit-parent exit-child").ends_with("0 frames are in use."));
        // A process that has the frame alone may write again without a copy.
        assert!(says("fork exit-parent write-child-1").contains("nothing is copied. 3 frames are"));
    }

    #[test]
    fn what_is_possible_is_told() {
        assert_eq!(show("events exit-parent").state, "");
        assert!(
            show("events fork").state.starts_with("write-parent-1 ")
                && show("events fork").state.contains("exit-child")
        );
        assert!(says("write-child-1").contains("“write-child-1” cannot happen here."));
        assert!(says("fork fork zebra").contains("“zebra” cannot happen here."));
    }

    /// After any events, the frames' counts are the numbers of pages that have them.
    #[test]
    fn counts_are_those_of_the_pages() {
        let all: Vec<Event> = Event::all().collect();
        let mut machine = Machine::new();
        let mut number = 12345_u32;
        for _ in 0..2000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let event = all[(number >> 16) as usize % all.len()];
            if machine.is_possible(event) && !matches!(event, Event::Exit(Who::Parent)) {
                machine.make(event);
            }
            let pages: Vec<_> =
                [Who::Parent, Who::Child].into_iter().flat_map(|who| machine.pages(who)).flatten().collect();
            for page in &pages {
                let with_it = pages.iter().filter(|other| other.frame == page.frame).count();
                assert_eq!(page.users as usize, with_it);
            }
        }
    }
}
