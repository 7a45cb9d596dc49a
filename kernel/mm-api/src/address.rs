//! Physical and virtual addresses, as two types that cannot be mixed up.

use core::fmt;
use core::ops::{Add, Sub};

use crate::layout::PAGE_SIZE;

/// A physical address: a byte of memory as the memory bus sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct PhysAddr(u32);

/// A virtual address: a byte of memory as a program sees it, before paging translates it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct VirtAddr(u32);

/// The methods and operators that both kinds of address have.
macro_rules! address {
    ($Address:ident, $kind:literal) => {
        impl $Address {
            #[doc = concat!("The ", $kind, " address with this number.")]
            #[must_use]
            #[inline]
            pub const fn new(address: u32) -> Self {
                Self(address)
            }

            /// The address as a number.
            #[must_use]
            #[inline]
            pub const fn as_u32(self) -> u32 {
                self.0
            }

            /// Whether the address is the first of a frame or page.
            #[must_use]
            #[inline]
            pub const fn is_page_aligned(self) -> bool {
                self.0.is_multiple_of(PAGE_SIZE)
            }

            /// How far the address lies into its frame or page, in bytes.
            #[must_use]
            #[inline]
            pub const fn page_offset(self) -> u32 {
                self.0 % PAGE_SIZE
            }

            /// The address `bytes` further on, or `None` past the last address.
            #[must_use]
            #[inline]
            pub const fn checked_add(self, bytes: u32) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(address) => Some(Self(address)),
                    None => None,
                }
            }
        }

        /// The address that many bytes further on.
        ///
        /// # Panics
        /// If the sum is past the last address.
        impl Add<u32> for $Address {
            type Output = Self;

            #[inline]
            #[track_caller]
            fn add(self, bytes: u32) -> Self {
                match self.checked_add(bytes) {
                    Some(address) => address,
                    None => panic!("{bytes:#x} bytes from {self} on there is no address"),
                }
            }
        }

        /// The address that many bytes before.
        ///
        /// # Panics
        /// If the difference is below 0.
        impl Sub<u32> for $Address {
            type Output = Self;

            #[inline]
            #[track_caller]
            fn sub(self, bytes: u32) -> Self {
                match self.0.checked_sub(bytes) {
                    Some(address) => Self(address),
                    None => panic!("{bytes:#x} bytes before {self} there is no address"),
                }
            }
        }

        /// The distance from the right address up to the left one, in bytes.
        ///
        /// # Panics
        /// If the left address is the lower one.
        impl Sub for $Address {
            type Output = u32;

            #[inline]
            #[track_caller]
            fn sub(self, before: Self) -> u32 {
                match self.0.checked_sub(before.0) {
                    Some(bytes) => bytes,
                    None => panic!("{self} lies before {before}"),
                }
            }
        }

        /// `0x0010_0000`: eight digits, so that addresses line up.
        impl fmt::Display for $Address {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{:04X}_{:04X}", self.0 >> 16, self.0 & 0xFFFF)
            }
        }

        impl fmt::Debug for $Address {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($Address), "({})"), self)
            }
        }
    };
}

address!(PhysAddr, "physical");
address!(VirtAddr, "virtual");

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn an_address_is_printed_with_eight_digits() {
        assert_eq!(format!("{}", PhysAddr::new(0x10_0000)), "0x0010_0000");
        assert_eq!(format!("{:?}", VirtAddr::new(0xC000_0FFF)), "VirtAddr(0xC000_0FFF)");
    }

    #[test]
    fn alignment_and_offset_agree() {
        assert!(VirtAddr::new(0x2000).is_page_aligned());
        assert!(!VirtAddr::new(0x2001).is_page_aligned());
        assert_eq!(VirtAddr::new(0x2FFF).page_offset(), 0xFFF);
    }

    #[test]
    fn addition_stops_at_the_last_address() {
        assert_eq!(PhysAddr::new(1).checked_add(2), Some(PhysAddr::new(3)));
        assert_eq!(PhysAddr::new(u32::MAX).checked_add(1), None);
        assert_eq!(VirtAddr::new(0x1000) + 4, VirtAddr::new(0x1004));
        assert_eq!(VirtAddr::new(0x1004) - 4, VirtAddr::new(0x1000));
        assert_eq!(VirtAddr::new(0x1004) - VirtAddr::new(0x1000), 4);
    }

    #[test]
    #[should_panic(expected = "there is no address")]
    fn an_address_past_the_last_one_is_a_panic() {
        let _ = VirtAddr::new(u32::MAX) + 1;
    }

    #[test]
    #[should_panic(expected = "lies before")]
    fn a_negative_distance_is_a_panic() {
        let _ = VirtAddr::new(0) - VirtAddr::new(1);
    }
}
