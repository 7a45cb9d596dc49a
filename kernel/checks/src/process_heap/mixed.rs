//! A check of all calls together.

use crate::check::{Context, Failed, Outcome};
use crate::ensure;
use kernel_core::circumstances;
use kernel_core::words::told;
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_STACK_GUARD};
use mm_api::{BreakError, VirtAddr};

use super::subject::{Process, Subject, on_processes};

/// The most processes at a time.
const PROCESSES: usize = 3;

/// How many steps they make in all.
const STEPS: u32 = 250;

/// The most pages of a heap.
const PAGES: u32 = 5;

/// Where the heap starts that has room for only five pages.
const IMAGE_END: VirtAddr = VirtAddr::new(USER_STACK_GUARD.as_u32() - PAGES * PAGE_SIZE - 100);

/// A process, and the stamp of its heap's pattern.
struct Player {
    process: Process,
    stamp: u32,
}

/// All rules hold, whatever processes do, and in whatever order.
pub fn break_mix(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        let mut players: [Option<Player>; PROCESSES] = [const { None }; PROCESSES];
        for step in 1..=STEPS {
            let index = subject.random(PROCESSES as u32) as usize;
            let player = match players[index].take() {
                Some(player) => play(subject, player, index, &mut players, step)?,
                None => {
                    let image_end = if subject.random(2) == 0 { IMAGE_END } else { USER_CODE_START };
                    Some(Player { process: subject.process(image_end)?, stamp: step })
                }
            };
            players[index] = player;
        }
        for player in players.into_iter().flatten() {
            subject.end(player.process)?;
        }
        Ok(())
    })
}

/// One step of the process with this index. `None` if the process has ended. The
/// others are verified, too.
fn play(
    subject: &mut Subject<'_>,
    mut player: Player,
    index: usize,
    others: &mut [Option<Player>; PROCESSES],
    step: u32,
) -> Result<Option<Player>, Failed> {
    circumstances::step(format_args!("round {step} of {STEPS}: process {index}"));
    match subject.random(20) {
        0 => {
            subject.end(player.process)?;
            return Ok(None);
        }
        1 | 2 => {
            // The child takes the place of another process, which ends.
            let place = (index + 1 + subject.random(PROCESSES as u32 - 1) as usize) % PROCESSES;
            if let Some(other) = others[place].take() {
                subject.end(other.process)?;
            }
            // Bytes past the break may be copied or not, but are zero when the heap gets them.
            subject.fill(&player.process, Subject::spare_bytes(&player.process), step)?;
            let process = subject.fork(&player.process)?;
            others[place] = Some(Player { process, stamp: player.stamp });
        }
        3 => {
            subject.clear(&mut player.process);
        }
        4 => refuse(subject, &mut player.process)?,
        5..8 => {
            let spare = Subject::spare_bytes(&player.process);
            subject.fill(&player.process, spare, step)?;
        }
        _ => walk(subject, &mut player)?,
    }
    for player in others.iter().flatten().chain([&player]) {
        let when = format_args!("in round {step} of many");
        subject.ensure_pages(&player.process, when)?;
        let bytes = Subject::heap_bytes(&player.process);
        subject.ensure_pattern(&player.process, bytes, player.stamp, when)?;
    }
    Ok(Some(player))
}

/// Moves the break anywhere, and fills the new bytes.
fn walk(subject: &mut Subject<'_>, player: &mut Player) -> Outcome {
    let process = &mut player.process;
    let old = process.end();
    let size = old.as_u32() - process.start().as_u32();
    let most = PAGES * PAGE_SIZE;
    let bytes = match subject.random(4) {
        // Anywhere, close to the old break, to a page, close to a page.
        0 => subject.random(most + 1),
        1 => (size + subject.random(200)).saturating_sub(100),
        2 => subject.random(PAGES + 1) * PAGE_SIZE,
        _ => (subject.random(PAGES + 1) * PAGE_SIZE + subject.random(3)).saturating_sub(1),
    };
    let new = process.at(bytes.min(most));
    if subject.random(2) == 0 {
        subject.move_to(process, new)?;
    } else {
        let increment = new.as_u32().wrapping_sub(old.as_u32()).cast_signed();
        let answer = subject.sbrk(process, increment);
        let right = answer == Ok(old) && process.end() == new;
        ensure!(
            right,
            expected: ("sbrk({increment}) to answer {old}, and the break at {new}"),
            saw: ("{answer}, and the break at {}", process.end(), answer = told(&answer))
        );
    }
    let when = format_args!("after the break moved from {} to {}", process.tell(old), process.tell(new));
    subject.ensure_zero(process, (old, new), when)?;
    subject.fill(process, (old, new), player.stamp)
}

/// Makes a call that has to be refused.
fn refuse(subject: &mut Subject<'_>, process: &mut Process) -> Outcome {
    let (address, expected) = match subject.random(2) {
        0 => (process.start().as_u32() - 1 - subject.random(10_000), BreakError::BelowStart),
        _ => (USER_STACK_GUARD.as_u32() + 1 + subject.random(10_000), BreakError::PastLimit),
    };
    let address = VirtAddr::new(address);
    let tell = format_args!("brk({address})");
    subject.ensure_refused(process, expected, tell, |subject, process| subject.brk(process, address))
}
