//! The programs that heaps are measured with. Each stands for one way of using memory. The sizes
//! and lifetimes are drawn at random, and are the same for the same seed.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::rng::{Rng, Seed};

use super::script::Script;

/// A way of using memory.
pub struct Trace {
    pub name: &'static str,
    /// A description in one sentence.
    pub about: &'static str,
    seed: u32,
    write: fn(&mut Script, &mut Rng),
}

impl Trace {
    /// The calls, as this seed draws them.
    pub fn script(&self, seed: Seed) -> Script {
        Script::new(seed.rng(self.seed), self.write)
    }
}

/// All traces.
pub const TRACES: [Trace; 12] = [
    Trace {
        name: "short-lived",
        about: "Small objects, most of which live for a few calls only.",
        seed: 0x5107_0001,
        write: short_lived,
    },
    Trace {
        name: "kernel",
        about: "Records of a dozen fixed sizes, as a kernel's tables have them, strings, and now and then a buffer.",
        seed: 0x5107_0002,
        write: kernel,
    },
    Trace {
        name: "vectors",
        about: "Forty arrays at a time that grow by half or double whenever they are full.",
        seed: 0x5107_0003,
        write: vectors,
    },
    Trace {
        name: "append",
        about: "Four texts that grow line by line, and small records in between.",
        seed: 0x5107_0004,
        write: append,
    },
    Trace {
        name: "queue",
        about: "Messages of two lengths and any other, freed in the order in which they came.",
        seed: 0x5107_0005,
        write: queue,
    },
    Trace {
        name: "stack",
        about: "Nested scopes: what was allocated last is freed first.",
        seed: 0x5107_0006,
        write: stack,
    },
    Trace {
        name: "holes",
        about: "Every second block is freed, and the next ones are half as large again: they fit into no hole.",
        seed: 0x5107_0007,
        write: holes,
    },
    Trace {
        name: "two-sizes",
        about: "Small records that live long between large buffers that do not.",
        seed: 0x5107_0008,
        write: two_sizes,
    },
    Trace {
        name: "pages",
        about: "Pages, and stacks of two pages, aligned to a page, each with a small record.",
        seed: 0x5107_0009,
        write: pages,
    },
    Trace {
        name: "aligned",
        about: "Buffers of odd sizes, aligned to 8 up to 256 bytes, as devices want them.",
        seed: 0x5107_000A,
        write: aligned,
    },
    Trace {
        name: "churn",
        about: "Thousands of blocks that stay, and all sizes coming and going between them.",
        seed: 0x5107_000B,
        write: churn,
    },
    Trace {
        name: "phases",
        about: "Six phases, each with a size of its own; at its end an eighth of its blocks stays.",
        seed: 0x5107_000C,
        write: phases,
    },
];

/// Takes a block out of a list: mostly one of the youngest, but sometimes any.
fn take_recent(live: &mut Vec<u32>, rng: &mut Rng) -> u32 {
    // The distance from the end: a number of random length, so that every doubling of the age is as
    // likely.
    let bits = rng.below(live.len().ilog2() + 2);
    let back = (rng.below(1 << bits) as usize).min(live.len() - 1);
    live.remove(live.len() - 1 - back)
}

/// Takes a random block out of a list.
fn take_any(live: &mut Vec<u32>, rng: &mut Rng) -> u32 {
    live.swap_remove(rng.below(live.len() as u32) as usize)
}

/// A number from `least` to `most`; every doubling is as likely as every other.
fn spread(rng: &mut Rng, least: u32, most: u32) -> u32 {
    let doublings = (most / least).ilog2();
    let low = least << rng.below(doublings + 1);
    (low + rng.below(low)).min(most)
}

fn short_lived(script: &mut Script, rng: &mut Rng) {
    let (mut live, mut goal) = (Vec::new(), 0);
    for step in 0..5000 {
        if step % 250 == 0 {
            goal = 20 + rng.below(400) as usize;
        }
        live.push(script.allocate(8 + rng.below(121)));
        while live.len() > goal {
            script.free(take_recent(&mut live, rng));
        }
    }
}

fn kernel(script: &mut Script, rng: &mut Rng) {
    // The size in bytes, and how often of 64 times it is drawn.
    const RECORDS: [(u32, u32); 12] = [
        (32, 12),
        (44, 9),
        (64, 8),
        (88, 6),
        (128, 7),
        (132, 4),
        (192, 4),
        (256, 3),
        (344, 3),
        (512, 2),
        (1024, 1),
        (1360, 1),
    ];
    let mut live = Vec::new();
    for step in 0..5000 {
        let mut draw = rng.below(64);
        let record = RECORDS.iter().find(|(_, often)| match draw.checked_sub(*often) {
            Some(rest) => {
                draw = rest;
                false
            }
            None => true,
        });
        let size = match record {
            Some((size, _)) => *size,
            None if rng.below(16) == 0 => 4096,
            None => 5 + rng.below(60),
        };
        let block = script.allocate(size);
        // One block in twenty is never freed.
        if rng.below(20) != 0 {
            live.push(block);
        }
        let goal = if step < 2000 { 600 } else { 900 };
        while live.len() > goal {
            script.free(if rng.below(4) == 0 { take_any(&mut live, rng) } else { take_recent(&mut live, rng) });
        }
    }
}

