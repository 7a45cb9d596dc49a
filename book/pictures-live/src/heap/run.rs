//! A trace's calls on the textbook's heap.

use alloc::alloc::Layout;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::ptr::NonNull;

use textbook_heap::{Block, FIRST_FIT, Fit, Order, Policy, Textbook, Variant};

use super::trace::Call;

/// The most bytes that the heap may take.
pub const REGION: u32 = 1024;

/// How `kmalloc` aligns blocks, in bytes.
const ALIGN: usize = mm_api::HEAP_ALIGN as usize;

/// The outcome of the last call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing was done.
    Nothing,
    /// The block begins this many bytes past the region's beginning.
    At(u32),
    /// The block was freed.
    Freed,
}

/// A heap after some calls.
#[derive(Debug)]
pub struct Run<'a> {
    /// Its blocks, and the names of the used ones.
    pub blocks: Vec<(Block, Option<&'a str>)>,
    /// Bytes that it has taken of the region.
    pub taken: u32,
    /// How many requests were refused.
    pub refused: u32,
    /// The most bytes that were asked for, in all blocks at a time.
    pub peak: u32,
    /// How many blocks are free, and how many bytes the largest has, with its header.
    pub free_blocks: usize,
    /// See [`free_blocks`](Self::free_blocks).
    pub largest_free: u32,
    /// The outcome of the last call.
    pub outcome: Outcome,
}

impl Run<'_> {
    /// The peak in percent of the memory taken; `None` if none was.
    pub fn utilization(&self) -> Option<u32> {
        (100 * self.peak).checked_div(self.taken)
    }
}

/// A way to choose a free block.
pub struct Fitting {
    /// Its name in the page's choices.
    pub key: &'static str,
    /// Its name for the reader.
    pub name: &'static str,
    merging: fn(&[Call]) -> Run<'_>,
    not_merging: fn(&[Call]) -> Run<'_>,
}

impl Fitting {
    /// Makes the calls on an empty heap. The blocks have their names in the trace.
    pub fn run<'a>(&self, merges: bool, calls: &'a [Call]) -> Run<'a> {
        if merges { (self.merging)(calls) } else { (self.not_merging)(calls) }
    }
}

/// Policies as types, and the fits in a list.
macro_rules! fits {
    ($($key:literal $name:literal $merging:ident $not_merging:ident { $($field:ident: $value:expr),* })*) => {
        $(
            struct $merging;
            struct $not_merging;

            impl Variant for $merging {
                const POLICY: Policy = Policy { grows_by: 8, $($field: $value,)* ..FIRST_FIT };
            }

            impl Variant for $not_merging {
                const POLICY: Policy = Policy { merges: false, ..$merging::POLICY };
            }
        )*

        /// All fits, the default first.
        pub const FITS: &[Fitting] = &[
            $(Fitting { key: $key, name: $name, merging: run::<$merging>, not_merging: run::<$not_merging> },)*
        ];
    };
}

fits! {
    "first" "first fit, newest first" First FirstNot {}
    "address" "first fit, by address" Address AddressNot { order: Order::ByAddress }
    "next" "next fit" Next NextNot { fit: Fit::Next }
    "best" "best fit" Best BestNot { fit: Fit::Best }
    "worst" "worst fit" Worst WorstNot { fit: Fit::Worst }
}

/// A block that was handed out.
struct Handed<'a> {
    name: &'a str,
    pointer: NonNull<u8>,
    bytes: u32,
}

/// The program whose calls the trace has.
#[derive(Default)]
struct Program<'a> {
    /// Its blocks, by their offsets in the region.
    handed: BTreeMap<u32, Handed<'a>>,
    payload: u32,
    peak: u32,
    refused: u32,
}

impl<'a> Program<'a> {
    /// The program allocates a block, or is refused.
    fn got(&mut self, name: &'a str, bytes: u32, block: Option<(u32, NonNull<u8>)>) -> Outcome {
        let Some((offset, pointer)) = block else {
            self.refused += 1;
            return Outcome::Nothing;
        };
        self.handed.insert(offset, Handed { name, pointer, bytes });
        self.payload += bytes;
        self.peak = self.peak.max(self.payload);
        Outcome::At(offset)
    }

    /// The program frees a block, if it has one of that name.
    fn give_up(&mut self, name: &str) -> Option<NonNull<u8>> {
        let offset = self.handed.iter().find(|(_, block)| block.name == name).map(|(offset, _)| *offset)?;
        let block = self.handed.remove(&offset)?;
        self.payload -= block.bytes;
        Some(block.pointer)
    }

    /// The name of a block of the heap.
    fn name_of(&self, block: &Block) -> Option<&'a str> {
        let mut within = self.handed.range(block.start..block.start + block.bytes);
        within.next().filter(|_| block.used).map(|(_, handed)| handed.name)
    }
}

#[allow(unsafe_code)]
fn run<V: Variant>(calls: &[Call]) -> Run<'_> {
    // Words of eight bytes, so that the region begins at a multiple of eight.
    let mut memory: Vec<u64> = vec![0; REGION as usize / size_of::<u64>()];
    let base: NonNull<u8> = NonNull::from(memory.as_mut_slice()).cast();
    // SAFETY: the memory lives to the end of this function, and nobody else uses it.
    let mut heap = unsafe { Textbook::<V>::new(base, REGION) };
    let (mut program, mut outcome) = (Program::default(), Outcome::Nothing);
    for call in calls {
        outcome = match call {
            Call::Allocate { name, bytes } => {
                let layout = Layout::from_size_align(*bytes as usize, ALIGN).ok();
                let pointer = layout.and_then(|layout| heap.allocate(layout));
                let offset = |pointer: NonNull<u8>| (pointer.addr().get() - base.addr().get()) as u32;
                program.got(name, *bytes, pointer.map(|pointer| (offset(pointer), pointer)))
            }
            Call::Free { name } => match program.give_up(name) {
                Some(pointer) => {
                    // SAFETY: the heap has handed out the block, and the program does not use it any more.
                    unsafe { heap.free(pointer) };
                    Outcome::Freed
                }
                None => Outcome::Nothing,
            },
        };
    }
    let blocks: Vec<(Block, Option<&str>)> = heap.blocks().map(|block| (block, program.name_of(&block))).collect();
    let free = || blocks.iter().map(|(block, _)| block).filter(|block| !block.used);
    Run {
        taken: heap.taken(),
        refused: program.refused,
        peak: program.peak,
        free_blocks: free().count(),
        largest_free: free().map(|block| block.bytes).max().unwrap_or(0),
        outcome,
        blocks,
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace::Trace;
    use super::*;

    /// After any calls, the blocks follow each other without gaps, up to the end of the memory taken.
    #[test]
    fn every_byte_is_in_a_block() {
        let trace = Trace::parse("a=24 b=100 c=1 d=57 -b e=30 -a -d f=200 g=300 h=9 -f -c i=500 j=100").unwrap();
        for fitting in FITS {
            for merges in [true, false] {
                for step in 0..=trace.calls.len() {
                    let run = fitting.run(merges, &trace.calls[..step]);
                    let end = run.blocks.iter().fold(4, |end, (block, _)| {
                        assert_eq!(block.start, end, "{} after {step}", fitting.name);
                        end + block.bytes
                    });
                    assert_eq!(end, run.taken, "{} after {step}", fitting.name);
                    assert!(run.blocks.iter().all(|(block, name)| block.used == name.is_some()));
                }
            }
        }
    }
}
