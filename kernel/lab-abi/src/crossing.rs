//! Crossing the border: how arguments and answers are sent and received.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use mm_api::{
    Access, AllocError, Arguments, BadAddress, BlockError, BreakError, CpuFeatures, Decision, Enforced, Entry, Fault,
    Frame, FrameRange, FrameRun, FreeError, HeapDamage, HeapSummary, InitError, KernelLayout, KernelStack, LendError,
    MapError, MapRequest, MemoryMap, Order, Page, PageError, PageRange, PhysAddr, ProtectError, Protection,
    ReallocError, Region, Rights, Section, Space, StackError, TableIndex, Translation, VirtAddr, VmmError,
};

/// A value that crosses the border through a place in the sender's memory.
///
/// # Safety
/// `Sent` has the same layout with every compiler.
pub unsafe trait Crosses: Sized {
    /// The type of the value in that place.
    type Sent;

    /// Converts the value for sending.
    fn send(self) -> Self::Sent;

    /// Takes, or borrows, the value from that place.
    ///
    /// # Safety
    /// `sent` comes from [`send`](Self::send), and is received once. The received value is used no
    /// longer than `sent` lives, and no longer than the original value may be used.
    unsafe fn receive(sent: &mut Self::Sent) -> Self;
}

/// Types that cross unchanged.
macro_rules! plain {
    ($($Type:ty),+ $(,)?) => {
        $(
            // SAFETY: a number, or a type of `mm_api` with a declared representation.
            unsafe impl Crosses for $Type {
                type Sent = Self;

                #[inline]
                fn send(self) -> Self {
                    self
                }

                #[inline]
                unsafe fn receive(sent: &mut Self) -> Self {
                    // SAFETY: the value is received once.
                    unsafe { ptr::read(sent) }
                }
            }
        )+
    };
}

plain!((), bool, i32, u8, u32, usize, *mut u8, NonNull<u8>);
plain!(Entry, Frame, FrameRange, FrameRun, KernelStack, Order, Page, PageRange, PhysAddr, TableIndex, VirtAddr);
plain!(CpuFeatures, Decision, Enforced, MapError, ProtectError, Region, Rights, Section);
plain!(HeapDamage, HeapSummary, Protection, Translation, mm_api::Directory);
plain!(
    AllocError,
    BlockError,
    BreakError,
    FreeError,
    InitError,
    LendError,
    PageError,
    ReallocError,
    StackError,
    VmmError
);

// SAFETY: there is nothing to send.
unsafe impl Crosses for BadAddress {
    type Sent = ();

    fn send(self) {}

    unsafe fn receive((): &mut ()) -> Self {
        Self
    }
}

/// References to types that lie in the sender's memory unchanged.
macro_rules! by_reference {
    ($($Type:ty),+ $(,)?) => {
        $(
            // SAFETY: a pointer to a type of `mm_api` with a declared representation.
            unsafe impl Crosses for &$Type {
                type Sent = *const ();

                #[inline]
                fn send(self) -> *const () {
                    ptr::from_ref(self).cast()
                }

                #[inline]
                unsafe fn receive(sent: &mut *const ()) -> Self {
                    // SAFETY: the sender's reference is still valid.
                    unsafe { &*sent.cast() }
                }
            }
        )+
    };
}

by_reference!(MapRequest, Region, MemoryMap<'_>, KernelLayout<'_>, Arguments<'_>);

/// An answer that may be an error, in C's layout.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Answer<T, E> {
    /// The value.
    Good(T),
    /// The error.
    Bad(E),
}

// SAFETY: the representation of the answer is C's, and its contents cross by themselves.
unsafe impl<T: Crosses, E: Crosses> Crosses for Result<T, E> {
    type Sent = Answer<T::Sent, E::Sent>;

    #[inline]
    fn send(self) -> Self::Sent {
        match self {
            Ok(value) => Answer::Good(value.send()),
            Err(error) => Answer::Bad(error.send()),
        }
    }

    #[inline]
    unsafe fn receive(sent: &mut Self::Sent) -> Self {
        match sent {
            // SAFETY: the caller's promise.
            Answer::Good(value) => Ok(unsafe { T::receive(value) }),
            // SAFETY: likewise.
            Answer::Bad(error) => Err(unsafe { E::receive(error) }),
        }
    }
}

// SAFETY: as for a `Result`.
unsafe impl<T: Crosses> Crosses for Option<T> {
    type Sent = Answer<T::Sent, ()>;

