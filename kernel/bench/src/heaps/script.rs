//! The requests of a program to a heap, call by call.

use alloc::vec::Vec;
use core::alloc::Layout;
use core::fmt;

use crate::rng::Rng;

use super::contract::Least;

/// One call. Blocks are numbered from 0 on, in the order in which they are allocated.
#[derive(Clone, Copy)]
pub enum Call {
    /// Allocate the next block.
    Allocate { layout: Layout },
    /// Free a block.
    Free { number: u32 },
    /// Make a block larger or smaller.
    Reallocate { number: u32, layout: Layout },
}

/// All calls of a program. At the end, every block has been freed.
pub struct Script {
    pub calls: Vec<Call>,
    /// Bytes in all blocks, at the moment with the most bytes.
    pub peak_payload: u32,
    /// The layout of each block, or `None` if it has been freed.
    blocks: Vec<Option<Layout>>,
    payload: u32,
    live: u32,
    peak_live: u32,
    reallocations: u32,
    least: Least,
}

impl Script {
    /// The calls that `write` makes, and then calls that free the remaining blocks.
    pub fn new(mut rng: Rng, write: impl FnOnce(&mut Self, &mut Rng)) -> Self {
        let mut script = Self {
            calls: Vec::new(),
            peak_payload: 0,
            blocks: Vec::new(),
            payload: 0,
            live: 0,
            peak_live: 0,
            reallocations: 0,
            least: Least::default(),
        };
        write(&mut script, &mut rng);
        for number in 0..script.count() {
            if script.blocks[number as usize].is_some() {
                script.free(number);
            }
        }
        script
    }

    /// How many blocks were allocated so far.
    pub fn count(&self) -> u32 {
        self.blocks.len() as u32
    }

    /// How many bytes are in all blocks now.
    pub fn payload(&self) -> u32 {
        self.payload
    }

    /// Allocates a block, aligned as `kmalloc` aligns its blocks. Returns its number.
    pub fn allocate(&mut self, size: u32) -> u32 {
        self.allocate_aligned(size, mm_api::HEAP_ALIGN)
    }

    /// Allocates a block with an alignment. Returns its number.
    pub fn allocate_aligned(&mut self, size: u32, align: u32) -> u32 {
        let layout = layout(size, align);
        self.calls.push(Call::Allocate { layout });
        self.blocks.push(Some(layout));
        self.least.add(layout);
        self.live += 1;
        self.peak_live = self.peak_live.max(self.live);
        self.add(size);
        self.count() - 1
    }

    /// Frees a block.
    ///
    /// # Panics
    /// If the block has been freed already.
    pub fn free(&mut self, number: u32) {
        let Some(layout) = self.blocks[number as usize].take() else { panic!("block {number} is free") };
        self.calls.push(Call::Free { number });
        self.least.remove(layout);
        self.live -= 1;
        self.payload -= layout.size() as u32;
    }

    /// Makes a block larger or smaller.
    ///
    /// # Panics
    /// If the block has been freed already.
    pub fn reallocate(&mut self, number: u32, size: u32) {
        let Some(old) = self.blocks[number as usize] else { panic!("block {number} is free") };
        let layout = layout(size, old.align() as u32);
        self.calls.push(Call::Reallocate { number, layout });
        self.blocks[number as usize] = Some(layout);
        self.reallocations += 1;
        self.least.remove(old);
        self.least.add(layout);
        self.payload -= old.size() as u32;
        self.add(size);
    }

    fn add(&mut self, size: u32) {
        self.payload += size;
        self.peak_payload = self.peak_payload.max(self.payload);
    }
}

fn layout(size: u32, align: u32) -> Layout {
    match Layout::from_size_align(size as usize, align as usize) {
        Ok(layout) if size > 0 => layout,
        _ => panic!("a trace asks for {size} bytes aligned to {align}"),
    }
}

/// Writes the numbers of allocations and reallocations, the most blocks and the most bytes in them
/// at a time, and the least memory for them under the lab's contract.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},", self.count(), self.reallocations, self.peak_live)?;
        write!(f, "{},{}", self.peak_payload, self.least.most())
    }
}
