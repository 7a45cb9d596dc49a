//! Lab 06: protection. What the hardware is told to enforce, and what a fault means.

use core::fmt;

use crate::{Access, Page, PageRange, Protection, Region, RegionList, Rights, VirtAddr};

/// A part of the kernel half. Each has rights of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Section {
    /// The kernel's code.
    Code,
    /// Its constants.
    Constants,
    /// Its variables.
    Data,
    /// The page below a stack of the kernel's own, into which an overflow runs.
    StackGuard,
    /// A stack of the kernel's own.
    Stack,
    /// The rest of the direct map: all physical memory.
    DirectMap,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Code, Self::Constants, Self::Data, Self::StackGuard, Self::Stack, Self::DirectMap];
}

/// What the processor can do (Intel SDM volume 2A, CPUID).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct CpuFeatures {
    /// Supervisor-mode execution prevention: leaf 7, EBX bit 7.
    pub smep: bool,
    /// Supervisor-mode access prevention: leaf 7, EBX bit 20.
    pub smap: bool,
    /// User-mode instruction prevention: leaf 7, ECX bit 2.
    pub umip: bool,
}

/// What of it is switched on in the control registers (SDM volume 3A, section 2.5).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Enforced {
    /// CR0.WP: the kernel cannot write to read-only pages either.
    pub write_protect: bool,
    /// CR4.SMEP: the kernel cannot execute the pages of programs.
    pub smep: bool,
    /// CR4.SMAP: the kernel cannot read or write them outside of a copy window.
    pub smap: bool,
    /// CR4.UMIP: programs cannot ask where the kernel's tables are.
    pub umip: bool,
}

// ANCHOR: kernel-protection
/// What the kernel protects itself from: its own mistakes, and programs.
///
/// # The contract
/// **Least rights.** Code and constants are never written to, not even by the
/// kernel; no page of the kernel half is for programs; a guard page is not mapped.
/// The rest is the kernel's to read and write.
///
/// **All protections.** Each protection that the processor has is switched on, and
/// none that it lacks: setting an unknown bit of CR4 is a general-protection fault.
/// Every processor since the 486 has CR0.WP.
pub trait KernelProtection {
    /// What may be done with the pages of a section; `None` if they are not to
    /// be mapped.
    fn rights(section: Section) -> Option<Protection>;

    /// What is switched on, on a processor that has these features.
    fn enforce(cpu: CpuFeatures) -> Enforced;
}
// ANCHOR_END: kernel-protection

// ANCHOR: region-protection
/// `mprotect`: other rights for a part of an address space.
pub trait RegionProtection {
    /// Gives the pages other rights.
    ///
    /// A region that is only partly in the range is split; everything else
    /// about its pages stays. Neighbours that touch and are alike in all but
    /// their pages ([`Region::is_like`]) are merged, where they meet within
    /// `pages` or at one of its ends; what meets elsewhere stays as it is.
    /// Afterwards every page of `pages` has these rights, and no other page's
    /// rights have changed.
    ///
    /// No page at all is no error: nothing changes.
    ///
    /// # Errors
    /// [`NotMapped`](ProtectError::NotMapped) if a page belongs to no region,
    /// [`Guard`](ProtectError::Guard) if one belongs to a guard: the one that comes
    /// first. Nothing has changed then.
    fn protect(regions: &mut dyn RegionList, pages: PageRange, rights: Rights) -> Result<(), ProtectError>;
}
// ANCHOR_END: region-protection

/// Why rights were not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ProtectError {
    /// A page belongs to no region: ENOMEM.
    NotMapped,
    /// A page belongs to a guard, which stays one: EACCES.
    Guard,
}

impl fmt::Display for ProtectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotMapped => "a page belongs to no region",
            Self::Guard => "a page belongs to a guard",
        })
    }
}

// ANCHOR: user-window
/// The window through which the kernel reaches the memory of the program that
/// runs. While it is closed, SMAP stops every access.
pub trait UserWindow {
    /// Opens the window (`STAC`).
    ///
    /// # Panics
    /// If it is open.
    fn open(&mut self);