    #[inline]
    fn send(self) -> Self::Sent {
        self.ok_or(()).send()
    }

    #[inline]
    unsafe fn receive(sent: &mut Self::Sent) -> Self {
        // SAFETY: the caller's promise.
        unsafe { <Result<T, ()>>::receive(sent) }.ok()
    }
}

// SAFETY: two numbers.
unsafe impl Crosses for Layout {
    type Sent = [u32; 2];

    #[inline]
    fn send(self) -> [u32; 2] {
        // Addresses have 32 bits on this machine.
        [self.size() as u32, self.align() as u32]
    }

    #[inline]
    unsafe fn receive(&mut [size, align]: &mut [u32; 2]) -> Self {
        // SAFETY: the numbers are those of a layout.
        unsafe { Self::from_size_align_unchecked(size as usize, align as usize) }
    }
}

// SAFETY: a type of `mm_api` with a declared representation.
unsafe impl Crosses for Space<'_> {
    type Sent = Space<'static>;

    #[inline]
    fn send(self) -> Space<'static> {
        // SAFETY: the received value is used no longer than the original may be.
        unsafe { core::mem::transmute::<Self, Space<'static>>(self) }
    }

    #[inline]
    unsafe fn receive(sent: &mut Space<'static>) -> Self {
        *sent
    }
}

/// A fault, with room for the receiver's own representation of it.
#[repr(C)]
#[derive(Debug)]
pub struct SentFault {
    address: VirtAddr,
    access: Access,
    region: Answer<Region, ()>,
    mapped: Answer<Protection, ()>,
    /// The receiver's fault takes at most `ROOM` words.
    received: [MaybeUninit<u32>; ROOM],
}

/// Words that are enough for a fault with any compiler.
const ROOM: usize = 12;

// SAFETY: each part crosses by itself.
unsafe impl Crosses for &Fault {
    type Sent = SentFault;

    fn send(self) -> SentFault {
        SentFault {
            address: self.address,
            access: self.access,
            region: self.region.send(),
            mapped: self.mapped.send(),
            received: [MaybeUninit::uninit(); ROOM],
        }
    }

    unsafe fn receive(sent: &mut SentFault) -> Self {
        const { assert!(size_of::<Fault>() <= 4 * ROOM && align_of::<Fault>() <= 4, "a fault needs more words") };
        // SAFETY: the caller's promise.
        let (region, mapped) = unsafe { (Crosses::receive(&mut sent.region), Crosses::receive(&mut sent.mapped)) };
        let place = sent.received.as_mut_ptr().cast::<Fault>();
        // SAFETY: the place has room for a fault, and is aligned.
        unsafe { place.write(Fault { address: sent.address, access: sent.access, region, mapped }) };
        // SAFETY: the fault was just written, and lives as long as `sent`.
        unsafe { &*place }
    }
}

/// A slice: its start and its length.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Span<T> {
    start: *mut T,
    length: u32,
}

// SAFETY: a pointer and a number.
unsafe impl<T> Crosses for &mut [T]
where
    T: Crosses<Sent = T>,
{
    type Sent = Span<T>;

    #[inline]
    fn send(self) -> Span<T> {
        Span { start: self.as_mut_ptr(), length: self.len() as u32 }
    }

    #[inline]
    unsafe fn receive(sent: &mut Span<T>) -> Self {
        // SAFETY: the sender's slice is still valid, and borrowed for this alone.
        unsafe { slice::from_raw_parts_mut(sent.start, sent.length as usize) }
    }
}

// SAFETY: a pointer and a number.
unsafe impl Crosses for &[u8] {
    type Sent = Span<u8>;

    #[inline]
    fn send(self) -> Span<u8> {
        Span { start: self.as_ptr().cast_mut(), length: self.len() as u32 }
    }

    #[inline]
    unsafe fn receive(sent: &mut Span<u8>) -> Self {
        // SAFETY: the sender's slice is still valid.
        unsafe { slice::from_raw_parts(sent.start, sent.length as usize) }
    }
}

/// Whether this compiler represents a slice as a pointer and its length, in this order.
///
/// The types of `mm_api` that contain slices cross unchanged. Rust does not promise how a reference
/// to a slice is laid out; all compilers so far agree.
pub(crate) fn slices_are_as_expected() -> bool {
    let slice: &[u8] = &[1, 2, 3];
    // SAFETY: both types are two words.
    let words: [usize; 2] = unsafe { core::mem::transmute(slice) };
    words == [slice.as_ptr() as usize, slice.len()]
}
