//! The frame allocator compared with a model: the set of free frames.
//!
//! Random maps and random calls, valid and invalid ones. When a case fails,
//! proptest shrinks it to the shortest one that still fails.
//!
//! `PROPTEST_CASES=5000 cargo test -p pmm --test model` tries more of them.

mod common;

use std::collections::BTreeSet;

use common::{Built, MIB, Map, PAGE, frame, numbers, order, run};
use mm_api::{FrameAllocator, FrameRun, FreeError, Order};
pub use pmm::Pmm;
use proptest::collection::vec;
use proptest::prelude::*;

/// Random regions lie below this.
const LIMIT: u64 = 12 * MIB;

/// A call, with numbers that choose among the frames that exist when it is made.
#[derive(Clone, Debug)]
enum Call {
    Allocate,
    AllocateRun(u8),
    /// One of the allocated frames.
    Free(usize),
    /// The aligned run of this order around one of the allocated frames, allocated or not.
    FreeRun(usize, u8),
    /// Any frame in or near the memory.
    FreeAny(u32),
    /// Any run in or near the memory.
    FreeRunAny(u32, u8),
    /// All allocated frames, one by one; from the last to the first if `true`.
    FreeAll(bool),
    /// As many frames as there are.
    AllocateAll,
}

fn call() -> impl Strategy<Value = Call> {
    let power = || prop_oneof![4 => 0..=5u8, 1 => 0..=10u8];
    // Also frames past the end of the home region.
    let number = || 0..(LIMIT / PAGE) as u32 + 2048;
    prop_oneof![
        10 => Just(Call::Allocate),
        10 => power().prop_map(Call::AllocateRun),
        10 => any::<usize>().prop_map(Call::Free),
        6 => (any::<usize>(), power()).prop_map(|(which, power)| Call::FreeRun(which, power)),
        3 => number().prop_map(Call::FreeAny),
        3 => (number(), power()).prop_map(|(number, power)| Call::FreeRunAny(number, power)),
        1 => any::<bool>().prop_map(Call::FreeAll),
        1 => Just(Call::AllocateAll),
    ]
}

/// Mostly whole frames, sometimes a few bytes more or less.
fn address(limit: u64) -> impl Strategy<Value = u64> {
    (0..limit / PAGE, prop_oneof![3 => Just(0), 1 => 0..PAGE]).prop_map(|(number, offset)| number * PAGE + offset)
}

/// A base and a length: mostly small, now and then large.
fn piece() -> impl Strategy<Value = (u64, u64)> {
    let length = prop_oneof![4 => address(64 * PAGE), 1 => address(6 * MIB), 1 => Just(0)];
    (address(LIMIT), length).prop_map(|(base, length)| (base, length.min(LIMIT - base)))
}

/// Random regions and reserved ranges below [`LIMIT`], and above it one usable
/// region that has room for any allocator's records.
fn map() -> impl Strategy<Value = Map> {
    let usable = vec((piece(), any::<bool>()), 0..12);
    let others = (vec(piece(), 0..6), vec(piece(), 0..6));
    (usable, others, 512..1600u64).prop_map(|(usable, (unusable, reserved), home)| {
        let mut map = Map::new();
        for ((base, length), before) in usable {
            // Unsorted, and sometimes with the home region in the middle.
            if before && map.regions.iter().all(|region| region.base < LIMIT) {
                map = map.usable(LIMIT, home * PAGE);
            }
            map = map.usable(base, length);
        }
        if map.regions.iter().all(|region| region.base < LIMIT) {
            map = map.usable(LIMIT, home * PAGE);
        }
        for (base, length) in unusable {
            map = map.unusable(base, length);
        }
        for (base, length) in reserved {
            map = map.reserved(base, base + length);
        }
        map
    })
}

/// The allocator, and the set of its free frames.
struct Model {
    built: Built,
    free: BTreeSet<u32>,
}

impl Model {
    fn new(map: &Map) -> Self {
        let built = map.build();
        Self { free: built.managed.clone(), built }
    }

