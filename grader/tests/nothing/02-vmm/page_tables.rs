//! No directory, and a frame for nothing.
use mm_api::*;
pub struct Vmm<M>(M, Frame);
impl<M: Machine> VirtualMemory<M> for Vmm<M> {
    fn new(m: M, l: &KernelLayout<'_>) -> Result<Self, VmmError> {
        let f = l.temporary_table;
        Ok(Self(m, f))
    }
    fn root(&self, s: Space<'_>) -> Frame {
        if let Space::Of(d) = s { d.frame() } else { self.1 }
    }
    fn load(&mut self, _: Space<'_>) {}
    fn map(&mut self, _: Space<'_>, _: Page, _: Frame, _: Protection) -> Result<(), VmmError> {
        Err(VmmError::OutOfFrames)
    }
    fn unmap(&mut self, _: Space<'_>, _: Page) -> Result<Frame, VmmError> {
        Err(VmmError::NotMapped)
    }
    fn translate(&self, _: Space<'_>, _: VirtAddr) -> Option<Translation> {
        None
    }
    fn protect(&mut self, _: Space<'_>, _: Page, _: Protection) -> Result<(), VmmError> {
        Err(VmmError::NotMapped)
    }
    fn allocate(&mut self, _: u32) -> Result<PageRange, VmmError> {
        Err(VmmError::OutOfFrames)
    }
    fn free(&mut self, _: PageRange) -> Result<(), VmmError> {
        Err(VmmError::NotAllocated)
    }
    fn allocate_in(&mut self, _: Space<'_>, _: Page, _: u32, _: Protection) -> Result<(), VmmError> {
        Err(VmmError::OutOfFrames)
    }
    fn free_in(&mut self, _: Space<'_>, _: Page, _: u32) -> Result<(), VmmError> {
        Err(VmmError::NotAllocated)
    }
    fn create_directory(&mut self) -> Result<Directory, VmmError> {
        Err(VmmError::OutOfFrames)
    }
    fn destroy_directory(&mut self, _: Directory) {}
}
