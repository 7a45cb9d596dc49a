//! The child's stack, as lab 05 sees it during a fork: pages whose clearing waits.
//!
//! Lab 05 clears each page that it maps, and copies the parent's bytes there afterwards. The child's
//! page has the parent's frame from the beginning (see [`super::adopting`]), and clearing it would
//! copy it. So a cleared page keeps its bytes, and which of them have come back since is
//! remembered. Where all have, the frame stays shared; where lab 05 does anything else, the page is
//! cleared after all. Lab 05 sees no difference.

use core::ops::Range;

use mm_api::layout::{PAGE_SIZE, USER_STACK_SIZE};
use mm_api::{Page, PageError, PageRange, Pages, Piece, VirtAddr, pieces};

use super::adopting::Adopting;

/// Pages in a stack's region.
const PAGES: usize = (USER_STACK_SIZE / PAGE_SIZE) as usize;

/// The bytes of a whole page.
const WHOLE: Range<usize> = 0..PAGE_SIZE as usize;

/// The child's stack during a fork.
pub struct Clearing<'f, 'a, 'v> {
    pages: Adopting<'f, 'a, 'v>,
    part: PageRange,
    /// For each page that is still to be cleared: the bytes that are not, because they were written
    /// since. They are next to each other.
    waiting: [Option<Range<usize>>; PAGES],
}

impl<'f, 'a, 'v> Clearing<'f, 'a, 'v> {
    /// The pages of the stack's region, `part`.
    pub fn new(pages: Adopting<'f, 'a, 'v>, part: PageRange) -> Self {
        Self { pages, part, waiting: [const { None }; PAGES] }
    }

    /// Clears what still waits for it.
    pub fn finish(mut self) {
        self.part.iter().for_each(|page| self.clear(page));
    }

    /// The place of a page in the list of those that wait; none if it is not in the region.
    fn index(&self, page: Page) -> usize {
        page.number().wrapping_sub(self.part.first().number()) as usize
    }

    fn waiting(&mut self, page: Page) -> Option<&mut Option<Range<usize>>> {
        let index = self.index(page);
        self.waiting.get_mut(index)
    }

    /// Clears a page now, if that waits.
    #[track_caller]
    fn clear(&mut self, page: Page) {
        let Some(written) = self.waiting(page).and_then(Option::take) else { return };
        for gap in [WHOLE.start..written.start, written.end..WHOLE.end] {
            self.pages.zero(VirtAddr::new(page.start().as_u32() + gap.start as u32), gap.len() as u32);
        }
    }

    /// Whether these are the bytes that a page which waits has, next to those that were written before. Then they count
    /// as written.
    #[track_caller]
    fn brings_back(&mut self, piece: Piece, bytes: &[u8]) -> bool {
        let index = self.index(piece.page());
        let Some(Some(written)) = self.waiting.get(index) else { return false };
        let joined = joined(written, &piece.in_page()).filter(|_| self.pages.has_bytes(piece, bytes));
        let Some(written) = joined else { return false };
        self.waiting[index] = (written != WHOLE).then_some(written);
        true
    }
}

/// Both ranges as one, if nothing is between them. An empty one is next to any.
fn joined(one: &Range<usize>, other: &Range<usize>) -> Option<Range<usize>> {
    if one.is_empty() {
        return Some(other.clone());
    }
    let is_next = one.start <= other.end && other.start <= one.end;
    is_next.then(|| one.start.min(other.start)..one.end.max(other.end))
}

impl Pages for Clearing<'_, '_, '_> {
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        self.pages.map(page)
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        self.pages.unmap(page);
        if let Some(waiting) = self.waiting(page) {
            *waiting = None;
        }
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.pages.is_mapped(page)
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.pages.read(address, bytes);
        for piece in pieces(address, bytes.len()) {
            let Some(Some(written)) = self.waiting.get(self.index(piece.page())) else { continue };
            for (byte, offset) in bytes[piece.in_range()].iter_mut().zip(piece.in_page()) {
                if !written.contains(&offset) {
                    *byte = 0;
                }
            }
        }
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        for piece in pieces(address, bytes.len()) {
            let bytes = &bytes[piece.in_range()];
            if !self.brings_back(piece, bytes) {
                self.clear(piece.page());
                self.pages.write(piece.address, bytes);
            }
        }
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        for piece in pieces(address, bytes as usize) {
            let page = piece.page();
            let is_all = piece.in_page() == WHOLE && self.pages.is_mapped(page);
            match self.waiting(page) {
                Some(waiting) if is_all => *waiting = Some(0..0),
                _ => {
                    self.clear(page);
                    self.pages.zero(piece.address, piece.length as u32);
                }
            }
        }
    }
}
