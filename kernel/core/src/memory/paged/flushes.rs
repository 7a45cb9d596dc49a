//! A record of flushes, for checks.

use mm_api::Page;

/// The most flushed pages that are noted.
const NOTED: usize = 128;

/// The flushes since the record was last taken.
pub struct Flushes {
    pages: [Page; NOTED],
    count: usize,
    all: u32,
}

impl Flushes {
    pub(super) const NONE: Self = Self { pages: [Page::NULL; NOTED], count: 0, all: 0 };

    /// The pages that were flushed one by one, in order; the first 128 of them.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages[..self.count.min(NOTED)]
    }

    /// How many pages were flushed one by one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many times all translations were flushed.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.all
    }

    pub(super) fn note(&mut self, page: Page) {
        if let Some(place) = self.pages.get_mut(self.count) {
            *place = page;
        }
        self.count = self.count.saturating_add(1);
    }

    pub(super) fn note_all(&mut self) {
        self.all += 1;
    }
}
