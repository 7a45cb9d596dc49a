//! How arguments and answers cross the border.

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

/// A value that crosses the border, by way of a place in the sender's memory.
///
/// # Safety
/// `Sent` has the same layout with every compiler.
pub unsafe trait Crosses: Sized {
    /// What lies in that place.
    type Sent;

    /// What to put there.
    fn send(self) -> Self::Sent;

    /// Takes it, or borrows it, from there.
    ///
    /// # Safety
    /// `sent` comes from [`send`](Self::send), and is received once. What is received is
    /// used no longer than `sent` lives, and than what was sent could be used.
    unsafe fn receive(sent: &mut Self::Sent) -> Self;
}

/// Types that cross as they are.
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
                    // SAFETY: it is received once.
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

/// References to types that lie in the sender's memory as they are.
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
                    // SAFETY: the sender's reference, which lives on.
                    unsafe { &*sent.cast() }
                }
            }
        )+
    };
}

by_reference!(MapRequest, Region, MemoryMap<'_>, KernelLayout<'_>, Arguments<'_>);

/// An answer that may be an error.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Answer<T, E> {
    /// It went well.
    Good(T),
    /// It did not.
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

// SAFETY: as that of a `Result`.
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
        // Addresses have 32 bits where this runs.
        [self.size() as u32, self.align() as u32]
    }

    #[inline]
    unsafe fn receive(&mut [size, align]: &mut [u32; 2]) -> Self {
        // SAFETY: they are those of a layout.
        unsafe { Self::from_size_align_unchecked(size as usize, align as usize) }
    }
}

// SAFETY: a type of `mm_api` with a declared representation.
unsafe impl Crosses for Space<'_> {
    type Sent = Space<'static>;

    #[inline]
    fn send(self) -> Space<'static> {
        // SAFETY: it is received for as long only as what was sent could be used.
        unsafe { core::mem::transmute::<Self, Space<'static>>(self) }
    }

    #[inline]
    unsafe fn receive(sent: &mut Space<'static>) -> Self {
        *sent
    }
}

/// A fault, and room for what the other side makes of it.
#[repr(C)]
#[derive(Debug)]
pub struct SentFault {
    address: VirtAddr,
    access: Access,
    region: Answer<Region, ()>,
    mapped: Answer<Protection, ()>,
    /// No larger there than `ROOM` words.
    received: [MaybeUninit<u32>; ROOM],
}

/// Words that a fault takes, with any compiler.
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
        // SAFETY: there is room, and it is aligned.
        unsafe { place.write(Fault { address: sent.address, access: sent.access, region, mapped }) };
        // SAFETY: it was written just now, and lives as long as what was sent.
        unsafe { &*place }
    }
}

/// A slice: where it begins, and its length.
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
        // SAFETY: the sender's slice, which lives on and is used by nobody else.
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
        // SAFETY: the sender's slice, which lives on.
        unsafe { slice::from_raw_parts(sent.start, sent.length as usize) }
    }
}

/// Whether a slice is a pointer and its length, in this order, with this compiler.
///
/// The tables of `mm_api` that consist of slices cross as they are. Rust does not promise
/// what a reference to a slice looks like; all compilers so far agree.
pub(crate) fn slices_are_as_expected() -> bool {
    let slice: &[u8] = &[1, 2, 3];
    // SAFETY: both are two words.
    let words: [usize; 2] = unsafe { core::mem::transmute(slice) };
    words == [slice.as_ptr() as usize, slice.len()]
}
