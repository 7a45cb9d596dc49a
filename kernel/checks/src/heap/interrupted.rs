//! The check of a heap that interrupt handlers share.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::check::{Context, Outcome, has_to_panic};
use crate::{ensure, fail};
use kernel_core::interrupts;
use kernel_core::labs::{SharedHeap, SharedHeapObject, Switch, boxed_heap};
use kernel_core::rng::Rng;
use kernel_core::trap::{self, Handler, Trap};
use kernel_core::words::told;
use mm_api::{HeapSummary, KernelHeap};
use spin::{Mutex, Once};

use super::simulated::{Flag, Watched, Wrong};
use super::subject::pattern;
use kernel_system::memory::kernel_heap;

/// All of the kernel may allocate at any time, even an interrupt handler that interrupts
/// the heap.
///
/// Catches a heap without a lock, a heap that works with interrupts on, a lock that is closed when an
/// interrupt comes, and a call that leaves interrupts on if they were off before, or
/// the other way round.
pub fn interrupts_may_allocate(context: &mut Context) -> Outcome {
    simulated(context)?;
    real(context)?;
    from_within()
}

/// A `with()` inside `with()` finds the lock closed: that panics.
fn from_within() -> Outcome {
    let Some(shared) = SHARED.get() else { return Ok(()) };
    FLAG.set_enabled(false);
    let why = format_args!("a call of the heap from the middle of with() to panic: the heap is at work");
    has_to_panic("interrupts-may-allocate", why, || {
        shared.with_heap(|_| shared.kmalloc(40));
    })
}

