//! Replays a script on a heap.

use alloc::vec;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr::NonNull;

use crate::machine::{arm_watchdog, disarm_watchdog};

use super::candidate::Heap;
use super::script::{Call, Script};

/// A kind of call.
#[derive(Clone, Copy)]
pub enum Kind {
    Allocate,
    Free,
    Reallocate,
}

/// A block that was handed out.
#[derive(Clone, Copy)]
pub struct Block {
    pub pointer: NonNull<u8>,
    pub layout: Layout,
    pub number: u32,
}

/// Sees every call and every block of a replay.
pub trait Observer {
    /// Makes the call, with no other costly work in between.
    #[inline(always)]
    fn make<T>(&mut self, _kind: Kind, call: impl FnOnce() -> T) -> T {
        call()
    }

    /// A block was handed out; its first `kept` bytes come from an old block.
    fn handed_out(&mut self, _block: Block, _kept: usize) {}

    /// A block is about to be given back or reallocated.
    fn about_to_return(&mut self, _block: Block) {}

    /// The heap refused a call. Returns whether to go on.
    fn refused(&mut self, kind: Kind) -> bool;
}

/// Replays a script on an empty heap. Calls for blocks that were not handed out are skipped.
///
/// A heap that hangs ends the machine. No heap here takes a tenth of the watchdog's time.
pub fn replay(script: &Script, heap: &mut dyn Heap, observer: &mut impl Observer) {
    arm_watchdog();
    replay_all(script, heap, observer);
    disarm_watchdog();
}

fn replay_all(script: &Script, heap: &mut dyn Heap, observer: &mut impl Observer) {
    let mut blocks: Vec<Option<Block>> = vec![None; script.count() as usize];
    let mut next = 0;
    for call in &script.calls {
        let go_on = match *call {
            Call::Allocate { layout } => {
                let pointer = observer.make(Kind::Allocate, || heap.allocate(layout));
                let block = pointer.map(|pointer| Block { pointer, layout, number: next });
                blocks[next as usize] = block;
                next += 1;
                block.map(|block| observer.handed_out(block, 0)).is_some() || observer.refused(Kind::Allocate)
            }
            Call::Free { number } => blocks[number as usize].take().is_none_or(|block| {
                observer.about_to_return(block);
                // SAFETY: the block was handed out for this layout, and was in the list until now.
                let accepted = observer.make(Kind::Free, || unsafe { heap.free(block.pointer, block.layout) });
                accepted || observer.refused(Kind::Free)
            }),
            Call::Reallocate { number, layout } => blocks[number as usize].is_none_or(|old| {
                observer.about_to_return(old);
                let call = || {
                    // SAFETY: the block was handed out for this layout, and is replaced below.
                    unsafe { heap.reallocate(old.pointer, old.layout, layout) }
                };
                match observer.make(Kind::Reallocate, call) {
                    Some(pointer) => {
                        let block = Block { pointer, layout, number };
                        blocks[number as usize] = Some(block);
                        observer.handed_out(block, old.layout.size().min(layout.size()));
                        true
                    }
                    None => observer.refused(Kind::Reallocate),
                }
            }),
        };
        if !go_on {
            return;
        }
    }
}
