//! A check of all calls together.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::circumstances;
use kernel_core::memory::paged::{Fault, NoWrite};
use kernel_core::words::told;
use mm_api::{Directory, Frame, Page, Protection, Space, VmmError};

use super::subject::{Access, KR, KW, Named, Subject, UR, UW, Word, booted, page};

/// Pages that are used in each space: around the edge of a table.
const USER_PAGES: usize = 12;
const USER_START: u32 = 0x083F_A000;
/// Pages that are used in the kernel half, around an edge too.
const KERNEL_PAGES: usize = 8;
const KERNEL_START: u32 = 0xFBFF_C000;
const PAGES: usize = USER_PAGES + KERNEL_PAGES;
/// The kernel's space and two processes.
const SPACES: usize = 3;
const STEPS: u32 = 3000;

/// What a page should be mapped to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mapped {
    frame: Frame,
    protection: Protection,
    allocated: bool,
}

/// The model of each space; the kernel half's pages are in space 0.
type Model = [[Option<Mapped>; PAGES]; SPACES];

/// The index in the model of a page of a space.
fn place(space: usize, number: usize) -> (usize, usize) {
    if number < USER_PAGES { (space, number) } else { (0, number) }
}

fn page_of(number: usize) -> Page {
    if number < USER_PAGES {
        page(USER_START + number as u32 * 0x1000)
    } else {
        page(KERNEL_START + (number - USER_PAGES) as u32 * 0x1000)
    }
}

/// After any sequence of calls, each page of each space is as the model says.
pub fn random_spaces(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let directories = [subject.directory()?, subject.directory()?];
        let frames = [subject.frame()?, subject.frame()?, subject.frame()?];
        subject.make_kernel_tables()?;
        let before = subject.machine.managers_frames();
        let mut model: Model = [[None; PAGES]; SPACES];
        let mut current = 0;
        for step in 0..STEPS {
            let which = subject.context.rng().below(SPACES as u32) as usize;
            if subject.context.rng().below(8) == 0 {
                let space = space(&directories, which);
                circumstances::step(format_args!("round {step}: loading the directory of {}", Named(space)));
                subject.load(space)?;
                current = which;
            } else {
                change(subject, &directories, &frames, &mut model, which, step)?;
            }
            if step % 8 == 0 {
                compare(subject, &directories, &model, current, step)?;
            }
        }
        circumstances::step(format_args!("the end: everything is unmapped"));
        // At the end all pages are unmapped, and every frame is back except the two directories'.
        for which in 0..SPACES {
            for number in 0..PAGES {
                let (of, at) = place(which, number);
                let Some(mapped) = model[of][at].take() else { continue };
                let page = page_of(number);
                if mapped.allocated {
                    subject.free_in(space(&directories, which), single(page))?;
                } else {
                    subject.unmap(space(&directories, which), page, mapped.frame)?;
                }
            }
        }
        let saw = subject.machine.managers_frames();
        ensure!(saw == before, expected: ("{before} frames when nothing is mapped any more"), saw: ("{saw}"));
        directories.into_iter().for_each(|directory| subject.vmm.destroy_directory(directory));
        Ok(())
    })
}

fn space(directories: &[Directory; 2], which: usize) -> Space<'_> {
    match which {
        0 => Space::Kernel,
        n => Space::Of(&directories[n - 1]),
    }
}

fn single(page: Page) -> mm_api::PageRange {
    mm_api::PageRange::between(page.start(), mm_api::VirtAddr::new(page.start().as_u32() + 0x1000))
}

