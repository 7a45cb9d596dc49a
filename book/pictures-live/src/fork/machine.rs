//! The processes, and the events that can happen to them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use mm_api::layout::PAGE_SIZE;
use mm_api::{DemandPaging, Page, PageRange, Pages, Purpose, Region, Rights, SharedPages, Sharing};
use mm_host::{FakeFork, FakeProcess};
use mmap::Demand;

/// How many pages a process has in the picture. The last page is shared.
pub const PAGES: usize = 4;
const PRIVATE: u32 = 3;

/// The first page's number. Any number would do.
const FIRST: u32 = 0x2_0000;

/// One of the two processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// The first process.
    Parent,
    /// The process that the fork makes.
    Child,
}

/// An event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The parent forks.
    Fork,
    /// A process writes to the page at this place, from 0.
    Write(Who, usize),
    /// A process exits.
    Exit(Who),
}

/// All events, with their names.
const EVENTS: [(&str, Event); 11] = [
    ("fork", Event::Fork),
    ("write-parent-1", Event::Write(Who::Parent, 0)),
    ("write-parent-2", Event::Write(Who::Parent, 1)),
    ("write-parent-3", Event::Write(Who::Parent, 2)),
    ("write-parent-4", Event::Write(Who::Parent, 3)),
    ("write-child-1", Event::Write(Who::Child, 0)),
    ("write-child-2", Event::Write(Who::Child, 1)),
    ("write-child-3", Event::Write(Who::Child, 2)),
    ("write-child-4", Event::Write(Who::Child, 3)),
    ("exit-parent", Event::Exit(Who::Parent)),
    ("exit-child", Event::Exit(Who::Child)),
];

impl Event {
    /// The event of this name.
    pub fn parse(name: &str) -> Option<Self> {
        EVENTS.iter().find(|(known, _)| *known == name).map(|(_, event)| *event)
    }

    /// All events.
    pub fn all() -> impl Iterator<Item = Self> {
        EVENTS.iter().map(|(_, event)| *event)
    }

    /// The name of the event.
    pub fn name(self) -> &'static str {
        EVENTS.iter().find(|(_, event)| *event == self).map_or("", |(name, _)| name)
    }
}

/// The effect of an event. Frames are named by their numbers in the picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// The process was forked, and the shared page was filled for it.
    Forked {
        /// Whether the shared page had no frame before the fork.
        filled: bool,
    },
    /// The page got its first frame.
    Filled(usize),
    /// The page got a copy.
    Copied {
        /// The old frame.
        from: usize,
        /// The new frame.
        to: usize,
    },
    /// The page became writable again.
    Allowed(usize),
    /// There was no fault; this many pages have the frame.
    Written(u32),
    /// This many frames were given back.
    Left(u32),
}

/// A page that has a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The frame's number in the picture, from 1.
    pub frame: usize,
    /// At how many pages the frame is mapped.
    pub users: u32,
    /// Whether the program may write to the page.
    pub writable: bool,
    /// What the page contains, up to the first zero.
    pub contents: String,
}

/// Both processes, and the frames.
pub struct Machine {
    parent: Option<FakeProcess>,
    child: Option<FakeProcess>,
    /// The frames in use, each at its number in the picture less 1. A freed frame leaves its place to another.
    places: Vec<Option<u32>>,
    /// The frame that was written to last.
    pub last: Option<(Who, usize)>,
    writes: u32,
}

impl Machine {
    /// A process that has written to its first two pages and shares the last.
    pub fn new() -> Self {
        let mut machine =
            Self { parent: Some(FakeProcess::new()), child: None, places: Vec::new(), last: None, writes: 0 };
        for (place, text) in [(0, "one"), (1, "two"), (3, "shared")] {
            machine.write(Who::Parent, place, text);
        }
        machine.last = None;
        machine
    }

    /// Whether an event is possible now.
    pub fn is_possible(&self, event: Event) -> bool {
        match event {
            Event::Fork => self.parent.is_some() && self.child.is_none(),
            Event::Write(who, _) | Event::Exit(who) => self.process(who).is_some(),
        }
    }

    /// Lets a possible event happen.
    pub fn make(&mut self, event: Event) -> Done {
        self.last = None;
        match event {
            Event::Fork => self.fork(),
            Event::Write(who, place) => {
                self.writes += 1;
                let name = if who == Who::Parent { "parent" } else { "child" };
                self.write(who, place, &format!("{name}, {}", self.writes))
            }
            Event::Exit(who) => {
                let before = self.frames();
                *self.process_mut(who) = None;
                self.note_frames();
                Done::Left(before - self.frames())
            }
        }
    }