    fn allocated(&self) -> impl DoubleEndedIterator<Item = u32> {
        self.built.managed.iter().copied().filter(|number| !self.free.contains(number))
    }

    /// One of the allocated frames.
    fn choose(&self, which: usize) -> Option<u32> {
        let count = self.built.managed.len() - self.free.len();
        self.allocated().nth(which.checked_rem(count)?)
    }

    fn has_run(&self, order: Order) -> bool {
        let size = order.frames();
        let starts = self.free.iter().filter(|&&number| number.is_multiple_of(size));
        starts.into_iter().any(|&first| (first..first + size).all(|number| self.free.contains(&number)))
    }

    /// Whether a frame was handed out: `false` if none was.
    fn allocate(&mut self) -> bool {
        let seen = self.built.pmm.allocate();
        assert_eq!(
            seen.is_some(),
            !self.free.is_empty(),
            "allocate() gave {seen:?} with {} frames free",
            self.free.len()
        );
        let Some(frame) = seen else { return false };
        self.built.check_managed(frame.number());
        assert!(self.free.remove(&frame.number()), "allocate() gave {frame}, which is not free");
        true
    }

    fn allocate_run(&mut self, order: Order) {
        let seen = self.built.pmm.allocate_run(order);
        assert_eq!(
            seen.is_some(),
            self.has_run(order),
            "allocate_run({order}) gave {seen:?}; whether there is one (right)"
        );
        if let Some(run) = seen {
            self.built.check_run(run, order);
            for number in numbers(run.frames()) {
                assert!(
                    self.free.remove(&number),
                    "allocate_run({order}) gave {run:?}, but {} is not free",
                    frame(number)
                );
            }
        }
    }

    fn free(&mut self, number: u32) {
        let expected = self.verdict(number..number + 1);
        assert_eq!(self.built.pmm.free(frame(number)), expected, "free({})", frame(number));
        if expected.is_ok() {
            self.free.insert(number);
        }
    }

    fn free_run(&mut self, run: FrameRun) {
        let expected = self.verdict(numbers(run.frames()));
        assert_eq!(self.built.pmm.free_run(run), expected, "free_run({run:?})");
        if expected.is_ok() {
            self.free.extend(numbers(run.frames()));
        }
    }

    /// The right answer to a free of these frames.
    fn verdict(&self, mut frames: std::ops::Range<u32>) -> Result<(), FreeError> {
        if !frames.clone().all(|number| self.built.managed.contains(&number)) {
            Err(FreeError::NotManaged)
        } else if frames.any(|number| self.free.contains(&number)) {
            Err(FreeError::AlreadyFree)
        } else {
            Ok(())
        }
    }

    fn call(&mut self, call: &Call) {
        match *call {
            Call::Allocate => {
                self.allocate();
            }
            Call::AllocateRun(power) => self.allocate_run(order(power)),
            Call::Free(which) => {
                if let Some(number) = self.choose(which) {
                    self.free(number);
                }
            }
            Call::FreeRun(which, power) => {
                if let Some(number) = self.choose(which) {
                    self.free_run(aligned(number, power));
                }
            }
            Call::FreeAny(number) => self.free(number),
            Call::FreeRunAny(number, power) => self.free_run(aligned(number, power)),
            Call::FreeAll(backwards) => {
                let mut allocated: Vec<u32> = self.allocated().collect();
                if backwards {
                    allocated.reverse();
                }
                for number in allocated {
                    self.free(number);
                }
            }
            Call::AllocateAll => while self.allocate() {},
        }
        self.built.check_counts(self.free.len());
    }
}

/// The run of this order that a frame lies in.
fn aligned(number: u32, power: u8) -> FrameRun {
    run(number >> power << power, power)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_on_any_map_do_what_a_set_of_frames_does(map in map(), calls in vec(call(), 1..120)) {
        let mut model = Model::new(&map);
        for call in &calls {
            model.call(call);
        }
        // At the end, exactly the free frames can be allocated.
        model.call(&Call::AllocateAll);
    }
}
