//! Resolves accesses that a program cannot make by itself. Page faults and the pointers of system
//! calls both come here.

use core::fmt;
use kernel_core::words::told;

use log::warn;
use mm_api::{
    Access, BadAddress, Decision, Fault, Page, PageError, PageRange, Protection, Refusal, Region, SharedPages,
    StackError, VirtAddr,
};

use super::address_space::AddressSpace;
use crate::memory::{self, Memory};
use crate::pages::of_region;

/// Why an access was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Lab 06 forbids the access.
    Forbidden(Refusal),
    /// The access is allowed, but no frame is free.
    OutOfFrames,
    /// The access is allowed, and the lab that had to resolve it reported success, but the tables
    /// do not allow it. The program would fault for ever.
    Unresolved(Decision),
}

impl From<Refused> for BadAddress {
    fn from(_: Refused) -> Self {
        Self
    }
}

impl AddressSpace {
    /// Changes the tables so that they allow an access of the program, if its region allows it: a
    /// page is filled, the stack grows, or a page is copied on write.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn resolve(&mut self, address: VirtAddr, access: Access) -> Result<(), Refused> {
        memory::with(|memory| self.resolve_in(memory, address, access))
    }

    fn resolve_in(&mut self, memory: &mut Memory, address: VirtAddr, access: Access) -> Result<(), Refused> {
        let page = Page::containing(address);
        let region = self.regions.find(page);
        let mapped = self.protection(memory, page);
        let decision = (memory.labs().protections().decide)(&Fault { address, access, region, mapped });
        self.carry_out(memory, decision, address, region)?;
        if self.protection(memory, page).is_some_and(|protection| allows(protection, access)) {
            return Ok(());
        }
        warn!("{} was decided about {address}, but the tables still do not allow: {}", told(&decision), told(&access));
        Err(Refused::Unresolved(decision))
    }

    /// Carries out lab 06's decision.
    fn carry_out(
        &mut self,
        memory: &mut Memory,
        decision: Decision,
        address: VirtAddr,
        region: Option<Region>,
    ) -> Result<(), Refused> {
        let (page, demand) = (Page::containing(address), memory.labs().demand_paging());
        match (decision, region) {
            (Decision::Refuse(refusal), _) => Err(Refused::Forbidden(refusal)),
            (Decision::GoOn, _) => Ok(()),
            (Decision::GrowStack, _) => self.grow_stack(memory, address).map_err(|error| match error {
                StackError::OutOfFrames => Refused::OutOfFrames,
                _ => Refused::Unresolved(decision),
            }),
            // Lab 07 is asked only if the page is in the right state for its answer.
            (Decision::Fill, Some(region)) if self.protection(memory, page).is_none() => {
                let mut pages = memory.user_pages(self.directory()).within(alone(page));
                (demand.fill)(&mut pages, &region, page).map_err(Refused::from)
            }
            (Decision::CopyOnWrite, Some(region)) if self.protection(memory, page).is_some() => {
                let mut pages = of_region(memory.user_pages(self.directory()), &region, alone(page));
                (demand.write)(&mut pages, &region, page).map_err(Refused::from)
            }
            (Decision::Fill | Decision::CopyOnWrite, _) => Err(Refused::Unresolved(decision)),
        }
    }

    /// What the tables let the program do with a page.
    fn protection(&self, memory: &mut Memory, page: Page) -> Option<Protection> {
        memory.user_pages(self.directory()).protection(page).filter(|_| !page.is_kernel())
    }
}

impl From<PageError> for Refused {
    fn from(error: PageError) -> Self {
        match error {
            PageError::OutOfFrames => Self::OutOfFrames,
            PageError::Occupied => Self::Unresolved(Decision::Fill),
        }
    }
}

/// The range of this one page.
const fn alone(page: Page) -> PageRange {
    match PageRange::new(page, 1) {
        Some(pages) => pages,
        None => PageRange::between(page.start(), page.start()),
    }
}

/// Whether the processor lets a program make an access to a page.
fn allows(protection: Protection, access: Access) -> bool {
    protection.user && (protection.writable || access != Access::Write)
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfFrames => "no frame is free",
            Self::Unresolved(_) => "the labs' answers contradict the tables",
            Self::Forbidden(Refusal::KernelHalf) => "in the kernel half",
            Self::Forbidden(Refusal::NullPage) => "a null pointer",
            Self::Forbidden(Refusal::Unmapped) => "in no region",
            Self::Forbidden(Refusal::Guard) => "in a guard",
            Self::Forbidden(Refusal::NoAccess) => "in a region without any rights",
            Self::Forbidden(Refusal::ReadOnly) => "in a region that is read-only",
            Self::Forbidden(Refusal::Missing) => "in a page that has no memory",
        })
    }
}
