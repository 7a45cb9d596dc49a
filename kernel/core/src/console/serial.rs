//! The serial port COM1.
//!
//! Interrupts are off while the port is in use: an interrupt handler may use it, too.

use core::fmt;

use spin::Mutex;
use uart_16550::backend::{Backend, PioBackend};
use uart_16550::spec::registers::{FifoTriggerLevel, IER, LSR, MCR, offsets};
use uart_16550::{BaudRate, Config, Uart16550};

use crate::arch::interrupts;

/// The I/O port of COM1's first register, on every PC.
const COM1: u16 = 0x3F8;

struct Port {
    uart: Uart16550<PioBackend>,
    /// Whether a device answered.
    present: bool,
    /// Whether the last byte ended a line.
    at_line_start: bool,
    /// The bytes that were received before the port was set up, in order.
    early: [Option<u8>; 2],
}

impl Port {
    /// Sets the port up without losing bytes that were received before.
    ///
    /// Setting the port up discards a received byte, so the byte is taken first, in loop mode.
    /// Otherwise an emulator would pass on the next byte as soon as one was read.
    fn set_up(&mut self) {
        // A user who types wants each character to arrive at once.
        let config = Config {
            baud_rate: BaudRate::Baud115200,
            fifo_trigger_level: Some(FifoTriggerLevel::One),
            ..Config::DEFAULT
        };
        let backend = self.uart.backend_mut();
        // SAFETY: these are registers of a port that nothing else uses. If there is no port,
        // nothing answers.
        let first = unsafe {
            backend.write(offsets::MCR as u8, MCR::LOOP_BACK.bits());
            let is_there = LSR::from_bits_retain(backend.read(offsets::LSR as u8)).contains(LSR::DATA_READY);
            is_there.then(|| backend.read(offsets::DATA as u8))
        };
        self.present = self.uart.init(config).is_ok();
        if !self.present {
            return;
        }
        // Reading makes the emulator pass on the byte that it holds. An empty port answers with
        // zero, which no user types. SAFETY: as above.
        let next = unsafe { self.uart.backend_mut().read(offsets::DATA as u8) };
        self.early = [first, Some(next).filter(|byte| *byte != 0)];
    }

    /// Takes a received byte, if there is one.
    fn receive(&mut self) -> Option<u8> {
        let early = self.early.iter_mut().find_map(Option::take);
        if self.present { early.or_else(|| self.uart.try_receive_byte().ok()) } else { None }
    }
}

static PORT: Mutex<Port> = Mutex::new(Port {
    // SAFETY: COM1's eight registers are at this port, and nothing else uses them.
    uart: match unsafe { Uart16550::new_port(COM1) } {
        Ok(uart) => uart,
        Err(_) => panic!("COM1's address leaves no room for its registers"),
    },
    present: false,
    at_line_start: true,
    early: [None; 2],
});

/// Sets the port up: 115200 baud, 8 bits, no parity. Without a device at COM1, output is dropped.
pub(crate) fn init() {
    PORT.lock().set_up();
}

/// Makes the port usable for a crash report, even if the crash came while it
/// was in use.
pub(crate) fn seize() {
    if PORT.is_locked() {
        // SAFETY: there is one processor, and the code that held the lock was interrupted by a
        // crash and does not go on.
        unsafe { PORT.force_unlock() };
    }
}

/// Calls `work` with the port.
fn with_port<R>(work: impl FnOnce(&mut Port) -> R) -> R {
    interrupts::without(|| work(&mut PORT.lock()))
}

/// Writes text unchanged.
pub(crate) fn write(text: &str) {
    with_port(|port| {
        if port.present && !text.is_empty() {
            port.uart.send_bytes_exact(text.as_bytes());
            port.at_line_start = text.ends_with('\n');
        }
    });
}

/// Takes a received byte; `None` if there is none. Does not wait.
///
/// The port keeps up to 16 bytes, so a handler of [`Trap::Serial`](crate::trap::Trap::Serial)
/// should take all of them.
#[must_use]
pub fn receive() -> Option<u8> {
    with_port(Port::receive)
}

/// Waits for a line and puts it into `buffer`, without its newline. Bytes that do not fit are
/// dropped. `None` if there is no port to wait for.
pub(crate) fn receive_line(buffer: &mut [u8]) -> Option<&[u8]> {
    let mut length = 0;
    loop {
        match receive() {
            Some(b'\n') => return Some(&buffer[..length]),
            Some(byte) => {
                if let Some(place) = buffer.get_mut(length) {
                    *place = byte;
                    length += 1;
                }
            }
            None if !with_port(|port| port.present) => return None,
            None => {}
        }
    }
}

/// From now on the port interrupts when it receives a byte, if the interrupt controller lets its
/// line through.
pub(crate) fn enable_interrupt() {
    with_port(|port| {
        if port.present {
            port.uart.enable_interrupts(IER::DATA_READY);
        }
    });
}

/// Whether the next byte begins a line.
pub(crate) fn at_line_start() -> bool {
    with_port(|port| port.at_line_start)
}

/// Ends the current line, if it is not empty.
pub(crate) fn end_line() {
    if !at_line_start() {
        write("\n");
    }
}

/// Waits until everything has been sent.
pub(crate) fn flush() {
    with_port(|port| {
        while port.present && !port.uart.lsr().contains(LSR::TRANSMITTER_EMPTY) {
            core::hint::spin_loop();
        }
    });
}

/// The port as a target of `write!`.
pub(crate) struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text);
        Ok(())
    }
}
