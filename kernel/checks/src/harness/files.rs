//! Program files that are wrong: the loader refuses each by name, or it is a program
//! nevertheless. No frame is lost in either case.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::rng::Rng;
use mm_api::PageError;

use kernel_system::process::{Audit, Difference, SpawnError, try_to_load};

/// How many wrong files.
const FILES: u32 = 400;
/// Words of the file header and of three program headers.
const WORDS: usize = (52 + 3 * 32) / 4;
/// The word with the third segment's size in memory.
const LAST_SIZE: usize = 52 + 2 * 32 + 20;
/// More memory than a machine with 64 MiB has, but still in the range for programs.
const TOO_LARGE: u32 = 0x0700_0000;

/// The machine has to be started with programs, and 64 MiB.
pub fn hostile(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let Some(module) = context.machine().modules().next() else {
        fail!(expected: ("a program"), saw: ("a machine that was started without any"));
    };
    let mut file = module.bytes.to_vec();
    ensure!(try_to_load(&file).is_ok(), expected: ("{} to be loaded", module.name), saw: ("{:?}", try_to_load(&file)));
    let before = Audit::now();
    let (mut refused, mut loaded) = (0, 0);
    for _ in 0..FILES {
        let rng = context.rng();
        let mut old = [0; WORDS * 4];
        old.copy_from_slice(&file[..WORDS * 4]);
        for _ in 0..=rng.below(2) {
            let place = rng.below(WORDS as u32) as usize * 4;
            file[place..place + 4].copy_from_slice(&word(rng).to_le_bytes());
        }
        let length = if rng.below(8) == 0 { rng.below(file.len() as u32) as usize } else { file.len() };
        match try_to_load(&file[..length]) {
            Ok(()) => loaded += 1,
            Err(SpawnError::NotAProgram(_)) => refused += 1,
            Err(other) => fail!(expected: ("the loader to say what is wrong"), saw: ("{other}")),
        }
        file[..old.len()].copy_from_slice(&old);
        let after = Audit::now();
        ensure!(before == after, expected: ("nothing lost"), saw: ("{}", Difference { before, now: after }));
    }
    context.measure("refused", refused, "files");
    context.measure("loaded", loaded, "files");
    ensure!(refused > 0, expected: ("most of the files to be refused"), saw: ("none"));

    file[LAST_SIZE..LAST_SIZE + 4].copy_from_slice(&TOO_LARGE.to_le_bytes());
    let answer = try_to_load(&file);
    ensure!(
        answer == Err(SpawnError::Image(PageError::OutOfFrames)),
        expected: ("a program that is larger than the memory to be refused for want of frames"),
        saw: ("{answer:?}")
    );
    let after = Audit::now();
    ensure!(before == after, expected: ("nothing lost"), saw: ("{}", Difference { before, now: after }));
    Ok(())
}

/// A number that is seldom right in any field. None makes a program that the loader
/// accepts larger than a few pages.
fn word(rng: &mut Rng) -> u32 {
    const EDGES: [u32; 16] = [
        0,
        1,
        2,
        31,
        0x0030_0002,
        0x0FFF,
        0x1000,
        0x0804_7FFF,
        0x0804_8000,
        0x0805_1000,
        0x0FFF_FFFF,
        0x1000_0000,
        0xBFFF_F000,
        0xC000_0000,
        0xFFFF_F000,
        u32::MAX,
    ];
    if rng.below(4) == 0 { rng.next_u32() | 0x8000_0000 } else { EDGES[rng.below(EDGES.len() as u32) as usize] }
}
