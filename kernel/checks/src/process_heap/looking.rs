//! What the checks of this lab compare: a process's pages, their contents, and
//! what its program reads in ring 3.

use core::fmt;

use crate::check::{Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::memory::paged::{Fault, NoWrite};
use kernel_core::words::told;
use mm_api::layout::{PAGE_SIZE, USER_STACK_GUARD};
use mm_api::{BreakError, Entry, Frame, Page, PageRange, Space, TABLE_ENTRIES, TableIndex, VirtAddr};

use super::subject::{CODE, Home, Process, STACK, Subject};
use super::words::{Answer, At};

/// The byte that a process with this stamp writes to `address`. It is neither zero
/// nor a byte that frames contain when they are taken.
pub fn pattern(stamp: u32, address: VirtAddr) -> u8 {
    let mixed = address.as_u32().wrapping_mul(0x9E37_79B1).wrapping_add(stamp.wrapping_mul(0x85EB_CA6B));
    (mixed >> 24) as u8 & 0xF0 | 5
}

/// A process's break, and the contents of its pages.
#[derive(PartialEq, Eq)]
pub struct HeapState {
    end: VirtAddr,
    pages: u32,
    digest: u32,
}

/// All state that a call could change.
pub struct State {
    heap: HeapState,
    free_frames: u32,
}

impl Subject<'_> {
    /// Fails unless exactly those pages are mapped that have a byte of the heap,
    /// and the two that do not belong to it.
    pub fn ensure_pages(&self, process: &Process, when: fmt::Arguments<'_>) -> Outcome {
        let (start, end) = (process.start(), process.end());
        let bytes = end.as_u32().wrapping_sub(start.as_u32());
        let expected = PageRange::new(Page::containing(start), bytes.div_ceil(PAGE_SIZE));
        let Some(expected) = expected.filter(|_| start <= end && end <= USER_STACK_GUARD) else {
            fail!(expected: ("the break between {start} and {USER_STACK_GUARD}, {when}"), saw: ("{end}"))
        };
        self.ensure_only(&process.home, expected, format_args!("where the break is {}, {when}", process.tell(end)))
    }

    /// Fails unless exactly these pages are mapped, and the two that every process has.
    pub fn ensure_only(&self, home: &Home, expected: PageRange, when: fmt::Arguments<'_>) -> Outcome {
        let tell = |page: Page| At { start: expected.first().start(), address: page.start() };
        let mut mapped = 0;
        for page in self.mapped_pages(home) {
            if expected.contains(page) {
                mapped += 1;
            } else if page != STACK && page != CODE {
                fail!(
                    expected: ("{} pages of the heap to be mapped, {when}", expected.len()),
                    saw: ("the page at {} is mapped, too", tell(page))
                );
            }
        }
        if mapped < expected.len() {
            let missing = expected.iter().find(|page| self.frame_of(home, page.start()).is_none());
            fail!(
                expected: ("{} pages of the heap to be mapped, {when}", expected.len()),
                saw: ("only {mapped}: the page at {} is missing", tell(missing.unwrap_or(expected.first())))
            );
        }
        Ok(())
    }

    /// Every page of a process's user half that its tables map.
    pub fn mapped_pages(&self, home: &Home) -> impl Iterator<Item = Page> {
        let root = home.directory.frame();
        let user = TableIndex::user_half().count();
        self.present(root).take_while(move |index| (index.as_u32() as usize) < user).flat_map(move |directory| {
            let word = self.machine.with_words(root, |words| words[directory.as_u32() as usize]);
            let table = Entry::from_bits(word.unwrap_or(0)).frame();
            self.present(table).map(move |index| Page::from_indices(directory, index))
        })
    }

    /// The indices of a directory's or a table's present entries, in order.
    fn present(&self, table: Frame) -> impl Iterator<Item = TableIndex> + use<> {
        // The whole table is read at once: word by word takes far longer.
        let mut bits = [0_u32; TABLE_ENTRIES as usize / 32];
        self.machine.with_words(table, |words| {
            for (bits, words) in bits.iter_mut().zip(words.chunks_exact(32)) {
                for (bit, word) in words.iter().enumerate() {
                    *bits |= u32::from(Entry::from_bits(*word).is_present()) << bit;
                }
            }
        });
        (0..TABLE_ENTRIES)
            .filter(move |index| bits[(index / 32) as usize] >> (index % 32) & 1 == 1)
            .filter_map(TableIndex::new)
    }

    /// The frame that an address of a process's is mapped to.
    pub fn frame_of(&self, home: &Home, address: VirtAddr) -> Option<Frame> {
        let walk = self.machine.walk(home.directory.frame(), address).ok()?;
        Some(Frame::containing(walk.address))
    }

    /// The first byte from `from` up to `to` that differs from `expected`, and its
    /// value.
    fn find_wrong(
        &self,
        process: &Process,
        from: VirtAddr,
        to: VirtAddr,
        expected: impl Fn(VirtAddr) -> u8,
    ) -> Result<Option<(VirtAddr, u8)>, Failed> {
        let mut place = from;
        while place < to {
            let Some(frame) = self.frame_of(&process.home, place) else {
                fail!(
                    expected: ("the page at {} to be mapped", process.tell(Page::containing(place).start())),
                    saw: ("it is not")
                )
            };
            let page_end = place.as_u32() - place.page_offset() + (PAGE_SIZE - 1);
            let last = page_end.min(to.as_u32() - 1);
            let wrong = self.machine.with_words(frame, |words| {
                (place.as_u32()..=last).map(VirtAddr::new).find_map(|address| {
                    let offset = address.page_offset() as usize;
                    let byte = words[offset / 4].to_le_bytes()[offset % 4];
                    (byte != expected(address)).then_some((address, byte))
                })
            });
            if let Some(Some(wrong)) = wrong {
                return Ok(Some(wrong));
            }
            place = VirtAddr::new(last + 1);
        }
        Ok(None)
    }

    /// Fails unless every byte from `from` up to `to` is as the process wrote it.
    pub fn ensure_pattern(
        &self,
        process: &Process,
        (from, to): (VirtAddr, VirtAddr),
        stamp: u32,
        when: fmt::Arguments<'_>,
    ) -> Outcome {
        if let Some((address, byte)) = self.find_wrong(process, from, to, |address| pattern(stamp, address))? {
            fail!(
                expected: ("{:#04x} at {}, as it was written, {when}", pattern(stamp, address), process.tell(address)),
                saw: ("{byte:#04x}{}", Poison(byte))
            );
        }
        Ok(())
    }

    /// Fails unless every byte from `from` up to `to` is zero.
    pub fn ensure_zero(
        &self,
        process: &Process,
        (from, to): (VirtAddr, VirtAddr),
        when: fmt::Arguments<'_>,
    ) -> Outcome {
        if let Some((address, byte)) = self.find_wrong(process, from, to, |_| 0)? {
            fail!(
                expected: ("zero at {}, {when}", process.tell(address)),
                saw: ("{byte:#04x}{}", Poison(byte))
            );
        }
        Ok(())
    }

    /// Whether every byte from `from` up to `to` is zero.
    pub fn is_zero(&self, process: &Process, (from, to): (VirtAddr, VirtAddr)) -> Result<bool, Failed> {
        Ok(self.find_wrong(process, from, to, |_| 0)?.is_none())
    }

    /// Writes the process's pattern to the bytes from `from` up to `to`, all mapped.
    pub fn fill(&self, process: &Process, (from, to): (VirtAddr, VirtAddr), stamp: u32) -> Outcome {
        let mut place = from;
        while place < to {
            let Some(frame) = self.frame_of(&process.home, place) else {
                fail!(
                    expected: ("the page at {} to be mapped", process.tell(Page::containing(place).start())),
                    saw: ("it is not")
                )
            };
            let bytes = (PAGE_SIZE - place.page_offset()).min(to.as_u32() - place.as_u32());
            let first = place.page_offset() as usize;
            self.machine.with_bytes(frame, |memory| {
                for (address, byte) in (place.as_u32()..).zip(&mut memory[first..first + bytes as usize]) {
                    *byte = pattern(stamp, VirtAddr::new(address));
                }
            });
            place = place + bytes;
        }
        Ok(())
    }

    /// The bytes of the heap.
    pub fn heap_bytes(process: &Process) -> (VirtAddr, VirtAddr) {
        (process.start(), process.end())
    }

    /// The bytes past the break in the heap's last page; none if the break is the
    /// first byte of a page.
    pub fn spare_bytes(process: &Process) -> (VirtAddr, VirtAddr) {
        let end = process.end();
        (end, VirtAddr::new(end.as_u32().next_multiple_of(PAGE_SIZE)))
    }

    /// Lets a process run: its directory is loaded.
    fn run(&mut self, process: &Process) {
        if self.machine.directory() != process.home.directory.frame() {
            self.vmm.load(Space::Of(&process.home.directory));
        }
    }

    /// Has a process write a word, in ring 3, and read it back.
    pub fn ensure_usable(&mut self, process: &Process, address: VirtAddr, word: u32) -> Outcome {
        self.run(process);
        let answer = self.machine.write_as_user(address, word);
        ensure!(
            answer.is_ok(),
            expected: ("the process to write to {} of its heap", process.tell(address)),
            saw: ("{}", NotWritten(answer))
        );
        self.ensure_reads(process, address, word, "which it has just written")
    }

    /// Fails unless a process reads this word, in ring 3.
    pub fn ensure_reads(&mut self, process: &Process, address: VirtAddr, word: u32, which: &str) -> Outcome {
        self.run(process);
        match self.machine.read_as_user(address) {
            Ok(saw) => ensure!(
                saw == word,
                expected: ("the process to read {word:#010x} at {}, {which}", process.tell(address)),
                saw: ("{saw:#010x}")
            ),
            Err(fault) => fail!(
                expected: ("the process to read {word:#010x} at {}, {which}", process.tell(address)),
                saw: ("{}", NotWritten(Err(NoWrite::Fault(fault))))
            ),
        }
        Ok(())
    }

    /// Fails unless the process gets a page fault when it reads there, in ring 3.
    pub fn ensure_faults(&mut self, process: &Process, address: VirtAddr, when: &str) -> Outcome {
        self.run(process);
        let saw = self.machine.read_as_user(address);
        let expected = Err(Fault { denied: false, write: false, user: true, execute: false });
        match saw {
            Ok(word) => fail!(
                expected: ("a page fault when the process reads at {}, {when}", process.tell(address)),
                saw: ("it reads {word:#010x}")
            ),
            Err(_) => ensure!(
                saw == expected,
                expected: ("the page at {} not to be mapped, {when}", process.tell(address)),
                saw: ("it is mapped, but not for users")
            ),
        }
        Ok(())
    }

    /// A process's break, and a hash of its pages' contents.
    pub fn heap_of(&self, process: &Process) -> HeapState {
        let mut state = HeapState { end: process.end(), pages: 0, digest: 0x811C_9DC5 };
        for page in self.mapped_pages(&process.home) {
            let Some(frame) = self.frame_of(&process.home, page.start()) else { continue };
            // FNV-1a, a word at a time.
            let mut add = |word: u32| state.digest = (state.digest ^ word).wrapping_mul(0x0100_0193);
            add(page.number());
            add(frame.number());
            self.machine.with_words(frame, |words| words.iter().for_each(|word| add(*word)));
            state.pages += 1;
        }
        state
    }

    /// All state that a call could change.
    pub fn state_of(&self, process: &Process) -> State {
        State { heap: self.heap_of(process), free_frames: self.machine.free_frames() }
    }

    /// Fails unless all of it is as before.
    pub fn ensure_unchanged(&self, process: &Process, before: &State, when: fmt::Arguments<'_>) -> Outcome {
        let after = self.state_of(process);
        ensure!(
            after.heap.end == before.heap.end,
            expected: ("the break to stay at {}, {when}", process.tell(before.heap.end)),
            saw: ("{}", process.tell(after.heap.end))
        );
        ensure!(
            after.heap.pages == before.heap.pages,
            expected: ("the process's {} pages to stay, {when}", before.heap.pages),
            saw: ("it has {} pages", after.heap.pages)
        );
        ensure!(
            after.free_frames == before.free_frames,
            expected: ("{} free frames, as before, {when}", before.free_frames),
            saw: ("{}", after.free_frames)
        );
        ensure!(
            after.heap.digest == before.heap.digest,
            expected: ("the process's pages to stay as they were, also past the break, {when}"),
            saw: ("some of their bytes or frames have changed")
        );
        Ok(())
    }

    /// Fails unless a call returns this error and changes nothing. `tell` is
    /// the call in words.
    pub fn ensure_refused<T>(
        &mut self,
        process: &mut Process,
        expected: BreakError,
        tell: fmt::Arguments<'_>,
        call: impl FnOnce(&mut Self, &mut Process) -> Result<T, BreakError>,
    ) -> Outcome {
        let before = self.state_of(process);
        let answer = call(self, process).map(|_| ());
        ensure!(answer == Err(expected), expected: ("{expected} from {tell}", expected = told(&expected)), saw: ("{}", Answer(answer)));
        self.ensure_unchanged(process, &before, format_args!("after {tell} was refused"))
    }
}

/// A hint at the origin of a byte.
struct Poison(u8);

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes of `paged::POISON`.
        if matches!(self.0, 0xDE | 0xAD | 0xBE | 0xEF) {
            f.write_str(", as frames contain when they are taken")
        } else {
            Ok(())
        }
    }
}

/// The outcome of a write, in words.
struct NotWritten(Result<(), NoWrite>);

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("it goes through"),
            Err(NoWrite::Fault(fault)) if fault.denied => f.write_str("a page fault: it is not allowed"),
            Err(NoWrite::Fault(_)) => f.write_str("a page fault: the page is not mapped"),
            Err(NoWrite::Foreign(frame)) => write!(f, "the page is mapped to {frame}, which was not given to anyone"),
        }
    }
}
