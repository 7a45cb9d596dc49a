//! Lab 03, whose heap has a constructor outside its trait.

use core::ptr::NonNull;

use lab_abi::components::{HeapKind, RemoteHeap};
use lab_abi::instruments::RemoteInterrupts;
use mm_api::{AllocError, HeapMemory};

/// The heap for the whole kernel.
pub type Shared = heap::SharedHeap<RemoteHeap, RemoteInterrupts>;

/// Provides the heap for one user.
pub struct Kind;

impl HeapKind for Kind {
    type Heap = heap::Heap<'static>;

    unsafe fn new(base: NonNull<u8>, memory: &'static mut dyn HeapMemory) -> Result<Self::Heap, AllocError> {
        // SAFETY: the caller promises what the lab requires.
        unsafe { heap::Heap::new(base, memory) }
    }
}