    /// How many frames are in use.
    pub fn frames(&self) -> u32 {
        self.places.iter().flatten().count() as u32
    }

    /// The highest number that a frame has or had.
    pub fn highest(&self) -> usize {
        self.places.len()
    }

    /// The pages of a process; `None` for a page without a frame. Empty if there is no such process.
    pub fn pages(&self, who: Who) -> Vec<Option<Mapped>> {
        let process = self.process(who);
        process.map_or_else(Vec::new, |process| (0..PAGES).map(|place| self.mapped(process, place)).collect())
    }

    fn mapped(&self, process: &FakeProcess, place: usize) -> Option<Mapped> {
        let page = page(place);
        let frame = self.place_of(process.frame(page)?)?;
        let bytes = process.contents(page);
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(Mapped {
            frame,
            users: process.users(page),
            writable: process.protection(page).is_some_and(|protection| protection.writable),
            contents: String::from_utf8_lossy(text).to_string(),
        })
    }

    fn place_of(&self, frame: u32) -> Option<usize> {
        self.places.iter().position(|place| *place == Some(frame)).map(|index| index + 1)
    }

    fn process(&self, who: Who) -> Option<&FakeProcess> {
        match who {
            Who::Parent => self.parent.as_ref(),
            Who::Child => self.child.as_ref(),
        }
    }

    fn process_mut(&mut self, who: Who) -> &mut Option<FakeProcess> {
        match who {
            Who::Parent => &mut self.parent,
            Who::Child => &mut self.child,
        }
    }

    /// The kernel's work for a `fork`, with lab 07's code.
    fn fork(&mut self) -> Done {
        let Some(parent) = self.parent.take() else { return Done::Forked { filled: false } };
        let filled = !parent.is_mapped(page(PAGES - 1));
        let mut fork = FakeFork::of(parent);
        for region in [region(0), region(PAGES - 1)] {
            // There is no limit to the frames.
            let _ = Demand::fork(&mut fork, &region);
        }
        (self.parent, self.child) = (Some(fork.parent), Some(fork.child));
        self.note_frames();
        Done::Forked { filled }
    }

    /// The processor's and the kernel's work for a write, with lab 07's code.
    fn write(&mut self, who: Who, place: usize, text: &str) -> Done {
        let (page, region) = (page(place), region(place));
        let from = self.process(who).and_then(|process| process.frame(page)).and_then(|frame| self.place_of(frame));
        let Some(process) = self.process_mut(who) else { return Done::Written(0) };
        let protection = process.protection(page);
        let may_write = protection.is_some_and(|protection| protection.writable);
        // There is no limit to the frames, so nothing is refused.
        let _ = match protection {
            None => Demand::fill(process, &region, page),
            Some(_) if !may_write => Demand::write(process, &region, page),
            Some(_) => Ok(()),
        };
        let mut bytes = vec![0; PAGE_SIZE as usize];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        process.write(page.start(), &bytes);
        let (users, frame) = (process.users(page), process.frame(page));
        self.note_frames();
        self.last = Some((who, place));
        let to = frame.and_then(|frame| self.place_of(frame)).unwrap_or_default();
        match from {
            None => Done::Filled(to),
            Some(_) if may_write => Done::Written(users),
            Some(from) if from != to => Done::Copied { from, to },
            Some(_) => Done::Allowed(to),
        }
    }

    /// Numbers new frames, and takes the numbers of freed ones.
    fn note_frames(&mut self) {
        let processes = self.parent.iter().chain(&self.child);
        let used: Vec<u32> =
            processes.flat_map(|process| (0..PAGES).filter_map(|place| process.frame(page(place)))).collect();
        for place in &mut self.places {
            *place = place.filter(|frame| used.contains(frame));
        }
        for frame in used {
            if !self.places.contains(&Some(frame)) {
                match self.places.iter_mut().find(|place| place.is_none()) {
                    Some(place) => *place = Some(frame),
                    None => self.places.push(Some(frame)),
                }
            }
        }
    }
}

fn page(place: usize) -> Page {
    Page::new(FIRST + place as u32).expect("there are a million pages")
}

/// The region of a page.
fn region(place: usize) -> Region {
    let is_private = place < PRIVATE as usize;
    let (first, len) = if is_private { (0, PRIVATE) } else { (PRIVATE as usize, 1) };
    let sharing = if is_private { Sharing::Private } else { Sharing::Shared };
    let pages = PageRange::new(page(first), len).expect("there are a million pages");
    Region { pages, rights: Rights::READ_WRITE, purpose: Purpose::Mapping, sharing }
}
