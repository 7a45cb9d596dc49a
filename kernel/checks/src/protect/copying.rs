//! Checks of copies between the kernel and a program, through a simulated window that
//! notes each call.

use alloc::vec;
use alloc::vec::Vec;

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::labs::Protections;
use kernel_core::words::told;
use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{BadAddress, Page, UserWindow, VirtAddr};

/// A program's memory in which each byte follows from its address, and one page is missing.
struct FakeWindow {
    is_open: bool,
    opened: u32,
    missing: Option<Page>,
    /// The address of the next copy, and whether another one came.
    next: u32,
    wrong: Option<VirtAddr>,
    /// Bytes copied to the program that differ from those of their addresses.
    wrong_bytes: u32,
}

impl FakeWindow {
    fn new(start: VirtAddr, missing: Option<Page>) -> Self {
        Self { is_open: false, opened: 0, missing, next: start.as_u32(), wrong: None, wrong_bytes: 0 }
    }

    /// Notes a copy of some bytes.
    fn note(&mut self, address: VirtAddr, length: usize) -> Result<(), BadAddress> {
        assert!(self.is_open, "{address} is reached through a window that is closed");
        let end = u64::from(address.page_offset()) + length as u64;
        let is_piece = address < USER_SPACE_END && end <= u64::from(PAGE_SIZE);
        assert!(is_piece, "{length} bytes from {address} on are not all in one page of a program");
        if address.as_u32() != self.next {
            self.wrong.get_or_insert(address);
        }
        if length > 0 && self.missing == Some(Page::containing(address)) {
            return Err(BadAddress);
        }
        // The bytes end at 3 GiB at most.
        self.next = address.as_u32() + length as u32;
        Ok(())
    }
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
        self.note(address, bytes.len())?;
        for (byte, at) in bytes.iter_mut().zip(address.as_u32()..) {
            *byte = byte_at(at);
        }
        Ok(())
    }

    fn write(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        self.note(address, bytes.len())?;
        let wrong = bytes.iter().zip(address.as_u32()..).filter(|&(byte, at)| *byte != byte_at(at)).count();
        self.wrong_bytes += wrong as u32;
        Ok(())
    }
}

/// The byte of an address. It depends on all bytes of the address, and is never zero.
fn byte_at(address: u32) -> u8 {
    (address ^ address >> 8 ^ address >> 16 ^ address >> 24) as u8 | 1
}

/// The direction of a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Way {
    const BOTH: [Self; 2] = [Self::In, Self::Out];

    fn call(self) -> &'static str {
        match self {
            Self::In => "copy_in",
            Self::Out => "copy_out",
        }
    }
}

/// The outcome of a copy.
struct Copied {
    answer: Result<(), BadAddress>,
    window: FakeWindow,
    /// The kernel's bytes afterwards.
    bytes: Vec<u8>,
}

/// Copies `length` bytes one way. The window has to be closed afterwards, and the bytes
/// have to be those of the addresses, page by page.
fn copied(
    protections: &Protections,
    way: Way,
    (address, length): (u32, usize),
    missing: Option<Page>,
) -> Result<Copied, crate::check::Failed> {
    let start = VirtAddr::new(address);
    let mut window = FakeWindow::new(start, missing);
    let mut bytes = vec![0; length];
    let answer = match way {
        Way::In => (protections.copy_in)(&mut window, start, &mut bytes),
        Way::Out => {
            for (byte, at) in bytes.iter_mut().zip(0..) {
                *byte = byte_at(address.wrapping_add(at));
            }
            (protections.copy_out)(&mut window, start, &bytes)
        }
    };
    let call = way.call();
    ensure!(
        !window.is_open,
        expected: ("the window to be closed after {call}({start}, {length} bytes), which answered {answer}", answer = told(&answer)),
        saw: ("that it is open")
    );
    if let Some(wrong) = window.wrong {
        fail!(
            expected: ("{call}({start}, {length} bytes) to copy byte after byte, page by page"),
            saw: ("a copy at {wrong} that does not begin where the one before ended")
        );
    }
    let done = window.next.wrapping_sub(address) as usize;
    let is_right = match way {
        Way::In => bytes.iter().zip(0..done).all(|(byte, at)| *byte == byte_at(address.wrapping_add(at as u32))),
        Way::Out => window.wrong_bytes == 0,
    };
    ensure!(
        is_right,
        expected: ("{call}({start}, {length} bytes) to copy the bytes of each page to their places"),
        saw: ("others")
    );
    Ok(Copied { answer, window, bytes })
}

