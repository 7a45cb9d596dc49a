//! The screen: VGA text mode, 80 columns and 25 rows.
//!
//! Text scrolls in the columns on the left: in all 80, unless the screen is divided. A picture on
//! the right stays in its place.

use core::fmt;
use core::ptr::NonNull;

use mm_api::layout::KERNEL_BASE;
use spin::Mutex;
use volatile::VolatilePtr;

use crate::arch::{interrupts, ports};

/// Columns of the whole screen.
pub const COLUMNS: usize = 80;
/// Rows of the screen.
pub const ROWS: usize = 25;

/// Where the direct map shows text mode's cells: a character of code page 437 in
/// the low byte, colours in the high one. Their physical address is 0xB8000.
const CELLS: usize = KERNEL_BASE.as_u32() as usize + 0xB_8000;

/// The CRT controller: the port that selects a register. The next port writes to it.
const CONTROLLER: u16 = 0x3D4;

/// Light grey on black.
const COLOUR: u16 = 0x0700;
/// An empty cell.
const BLANK: u16 = COLOUR | b' ' as u16;
/// A small square, shown for a character that the screen does not have.
const UNKNOWN: u16 = COLOUR | 0xFE;

struct Screen {
    /// A copy of the screen's cells. Scrolling reads them here, since reading from the device is
    /// slow.
    shown: [[u16; COLUMNS]; ROWS],
    row: usize,
    column: usize,
    /// How many columns text may use.
    text_columns: usize,
    /// Whether the device answered.
    present: bool,
}

static SCREEN: Mutex<Screen> =
    Mutex::new(Screen { shown: [[BLANK; COLUMNS]; ROWS], row: 0, column: 0, text_columns: COLUMNS, present: false });

/// One of the sixteen colours of text mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Colour {
    Black,
    Blue,
    Green,
    Cyan,
    Red,
    Magenta,
    Brown,
    LightGrey,
    DarkGrey,
    LightBlue,
    LightGreen,
    LightCyan,
    LightRed,
    LightMagenta,
    Yellow,
    White,
}

/// Whether the machine has a screen.
#[must_use]
pub fn is_present() -> bool {
    with_screen(|screen| screen.present)
}

/// Calls `work` with the screen, with interrupts off.
fn with_screen<R>(work: impl FnOnce(&mut Screen) -> R) -> R {
    interrupts::without(|| work(&mut SCREEN.lock()))
}

/// Clears the screen, and divides it: `text_columns` columns on the left are for text, the others
/// for [`draw`].
pub fn divide(text_columns: usize) {
    with_screen(|screen| {
        screen.text_columns = text_columns.clamp(1, COLUMNS);
        (screen.row, screen.column) = (0, 0);
        for (row, column) in (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column))) {
            screen.set(row, column, BLANK);
        }
    });
}

/// Draws text at a place on the screen. It is cut at the end of the row, and does not scroll
/// outside the columns for text.
pub fn draw(row: usize, column: usize, colour: Colour, text: &str) {
    with_screen(|screen| {
        if row < ROWS && screen.present {
            for (column, character) in (column..COLUMNS).zip(text.chars()) {
                screen.set(row, column, (colour as u16) << 8 | glyph(character));
            }
        }
    });
}

/// The number in code page 437 of an ASCII character or of one that pictures use.
fn glyph(character: char) -> u16 {
    match character {
        ' '..='~' => character as u16,
        '█' => 0xDB,
        '▓' => 0xB2,
        '▒' => 0xB1,
        '░' => 0xB0,
        '■' => 0xFE,
        '·' => 0xFA,
        '│' => 0xB3,
        '─' => 0xC4,
        _ => UNKNOWN & 0xFF,
    }
}

/// The device's cell at `row` and `column`.
#[inline]
fn cell(row: usize, column: usize) -> VolatilePtr<'static, u16> {
    let pointer = core::ptr::with_exposed_provenance_mut(CELLS + 2 * (row * COLUMNS + column));
    // SAFETY: the address is in the direct map and not zero. The frame is
    // reserved for the device, or nothing is there and writes have no effect.
    unsafe { VolatilePtr::new(NonNull::new_unchecked(pointer)) }
}

/// Clears the screen, if there is one.
pub(crate) fn init() {
    let mut screen = SCREEN.lock();
    // Without a graphics card, writes to the cells are lost.
    cell(0, 0).write(BLANK);
    cell(0, 1).write(UNKNOWN);
    screen.present = cell(0, 0).read() == BLANK && cell(0, 1).read() == UNKNOWN;
    screen.show(0..ROWS);
    // Register 10 of the CRT controller: bit 5 turns the cursor off. SAFETY: this device touches no
    // memory; without it, the writes have no effect.
    unsafe {
        ports::write(CONTROLLER, 10);
        ports::write(CONTROLLER + 1, 1 << 5);
    }
}

/// Makes the screen usable for a crash report, even if the crash came while it
/// was in use.
pub(crate) fn seize() {
    if SCREEN.is_locked() {
        // SAFETY: there is one processor, and the code that held the lock was interrupted by a
        // crash and does not go on.
        unsafe { SCREEN.force_unlock() };
    }
}

impl Screen {
    /// Copies rows to the device.
    fn show(&self, rows: core::ops::Range<usize>) {
        if !self.present {
            return;
        }
        for row in rows {
            for (column, &value) in self.shown[row].iter().enumerate() {
                cell(row, column).write(value);
            }
        }
    }

    fn new_line(&mut self) {
        self.column = 0;
        if self.row + 1 < ROWS {
            self.row += 1;
            return;
        }
        let text = 0..self.text_columns;
        for row in 1..ROWS {
            let (above, below) = self.shown.split_at_mut(row);
            above[row - 1][text.clone()].copy_from_slice(&below[0][text.clone()]);
        }
        self.shown[ROWS - 1][text].fill(BLANK);
        self.show(0..ROWS);
    }

    /// Changes a cell, if it has another value.
    fn set(&mut self, row: usize, column: usize, value: u16) {
        if self.shown[row][column] != value {
            self.shown[row][column] = value;
            if self.present {
                cell(row, column).write(value);
            }
        }
    }

    fn put(&mut self, character: char) {
        match character {
            '\n' => return self.new_line(),
            '\r' => return self.column = 0,
            // As on a terminal, a backspace moves back and erases nothing.
            '\u{8}' => return self.column = self.column.saturating_sub(1),
            _ => {}
        }
        if self.column == self.text_columns {
            self.new_line();
        }
        self.set(self.row, self.column, COLOUR | glyph(character));
        self.column += 1;
    }
}

/// The screen as a target of `write!`.
pub(crate) struct Vga;

impl fmt::Write for Vga {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // An interrupt handler may write, too.
        with_screen(|screen| {
            if screen.present {
                text.chars().for_each(|character| screen.put(character));
            }
        });
        Ok(())
    }
}
