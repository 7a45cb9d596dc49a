//! The rights of the whole running machine, proved from outside.

use crate::check::{Context, Outcome};
use alloc::string::ToString;
use kernel_core::protection::{Answer, sections};
use kernel_system::memory;
use log::info;
use mm_api::layout::{KERNEL_BASE, PAGE_SIZE};
use mm_api::{PhysAddr, Section, Space, Translation, VirtAddr};

use super::kernel::{name, right, section_rights};
use super::supervisor::Ground;

/// How many pages of a large section are claimed.
const MOST_PAGES: u32 = 64;

/// In the kernel's own directory and in a process's, each page of the kernel half has the
/// rights that the contract gives its section.
pub fn machine_rights(context: &mut Context) -> Outcome {
    // The kernel does not take rights with which it could not run.
    section_rights(context)?;
    let ground = Ground::prepare(context)?;
    memory::with(|memory| memory.load(Space::Kernel));
    claim(context, "the kernel's own directory");
    ground.load();
    claim(context, "a process's directory");
    for (section, pages) in sections(context.machine()) {
        let walk = ground.machine.walk(ground.machine.directory(), pages.first().start());
        let rights = Answer(walk.ok().map(|walk| walk.protection()));
        let (from, to) = (pages.first().start(), KERNEL_BASE + (pages.end() * PAGE_SIZE - KERNEL_BASE.as_u32() - 1));
        info!("{from} to {to}  {:<10}  {}", rights.to_string(), name(section));
    }
    Ok(())
}

/// Claims the rights of the direct map's pages in the loaded directory: of all
/// pages of the image, except the middle of large sections.
fn claim(context: &mut Context, name: &str) {
    for (section, pages) in sections(context.machine()) {
        let step = match section {
            Section::DirectMap => (pages.len() / 8).max(1),
            _ => pages.len().div_ceil(MOST_PAGES).max(1),
        };
        let last = pages.iter().last();
        for page in pages.iter().step_by(step as usize).chain(last) {
            let meaning = right(section)
                .map(|protection| Translation { address: PhysAddr::new(page.start() - KERNEL_BASE), protection });
            context.claim(page.start(), meaning);
        }
    }
    // A null pointer, and the pages around it.
    for address in [0, 4, PAGE_SIZE - 1] {
        context.claim(VirtAddr::new(address), None);
    }
    context.checkpoint(name);
}
