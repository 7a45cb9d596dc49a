//! Lab 06, your first file: what the kernel protects itself from.
//!
//! In ring 0 a mistake can do anything. A wild pointer writes to code, a string runs over
//! its end into a table, a function pointer that was never set jumps into memory that a
//! program filled. The processor can stop each of these. Here you decide what it stops:
//! the rights of each section of the kernel's half, and which of the processor's
//! protections are switched on.
//!
//! # What to do
//! Replace every `todo!()`, here and in the lab's other files. They are numbered in an
//! order that works, and the checks come in the same order: `cargo grade 06` shows
//! after each step which checks pass. Each item documents its promises; the whole
//! contract is the documentation of [`KernelProtection`].
//!
//! # Good to know
//! - [`Protection::KERNEL_READ`] and the constants beside it are the four rights that an
//!   entry of a page table can give.
//! - The kernel asks once, when its memory comes up. It does not apply answers that would
//!   crash it at once: it keeps the rights without which it could not run, and sets no bit
//!   that the processor lacks. It says so on the console.
//! - `log::info!("{section:?}");` works anywhere in these files. `cargo grade 06 -v` shows
//!   what was logged.
//! - `cargo test -p protect` tests your files on your own computer.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::{CpuFeatures, Enforced, KernelProtection, Protection, Section};

/// The rights of the kernel's sections, and what the processor enforces.
pub struct KernelRights;

impl KernelProtection for KernelRights {
    /// Step 1: the rights of a section's pages, and no more of them than the kernel needs;
    /// `None` if the pages are not to be mapped.
    ///
    /// Who reads them, who writes to them, and who has to be kept from it?
    fn rights(section: Section) -> Option<Protection> {
        todo!("step 1: the rights of a section")
    }

    /// Step 2: the protections to switch on, on a processor with these features: all that it
    /// has, and no others.
    fn enforce(cpu: CpuFeatures) -> Enforced {
        todo!("step 2: what the processor is to enforce")
    }
}