/// A call: its name, and a function that makes it, with a block for those that take one.
type Call = (&'static str, fn(&dyn SharedHeapObject, *mut u8) -> Answer);

/// The calls, in order.
const CALLS: [Call; 13] = [
    ("with()", |heap, _| answer(heap.with_heap(|heap| heap.check().is_ok()))),
    ("kmalloc(40)", |heap, _| Answer::Block(heap.kmalloc(40))),
    ("kzalloc(40)", |heap, _| Answer::Block(heap.kzalloc(40))),
    ("malloc(40)", |heap, _| Answer::Block(heap.malloc(40))),
    ("calloc(4, 10)", |heap, _| Answer::Block(heap.calloc(4, 10))),
    ("realloc(a block, 400)", |heap, block| heap.realloc(block, 400).map_or(Answer::Wrong, Answer::Block)),
    ("kmalloc() of more than there is", |heap, _| answer(heap.kmalloc(1 << 25).is_null())),
    ("calloc() of more than there is", |heap, _| answer(heap.calloc(1 << 13, 1 << 12).is_null())),
    ("realloc() of a wrong pointer", |heap, _| answer(heap.realloc(wrong_pointer(), 40).is_err())),
    ("kfree() of a wrong pointer", |heap, _| answer(heap.kfree(wrong_pointer()).is_err())),
    ("heap_self_test()", |heap, _| answer(heap.heap_self_test().is_ok())),
    ("kfree(a block)", |heap, block| answer(heap.kfree(block).is_ok())),
    ("free(a block)", |heap, block| answer(heap.free(block).is_ok())),
];

/// A pointer that is in no heap.
fn wrong_pointer() -> *mut u8 {
    static ELSEWHERE: AtomicU32 = AtomicU32::new(0);
    ELSEWHERE.as_ptr().cast()
}

/// The outcome of a call.
enum Answer {
    Block(*mut u8),
    Right,
    Wrong,
}

fn answer(right: bool) -> Answer {
    if right { Answer::Right } else { Answer::Wrong }
}

/// Makes each call once; blocks are made and freed on the way. Returns the name of
/// the first call with a wrong outcome.
fn call_all(heap: &dyn SharedHeapObject, mut after: impl FnMut(&'static str)) -> Option<&'static str> {
    let mut blocks = [core::ptr::null_mut(); 5];
    let mut count = 0;
    let mut wrong = None;
    for (name, call) in CALLS {
        // Reallocating and freeing take the last block that exists.
        let takes = name.contains("a block");
        if takes && count > 0 {
            count -= 1;
        }
        match call(heap, blocks[count]) {
            Answer::Block(block) if !block.is_null() => {
                blocks[count] = block;
                count += 1;
            }
            Answer::Right => {}
            Answer::Block(_) | Answer::Wrong => wrong = wrong.or(Some(name)),
        }
        after(name);
    }
    for &block in &blocks[..count] {
        if heap.kfree(block).is_err() {
            wrong = wrong.or(Some("kfree(a block)"));
        }
    }
    wrong
}

/// The simulated interrupts.
static FLAG: Flag = Flag::new();
/// The heap that the handler shares with the check. It is never dropped, so a `Drop` of the lab's
/// type cannot run while the handler uses the heap.
static SHARED: Once<SharedHeap> = Once::new();
/// The first call of the handler with a wrong outcome.
static FAILED_INSIDE: Mutex<Option<&str>> = Mutex::new(None);

/// The handler of the simulated interrupts: it makes each call once.
fn handler() {
    let failed = SHARED.get().and_then(|shared| call_all(&**shared, |_| {}));
    let mut first = FAILED_INSIDE.lock();
    *first = first.or(failed);
}

/// Tests with simulated interrupts, at the worst moments.
fn simulated(context: &mut Context) -> Outcome {
    let (arena, labs) = (context.arena(64)?, context.labs());
    let heap = match arena.heap(labs) {
        Ok(heap) => heap,
        Err(error) => fail!(expected: ("a heap, over memory of up to 64 pages"), saw: ("{error}")),
    };
    let watched = boxed_heap(Watched { heap, flag: &FLAG });
    let shared = &**SHARED.call_once(|| labs.shared_heap(watched, Switch(&FLAG)));
    for enabled in [true, false] {
        without_handler(shared, enabled)?;
    }
    with_handler(context, shared)
}

/// Without interrupts: is the flag as it should be, within and afterwards?
fn without_handler(shared: &dyn SharedHeapObject, enabled: bool) -> Outcome {
    let was = if enabled { "on" } else { "off" };
    FLAG.set_enabled(enabled);
    let mut wrong = None;
    let mut calls = FLAG.times_disabled();
    let failed = call_all(shared, |name| {
        let mistake = match FLAG.take_wrong() {
            Some(_) => Some(Mistake::OnInside),
            None if FLAG.enabled() != enabled => Some(Mistake::OtherAfterwards),
            None if FLAG.times_disabled() == calls => Some(Mistake::NotDisabled),
            None => None,
        };
        calls = FLAG.times_disabled();
        FLAG.set_enabled(enabled);
        wrong = wrong.or(mistake.map(|mistake| (name, mistake)));
    });
    match wrong {
        None => {}
        Some((name, Mistake::OnInside)) => fail!(
            expected: ("{name} to call the heap with interrupts off; they were {was} before"),
            saw: ("a call to the heap with interrupts on: an interrupt could come in the middle of it")
        ),
        Some((name, Mistake::OtherAfterwards)) => fail!(
            expected: ("interrupts to be {was} after {name}, as before"),
            saw: ("they are {}", if enabled { "off" } else { "on" })
        ),
        Some((name, Mistake::NotDisabled)) => fail!(
            expected: ("{name} to ask whether interrupts are on, and to switch them off; they were {was} before"),
            saw: ("it did not call disable()")
        ),
    }
    ensure_right(failed, "when no interrupt comes")
}

/// An interrupt comes at each end of every call, and its handler makes each call once.
fn with_handler(context: &Context, shared: &dyn SharedHeapObject) -> Outcome {
    context.note(format_args!(
        "an interrupt comes at the last moment before interrupts are off, and at the first after they are on again; its \
         handler allocates and frees"
    ));
    FLAG.handle(handler);
    FLAG.set_enabled(true);
    let failed = call_all(shared, |_| {});
    if let Some(wrong) = FLAG.take_wrong() {
        match wrong {
            Wrong::HeapInterruptible => fail!(
                expected: ("the heap to be called with interrupts off"),
                saw: ("a call to the heap with interrupts on")
            ),
            Wrong::HandlerInterruptible => fail!(
                expected: ("a handler that allocates and frees to find interrupts off afterwards, as before"),
                saw: ("they are on: the handler could be interrupted, and again, until its stack is full")
            ),
        }
    }
    ensure_right(*FAILED_INSIDE.lock(), "in an interrupt's handler")?;
    ensure_right(failed, "interrupted at both ends")?;
    ensure!(FLAG.came() >= 26, expected: ("at least 26 interrupts in 13 calls"), saw: ("{}", FLAG.came()));
    let summary = shared.with_heap(|heap| heap.check());
    ensure!(
        summary.is_ok_and(|summary| summary.used_blocks == 0),
        expected: ("a sound heap without blocks, after everything was freed"),
        saw: ("{}", told(&summary))
    );
    Ok(())
}

/// What can be wrong with the flag.
#[derive(Clone, Copy)]
enum Mistake {
    OnInside,
    OtherAfterwards,
    NotDisabled,
}

/// Fails the check if a call had a wrong outcome.
fn ensure_right(failed: Option<&str>, when: &str) -> Outcome {
    if let Some(name) = failed {
        fail!(expected: ("{name} to succeed, {when}"), saw: ("that it was refused, or that there was no memory"));
    }
    Ok(())
}

/// How many byte sequences the handler has at a time, and how many the check has.
const SEQUENCES: usize = 24;

/// Byte sequences that come and go, on the system's own heap.
struct Churn {
    sequences: [Vec<u8>; SEQUENCES],
    rng: Rng,
    stamp: u32,
}

impl Churn {
    /// None yet.
    const fn new(seed: u64, stamp: u32) -> Self {
        Self { sequences: [const { Vec::new() }; SEQUENCES], rng: Rng::new(seed), stamp }
    }

    /// Makes one of them longer, or drops it and begins it again. Returns whether
    /// its bytes were those that had been written.
    fn step(&mut self) -> bool {
        let which = self.rng.below(SEQUENCES as u32);
        let stamp = self.stamp + which;
        let bytes = &mut self.sequences[which as usize];
        let sound = bytes.iter().zip(0..).all(|(&byte, index)| byte == pattern(stamp, index));
        if bytes.len() > 200 {
            *bytes = Vec::new();
        }
        let more = self.rng.below(60) + 1;
        let start = bytes.len() as u32;
        bytes.extend((start..start + more).map(|index| pattern(stamp, index)));
        sound
    }

    /// Drops all of them.
    fn clear(&mut self) {
        self.sequences.fill_with(Vec::new);
    }
}

/// The work of the timer's handler.
struct Ticker {
    churn: Mutex<Churn>,
    ticks: AtomicU32,
    wrong: AtomicU32,
}

static TICKER: Ticker =
    Ticker { churn: Mutex::new(Churn::new(2, 1000)), ticks: AtomicU32::new(0), wrong: AtomicU32::new(0) };

/// In [`Ticker::wrong`]: a sequence was not what had been written.
const OVERWRITTEN: u32 = 1;
/// In [`Ticker::wrong`]: interrupts were on after the handler had used the heap.
const SWITCHED_ON: u32 = 2;

impl Handler for Ticker {
    fn from_user(&self, _: Trap, _: &mut trap::TrapFrame) {}

    fn from_kernel(&self, trap: Trap) {
        if trap != Trap::Timer {
            return;
        }
        // Only the handler takes the lock, and nothing interrupts the handler.
        let Some(mut churn) = self.churn.try_lock() else {
            self.wrong.fetch_or(SWITCHED_ON, Ordering::Relaxed);
            return;
        };
        self.ticks.fetch_add(1, Ordering::Relaxed);
        if !churn.step() {
            self.wrong.fetch_or(OVERWRITTEN, Ordering::Relaxed);
        }
        if interrupts::enabled() {
            self.wrong.fetch_or(SWITCHED_ON, Ordering::Relaxed);
        }
    }
}

/// Timer interrupts in a second: one every few thousand instructions.
const HERTZ: u32 = 40_000;
/// How many of them have to come.
const TICKS: u32 = 1000;
/// The most steps that the check makes until then.
const STEPS: u32 = 200_000;

/// Tests with the machine's timer, and the kernel's own heap behind `Vec`.
fn real(context: &mut Context) -> Outcome {
    context.start_memory()?;
    context.note(format_args!("the machine's timer interrupts, and its handler makes Vecs grow; so does the check"));
    let before = self_test("before any interrupt came")?;
    let mut churn = Churn::new(context.seed(), 0);
    trap::set_handler(&TICKER);
    trap::start_timer(HERTZ);
    interrupts::enable();
    let mut steps = 0;
    let mut sound = true;
    while TICKER.ticks.load(Ordering::Relaxed) < TICKS && steps < STEPS && sound {
        sound = churn.step();
        steps += 1;
    }
    let still_on = interrupts::disable();
    let (ticks, wrong) = (TICKER.ticks.load(Ordering::Relaxed), TICKER.wrong.load(Ordering::Relaxed));
    context.measure("interrupts", u64::from(ticks), "interrupts");
    ensure!(still_on, expected: ("interrupts to be on after {steps} Vecs grew, as before"), saw: ("they are off"));
    ensure!(
        wrong & SWITCHED_ON == 0,
        expected: ("the timer's handler to find interrupts off after it used the heap, as before"),
        saw: ("they are on")
    );
    ensure!(
        sound && wrong & OVERWRITTEN == 0,
        expected: ("every Vec to keep its bytes while the other side makes Vecs grow"),
        saw: ("other bytes after {ticks} interrupts")
    );
    ensure!(ticks >= TICKS, expected: ("{TICKS} interrupts while {STEPS} Vecs grow"), saw: ("{ticks}"));
    churn.clear();
    match TICKER.churn.try_lock() {
        Some(mut churn) => churn.clear(),
        None => fail!(expected: ("the timer's handler to have returned"), saw: ("it has not")),
    }
    let after = self_test("after 1000 interrupts")?;
    ensure!(
        after.used_blocks == before.used_blocks,
        expected: ("{} blocks in use after everything was given up, as before", before.used_blocks),
        saw: ("{}", after.used_blocks)
    );
    Ok(())
}

/// The self-test of the system's heap, which has to pass.
fn self_test(when: &str) -> Result<HeapSummary, crate::check::Failed> {
    match kernel_heap::shared().map(|heap| heap.heap_self_test()) {
        Some(Ok(summary)) => Ok(summary),
        answer => {
            fail!(expected: ("heap_self_test() to find the kernel's heap sound, {when}"), saw: ("{}", told(&answer)))
        }
    }
}
