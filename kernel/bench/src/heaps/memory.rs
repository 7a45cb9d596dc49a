//! The memory that a heap is measured in.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

/// The memory's size in bytes: many times the need of any trace.
pub const SIZE: u32 = 32 << 20;

unsafe extern "C" {
    /// The linker has put it behind the image.
    static mut heap_region: [u8; SIZE as usize];
}

/// The memory as a whole.
pub struct Memory(NonNull<u8>);

/// The first bytes of the memory, which belong to one heap while this is borrowed.
pub struct Region<'a> {
    pub base: NonNull<u8>,
    pub bytes: u32,
    _memory: PhantomData<&'a mut [u8]>,
}

impl Memory {
    /// Takes the memory, of which there is only one.
    ///
    /// # Panics
    /// If it was taken before.
    pub fn take() -> Self {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        assert!(!TAKEN.swap(true, Ordering::Relaxed), "there is one memory");
        match NonNull::new((&raw mut heap_region).cast()) {
            Some(base) => Self(base),
            None => unreachable!("the linker puts it behind the image"),
        }
    }

    /// The first `bytes` bytes of the memory.
    ///
    /// # Panics
    /// If `bytes` is more than [`SIZE`].
    pub fn first(&mut self, bytes: u32) -> Region<'_> {
        assert!(bytes <= SIZE);
        Region { base: self.0, bytes, _memory: PhantomData }
    }
}

impl Region<'_> {
    /// The offset of `block` from the region's start, in bytes.
    pub fn offset(&self, block: NonNull<u8>) -> usize {
        block.addr().get().wrapping_sub(self.base.addr().get())
    }

    /// Whether `bytes` bytes from `block` on lie in the region.
    pub fn contains(&self, block: NonNull<u8>, bytes: usize) -> bool {
        let offset = self.offset(block);
        offset <= self.bytes as usize && bytes <= self.bytes as usize - offset
    }
}
