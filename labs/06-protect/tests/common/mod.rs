//! Shared by the tests of lab 06: regions, and a simulated window.
#![allow(dead_code, reason = "not every test needs all of it")]

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{
    BadAddress, Page, PageRange, ProtectError, Purpose, Region, RegionProtection, Rights, Sharing, UserWindow, VirtAddr,
};
use mm_host::FakeRegions;
use protect::RegionRights;

/// The pages with the numbers from `first` up to `end`.
pub fn range(first: u32, end: u32) -> PageRange {
    PageRange::new(Page::new(first).unwrap(), end - first).unwrap()
}

/// A private region.
pub fn region(first: u32, end: u32, rights: Rights, purpose: Purpose) -> Region {
    Region { pages: range(first, end), rights, purpose, sharing: Sharing::Private }
}

/// Changes rights with lab 06's code.
pub fn mprotect(list: &mut FakeRegions, pages: PageRange, rights: Rights) -> Result<(), ProtectError> {
    RegionRights::protect(list, pages, rights)
}

/// A program's memory. The byte at an address depends on the address, and some
/// pages are missing.
#[derive(Default)]
pub struct FakeWindow {
    pub is_open: bool,
    /// How many times the window was opened.
    pub opened: u32,
    pub missing: Vec<Page>,
    /// The copies: the address and the length of each.
    pub copies: Vec<(u32, usize)>,
    /// The bytes that were written, with their addresses.
    pub written: Vec<(u32, u8)>,
}

impl FakeWindow {
    /// A window to a program that lacks these pages.
    pub fn without(missing: &[u32]) -> Self {
        let missing = missing.iter().map(|&number| Page::new(number).unwrap()).collect();
        Self { missing, ..Self::default() }
    }

    fn access(&mut self, address: VirtAddr, length: usize) -> Result<(), BadAddress> {
        assert!(self.is_open, "{address} is reached through a window that is closed");
        let end = u64::from(address.page_offset()) + length as u64;
        assert!(address < USER_SPACE_END && end <= u64::from(PAGE_SIZE), "{length} bytes from {address}: no piece");
        if self.missing.contains(&Page::containing(address)) {
            return Err(BadAddress);
        }
        self.copies.push((address.as_u32(), length));
        Ok(())
    }

    /// How many bytes were copied, from `start` on and without a gap.
    pub fn copied(&self, start: u32) -> usize {
        let mut next = start;
        for &(address, length) in &self.copies {
            assert_eq!(address, next, "the copies do not follow each other: {:x?}", self.copies);
            next += u32::try_from(length).unwrap();
        }
        (next - start) as usize
    }
}

/// The byte of an address.
pub fn byte_at(address: u32) -> u8 {
    let [a, b, c, d] = address.to_le_bytes();
    a.wrapping_mul(3) ^ b ^ c.rotate_left(3) ^ d | 1
}

impl UserWindow for FakeWindow {
    fn open(&mut self) {
        assert!(!self.is_open, "the window is opened, but it is open already");
        self.is_open = true;
        self.opened += 1;
    }

    fn close(&mut self) {
        assert!(self.is_open, "the window is closed, but it is not open");
        self.is_open = false;
    }

    fn read(&mut self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress> {
        self.access(address, bytes.len())?;
        bytes.iter_mut().zip(address.as_u32()..).for_each(|(byte, at)| *byte = byte_at(at));
        Ok(())
    }

    fn write(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        self.access(address, bytes.len())?;
        self.written.extend((address.as_u32()..).zip(bytes.iter().copied()));
        Ok(())
    }
}
