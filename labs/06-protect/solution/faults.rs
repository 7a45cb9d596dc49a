//! The reference for what a fault means.

use mm_api::layout::KERNEL_BASE;
use mm_api::{Decision, Fault, FaultPolicy, Page, Purpose, Refusal};

/// What is done about faults.
pub struct Faults;

impl FaultPolicy for Faults {
    fn decide(fault: &Fault) -> Decision {
        match refusal(fault) {
            Some(refusal) => Decision::Refuse(refusal),
            None => allowed(fault),
        }
    }
}

/// Why the region does not allow an access, if it does not.
fn refusal(fault: &Fault) -> Option<Refusal> {
    if fault.address >= KERNEL_BASE {
        return Some(Refusal::KernelHalf);
    }
    if fault.page() == Page::NULL {
        return Some(Refusal::NullPage);
    }
    let Some(region) = fault.region else { return Some(Refusal::Unmapped) };
    if region.purpose == Purpose::Guard {
        return Some(Refusal::Guard);
    }
    let rights = region.rights;
    if rights.allow(fault.access) {
        return None;
    }
    // What allows anything allows reading and executing, so this is a write.
    let is_some_access_allowed = rights.read || rights.write || rights.execute;
    Some(if is_some_access_allowed { Refusal::ReadOnly } else { Refusal::NoAccess })
}

/// What it takes for an access that the region allows.
fn allowed(fault: &Fault) -> Decision {
    let Some(mapped) = fault.mapped else {
        return match fault.region.map(|region| region.purpose) {
            Some(Purpose::Mapping) => Decision::Fill,
            Some(Purpose::Stack) => Decision::GrowStack,
            _ => Decision::Refuse(Refusal::Missing),
        };
    };
    let is_write = fault.access == mm_api::Access::Write;
    if is_write && !mapped.writable { Decision::CopyOnWrite } else { Decision::GoOn }
}
