//! A counter: nothing is ever taken back.
use core::alloc::Layout;
use core::ptr::NonNull;
use mm_api::{AllocError, BlockError, HeapDamage, HeapMemory, HeapSummary, KernelHeap, ReallocError};
pub struct Heap<'m>(NonNull<u8>, usize, usize, &'m mut dyn HeapMemory);
impl<'m> Heap<'m> {
    /// # Safety
    /// None.
    pub unsafe fn new(b: NonNull<u8>, m: &'m mut dyn HeapMemory) -> Result<Self, AllocError> {
        Ok(Self(b, 8, 0, m))
    }
}
impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, l: Layout) -> Result<NonNull<u8>, AllocError> {
        if l.align() > 4096 {
            return Err(AllocError::Alignment);
        }
        let at = (self.0.as_ptr() as usize + self.1).next_multiple_of(l.align().max(8)) - self.0.as_ptr() as usize;
        let end = at + l.size().max(1) + 8;
        while end > self.2 {
            self.2 += self.3.grow((end - self.2) as u32).ok_or(AllocError::OutOfMemory)? as usize;
        }
        self.1 = end;
        Ok(unsafe { self.0.add(at) })
    }
    fn allocate_zeroed(&mut self, l: Layout) -> Result<NonNull<u8>, AllocError> {
        let p = self.allocate(l)?;
        unsafe { p.write_bytes(0, l.size()) };
        Ok(p)
    }
    fn allocate_array(&mut self, n: u32, s: u32) -> Result<NonNull<u8>, AllocError> {
        self.allocate_zeroed(
            Layout::from_size_align(n.checked_mul(s).ok_or(AllocError::OutOfMemory)? as usize, 8)
                .map_err(|_| AllocError::OutOfMemory)?,
        )
    }
    fn free(&mut self, _: NonNull<u8>) -> Result<(), BlockError> {
        Ok(())
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
unsafe impl Send for Heap<'_> {}
