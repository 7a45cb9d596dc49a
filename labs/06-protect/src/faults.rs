//! Lab 06, your third file: what a fault means.
//!
//! At a page fault the processor could not carry out an access, and the kernel decides what
//! follows. Either the page gets memory (the stack grows, a page of a mapping is filled, a
//! page that two processes share is copied), or the program ends. A system call asks the
//! same about every pointer that a program passes.
//!
//! This file only decides: the kernel carries out your answer.
//!
//! # What decides
//! Two things describe what a program may do with a page, and they may differ:
//!
//! - its **region** is what the kernel has promised the program;
//! - the **page tables** are what the processor knows. They may allow less than the region:
//!   a page gets memory only when it is touched, and a shared page is read-only until one
//!   of the processes writes.
//!
//! So the region says whether an access is allowed, and the tables say what is missing for
//! it. The whole contract is the documentation of [`FaultPolicy`], and [`Refusal`] lists
//! the reasons in the order in which they count.
//!
//! # Good to know
//! - [`Rights::allow`](mm_api::Rights::allow) says what rights allow on this processor.
//! - [`Fault::page`] is the page of the address.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::KERNEL_BASE;
use mm_api::{Access, Decision, Fault, FaultPolicy, Page, Purpose, Refusal};

/// Decides about faults.
pub struct Faults;

/// Step 6: why an access is not allowed; `None` if it is.
///
/// [`Refusal::Missing`], for a page without memory, is part of step 7.
fn refusal(fault: &Fault) -> Option<Refusal> {
    todo!("step 6: say whether the access is allowed")
}

/// Step 7: what the kernel does for an access that the region allows.
fn allowed(fault: &Fault) -> Decision {
    todo!("step 7: say what an allowed access still needs")
}

impl FaultPolicy for Faults {
    /// Decides what the kernel does about a fault. This one is written for you.
    fn decide(fault: &Fault) -> Decision {
        match refusal(fault) {
            Some(refusal) => Decision::Refuse(refusal),
            None => allowed(fault),
        }
    }
}
