//! The screen: VGA text mode, 80 columns and 25 rows.

use core::fmt;
use core::ptr::NonNull;

use mm_api::layout::KERNEL_BASE;
use spin::Mutex;
use volatile::VolatilePtr;

use crate::arch::{interrupts, ports};

const COLUMNS: usize = 80;
const ROWS: usize = 25;

/// Where the direct map shows text mode's cells: a character of code page 437 in
/// the low byte, colours in the high one. Their physical address is 0xB8000.
const CELLS: usize = KERNEL_BASE.as_u32() as usize + 0xB_8000;

/// The CRT controller: the port that chooses a register. The next one writes it.
const CONTROLLER: u16 = 0x3D4;

/// Light grey on black.
const COLOUR: u16 = 0x0700;
/// A cell with nothing in it.
const BLANK: u16 = COLOUR | b' ' as u16;
/// What stands for a character that the screen cannot show: a small square.
const UNKNOWN: u16 = COLOUR | 0xFE;

struct Screen {
    /// What the screen shows. It is scrolled here, since reading from the device
    /// is slow.
    shown: [[u16; COLUMNS]; ROWS],
    row: usize,
    column: usize,
    /// Whether there is a screen.
    present: bool,
}

static SCREEN: Mutex<Screen> =
    Mutex::new(Screen { shown: [[BLANK; COLUMNS]; ROWS], row: 0, column: 0, present: false });

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
    // Without a graphics card nothing keeps what is written there.
    cell(0, 0).write(BLANK);
    cell(0, 1).write(UNKNOWN);
    screen.present = cell(0, 0).read() == BLANK && cell(0, 1).read() == UNKNOWN;
    screen.show(0..ROWS);
    // Register 10 of the CRT controller: bit 5 turns the cursor off.
    // SAFETY: this device touches no memory, and what is not there does nothing.
    unsafe {
        ports::write(CONTROLLER, 10);
        ports::write(CONTROLLER + 1, 1 << 5);
    }
}

/// Makes the screen usable for a crash report, even if the crash came while it
/// was in use.
pub(crate) fn seize() {
    if SCREEN.is_locked() {
        // SAFETY: there is one processor, and whoever held the lock was
        // interrupted by a crash and does not go on.
        unsafe { SCREEN.force_unlock() };
    }
}

impl Screen {
    /// Puts rows on the device.
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
        self.shown.copy_within(1.., 0);
        self.shown[ROWS - 1] = [BLANK; COLUMNS];
        self.show(0..ROWS);
    }

    fn put(&mut self, character: char) {
        match character {
            '\n' => return self.new_line(),
            '\r' => return self.column = 0,
            // As on a terminal, it goes back and changes nothing.
            '\u{8}' => return self.column = self.column.saturating_sub(1),
            _ => {}
        }
        if self.column == COLUMNS {
            self.new_line();
        }
        let value = match character {
            ' '..='~' => COLOUR | character as u16,
            _ => UNKNOWN,
        };
        self.shown[self.row][self.column] = value;
        cell(self.row, self.column).write(value);
        self.column += 1;
    }
}

/// The screen as something to format into.
pub(crate) struct Vga;

impl fmt::Write for Vga {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // What handles an interrupt may write, too.
        interrupts::without(|| {
            let mut screen = SCREEN.lock();
            if screen.present {
                text.chars().for_each(|character| screen.put(character));
            }
        });
        Ok(())
    }
}
