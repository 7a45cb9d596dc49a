//! Nothing is protected.

use mm_api::*;

pub struct KernelRights;

impl KernelProtection for KernelRights {
    fn rights(_: Section) -> Option<Protection> {
        Some(Protection::KERNEL_WRITE)
    }

    fn enforce(_: CpuFeatures) -> Enforced {
        Enforced::default()
    }
}
