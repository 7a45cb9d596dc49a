//! Checks of the kernel's protection from itself: the rights of its sections.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::memory::paged::{Fault, PagedMachine};
use kernel_core::protection::{Answer, sections};
use kernel_core::words::told;
use kernel_system::memory;
use mm_api::{CpuFeatures, Enforced, Protection, Section, VirtAddr};

use super::supervisor::Ground;

/// The rights that the contract gives a section.
pub fn right(section: Section) -> Option<Protection> {
    match section {
        Section::Code | Section::Constants => Some(Protection::KERNEL_READ),
        Section::Data | Section::Stack | Section::DirectMap => Some(Protection::KERNEL_WRITE),
        Section::StackGuard => None,
    }
}

/// A section's name, after "the kernel's".
pub fn name(section: Section) -> &'static str {
    match section {
        Section::Code => "code",
        Section::Constants => "constants",
        Section::Data => "variables",
        Section::StackGuard => "stack guards",
        Section::Stack => "stacks",
        Section::DirectMap => "direct map",
    }
}

/// Every section has the rights that it needs, and no others.
pub fn section_rights(context: &mut Context) -> Outcome {
    let rights = context.labs().protections().rights;
    // Twice: the answer depends on the section alone.
    for section in Section::ALL.into_iter().chain(Section::ALL) {
        let (expected, saw) = (right(section), rights(section));
        ensure!(
            saw == expected,
            expected: ("{} for the kernel's {}", Answer(expected), name(section)),
            saw: ("{}", Answer(saw))
        );
    }
    Ok(())
}

/// The kernel can run with the lab's rights. It never takes those with which it could not, so each check of
/// what they forbid asks for this as well: one answer for all sections forbids something, and is no answer.
fn ensure_runs(context: &Context) -> Outcome {
    let rights = context.labs().protections().rights;
    for section in [Section::Data, Section::Stack, Section::DirectMap] {
        let saw = rights(section);
        ensure!(
            saw == right(section),
            expected: ("{} for the kernel's {}, without which it could not run", Answer(right(section)), name(section)),
            saw: ("{}", Answer(saw))
        );
    }
    Ok(())
}

/// Every protection that the processor has is switched on, and no other, for every processor.
pub fn enforce_all(context: &mut Context) -> Outcome {
    let enforce = context.labs().protections().enforce;
    for features in 0..8 {
        let has = |bit: u32| features & 1 << bit != 0;
        let cpu = CpuFeatures { smep: has(0), smap: has(1), umip: has(2) };
        let expected = Enforced { write_protect: true, smep: cpu.smep, smap: cpu.smap, umip: cpu.umip };
        let saw = enforce(cpu);
        ensure!(saw == expected, expected: ("{expected} to be switched on, for a processor with {cpu}", expected = told(&expected), cpu = told(&cpu)), saw: ("{}", told(&saw)));
    }
    Ok(())
}

/// The kernel cannot write to its code.
pub fn code_read_only(context: &mut Context) -> Outcome {
    ensure_read_only(context, Section::Code)
}

/// The kernel cannot write to its constants.
pub fn constants_read_only(context: &mut Context) -> Outcome {
    ensure_read_only(context, Section::Constants)
}

/// The kernel can read every page of a section, and CR0.WP stops every write.
fn ensure_read_only(context: &mut Context, section: Section) -> Outcome {
    ensure_runs(context)?;
    context.start_protected()?;
    let machine = memory::with(|memory| memory.machine());
    for page in sections(context.machine()).filter(|(found, _)| *found == section).flat_map(|(_, pages)| pages.iter()) {
        for address in [page.start(), page.start() + 4092] {
            let saw = machine.read_by_mistake(address);
            ensure!(saw.is_ok(), expected: ("the kernel to read its {} at {address}", name(section)), saw: ("{}", told(&saw)));
            let saw = machine.write_by_mistake(address);
            let expected = Err(Fault { denied: true, write: true, user: false, execute: false });
            ensure!(
                saw == expected,
                expected: ("a write of the kernel's to its {} at {address} to be a page fault, by CR0.WP", name(section)),
                saw: ("{}", Written(saw))
            );
        }
    }
    Ok(())
}

/// The outcome of a write.
struct Written(Result<(), Fault>);

impl core::fmt::Display for Written {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("that nothing stopped it"),
            Err(fault) => write!(f, "{}", told(&fault)),
        }
    }
}

/// No page of the kernel half is for programs: neither by the lab's answer, nor in ring 3.
pub fn kernel_half_closed(context: &mut Context) -> Outcome {
    ensure_runs(context)?;
    let rights = context.labs().protections().rights;
    for section in Section::ALL {
        let saw = rights(section);
        ensure!(
            !saw.is_some_and(|protection| protection.user),
            expected: ("nothing for programs in the kernel's {}", name(section)),
            saw: ("{}", Answer(saw))
        );
    }
    let ground = Ground::prepare(context)?;
    let guards = sections(context.machine()).filter(|(section, _)| *section == Section::StackGuard);
    for address in guards.map(|(_, pages)| pages.first().start()) {
        let (answer, saw) = (rights(Section::StackGuard), ground.machine.read_by_mistake(address));
        ensure!(
            saw.is_err_and(|fault| !fault.denied) && answer.is_none(),
            expected: ("the guard page {address} below a stack of the kernel's not to be mapped"),
            saw: ("{}, by the lab's answer", Answer(answer))
        );
    }
    for (section, pages) in sections(context.machine()) {
        let last = pages.end().saturating_sub(1) * mm_api::layout::PAGE_SIZE + 4092;
        for address in [pages.first().start(), VirtAddr::new(last)] {
            ensure_closed(ground.machine, section, address)?;
        }
    }
    Ok(())
}

/// Ring 3 can neither read nor write at an address of the kernel half.
fn ensure_closed(machine: &PagedMachine, section: Section, address: VirtAddr) -> Result<(), Failed> {
    let saw = machine.read_as_user(address).map(|_| ());
    let is_stopped = saw.is_err_and(|fault| fault.user && !fault.write && (fault.denied == right(section).is_some()));
    if !is_stopped {
        fail!(
            expected: ("a program not to read the kernel's {} at {address}", name(section)),
            saw: ("{}", Written(saw))
        );
    }
    Ok(())
}