/// Ranges that a program may use: within a page, over the ends of pages, over 2 GiB, up to the last
/// byte.
const RANGES: [(u32, usize); 14] = [
    (0x0804_8000, 1),
    (0x0804_8123, 77),
    (0x0804_8000, 4096),
    (0x0804_8FFF, 2),
    (0x0804_8FFC, 8),
    (0x0804_8001, 4096),
    (0x1000_0800, 3 * 4096),
    (0x1000_0FFF, 2 * 4096 + 2),
    (0, 5000),
    (0x7FFF_FFFD, 6),
    (0x7FFF_F800, 0x1800),
    (0xBFFF_FFFF, 1),
    (0xBFFF_F000, 4096),
    (0xBFFF_E800, 0x1800),
];

/// Longer ones: more bytes than 16 bits count, and than 20 bits count.
const LONG: [(u32, usize); 2] = [(0x2000_0FFB, (1 << 16) + 9), (0x2000_0002, (1 << 20) + 3)];

/// Every byte of a range is copied, through the window, page by page.
pub fn copy_pieces(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let protections = context.labs().protections();
    let random: Vec<(u32, usize)> =
        (0..40).map(|_| (context.rng().below(0xBFFF_0000), 1 + context.rng().below(3 * PAGE_SIZE) as usize)).collect();
    for way in Way::BOTH {
        for range in RANGES.into_iter().chain(LONG).chain(random.iter().copied()) {
            let (start, length) = (VirtAddr::new(range.0), range.1);
            let Copied { answer, window, .. } = copied(protections, way, range, None)?;
            let done = window.next - range.0;
            ensure!(
                answer.is_ok() && done as usize == length,
                expected: ("{}({start}, {length} bytes) to copy all of them", way.call()),
                saw: ("{answer}, and {done} bytes copied", answer = told(&answer))
            );
        }
    }
    ensure_long(protections)
}

/// A window that only counts the bytes that pass through it, in ascending order: nothing is copied.
struct CountingWindow {
    /// The address of the next byte.
    next: u32,
}

impl CountingWindow {
    fn count(&mut self, address: VirtAddr, bytes: usize) -> Result<(), BadAddress> {
        if address.as_u32() != self.next {
            return Err(BadAddress);
        }
        self.next += bytes as u32;
        Ok(())
    }
}

impl UserWindow for CountingWindow {
    fn open(&mut self) {}

    fn close(&mut self) {}

