//! A check of the whole list.

use mm_api::layout::PAGE_SIZE;
use mm_api::{MapError, MapRequest, Page, PageRange, Placement, Purpose, Region};
use mm_oracle::regions::{Window, highest_gap};

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;

use super::list::{Asked, KINDS, List, pages_of, region, start};

const STEPS: u32 = 1500;
/// The window ends where mappings do, so that mappings without a hint come here, too.
const PAGES: u32 = 160;
const FIRST: u32 = Page::containing(mm_api::MAPPINGS_END).number() - PAGES;

/// The model of the list, page by page.
type Truth = Window<{ PAGES as usize }>;

/// After any sequence of calls, every page belongs to the region that it should.
pub fn mapping_mix(context: &mut Context) -> Outcome {
    let heap = region(FIRST + 90, 5, Purpose::Heap);
    let mut list = List::new(context, &[heap])?;
    let mut truth = Truth::new(Page::new(FIRST).unwrap_or(Page::NULL));
    truth.set(heap.pages, Some(heap));
    for step in 1..=STEPS {
        let range = random_range(context);
        let length = range.len() * PAGE_SIZE - context.rng().below(PAGE_SIZE);
        let is_refused = range.iter().any(|page| truth.get(page).is_some_and(|region| region.purpose == Purpose::Heap));
        if context.rng().below(3) == 0 {
            let address = range.first().start();
            let answer = list.unmap(address, length)?;
            let expected = if is_refused { Err(MapError::InUse) } else { Ok(range) };
            ensure!(
                answer == expected,
                expected: ("unmap({address}, {length}), round {step}, to answer {expected}", expected = told(&expected)),
                saw: ("{}", told(&answer))
            );
            if answer.is_ok() {
                truth.set(range, None);
            }
            list.ensure(truth.regions(), format_args!("unmap({address}, {length}), round {step}"))?;
        } else {
            map(context, &mut list, &mut truth, range, length, is_refused, step)?;
        }
    }
    Ok(())
}

/// Maps some pages, in one of the ways to do so.
fn map(
    context: &mut Context,
    list: &mut List,
    truth: &mut Truth,
    range: PageRange,
    length: u32,
    is_refused: bool,
    step: u32,
) -> Outcome {
    let address = range.first().start();
    let (rights, sharing) = KINDS[context.rng().below(KINDS.len() as u32) as usize];
    let is_free = range.iter().all(|page| truth.get(page).is_none());
    let highest = highest_gap(list.regions(), range.len());
    let anywhere = highest.ok_or(MapError::NoRoom);
    let (placement, expected) = match context.rng().below(4) {
        0 => (Placement::Hint(start(0)), anywhere),
        1 => (Placement::Hint(address), if is_free { Ok(range) } else { anywhere }),
        2 => (Placement::FixedNoReplace(address), if is_free { Ok(range) } else { Err(MapError::Occupied) }),
        _ => (Placement::Fixed(address), if is_refused { Err(MapError::InUse) } else { Ok(range) }),
    };
    // Below the window there is room without end, but the model does not cover it.
    if expected.is_ok_and(|pages| !truth.pages().contains_range(pages)) {
        return Ok(());
    }
    let asked = MapRequest { placement, length, rights, sharing };
    let answer = list.map(&asked)?;
    ensure!(
        answer == expected,
        expected: ("{}, round {step}, to answer {expected}", Asked(&asked), expected = told(&expected)),
        saw: ("{}", told(&answer))
    );
    if let Ok(pages) = answer {
        truth.set(pages, Some(Region { pages, rights, purpose: Purpose::Mapping, sharing }));
    }
    list.ensure(truth.regions(), format_args!("{}, round {step}", Asked(&asked)))
}

/// Some pages of the window, seldom many.
fn random_range(context: &mut Context) -> PageRange {
    let most = if context.rng().below(4) == 0 { 40 } else { 8 };
    let pages = 1 + context.rng().below(most);
    pages_of(FIRST + context.rng().below(PAGES - pages + 1), pages)
}
