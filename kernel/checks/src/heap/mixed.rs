//! Everything together, in random order.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::circumstances;
use kernel_core::words::told;
use mm_api::{AllocError, KernelHeap};

use super::subject::{Blocks, layout, on_heap};

/// Blocks of all sizes and alignments come and go, until memory is used up now and
/// then, and at the end nothing is left.
pub fn heap_mix(context: &mut Context) -> Outcome {
    on_heap(context, 192, |context, subject| {
        let mut blocks = Blocks::<400>::new();
        let mut refused = 0_u64;
        for round in 0..4000_u32 {
            circumstances::step(format_args!("round {round} of the mix"));
            // Now more are handed out than taken back, now the other way round.
            let growing = round / 500 % 2 == 0;
            let many = context.rng().below(100) < if growing { 60 } else { 35 };
            if blocks.len() == 0 || (many && blocks.len() < 400) {
                let size = match context.rng().below(10) {
                    0..6 => context.rng().below(80),
                    6..9 => context.rng().below(1500),
                    _ => context.rng().below(16_000),
                };
                let power = if context.rng().below(4) == 0 { context.rng().below(13) } else { 3 };
                match subject.try_allocate(size, 1 << power, round)? {
                    Ok(block) => blocks.push(block),
                    Err(error) => {
                        ensure!(error == AllocError::OutOfMemory, expected: ("a block, or OutOfMemory"), saw: ("{}", told(&error)));
                        refused += 1;
                    }
                }
            } else {
                let index = context.rng().below(blocks.len() as u32) as usize;
                let Some(block) = blocks.get(index) else { continue };
                if context.rng().below(4) == 0 {
                    let size = context.rng().below(2500);
                    subject.verify(&block)?;
                    let call = format_args!("reallocate() of {block} to {size} bytes");
                    let moved = circumstances::during(call, || subject.heap.reallocate(block.pointer, layout(size, 8)));
                    if let Ok(pointer) = moved {
                        let mut new = subject.examine("reallocate()", pointer, size, 8, block.stamp)?;
                        subject.verify_bytes(&new, size.min(block.size), "after the block was reallocated")?;
                        new.stamp = round;
                        subject.fill(&new);
                        blocks.set(index, new);
                    }
                } else {
                    subject.free(&block)?;
                    blocks.take(index);
                }
            }
            if round % 100 == 0 {
                let used = subject.summary("in the middle of the mix")?.used_blocks;
                ensure!(used as usize == blocks.len(), expected: ("{} used blocks", blocks.len()), saw: ("{used}"));
            }
        }
        context.measure("most-memory", u64::from(subject.arena.most_bytes()), "bytes");
        context.measure("refused", refused, "requests");
        circumstances::step(format_args!("the end: everything is freed"));
        while let Some(block) = blocks.pop() {
            subject.free(&block)?;
        }
        subject.ensure_blocks(0, 1, "after everything was freed")
    })
}
