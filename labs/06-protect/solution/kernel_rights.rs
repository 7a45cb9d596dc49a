//! The reference for what the kernel protects itself from.

use mm_api::{CpuFeatures, Enforced, KernelProtection, Protection, Section};

/// The rights of the kernel's sections, and what the processor enforces.
pub struct KernelRights;

impl KernelProtection for KernelRights {
    fn rights(section: Section) -> Option<Protection> {
        match section {
            Section::Code | Section::Constants => Some(Protection::KERNEL_READ),
            Section::Data | Section::Stack | Section::DirectMap => Some(Protection::KERNEL_WRITE),
            Section::StackGuard => None,
        }
    }

    fn enforce(cpu: CpuFeatures) -> Enforced {
        let CpuFeatures { smep, smap, umip } = cpu;
        Enforced { write_protect: true, smep, smap, umip }
    }
}