    /// Closes the window (`CLAC`).
    ///
    /// # Panics
    /// If it is closed.
    fn close(&mut self);

    /// Copies the bytes from `address` on, all of one page, into `bytes`. A
    /// missing page is resolved first, as if the program had touched it.
    ///
    /// # Errors
    /// [`BadAddress`] if the program may not read there. Nothing was copied.
    ///
    /// # Panics
    /// If the window is closed, the bytes are not all in one page below the
    /// kernel half, or they are not among those that are to be copied.
    fn read(&mut self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress>;

    /// Copies `bytes` to the addresses from `address` on, all of one page.
    /// Otherwise as [`read`](Self::read).
    ///
    /// # Errors
    /// [`BadAddress`] if the program may not write there. Nothing was copied.
    ///
    /// # Panics
    /// As there.
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress>;
}

/// Copies between the kernel and the program that runs: every pointer that a
/// program passes to a system call comes here.
///
/// # The contract
/// A program may pass any address. A range that begins or ends in the kernel
/// half, or wraps past 4 GiB, is refused before the window is opened. Every other
/// range is copied page by page, in ascending order, through the window; and
/// wherever the copy ends, with success or in the middle, the window is closed.
/// It is always closed outside of these functions, and if there is nothing to
/// copy, it is never opened.
pub trait UserCopy {
    /// Copies the program's bytes from `address` on into `bytes`.
    ///
    /// # Errors
    /// [`BadAddress`] if the program may not read one of them. Those of the pages
    /// before have been copied, unless the range itself was refused.
    fn copy_in(window: &mut dyn UserWindow, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress>;

    /// Copies `bytes` to the program's addresses from `address` on.
    ///
    /// # Errors
    /// [`BadAddress`] if the program may not write to one of them; otherwise as
    /// [`copy_in`](Self::copy_in).
    fn copy_out(window: &mut dyn UserWindow, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress>;
}
// ANCHOR_END: user-window

/// An address that the program may not use in the way it was to be used: EFAULT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadAddress;

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad address")
    }
}

/// An access of a program's that cannot go on by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The address.
    pub address: VirtAddr,
    /// What was to be done there.
    pub access: Access,
    /// The region that the address is in, if it is in one.
    pub region: Option<Region>,
    /// What the tables say the program may do with the page; `None` if they do not map it.
    pub mapped: Option<Protection>,
}

impl Fault {
    /// The page of the address.
    #[must_use]
    pub const fn page(&self) -> Page {
        Page::containing(self.address)
    }
}

/// What is done about a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub enum Decision {
    /// Nothing: the program may do it, and the tables let it.
    GoOn,
    /// The page gets memory that is zero (lab 07).
    Fill,
    /// The stack grows down to the page (lab 05).
    GrowStack,
    /// The page gets a frame of its own that may be written to (lab 07).
    CopyOnWrite,
    /// The program is ended, or its system call answers EFAULT.
    Refuse(Refusal),
}

/// Why a program may not do what it tried to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refusal {
    /// The address is in the kernel half.
    KernelHalf,
    /// The address is in page 0: a null pointer.
    NullPage,
    /// The address is in no region.
    Unmapped,
    /// The address is in a guard.
    Guard,
    /// The region does not allow any access.
    NoAccess,
    /// The region does not allow writing.
    ReadOnly,
    /// The region allows it, but the page has no memory, and nobody gives it any now:
    /// pages of an image and of a heap are mapped when these are made.
    Missing,
}

// ANCHOR: fault-policy
/// What a fault means.
pub trait FaultPolicy {
    /// What is to be done. The regions say what a program may do: the tables
    /// may lag behind and allow less, never more.
    ///
    /// Where several refusals are true, the one that [`Refusal`] lists first is
    /// the answer. An access that the region allows is refused only if the page
    /// has no memory and belongs to an image or a heap.
    ///
    /// What the region allows goes on if the tables allow it, too; a page that
    /// is not mapped is filled, or the stack grows, by the region's purpose;
    /// and a write to a page that is mapped without the right to write gets it
    /// a frame of its own.
    fn decide(fault: &Fault) -> Decision;
}
// ANCHOR_END: fault-policy
