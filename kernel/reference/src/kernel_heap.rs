//! Lab 03, whose heap's constructor is no part of its trait.

use core::ptr::NonNull;

use lab_abi::components::{HeapKind, RemoteHeap};
use lab_abi::instruments::RemoteInterrupts;
use mm_api::{AllocError, HeapMemory};

/// The heap for the whole kernel.
pub type Shared = heap::SharedHeap<RemoteHeap, RemoteInterrupts>;

/// The heap for one user.
pub struct Kind;

impl HeapKind for Kind {
    type Heap = heap::Heap<'static>;

    unsafe fn new(base: NonNull<u8>, memory: &'static mut dyn HeapMemory) -> Result<Self::Heap, AllocError> {
        // SAFETY: what the caller promises is what the lab asks for.
        unsafe { heap::Heap::new(base, memory) }
    }
}
