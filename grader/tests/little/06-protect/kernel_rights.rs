//! One answer for all sections, and for all processors.
use mm_api::*;
pub struct KernelRights;
impl KernelProtection for KernelRights {
    fn rights(_: Section) -> Option<Protection> {
        Some(Protection::KERNEL_READ)
    }
    fn enforce(_: CpuFeatures) -> Enforced {
        Enforced { write_protect: true, smep: true, smap: true, umip: true }
    }
}
