//! What tests compare, in words: a student reads it in a report.

use core::ffi::CStr;
use core::fmt::{self, Display, Formatter};

use abi::{Errno, WaitStatus};

/// A value that has words.
pub trait Words {
    /// Writes them.
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

/// The words of a value, to be printed with `{}`.
pub const fn told<T: Words + ?Sized>(value: &T) -> Told<'_, T> {
    Told(value)
}

/// See [`told`].
pub struct Told<'a, T: ?Sized>(&'a T);

impl<T: Words + ?Sized> Display for Told<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

impl<T: Words + ?Sized> Words for &T {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (**self).write(f)
    }
}

impl Words for () {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("success")
    }
}

impl Words for CStr {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "the text \"{}\"", self.to_bytes().escape_ascii())
    }
}

/// Values whose words are what they display.
macro_rules! displayed {
    ($($type:ty),*) => {
        $(impl Words for $type {
            fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
                self.fmt(f)
            }
        })*
    };
}

displayed!(u8, u16, i32, usize, Errno, WaitStatus);

impl Words for u32 {
    /// What is large enough to be an address is written as one.
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if *self < 0x0001_0000 { self.fmt(f) } else { write!(f, "{self:#010x}") }
    }
}

impl<T: Words> Words for Option<T> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => value.write(f),
            None => f.write_str("none"),
        }
    }
}

impl<T: Words> Words for Result<T, Errno> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Ok(value) => value.write(f),
            Err(errno) => write!(f, "{errno}"),
        }
    }
}

impl<T: Words, U: Words> Words for (T, U) {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", told(&self.0), told(&self.1))
    }
}

impl<T: Words> Words for [T] {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            value.write(f)?;
        }
        Ok(())
    }
}

impl<T: Words, const N: usize> Words for [T; N] {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.as_slice().write(f)
    }
}
