//! Why a system call failed.

use core::fmt;

/// Why a system call failed: a number from 1 to 4095, with Linux's meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(u16);

/// Defines the constants and the texts, from one list.
macro_rules! errors {
    ($($Name:ident = $number:literal, $text:literal;)*) => {
        impl Errno {
            $(
                #[doc = concat!("Number ", $number, ": ", $text, ".")]
                pub const $Name: Self = Self($number);
            )*

            /// The name, such as `ENOMEM`, and its meaning; `None` for an error that our kernel
            /// does not use.
            const fn words(self) -> Option<(&'static str, &'static str)> {
                match self.0 {
                    $($number => Some((stringify!($Name), $text)),)*
                    _ => None,
                }
            }
        }
    };
}

errors! {
    EPERM = 1, "not permitted";
    ENOENT = 2, "no such program";
    ESRCH = 3, "no such process";
    EINTR = 4, "interrupted";
    EIO = 5, "input or output failed";
    E2BIG = 7, "too many arguments";
    ENOEXEC = 8, "not a program";
    EBADF = 9, "no such file descriptor";
    ECHILD = 10, "no such child";
    EAGAIN = 11, "try again later";
    ENOMEM = 12, "out of memory";
    EACCES = 13, "access refused";
    EFAULT = 14, "bad address";
    EEXIST = 17, "something is there already";
    EINVAL = 22, "invalid argument";
    ENAMETOOLONG = 36, "name too long";
    ENOSYS = 38, "no such system call";
}

impl Errno {
    /// The largest number of an error.
    const MAX: u32 = 4095;

    /// The error's number, which is positive.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether the error has a name: whether our kernel uses it.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.words().is_some()
    }

    /// The value of `eax` after a call that failed with this error: the negated number.
    #[must_use]
    pub const fn to_eax(self) -> u32 {
        (self.0 as u32).wrapping_neg()
    }

    /// Reads `eax` after a call: the answer, or why the call failed.
    ///
    /// # Errors
    /// The error whose negated number `eax` holds.
    pub const fn from_eax(eax: u32) -> Result<u32, Self> {
        let number = eax.wrapping_neg();
        if 1 <= number && number <= Self::MAX { Err(Self(number as u16)) } else { Ok(eax) }
    }
}

/// `out of memory (ENOMEM)`.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some((name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "error {}", self.0),
        }
    }
}

/// `ENOMEM`.
impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn the_last_4095_answers_are_errors() {
        assert_eq!(Errno::from_eax(0), Ok(0));
        assert_eq!(Errno::from_eax(0xFFFF_F000), Ok(0xFFFF_F000));
        assert_eq!(Errno::from_eax(0xFFFF_F001), Err(Errno(4095)));
        assert_eq!(Errno::from_eax(u32::MAX), Err(Errno::EPERM));
        for number in 1..=4095 {
            assert_eq!(Errno::from_eax(Errno(number).to_eax()), Err(Errno(number)));
        }
    }

    #[test]
    fn an_error_has_a_name() {
        assert_eq!(format!("{}", Errno::ENOMEM), "out of memory (ENOMEM)");
        assert_eq!(format!("{:?}", Errno::EFAULT), "EFAULT");
        assert_eq!(format!("{} {:?}", Errno(95), Errno(95)), "error 95 Errno(95)");
        assert!(Errno::ENOSYS.is_known() && !Errno(95).is_known());
    }
}