    fn read(&mut self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress> {
        self.count(address, bytes.len())
    }

    fn write(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        self.count(address, bytes.len())
    }
}

/// Of more bytes than 24 bits can count, all go through the window.
fn ensure_long(protections: &Protections) -> Outcome {
    const LENGTH: usize = (1 << 24) + 5;
    const START: u32 = 0x2000_0003;
    let mut bytes = vec![0; LENGTH];
    for way in Way::BOTH {
        let mut window = CountingWindow { next: START };
        let start = VirtAddr::new(START);
        let answer = match way {
            Way::In => (protections.copy_in)(&mut window, start, &mut bytes),
            Way::Out => (protections.copy_out)(&mut window, start, &bytes),
        };
        let done = window.next - START;
        ensure!(
            answer.is_ok() && done as usize == LENGTH,
            expected: ("{}({start}, {LENGTH} bytes) to copy all of them, in ascending order", way.call()),
            saw: ("{}, and {done} bytes copied", told(&answer))
        );
    }
    Ok(())
}

/// A range that is not wholly in the user half is refused before a byte is copied.
pub fn copy_range(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let protections = context.labs().protections();
    for way in Way::BOTH {
        for (address, length) in [
            (0xC000_0000, 1),
            (0xC010_0000, 4),
            (0xBFFF_FFFF, 2),
            (0xBFFF_F000, 4097),
            (0xBFFF_0000, 0x1_0001),
            (0xBFFF_E000, 3 * 4096),
            (0xFFFF_FFFF, 1),
            (0xFFFF_FFFF, 2),
            (0xFFFF_F000, 0x2000),
            (0xFFFF_FFFC, 0x1_0000),
            (0xF800_0000, 4096),
        ] {
            let Copied { answer, window, bytes } = copied(protections, way, (address, length), None)?;
            let untouched = way == Way::Out || bytes.iter().all(|byte| *byte == 0);
            let (start, call) = (VirtAddr::new(address), way.call());
            ensure!(
                answer == Err(BadAddress),
                expected: ("{call}({start}, {length} bytes) to be refused: not all of it is below {USER_SPACE_END}"),
                saw: ("{}", told(&answer))
            );
            ensure!(
                window.opened == 0,
                expected: ("{call}({start}, {length} bytes) to be refused before the window is opened"),
                saw: ("that it was opened")
            );
            ensure!(
                window.next == address && untouched,
                expected: ("{call}({start}, {length} bytes) to copy nothing before it is refused"),
                saw: ("{} bytes copied", window.next.wrapping_sub(address))
            );
        }
        // And no other range is.
        let (address, length) = (0xBFFF_E000, 2 * 4096);
        let Copied { answer, .. } = copied(protections, way, (address, length), None)?;
        ensure!(
            answer.is_ok(),
            expected: ("{}({}, {length} bytes) to be done: all of it is below {USER_SPACE_END}", way.call(), VirtAddr::new(address)),
            saw: ("{}", told(&answer))
        );
    }
    Ok(())
}

/// At a missing page, the copy ends: the pages before it have been copied, and the window
/// is closed.
pub fn copy_half_way(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let protections = context.labs().protections();
    for way in Way::BOTH {
        for (address, length) in [(0x1000_0800, 4 * 4096), (0x1000_0000, 4096), (0xBFFF_C001, 0x3000)] {
            let first = Page::containing(VirtAddr::new(address));
            let pages = (address % PAGE_SIZE + length as u32).div_ceil(PAGE_SIZE);
            for missing in (0..pages).filter_map(|index| first.checked_add(index)) {
                let range = (address, length);
                let Copied { answer, window, bytes } = copied(protections, way, range, Some(missing))?;
                let (start, call) = (VirtAddr::new(address), way.call());
                let end = missing.start().max(start);
                ensure!(
                    answer == Err(BadAddress),
                    expected: ("{call}({start}, {length} bytes) to be refused, since {missing} is missing"),
                    saw: ("{}", told(&answer))
                );
                let rest = &bytes[(end - start) as usize..];
                let untouched = way == Way::Out || rest.iter().all(|byte| *byte == 0);
                ensure!(
                    window.next == end.as_u32() && untouched,
                    expected: ("{call}({start}, {length} bytes) to copy what comes before {missing}, and no more"),
                    saw: ("{} bytes copied", window.next - address)
                );
            }
        }
    }
    Ok(())
}

/// For 0 bytes, the window stays closed.
pub fn copy_nothing(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let protections = context.labs().protections();
    for way in Way::BOTH {
        for address in [0, 0x0804_8000, 0x0804_8FFF, 0xBFFF_FFFF] {
            let Copied { answer, window, .. } = copied(protections, way, (address, 0), None)?;
            ensure!(
                answer.is_ok() && window.opened == 0,
                expected: ("{}({}, no bytes) to do nothing", way.call(), VirtAddr::new(address)),
                saw: ("{answer}, and the window opened {} times", window.opened, answer = told(&answer))
            );
        }
        // Of a copy that copies nothing ever, this would be no merit.
        let Copied { answer, window, .. } = copied(protections, way, (0x0804_8000, 1), None)?;
        ensure!(
            answer.is_ok() && window.next == 0x0804_8001,
            expected: ("{}({}, 1 byte) to copy it", way.call(), VirtAddr::new(0x0804_8000)),
            saw: ("{}, and {} bytes copied", told(&answer), window.next - 0x0804_8000)
        );
    }
    Ok(())
}
