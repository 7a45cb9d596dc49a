//! Checks of cost: how many instructions a call takes, and how much memory is
//! lost. Only these may fail a correct heap.

use core::ptr::NonNull;

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;
use kernel_core::{instructions, statics};
use mm_api::KernelHeap;

use super::subject::{Subject, layout, on_heap};

/// The most instructions for one call: several times as many as a good heap
/// needs, and far fewer than a search through all blocks takes.
const BAR: u64 = 2000;

/// The most blocks at a time.
const MANY: usize = 2000;

/// A call takes about the same few instructions however many blocks there are, in use
/// and free.
///
/// Catches a search through all blocks, or through all that are free.
pub fn heap_cost(context: &mut Context) -> Outcome {
    let mut means = [0; 2];
    for (mean, count) in means.iter_mut().zip([100, MANY]) {
        on_heap(context, 512, |context, subject| {
            *mean = cost_with(context, subject, count)?;
            Ok(())
        })?;
    }
    let [few, many] = means;
    context.measure("mean-of-100", few, "instructions");
    context.measure("mean-of-2000", many, "instructions");
    let allowed = few * 3 / 2 + 100;
    ensure!(
        many <= allowed,
        expected: ("a call to cost about the same with {MANY} blocks as with 100: on average at most {allowed} instructions"),
        saw: ("{many}, instead of {few} with 100")
    );
    Ok(())
}

/// The average cost of a call while `count` blocks come and go.
fn cost_with(context: &mut Context, subject: &mut Subject, count: usize) -> Result<u64, crate::check::Failed> {
    let mut blocks = [None::<NonNull<u8>>; MANY];
    let (mut total, mut calls, mut worst) = (0, 0, 0);
    for round in 0..4 * count {
        let slot = &mut blocks[context.rng().below(count as u32) as usize];
        let size = context.rng().below(600);
        let start = instructions();
        let freed = slot.take().map(|block| subject.heap.free(block));
        if freed.is_none() {
            *slot = subject.heap.allocate(layout(size, 8)).ok();
        }
        let spent = instructions() - start;
        ensure!(
            freed.is_none_or(|answer| answer.is_ok()) && (freed.is_some() || slot.is_some()),
            expected: ("blocks to be handed out and taken back"),
            saw: ("that one was refused")
        );
        // At first the heap grows.
        if round >= 2 * count {
            total += spent;
            calls += 1;
            worst = worst.max(spent);
        }
    }
    context.measure("worst", worst, "instructions");
    ensure!(
        worst <= BAR,
        expected: ("one call to take at most {BAR} instructions, with up to {count} blocks"),
        saw: ("{worst}")
    );
    Ok(total / calls)
}

/// Little memory is lost: neither in headers, nor in gaps between small blocks that
/// live long and large ones that do not.
///
/// Catches sizes rounded to powers of two, large headers, and first fit for everything.
pub fn heap_waste(context: &mut Context) -> Outcome {
    // Many small blocks: headers and rounding lose memory.
    on_heap(context, 64, |context, subject| {
        for number in 0..1500_u32 {
            subject.allocate(60 + number % 80, 8, number)?;
        }
        let payload: u32 = (0..1500).map(|number| 60 + number % 80).sum();
        judge(context, subject, "small", payload, 88)
    })?;
    // Small and large blocks by turns; then the large ones go, and larger ones come.
    on_heap(context, 256, |context, subject| {
        let mut large = [None::<NonNull<u8>>; 500];
        for slot in &mut large {
            subject.allocate(64, 8, 1)?;
            *slot = Some(subject.allocate(448, 8, 2)?.pointer);
        }
        for block in large.into_iter().flatten() {
            let answer = subject.heap.free(block);
            ensure!(answer.is_ok(), expected: ("free() to take back a block of 448 bytes"), saw: ("{}", told(&answer)));
        }
        for _ in 0..500 {
            subject.allocate(512, 8, 3)?;
        }
        judge(context, subject, "by-turns", 500 * (64 + 512), 80)
    })
}

/// Bytes of statics that are not counted.
const FREE_STATICS: u32 = 1024;

/// Fails the check unless the payload is at least this percentage of the memory, in which statics count.
fn judge(context: &mut Context, subject: &Subject, what: &str, payload: u32, percent: u32) -> Outcome {
    let (grown, statics) = (subject.arena.most_bytes(), statics::of_heap());
    // A few variables are no records of blocks.
    let memory = grown + statics.saturating_sub(FREE_STATICS);
    let used = u64::from(payload) * 100 / u64::from(memory);
    context.measure(what, used, "percent");
    ensure!(
        used >= u64::from(percent),
        expected: ("at least {percent} % of the heap's memory to be the blocks' own ({what})"),
        saw: ("{payload} bytes in blocks, {grown} bytes of memory and {statics} in statics: {used} %")
    );
    Ok(())
}
