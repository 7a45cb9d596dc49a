//! Values on the other side of the border.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;

/// Words of a [`Remote`] that stands for a reference to a trait object.
pub const LENT: usize = 2;
/// Words of a [`Remote`] that holds one of the kernel's instruments, such as its machine.
pub const INSTRUMENT: usize = 4;

/// Memory for a value of a type that only the other side knows.
#[repr(C, align(8))]
#[derive(Debug)]
pub struct Words<const WORDS: usize>([MaybeUninit<u32>; WORDS]);

impl<const WORDS: usize> Words<WORDS> {
    /// Memory that no value is in.
    pub(crate) const fn empty() -> Self {
        Self([MaybeUninit::uninit(); WORDS])
    }

    /// Where the value is.
    pub(crate) const fn place(&mut self) -> *mut () {
        ptr::from_mut(self).cast()
    }

    /// Puts a value there.
    pub(crate) fn holding<T>(value: T) -> Self {
        const { assert!(fits::<T, WORDS>(), "the value needs more words: say so where its table is") };
        let mut words = Self::empty();
        // SAFETY: there is room, and it is aligned.
        unsafe { words.place().cast::<T>().write(value) };
        words
    }
}

/// Whether a type's values fit into so many words.
pub(crate) const fn fits<T, const WORDS: usize>() -> bool {
    size_of::<T>() <= size_of::<Words<WORDS>>() && align_of::<T>() <= align_of::<Words<WORDS>>()
}

/// The tables of functions.
pub trait Table: 'static {
    /// The function that ends a value.
    fn end(&self) -> unsafe extern "C" fn(*mut ());
}

/// A value on the other side, or that side's reference to one: its functions, and its words, which
/// only that side can read. They may be moved, as every value of Rust's may.
#[repr(C)]
#[derive(Debug)]
pub struct Remote<T: Table, const WORDS: usize> {
    table: &'static T,
    words: Words<WORDS>,
}

impl<T: Table, const WORDS: usize> Remote<T, WORDS> {
    /// The value in these words, with its functions.
    ///
    /// # Safety
    /// The table's functions are for the value in these words. If it is, or refers to, what must stay on
    /// its thread, so does this.
    pub(crate) const unsafe fn of(table: &'static T, words: Words<WORDS>) -> Self {
        Self { table, words }
    }

    /// The functions.
    pub(crate) const fn table(&self) -> &'static T {
        self.table
    }

    /// Where the value is, for functions that only read it.
    pub(crate) const fn place(&self) -> *mut () {
        ptr::from_ref(&self.words).cast_mut().cast()
    }

    /// Where the value is.
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

// SAFETY: who makes one promises that the value may be sent, or keeps it.
unsafe impl<T: Table, const WORDS: usize> Send for Remote<T, WORDS> {}
// SAFETY: likewise.
unsafe impl<T: Table, const WORDS: usize> Sync for Remote<T, WORDS> {}

/// How a table's functions come to the value that they are about.
///
/// `place` is always where the words of a [`Remote`] are.
pub trait Held {
    /// What they call.
    type Object: ?Sized;

    /// The value.
    ///
    /// # Safety
    /// The `Remote` was made for this, and is borrowed for as long as the answer is used.
    unsafe fn at<'a>(place: *mut ()) -> &'a Self::Object;

    /// The value, to be changed.
    ///
    /// # Safety
    /// As [`at`](Self::at), and borrowed mutably.
    unsafe fn at_mut<'a>(place: *mut ()) -> &'a mut Self::Object;

    /// Ends the value.
    ///
    /// # Safety
    /// There is one, and it is not used again.
    unsafe fn end(place: *mut ());
}

/// A value that a [`Remote`] owns.
pub trait Owned: Held<Object: Sized> {
    /// Puts the value there.
    ///
    /// # Safety
    /// There is none yet.
    unsafe fn put(place: *mut (), value: Self::Object);

    /// Takes the value.
    ///
    /// # Safety
    /// There is one, and it is not used again.
    unsafe fn take(place: *mut ()) -> Self::Object;
}

/// The value itself is in the words, of which there are so many.
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
        // SAFETY: there is room, and it is aligned.
        unsafe { place.cast::<T>().write(value) };
    }

    unsafe fn take(place: *mut ()) -> T {
        // SAFETY: the value is there, and is not used again.
        unsafe { place.cast::<T>().read() }
    }
}

/// A reference is in the words; what it refers to is its owner's.
#[derive(Debug)]
pub struct Behind<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> Held for Behind<T> {
    type Object = T;

    unsafe fn at<'a>(place: *mut ()) -> &'a T {
        // SAFETY: the reference is there, and what it refers to is borrowed as the `Remote` is.
        unsafe { &**place.cast::<*mut T>() }
    }

    unsafe fn at_mut<'a>(place: *mut ()) -> &'a mut T {
        // SAFETY: likewise.
        unsafe { &mut **place.cast::<*mut T>() }
    }

    unsafe fn end(_: *mut ()) {}
}
