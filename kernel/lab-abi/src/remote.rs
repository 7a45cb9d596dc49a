//! Values on the other side of the border.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;

/// Words of a [`Remote`] that stands for a reference to a trait object.
pub const LENT: usize = 2;
/// Words of a [`Remote`] that holds one of the kernel's instruments, such as its machine.
pub const INSTRUMENT: usize = 4;

/// Memory for a value whose type only the other side knows.
#[repr(C, align(8))]
#[derive(Debug)]
pub struct Words<const WORDS: usize>([MaybeUninit<u32>; WORDS]);

impl<const WORDS: usize> Words<WORDS> {
    /// Memory without a value.
    pub(crate) const fn empty() -> Self {
        Self([MaybeUninit::uninit(); WORDS])
    }

    /// The address of the value.
    pub(crate) const fn place(&mut self) -> *mut () {
        ptr::from_mut(self).cast()
    }

    /// Memory that holds `value`.
    pub(crate) fn holding<T>(value: T) -> Self {
        const { assert!(fits::<T, WORDS>(), "the value needs more words: say so where its table is") };
        let mut words = Self::empty();
        // SAFETY: the words have room for the value, and are aligned.
        unsafe { words.place().cast::<T>().write(value) };
        words
    }
}

/// Whether the values of a type fit into `WORDS` words.
pub(crate) const fn fits<T, const WORDS: usize>() -> bool {
    size_of::<T>() <= size_of::<Words<WORDS>>() && align_of::<T>() <= align_of::<Words<WORDS>>()
}

/// A table of functions.
pub trait Table: 'static {
    /// The function that drops a value.
    fn end(&self) -> unsafe extern "C" fn(*mut ());
}

/// A value on the other side, or that side's reference to one: its table of functions, and words
/// that only that side can read. The words may be moved, as every value of Rust may.
#[repr(C)]
#[derive(Debug)]
pub struct Remote<T: Table, const WORDS: usize> {
    table: &'static T,
    words: Words<WORDS>,
}

impl<T: Table, const WORDS: usize> Remote<T, WORDS> {
    /// The value in these words, with its table.
    ///
    /// # Safety
    /// The table's functions are for the value in these words. If that value, or one that it refers
    /// to, must stay on its thread, then so must the `Remote`.
    pub(crate) const unsafe fn of(table: &'static T, words: Words<WORDS>) -> Self {
        Self { table, words }
    }

    /// The value's table of functions.
    pub(crate) const fn table(&self) -> &'static T {
        self.table
    }

    /// The address of the value, for functions that only read it.
    pub(crate) const fn place(&self) -> *mut () {
        ptr::from_ref(&self.words).cast_mut().cast()
    }

    /// The address of the value.
    pub(crate) const fn place_mut(&mut self) -> *mut () {
        self.words.place()
    }
}

impl<T: Table, const WORDS: usize> Drop for Remote<T, WORDS> {
    fn drop(&mut self) {
        // SAFETY: the table's functions are for this value, and this is its last use.
        unsafe { self.table.end()(self.place_mut()) };
    }
}

// SAFETY: the code that makes a `Remote` promises that its value may be sent, or does not send it.
unsafe impl<T: Table, const WORDS: usize> Send for Remote<T, WORDS> {}
// SAFETY: likewise.
unsafe impl<T: Table, const WORDS: usize> Sync for Remote<T, WORDS> {}

/// How a table's functions find the value that they are called for.
///
/// `place` is always the address of a [`Remote`]'s words.
pub trait Held {
    /// The type that the functions are called on.
    type Object: ?Sized;

    /// The value.
    ///
    /// # Safety
    /// The `Remote` was made for this implementation, and is borrowed for as long as the result is
    /// used.
    unsafe fn at<'a>(place: *mut ()) -> &'a Self::Object;

    /// The value, for changing it.
    ///
    /// # Safety
    /// As [`at`](Self::at), and borrowed mutably.
    unsafe fn at_mut<'a>(place: *mut ()) -> &'a mut Self::Object;

    /// Drops the value.
    ///
    /// # Safety
    /// The words hold a value, which is not used again.
    unsafe fn end(place: *mut ());
}

/// A value that a [`Remote`] owns.
pub trait Owned: Held<Object: Sized> {
    /// Puts a value into the words.
    ///
    /// # Safety
    /// The words hold no value yet.
    unsafe fn put(place: *mut (), value: Self::Object);

    /// Takes the value out of the words.
    ///
    /// # Safety
    /// The words hold a value, which is not used again.
    unsafe fn take(place: *mut ()) -> Self::Object;
}

/// The value itself is in the words, of which there are `WORDS`.
#[derive(Debug)]
pub struct Inline<T, const WORDS: usize>(PhantomData<T>);

impl<T, const WORDS: usize> Held for Inline<T, WORDS> {
    type Object = T;

    unsafe fn at<'a>(place: *mut ()) -> &'a T {
        // SAFETY: the value is there, and is borrowed as the `Remote` is.
        unsafe { &*place.cast() }
    }

    unsafe fn at_mut<'a>(place: *mut ()) -> &'a mut T {
        // SAFETY: likewise.
        unsafe { &mut *place.cast() }
    }

    unsafe fn end(place: *mut ()) {
        // SAFETY: the value is there, and is not used again.
        unsafe { place.cast::<T>().drop_in_place() };
    }
}

impl<T, const WORDS: usize> Owned for Inline<T, WORDS> {
    unsafe fn put(place: *mut (), value: T) {
        const { assert!(fits::<T, WORDS>(), "the value needs more words: say so where its table is") };
        // SAFETY: the words have room for the value, and are aligned.
        unsafe { place.cast::<T>().write(value) };
    }

    unsafe fn take(place: *mut ()) -> T {
        // SAFETY: the value is there, and is not used again.
        unsafe { place.cast::<T>().read() }
    }
}

/// The words hold a reference; its owner keeps the value.
#[derive(Debug)]
pub struct Behind<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> Held for Behind<T> {
    type Object = T;

    unsafe fn at<'a>(place: *mut ()) -> &'a T {
        // SAFETY: the reference is there, and its value is borrowed as the `Remote` is.
        unsafe { &**place.cast::<*mut T>() }
    }

    unsafe fn at_mut<'a>(place: *mut ()) -> &'a mut T {
        // SAFETY: likewise.
        unsafe { &mut **place.cast::<*mut T>() }
    }

    unsafe fn end(_: *mut ()) {}
}
