//! Checks of decisions about faults: every sort of fault, in every sort of region.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;
use mm_api::layout::{KERNEL_BASE, PAGE_SIZE};
use mm_api::{Access, Decision, Fault, PageRange, Protection, Purpose, Refusal, Region, Rights, Sharing, VirtAddr};

const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Execute];
const PURPOSES: [Purpose; 4] = [Purpose::Image, Purpose::Heap, Purpose::Stack, Purpose::Mapping];
const MAPPED: [Option<Protection>; 3] = [None, Some(Protection::USER_READ), Some(Protection::USER_WRITE)];

/// A region of two pages around an address of the user half.
fn around(address: u32, rights: Rights, purpose: Purpose, sharing: Sharing) -> Region {
    let end = VirtAddr::new(address) + PAGE_SIZE;
    let pages = PageRange::between(VirtAddr::new(address.saturating_sub(PAGE_SIZE)), end);
    Region { pages, rights, purpose, sharing }
}

/// All rights.
fn all_rights() -> impl Iterator<Item = Rights> + Clone {
    (0..8).map(|bits: u32| Rights { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 })
}

/// Asks for a decision, and compares it with the expected one.
fn ensure_decided(context: &Context, fault: &Fault, expected: Decision) -> Outcome {
    let saw = (context.labs().protections().decide)(fault);
    let Fault { address, access, region, mapped } = fault;
    if saw != expected {
        match region {
            Some(Region { rights, purpose, sharing, .. }) => {
                context.note(format_args!(
                    "the address is in a region: {purpose}, {rights}, {sharing}",
                    purpose = told(&purpose),
                    sharing = told(&sharing)
                ));
            }
            None => context.note(format_args!("the address is in no region")),
        }
        match mapped {
            Some(protection) => context.note(format_args!("the page is mapped: {protection}")),
            None => context.note(format_args!("the page is not mapped")),
        }
    }
    ensure!(
        saw == expected,
        expected: ("{} for the access {access} at {address}", told(&expected), access = told(&access)),
        saw: ("{}", told(&saw))
    );
    Ok(())
}

/// Each reason to refuse, where it is the only one.
pub fn fault_refused(context: &mut Context) -> Outcome {
    let at = 0x1234_5678;
    for sharing in [Sharing::Private, Sharing::Shared] {
        for access in ACCESSES {
            let fault = |address: u32, region| Fault { address: VirtAddr::new(address), access, region, mapped: None };
            for address in [KERNEL_BASE.as_u32(), 0xC010_0000, u32::MAX] {
                ensure_decided(context, &fault(address, None), Decision::Refuse(Refusal::KernelHalf))?;
            }
            for address in [0, 4, PAGE_SIZE - 1] {
                ensure_decided(context, &fault(address, None), Decision::Refuse(Refusal::NullPage))?;
            }
            for address in [PAGE_SIZE, at, KERNEL_BASE.as_u32() - 1] {
                ensure_decided(context, &fault(address, None), Decision::Refuse(Refusal::Unmapped))?;
            }
            let guard = around(at, Rights::READ_WRITE, Purpose::Guard, sharing);
            ensure_decided(context, &fault(at, Some(guard)), Decision::Refuse(Refusal::Guard))?;
            for purpose in PURPOSES {
                let none = around(at, Rights::NONE, purpose, sharing);
                let mut fault = fault(at, Some(none));
                for mapped in [None, Some(Protection::KERNEL_READ)] {
                    fault.mapped = mapped;
                    ensure_decided(context, &fault, Decision::Refuse(Refusal::NoAccess))?;
                }
            }
        }
        read_only_and_missing(context, at, sharing)?;
    }
    Ok(())
}

/// Writes where only writing is forbidden, and pages in regions that give no memory.
fn read_only_and_missing(context: &mut Context, at: u32, sharing: Sharing) -> Outcome {
    for purpose in PURPOSES {
        for rights in all_rights().filter(|rights| *rights != Rights::NONE) {
            let region = Some(around(at, rights, purpose, sharing));
            for access in ACCESSES {
                let mut fault = Fault { address: VirtAddr::new(at), access, region, mapped: None };
                if access == Access::Write && !rights.write {
                    for mapped in [None, Some(Protection::USER_READ)] {
                        fault.mapped = mapped;
                        ensure_decided(context, &fault, Decision::Refuse(Refusal::ReadOnly))?;
                    }
                } else if matches!(purpose, Purpose::Image | Purpose::Heap) {
                    ensure_decided(context, &fault, Decision::Refuse(Refusal::Missing))?;
                }
            }
        }
    }
    Ok(())
}

/// If several refusals are true, the answer is the one that comes first in the list.
pub fn fault_order(context: &mut Context) -> Outcome {
    let decided = |address: u32, access, region, mapped, refusal| {
        let fault = Fault { address: VirtAddr::new(address), access, region, mapped };
        ensure_decided(context, &fault, Decision::Refuse(refusal))
    };
    for mapped in MAPPED {
        for access in ACCESSES {
            // A mapped page does not make the address the program's.
            decided(0xC010_0000, access, None, mapped, Refusal::KernelHalf)?;
            decided(8, access, None, mapped, Refusal::NullPage)?;
            decided(0x4000_0000, access, None, mapped, Refusal::Unmapped)?;
            for rights in all_rights() {
                let first = |purpose| Some(around(0, rights, purpose, Sharing::Private));
                for purpose in PURPOSES.into_iter().chain([Purpose::Guard]) {
                    decided(0x10, access, first(purpose), mapped, Refusal::NullPage)?;
                }
                let guard = Some(around(0x4000_0000, rights, Purpose::Guard, Sharing::Private));
                decided(0x4000_0000, access, guard, mapped, Refusal::Guard)?;
            }
            for purpose in PURPOSES {
                let none = Some(around(0x4000_0000, Rights::NONE, purpose, Sharing::Private));
                decided(0x4000_0000, access, none, mapped, Refusal::NoAccess)?;
            }
        }
        for purpose in PURPOSES {
            let region = Some(around(0x4000_0000, Rights::READ, purpose, Sharing::Private));
            decided(0x4000_0000, Access::Write, region, mapped, Refusal::ReadOnly)?;
        }
    }
    Ok(())
}

/// If the region allows the access, the decision is what makes it possible: nothing, memory, a
/// larger stack, or a copy.
pub fn fault_resolved(context: &mut Context) -> Outcome {
    for sharing in [Sharing::Private, Sharing::Shared] {
        for purpose in PURPOSES {
            for rights in all_rights() {
                for access in ACCESSES.into_iter().filter(|access| rights.allow(*access)) {
                    for mapped in MAPPED {
                        for address in [0x0001_0000, 0x0804_8FFF, 0xBFFF_FFFC] {
                            let region = Some(around(address, rights, purpose, sharing));
                            let fault = Fault { address: VirtAddr::new(address), access, region, mapped };
                            let expected = match (mapped, purpose) {
                                (None, Purpose::Mapping) => Decision::Fill,
                                (None, Purpose::Stack) => Decision::GrowStack,
                                (None, _) => continue,
                                (Some(mapped), _) if access == Access::Write && !mapped.writable => {
                                    Decision::CopyOnWrite
                                }
                                (Some(_), _) => Decision::GoOn,
                            };
                            ensure_decided(context, &fault, expected)?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}
