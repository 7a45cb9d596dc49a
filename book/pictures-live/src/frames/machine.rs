//! A small memory, its allocator, and the state of each frame.

use alloc::vec::Vec;

use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, FreeError, MemoryMap, MemoryRegion, Order, PhysRange, RegionKind,
};
use mm_host::HostLender;
use pmm::Pmm;

/// Frames in the picture: four words of a bitmap.
pub const FRAMES: u32 = 128;

/// The memory ends in the middle of a word, and its first frames are reserved.
const MAP: MemoryMap<'_> = MemoryMap {
    regions: &[MemoryRegion { base: 0, length: 120 * 4096, kind: RegionKind::Usable }],
    reserved: &[PhysRange { start: 0, end: 3 * 4096 }],
};

/// The state of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Reserved, or not memory at all.
    NotManaged,
    /// Lent to the allocator for its records.
    Records,
    /// Free.
    Free,
    /// Handed out.
    Allocated,
}

/// An event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A run is allocated.
    Allocate(Order),
    /// A run is freed: the number of its first frame, and its order.
    Free(u32, Order),
    /// All frames are allocated.
    AllocateAll,
    /// Every second allocated frame is freed.
    FreeEverySecond,
}

impl Event {
    /// Parses `a`, `r2`, `f17` or `F16.2`: allocate a frame or a run of order 2, free a frame or a run; `all`
    /// allocates all frames, and `half` frees every second one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "a" => return Some(Self::Allocate(Order::ZERO)),
            "all" => return Some(Self::AllocateAll),
            "half" => return Some(Self::FreeEverySecond),
            _ => {}
        }
        if let Some(power) = text.strip_prefix('r') {
            return order(power).map(Self::Allocate);
        }
        if let Some(frame) = text.strip_prefix('f') {
            return frame.parse().ok().map(|frame| Self::Free(frame, Order::ZERO));
        }
        let (frame, power) = text.strip_prefix('F')?.split_once('.')?;
        Some(Self::Free(frame.parse().ok()?, order(power)?))
    }
}

/// The order with this power.
pub fn order(power: &str) -> Option<Order> {
    power.parse().ok().and_then(Order::new)
}

/// The effect of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// A run was allocated.
    Allocated(FrameRun),
    /// There is no such run.
    NoRun(Order),
    /// A run was freed.
    Freed(FrameRun),
    /// The free was refused.
    Refused(FreeError),
    /// No run of this order begins there.
    NoSuchRun,
    /// This many frames were allocated, until none was free.
    AllocatedAll(u32),
    /// This many frames were freed.
    FreedEverySecond(u32),
}

/// The memory and its allocator.
pub struct Machine {
    allocator: Pmm,
    states: [State; FRAMES as usize],
    /// The frames of the last event.
    pub last: FrameRange,
}

impl Machine {
    /// A machine that has just booted.
    ///
    /// # Panics
    /// If the allocator does not manage its memory.
    pub fn new() -> Self {
        let mut lender = HostLender::new(&MAP);
        let allocator = Pmm::new(&MAP, &mut lender).unwrap_or_else(|error| panic!("{error}"));
        let states = core::array::from_fn(|number| match Frame::new(number as u32) {
            Some(frame) if lender.is_lent(frame) => State::Records,
            Some(frame) if mm_oracle::is_usable(&MAP, frame) => State::Free,
            _ => State::NotManaged,
        });
        Self { allocator, states, last: FrameRange::EMPTY }
    }

    /// Lets an event happen.
    pub fn make(&mut self, event: Event) -> Done {
        self.last = FrameRange::EMPTY;
        match event {
            Event::Allocate(order) => match self.allocator.allocate_run(order) {
                Some(run) => {
                    self.mark(run, State::Allocated);
                    Done::Allocated(run)
                }
                None => Done::NoRun(order),
            },
            Event::Free(number, order) => self.free_run(number, order),
            Event::AllocateAll => {
                let free = self.free();
                while let Some(run) = self.allocator.allocate_run(Order::ZERO) {
                    self.mark(run, State::Allocated);
                }
                self.last = FrameRange::EMPTY;
                Done::AllocatedAll(free - self.free())
            }
            Event::FreeEverySecond => {
                let free = self.free();
                let allocated = |number: &u32| self.state(*number) == State::Allocated;
                let numbers: Vec<u32> = (0..FRAMES).filter(allocated).step_by(2).collect();
                for number in numbers {
                    self.free_run(number, Order::ZERO);
                }
                self.last = FrameRange::EMPTY;
                Done::FreedEverySecond(self.free() - free)
            }
        }
    }

    fn free_run(&mut self, number: u32, order: Order) -> Done {
        let Some(frame) = Frame::new(number) else { return Done::Refused(FreeError::NotManaged) };
        let Some(run) = FrameRun::new(frame, order) else { return Done::NoSuchRun };
        match self.allocator.free_run(run) {
            Ok(()) => {
                self.mark(run, State::Free);
                Done::Freed(run)
            }
            Err(error) => Done::Refused(error),
        }
    }

    fn mark(&mut self, run: FrameRun, state: State) {
        self.last = run.frames();
        for frame in run.frames().iter() {
            if let Some(place) = self.states.get_mut(frame.number() as usize) {
                *place = state;
            }
        }
    }

    /// The state of a frame.
    pub fn state(&self, number: u32) -> State {
        self.states.get(number as usize).copied().unwrap_or(State::NotManaged)
    }

    /// How many frames are free, by the allocator's count.
    pub fn free(&self) -> u32 {
        self.allocator.free_frames()
    }

    /// The runs whose frames are all free.
    pub fn free_runs(&self, order: Order) -> impl Iterator<Item = FrameRun> {
        let starts = (0..FRAMES).step_by(order.frames() as usize);
        let runs = starts.filter_map(move |number| FrameRun::new(Frame::new(number)?, order));
        runs.filter(|run| run.frames().iter().all(|frame| self.state(frame.number()) == State::Free))
    }
}