fn vectors(script: &mut Script, rng: &mut Rng) {
    struct Vector {
        block: u32,
        size: u32,
        last: u32,
        doubles: bool,
    }
    let new = |script: &mut Script, rng: &mut Rng| {
        let (size, last) = (16 + 4 * rng.below(13), spread(rng, 64, 16 << 10));
        Vector { block: script.allocate(size), size, last, doubles: rng.below(2) == 0 }
    };
    let mut all: Vec<Vector> = Vec::new();
    for _ in 0..5000 {
        if all.len() < 40 {
            all.push(new(script, rng));
            continue;
        }
        let any = rng.below(40) as usize;
        let vector = &mut all[any];
        if vector.size < vector.last {
            vector.size = if vector.doubles { vector.size * 2 } else { (vector.size * 3 / 2).next_multiple_of(4) };
            script.reallocate(vector.block, vector.size);
        } else {
            script.free(vector.block);
            *vector = new(script, rng);
        }
    }
}

fn append(script: &mut Script, rng: &mut Rng) {
    const FULL: u32 = 6 << 10;
    let mut texts = [(); 4].map(|()| (script.allocate(64), 64));
    let mut records = VecDeque::new();
    for _ in 0..3500 {
        let (block, size) = &mut texts[rng.below(4) as usize];
        if *size > FULL {
            script.free(*block);
            (*block, *size) = (script.allocate(64), 64);
        } else {
            *size += 12 + rng.below(100);
            script.reallocate(*block, *size);
        }
        if rng.below(2) == 0 {
            records.push_back(script.allocate(16 + rng.below(49)));
        }
        if records.len() > 150 {
            records.pop_front().into_iter().for_each(|record| script.free(record));
        }
    }
}

fn queue(script: &mut Script, rng: &mut Rng) {
    let (mut waiting, mut goal) = (VecDeque::new(), 0);
    for step in 0..5000 {
        if step % 200 == 0 {
            goal = rng.below(400) as usize;
        }
        // An acknowledgement, a full packet, or a message of any length in between.
        let size = match rng.below(8) {
            0..3 => 64,
            3..5 => 1514,
            _ => 64 + rng.below(1450),
        };
        waiting.push_back(script.allocate(size));
        // For each message that comes, up to two leave.
        for _ in 0..2 {
            if waiting.len() > goal {
                waiting.pop_front().into_iter().for_each(|message| script.free(message));
            }
        }
    }
}

fn stack(script: &mut Script, rng: &mut Rng) {
    let (mut scopes, mut goal): (Vec<Vec<u32>>, usize) = (Vec::new(), 0);
    while script.count() < 5000 {
        if scopes.len() == goal {
            goal = rng.below(120) as usize;
        } else if scopes.len() < goal {
            let count = 1 + rng.below(6);
            scopes.push((0..count).map(|_| script.allocate(spread(rng, 8, 500))).collect());
        } else if let Some(scope) = scopes.pop() {
            scope.into_iter().rev().for_each(|block| script.free(block));
        }
    }
}

fn holes(script: &mut Script, rng: &mut Rng) {
    const PAYLOAD: u32 = 192 << 10;
    let mut live = Vec::new();
    let mut size = 40 + 8 * rng.below(9);
    for _ in 0..9 {
        while script.payload() + size <= PAYLOAD {
            live.push(script.allocate(size));
        }
        for second in (0..live.len() / 2).rev() {
            script.free(live.remove(2 * second + 1));
        }
        size = (size * 3 / 2).next_multiple_of(8);
    }
}

fn two_sizes(script: &mut Script, rng: &mut Rng) {
    let (mut records, mut buffers) = (Vec::new(), Vec::new());
    for _ in 0..1300 {
        for _ in 0..3 {
            records.push(script.allocate(16 + 8 * rng.below(6)));
        }
        buffers.push(script.allocate(spread(rng, 2 << 10, 12 << 10)));
        while records.len() > 1500 {
            script.free(take_any(&mut records, rng));
        }
        while buffers.len() > 10 {
            script.free(take_any(&mut buffers, rng));
        }
    }
}

fn pages(script: &mut Script, rng: &mut Rng) {
    const PAGE: u32 = 4096;
    let mut live = Vec::new();
    let (mut goal, mut pages) = (0, 0);
    for step in 0..2500 {
        if step % 100 == 0 {
            goal = 16 + rng.below(112);
        }
        let count = if rng.below(8) == 0 { 2 } else { 1 };
        live.push((script.allocate_aligned(count * PAGE, PAGE), script.allocate(40), count));
        pages += count;
        while pages > goal {
            let (page, record, count) = live.swap_remove(rng.below(live.len() as u32) as usize);
            script.free(page);
            script.free(record);
            pages -= count;
        }
    }
}

fn aligned(script: &mut Script, rng: &mut Rng) {
    let mut live = Vec::new();
    for _ in 0..5000 {
        live.push(script.allocate_aligned(spread(rng, 20, 1200), 8 << rng.below(6)));
        if live.len() > 350 {
            script.free(take_any(&mut live, rng));
        }
    }
}

fn churn(script: &mut Script, rng: &mut Rng) {
    let mut staying: Vec<u32> = (0..2000).map(|_| script.allocate(24 + rng.below(177))).collect();
    let mut passing = Vec::new();
    for step in 0..4000 {
        passing.push(script.allocate(spread(rng, 16, 4000)));
        if passing.len() > 200 {
            script.free(take_any(&mut passing, rng));
        }
        if step % 10 == 0 {
            script.free(take_any(&mut staying, rng));
            staying.push(script.allocate(24 + rng.below(177)));
        }
    }
}

fn phases(script: &mut Script, rng: &mut Rng) {
    for typical in [24, 200, 64, 1000, 40, 400] {
        let mut live: Vec<u32> = (0..900).map(|_| script.allocate(typical / 2 + rng.below(typical))).collect();
        while live.len() > 900 / 8 {
            script.free(take_any(&mut live, rng));
        }
    }
}
