//! Boxes without a heap: values in the memory that is put aside at boot.
//!
//! The labs' components live in such boxes. Their types are the labs' own, so only the crate that
//! names the labs knows their sizes.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use spin::Mutex;

use super::scratch;

/// Bytes that the operating system puts aside for boxes. A check uses its scratch memory.
pub(crate) const BYTES: u32 = 256 << 10;

/// The most free places that are remembered: a heap and a stack for each of 64 processes, and a few
/// more. Further places would be lost.
const PLACES: usize = 160;

/// The free places, whose values were dropped.
static FREE: Mutex<[Option<&'static mut [u32]>; PLACES]> = Mutex::new([const { None }; PLACES]);

/// An owned value in memory that was put aside at boot.
///
/// Dropping the box drops the value, and frees its place for a later value of the same size.
pub struct BootBox<T: ?Sized> {
    value: NonNull<T>,
    place: NonNull<[u32]>,
}

// SAFETY: a box owns its value, as an `alloc::boxed::Box` does.
unsafe impl<T: ?Sized + Send> Send for BootBox<T> {}
// SAFETY: likewise.
unsafe impl<T: ?Sized + Sync> Sync for BootBox<T> {}

/// A place that is taken, without a value yet. Dropping it frees the place.
pub struct EmptyBox<T> {
    place: NonNull<[u32]>,
    marker: PhantomData<T>,
}

impl<T: 'static> EmptyBox<T> {
    /// Words of a place that has room for an aligned value, wherever the place begins.
    const WORDS: usize = (size_of::<T>() + align_of::<T>()).div_ceil(size_of::<u32>());

    /// Takes a place; `None` if the memory put aside is used up.
    #[must_use]
    pub fn take() -> Option<Self> {
        Some(Self { place: NonNull::from(take_place(Self::WORDS)?), marker: PhantomData })
    }

    /// Puts a value into the place.
    #[must_use]
    pub fn put(self, value: T) -> BootBox<T> {
        let place = ManuallyDrop::new(self).place;
        let start = place.cast::<u8>();
        // SAFETY: a place has room for the value after fewer bytes than its alignment.
        let aligned = unsafe { start.add(start.align_offset(align_of::<T>())) }.cast::<T>();
        // SAFETY: aligned, and within a place that belongs to this box alone.
        unsafe { aligned.write(value) };
        BootBox { value: aligned, place }
    }
}

impl<T> Drop for EmptyBox<T> {
    fn drop(&mut self) {
        // SAFETY: the place was this box's alone.
        unsafe { give_place(self.place) };
    }
}

impl<T: 'static> BootBox<T> {
    /// Puts a value into a box; `None` if the memory put aside is used up.
    #[must_use]
    pub fn new(value: T) -> Option<Self> {
        Some(EmptyBox::take()?.put(value))
    }

    /// Takes the value out of its box, and frees the place.
    #[must_use]
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the box owns the value, and is not used again.
        let value = unsafe { this.value.read() };
        // SAFETY: the place was this box's alone.
        unsafe { give_place(this.place) };
        value
    }

    /// Turns the box into one of another type, such as a trait object. The value stays where it is.
    ///
    /// # Safety
    /// `coerce` returns its argument, with metadata that is right for the value.
    #[must_use]
    pub(crate) unsafe fn coerce<U: ?Sized>(self, coerce: fn(NonNull<T>) -> NonNull<U>) -> BootBox<U> {
        let this = ManuallyDrop::new(self);
        BootBox { value: coerce(this.value), place: this.place }
    }
}

impl<T: ?Sized + 'static> BootBox<T> {
    /// Gives up the box, and keeps the value for as long as the machine runs.
    #[must_use]
    pub fn leak(self) -> &'static mut T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the box owns the value, and neither the box nor the place is used again.
        unsafe { this.value.as_mut() }
    }
}

impl<T: ?Sized> Deref for BootBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the box owns the value.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for BootBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the box owns the value, and is borrowed mutably.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized> Drop for BootBox<T> {
    fn drop(&mut self) {
        // SAFETY: the box owns the value, and this is the last use of it.
        unsafe { self.value.drop_in_place() };
        // SAFETY: the place was this box's alone.
        unsafe { give_place(self.place) };
    }
}

/// Takes a place of so many words: a free one of this size, or new memory.
fn take_place(words: usize) -> Option<&'static mut [u32]> {
    let used = FREE.lock().iter_mut().rev().find_map(|slot| slot.take_if(|place| place.len() == words));
    used.or_else(|| scratch::take(u32::try_from(words).ok()?))
}

/// Frees a place, which has no value any more.
///
/// # Safety
/// The place is not used any more.
unsafe fn give_place(mut place: NonNull<[u32]>) {
    if let Some(slot) = FREE.lock().iter_mut().find(|slot| slot.is_none()) {
        // SAFETY: the place is scratch memory, and not in use.
        *slot = Some(unsafe { place.as_mut() });
    }
}
