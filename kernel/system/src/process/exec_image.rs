//! A program's image in memory: its code, its constants and its data.

use alloc::vec::Vec;

use loader::Program;
use mm_api::layout::PAGE_SIZE;
use mm_api::{PageError, PageRange, Pages};

use super::spawn_error::SpawnError;
use crate::memory::Counted;
use crate::pages::SharedPages;

/// A segment of the image.
#[derive(Clone, Copy)]
pub struct Region {
    /// Its pages.
    pub pages: PageRange,
    /// Whether the program may write there.
    pub writable: bool,
    /// Whether there is code.
    pub executable: bool,
}

/// Where the segments of a program are. No two of them have a page in common.
pub struct ExecImage(Vec<Region>);

impl ExecImage {
    /// The image that the program is to have. Nothing is mapped yet.
    ///
    /// # Errors
    /// If there is no memory for the list.
    pub fn of(program: &Program<'_>) -> Result<Self, SpawnError> {
        Self::list(program.segments().map(|segment| Region {
            pages: segment.pages(),
            writable: segment.is_writable(),
            executable: segment.is_executable(),
        }))
    }

    /// The same list once more.
    ///
    /// # Errors
    /// If there is no memory for the list.
    pub fn duplicate(&self) -> Result<Self, SpawnError> {
        Self::list(self.0.iter().copied())
    }

    fn list(regions: impl Iterator<Item = Region> + Clone) -> Result<Self, SpawnError> {
        let mut list = Vec::new();
        list.try_reserve_exact(regions.clone().count()).map_err(|_| SpawnError::KernelHeap)?;
        list.extend(regions);
        Ok(Self(list))
    }

    /// The segments, by ascending address.
    pub fn regions(&self) -> &[Region] {
        &self.0
    }

    /// How many pages it has.
    pub fn pages(&self) -> u32 {
        self.0.iter().map(|region| region.pages.len()).sum()
    }

    /// Maps the pages, and puts there what the program's file says.
    ///
    /// # Errors
    /// As [`Pages::map`]; some of the image may be mapped then.
    pub fn load(&self, pages: &mut dyn Pages, program: &Program<'_>) -> Result<(), PageError> {
        for segment in program.segments() {
            for page in segment.pages().iter() {
                pages.map(page)?;
                pages.zero(page.start(), PAGE_SIZE);
            }
            pages.write(segment.start(), segment.bytes());
        }
        Ok(())
    }

    /// Copies what is mapped in `from` to `to`.
    ///
    /// # Errors
    /// As [`Pages::map`]; some of the copy may be mapped then.
    pub fn copy(&self, from: &SharedPages<'_, '_>, to: &mut Counted<'_, SharedPages<'_, '_>>) -> Result<(), PageError> {
        for page in self.0.iter().flat_map(|region| region.pages.iter()) {
            to.map(page)?;
            to.copy_page(from, page);
        }
        Ok(())
    }

    /// Unmaps as much of the image as is mapped.
    pub fn unload(&self, pages: &mut dyn Pages) {
        for page in self.0.iter().flat_map(|region| region.pages.iter()) {
            if pages.is_mapped(page) {
                pages.unmap(page);
            }
        }
    }
}
