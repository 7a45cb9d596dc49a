//! Everything is refused.

use mm_api::*;

pub struct Faults;

impl FaultPolicy for Faults {
    fn decide(_: &Fault) -> Decision {
        Decision::Refuse(Refusal::Unmapped)
    }
}
