//! The kernel's protection of itself: lab 06's answers, and the settings that the kernel derives
//! from them.
//!
//! The kernel has to go on even after a wrong answer of lab 06, so that a check can say why an
//! answer is wrong. So the kernel follows an answer as far as it can run with it: code and
//! constants may be writable, and protections may be off. All else stays as the kernel needs it,
//! with a warning.

use core::fmt;

use mm_api::layout::KERNEL_BASE;
use mm_api::{CpuFeatures, Enforced, PageRange, Protection, Section};

use crate::arch::{paging, protection};
use crate::labs::Protections;
use crate::machine::Machine;
use crate::words::told;

/// The rights of the kernel's sections.
#[derive(Clone, Copy, Debug)]
pub struct SectionRights {
    code: Protection,
    constants: Protection,
}

impl SectionRights {
    /// The rights that the kernel gives its sections before it asks lab 06.
    pub const KERNELS_OWN: Self = Self { code: Protection::KERNEL_READ, constants: Protection::KERNEL_READ };

    /// Asks lab 06 for the rights, and takes them as far as the kernel can run with them. Warns of
    /// the others.
    #[must_use]
    pub fn ask(protections: &Protections) -> Self {
        for section in Section::ALL {
            let answer = (protections.rights)(section);
            let borne = bearable(section, answer);
            if borne != answer {
                let (answer, borne, section) = (Answer(answer), Answer(borne), told(&section));
                log::warn!("lab 06 says {section} is {answer}; the kernel could not go on, and it stays {borne}");
            }
        }
        let of = |section| bearable(section, (protections.rights)(section)).unwrap_or(Protection::KERNEL_READ);
        Self { code: of(Section::Code), constants: of(Section::Constants) }
    }

    /// The rights to the pages of a section; `None` if they are not mapped.
    #[must_use]
    pub fn of(&self, section: Section) -> Option<Protection> {
        match section {
            Section::Code => Some(self.code),
            Section::Constants => Some(self.constants),
            Section::StackGuard => None,
            Section::Data | Section::Stack | Section::DirectMap => Some(Protection::KERNEL_WRITE),
        }
    }
}

/// The rights that the kernel takes from an answer: code, constants and data are mapped, data is
/// writable, nothing is for programs, and guard pages are not mapped.
fn bearable(section: Section, answer: Option<Protection>) -> Option<Protection> {
    match section {
        Section::Code | Section::Constants => {
            Some(Protection { writable: answer.is_some_and(|answer| answer.writable), user: false })
        }
        _ => SectionRights::KERNELS_OWN.of(section),
    }
}

/// Displays an answer of lab 06's in words.
pub struct Answer(pub Option<Protection>);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(protection) => protection.fmt(f),
            None => f.write_str("not mapped"),
        }
    }
}

/// The sections of the direct map of this machine, by ascending address.
pub fn sections(machine: &Machine) -> impl Iterator<Item = (Section, PageRange)> + Clone {
    let end = KERNEL_BASE + machine.direct_map_end();
    paging::sections(end).into_iter().map(|(section, start, end)| (section, PageRange::between(start, end)))
}

/// Which protections the processor has.
#[must_use]
pub fn features() -> CpuFeatures {
    protection::features()
}

/// Which protections are switched on.
#[must_use]
pub fn enforced() -> Enforced {
    protection::enforced()
}

/// Switches on the protections that lab 06 asks for, except those that the processor lacks, and the
/// others off.
pub fn enforce(protections: &Protections) {
    let cpu = features();
    let wanted = (protections.enforce)(cpu);
    for (name, is_wanted, is_there) in
        [("SMEP", wanted.smep, cpu.smep), ("SMAP", wanted.smap, cpu.smap), ("UMIP", wanted.umip, cpu.umip)]
    {
        if is_wanted && !is_there {
            log::warn!("lab 06 wants {name}, which this processor lacks: its bit of CR4 stays as it is");
        }
    }
    protection::enforce(wanted);
}
