//! Another fault policy: a list of questions with their answers, of which the first true question
//! counts.

use mm_api::layout::{KERNEL_BASE, PAGE_SIZE};
use mm_api::{Access, Decision, Fault, FaultPolicy, Purpose, Refusal};

/// Decides about faults.
pub struct Faults;

impl FaultPolicy for Faults {
    fn decide(fault: &Fault) -> Decision {
        let is_for = |purpose| fault.region.is_some_and(|region| region.purpose == purpose);
        let rights = fault.region.map(|region| region.rights);
        let is_write = fault.access == Access::Write;
        let may = |access| rights.is_some_and(|rights| rights.allow(access));
        let questions = [
            (fault.address >= KERNEL_BASE, Decision::Refuse(Refusal::KernelHalf)),
            (fault.address.as_u32() < PAGE_SIZE, Decision::Refuse(Refusal::NullPage)),
            (fault.region.is_none(), Decision::Refuse(Refusal::Unmapped)),
            (is_for(Purpose::Guard), Decision::Refuse(Refusal::Guard)),
            (!may(Access::Read) && !may(Access::Write), Decision::Refuse(Refusal::NoAccess)),
            (is_write && !may(Access::Write), Decision::Refuse(Refusal::ReadOnly)),
            (fault.mapped.is_some_and(|mapped| !is_write || mapped.writable), Decision::GoOn),
            (fault.mapped.is_some(), Decision::CopyOnWrite),
            (is_for(Purpose::Mapping), Decision::Fill),
            (is_for(Purpose::Stack), Decision::GrowStack),
        ];
        let answer = questions.into_iter().find(|(is_true, _)| *is_true);
        answer.map_or(Decision::Refuse(Refusal::Missing), |(_, decision)| decision)
    }
}
