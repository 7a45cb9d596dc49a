//! No block is handed out.

use core::alloc::Layout;
use core::ptr::NonNull;
use mm_api::{AllocError, BlockError, HeapDamage, HeapMemory, HeapSummary, KernelHeap, ReallocError};

pub struct Heap<'m>(core::marker::PhantomData<&'m ()>);

impl<'m> Heap<'m> {
    /// # Safety
    /// None.
    pub unsafe fn new(_: NonNull<u8>, _: &'m mut dyn HeapMemory) -> Result<Self, AllocError> {
        Ok(Self(core::marker::PhantomData))
    }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, _: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError::OutOfMemory)
    }
    fn allocate_zeroed(&mut self, _: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError::OutOfMemory)
    }
    fn allocate_array(&mut self, _: u32, _: u32) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError::OutOfMemory)
    }
    fn free(&mut self, _: NonNull<u8>) -> Result<(), BlockError> {
        Err(BlockError::NotABlock)
    }
    fn reallocate(&mut self, _: NonNull<u8>, _: Layout) -> Result<NonNull<u8>, ReallocError> {
        Err(ReallocError::Alloc(AllocError::OutOfMemory))
    }
    fn usable_size(&self, _: NonNull<u8>) -> Result<u32, BlockError> {
        Err(BlockError::NotABlock)
    }
    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        Ok(HeapSummary::default())
    }
}
