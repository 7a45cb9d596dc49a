//! The two 8259A interrupt controllers of a PC, with fifteen lines for devices: the output of the
//! second controller is wired to line 2 of the first (Intel 8259A data sheet, order number 231468).

use spin::Mutex;

use super::{interrupts, ports};

/// The vector of line 0. The processor reserves the vectors below it for exceptions. A PC's
/// firmware has put the lines there.
pub(super) const FIRST_VECTOR: u32 = 32;
/// Lines of both controllers.
pub(super) const LINES: u32 = 16;

/// The first controller's command port; its data port follows.
const FIRST: u16 = 0x20;
/// The second controller's command port.
const SECOND: u16 = 0xA0;
/// Lines of one controller.
const LINES_EACH: u8 = 8;
/// The line of the first controller that the second one's output is wired to.
const CASCADE: u8 = 2;

/// Begins the initialisation: edge triggered, two controllers, a fourth word
/// follows (ICW1).
const INITIALISE: u8 = 0x11;
/// For an 8086, and every interrupt has to be acknowledged (ICW4).
const MODE_8086: u8 = 0x01;
/// The interrupt with the highest priority is over (OCW2: non-specific EOI).
const END_OF_INTERRUPT: u8 = 0x20;
/// The next read of the command port shows which interrupts are requested (OCW3).
const READ_REQUESTED: u8 = 0x0A;
/// The next read of the command port shows which interrupts are being served (OCW3).
const READ_IN_SERVICE: u8 = 0x0B;

/// The lines that are masked, one bit each.
static MASKED: Mutex<u16> = Mutex::new(!0);

/// Gives the lines vectors of their own, and masks them all.
pub(super) fn init() {
    let masked = MASKED.lock();
    for (port, vector, wiring) in [(FIRST, 0, 1 << CASCADE), (SECOND, LINES_EACH, CASCADE)] {
        // SAFETY: the controllers touch no memory. Interrupts are off, and all
        // lines masked at the end.
        unsafe {
            ports::write(port, INITIALISE);
            ports::write(port + 1, FIRST_VECTOR as u8 + vector);
            ports::write(port + 1, wiring);
            ports::write(port + 1, MODE_8086);
        }
    }
    write_masks(*masked);
}

/// Unmasks a line, and with a line of the second controller also the line that it is wired to.
pub(super) fn unmask(line: u8) {
    interrupts::without(|| {
        let mut masked = MASKED.lock();
        *masked &= !(1 << line);
        if line >= LINES_EACH {
            *masked &= !(1 << CASCADE);
        }
        write_masks(*masked);
    });
}

/// Tells the controllers which lines are masked (OCW1).
fn write_masks(masked: u16) {
    let [first, second] = masked.to_le_bytes();
    // SAFETY: the controllers touch no memory, and every line's vector has a stub.
    unsafe {
        ports::write(FIRST + 1, first);
        ports::write(SECOND + 1, second);
    }
}

/// Acknowledges the interrupt of a line, so that the next one can come. Returns whether the
/// interrupt was real: if a request is gone before the processor answers it, the controller reports
/// its last line, though it does not serve it.
pub(super) fn acknowledge(line: u8) -> bool {
    let (port, own_line) = if line < LINES_EACH { (FIRST, line) } else { (SECOND, line - LINES_EACH) };
    let real = own_line != LINES_EACH - 1 || in_service(port) & 1 << own_line != 0;
    // SAFETY: the controllers touch no memory.
    unsafe {
        if real {
            ports::write(port, END_OF_INTERRUPT);
        }
        // The first controller has served its own line, whatever the second says.
        if port == SECOND {
            ports::write(FIRST, END_OF_INTERRUPT);
        }
    }
    real
}

/// The lines of a controller that are being served.
fn in_service(port: u16) -> u8 {
    read(port, READ_IN_SERVICE)
}

/// Whether a line of the first controller requests an interrupt, which comes once the line is
/// unmasked and interrupts are on.
pub(super) fn is_requested(line: u8) -> bool {
    read(FIRST, READ_REQUESTED) & 1 << line != 0
}

/// Reads the register of a controller that the command `which` selects.
fn read(port: u16, which: u8) -> u8 {
    // SAFETY: the controllers touch no memory, and reading changes nothing.
    unsafe {
        ports::write(port, which);
        ports::read(port)
    }
}
