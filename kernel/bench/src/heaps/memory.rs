//! The memory that a heap is measured in.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes of it: many times what any trace needs.
pub const SIZE: u32 = 32 << 20;

unsafe extern "C" {
    /// Where the linker has put it: behind the image.
    static mut heap_region: [u8; SIZE as usize];
}

/// All of the memory.
pub struct Memory(NonNull<u8>);

/// The first so many bytes of the memory: a heap's own, as long as this is borrowed.
pub struct Region<'a> {
    pub base: NonNull<u8>,
    pub bytes: u32,
    _memory: PhantomData<&'a mut [u8]>,
}

impl Memory {
    /// The memory.
    ///
    /// # Panics
    /// If somebody has it already.
    pub fn take() -> Self {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        assert!(!TAKEN.swap(true, Ordering::Relaxed), "there is one memory");
        match NonNull::new((&raw mut heap_region).cast()) {
            Some(base) => Self(base),
            None => unreachable!("the linker puts it behind the image"),
        }
    }

    /// The first bytes of it.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn first(&mut self, bytes: u32) -> Region<'_> {
        assert!(bytes <= SIZE);
        Region { base: self.0, bytes, _memory: PhantomData }
    }
}

impl Region<'_> {
    /// How many bytes past the region's beginning `block` lies.
    pub fn offset(&self, block: NonNull<u8>) -> usize {
        block.addr().get().wrapping_sub(self.base.addr().get())
    }

    /// Whether so many bytes from `block` on lie in the region.
    pub fn contains(&self, block: NonNull<u8>, bytes: usize) -> bool {
        let offset = self.offset(block);
        offset <= self.bytes as usize && bytes <= self.bytes as usize - offset
    }
}