/// Makes a random call, and compares its answer with the model's.
fn change(
    subject: &mut Subject<'_>,
    directories: &[Directory; 2],
    frames: &[Frame; 3],
    model: &mut Model,
    which: usize,
    step: u32,
) -> Outcome {
    let rng = subject.context.rng();
    let (number, action, frame) = (rng.below(PAGES as u32) as usize, rng.below(5), frames[rng.below(3) as usize]);
    let protection =
        if number < USER_PAGES { [KR, KW, UR, UW][rng.below(4) as usize] } else { [KR, KW][rng.below(2) as usize] };
    let (page, space) = (page_of(number), space(directories, which));
    let (of, at) = place(which, number);
    let call = ["map", "unmap", "protect", "allocate_in", "free_in"][action as usize];
    let name = Named(space);
    circumstances::step(format_args!(
        "round {step}: {call}() of {page} in {name}, {protection} where that is asked for"
    ));
    let entry = &mut model[of][at];
    let new = |frame, allocated| Some(Mapped { frame, protection, allocated });
    let (saw, expected) = match (action, *entry) {
        (0, None) => {
            *entry = new(frame, false);
            (subject.vmm.map(space, page, frame, protection), Ok(()))
        }
        (0, Some(_)) => (subject.vmm.map(space, page, frame, protection), Err(VmmError::AlreadyMapped)),
        (1, None) => (subject.vmm.unmap(space, page).map(|_| ()), Err(VmmError::NotMapped)),
        (1, Some(Mapped { allocated: true, .. })) => {
            (subject.vmm.unmap(space, page).map(|_| ()), Err(VmmError::Allocated))
        }
        (1, Some(mapped)) => {
            *entry = None;
            return subject.unmap(space, page, mapped.frame);
        }
        (2, None) => (subject.vmm.protect(space, page, protection), Err(VmmError::NotMapped)),
        (2, Some(mapped)) => {
            *entry = Some(Mapped { protection, ..mapped });
            (subject.vmm.protect(space, page, protection), Ok(()))
        }
        (3, _) if number >= USER_PAGES => {
            (subject.vmm.allocate_in(space, page, 1, protection), Err(VmmError::KernelHalf))
        }
        (3, Some(_)) => (subject.vmm.allocate_in(space, page, 1, protection), Err(VmmError::AlreadyMapped)),
        (3, None) => {
            let saw = subject.vmm.allocate_in(space, page, 1, protection);
            let root = subject.vmm.root(space);
            let walk = subject.machine.walk(root, page.start()).ok();
            *entry = walk.and_then(|walk| new(Frame::containing(walk.address), true));
            (saw, Ok(()))
        }
        (_, _) if number >= USER_PAGES => (subject.vmm.free_in(space, page, 1), Err(VmmError::KernelHalf)),
        (_, Some(Mapped { allocated: true, .. })) => {
            *entry = None;
            (subject.vmm.free_in(space, page, 1), Ok(()))
        }
        (_, _) => (subject.vmm.free_in(space, page, 1), Err(VmmError::NotAllocated)),
    };
    ensure!(
        saw == expected,
        expected: ("{call}() of {page} in {name} to answer {expected}", expected = told(&expected)),
        saw: ("{}", told(&saw))
    );
    Ok(())
}

/// Fails unless the processor finds the model's pages in the loaded space, and a walk finds them in
/// the others.
fn compare(subject: &Subject<'_>, directories: &[Directory; 2], model: &Model, current: usize, step: u32) -> Outcome {
    for number in 0..PAGES {
        let page = page_of(number);
        for which in 0..SPACES {
            let (of, at) = place(which, number);
            match model[of][at] {
                Some(mapped) => {
                    subject.ensure_mapped(space(directories, which), page, mapped.frame, mapped.protection)?;
                }
                None => subject.ensure_not_mapped(space(directories, which), page, "after random calls")?,
            }
        }
        let (of, at) = place(current, number);
        let Some(mapped) = model[of][at] else {
            subject.ensure_faults(page, "after random calls")?;
            continue;
        };
        let saw = subject.machine.read(page.start());
        let Ok(_) = saw else {
            fail!(expected: ("{page} to be readable in round {step}"), saw: ("{}", Access(saw)));
        };
        let expected = if mapped.protection.writable {
            Ok(())
        } else {
            Err(NoWrite::Fault(Fault { denied: true, write: true, user: false, execute: false }))
        };
        let word = step << 8 | number as u32;
        let saw = subject.machine.write(page.start(), word);
        ensure!(
            saw == expected,
            expected: ("a write to {page}, {}, in round {step}: {}", mapped.protection, Access(expected)),
            saw: ("{}", Access(saw))
        );
        if saw.is_ok() {
            let there = subject.machine.word(mapped.frame.start());
            ensure!(
                there == Some(word),
                expected: ("what was written to {page} to be in {}, in round {step}", mapped.frame),
                saw: ("{} there", Word(there))
            );
        }
    }
    Ok(())
}
