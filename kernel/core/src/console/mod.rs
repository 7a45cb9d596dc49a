//! The kernel's output: the serial port and the screen, behind the `log` crate.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};

pub mod serial;
pub(crate) mod vga;

/// Whether a check is running. If so, the lines of the log are marked, so that none can pass for a
/// report.
static CHECKING: AtomicBool = AtomicBool::new(false);

/// Sets up both devices, and has `log` write to them.
pub(crate) fn init() {
    serial::init();
    vga::init();
    // This fails only if a logger is set already, which then stays.
    if log::set_logger(&Console).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

/// From now on every line that is logged begins with `# log: ` on the serial port.
pub(crate) fn mark_log_lines() {
    CHECKING.store(true, Ordering::Relaxed);
}

/// Whether a check is running.
pub(crate) fn checking() -> bool {
    CHECKING.load(Ordering::Relaxed)
}

/// Writes a program's output to both devices. While a check is running, it goes to the serial port
/// as lines of the log; otherwise unchanged.
pub fn write(text: &str) {
    // Neither device ever fails.
    if checking() {
        let _ = LogLines { prefix: LOG_PREFIX }.write_str(text);
    } else {
        serial::write(text);
    }
    let _ = vga::Vga.write_str(text);
}

/// How every line of the log begins while a check is running.
const LOG_PREFIX: &str = "# log: ";

/// Ends the line that a program has begun on the serial port, if any.
pub fn end_line() {
    if !serial::at_line_start() {
        write("\n");
    }
}

/// Shows a crash on the screen and, where no check is running, on the serial port.
pub(crate) fn show_crash(what: fmt::Arguments<'_>) {
    if checking() {
        let _ = OneLine { to: vga::Vga, newline: "\n" }.write_fmt(format_args!("\n{what}\n"));
    } else {
        log::error!("{what}");
    }
}

/// Makes both devices usable for a crash report.
pub(crate) fn seize() {
    serial::seize();
    vga::seize();
}

/// The logger.
struct Console;

impl Log for Console {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            Level::Info => "",
            Level::Debug => "debug: ",
            Level::Trace => "trace: ",
        };
        let prefix = if checking() { LOG_PREFIX } else { "" };
        // Neither device ever fails.
        let _ = writeln!(LogLines { prefix }, "{level}{}", record.args());
        let _ = write!(OneLine { to: vga::Vga, newline: "\n" }, "{level}{}", record.args());
        let _ = vga::Vga.write_str("\n");
    }

    fn flush(&self) {
        serial::flush();
    }
}

/// Writes to the serial port, each line with a prefix. Looks at the port's last byte rather than at
/// the text written here: formatting a student's value may run code that logs in the middle of a
/// line.
struct LogLines {
    prefix: &'static str,
}

impl Write for LogLines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for line in text.split_inclusive('\n') {
            if serial::at_line_start() {
                serial::write(self.prefix);
            }
            write_replacing(&mut serial::Serial, line, "\n")?;
        }
        Ok(())
    }
}

/// Goes on with a line that was begun on the serial port. Formatting a student's value may run code
/// that logs, which ends the line: the rest of the text then becomes a line of the log, too.
pub(crate) struct GoingOn;

impl Write for GoingOn {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.is_empty() && serial::at_line_start() {
            serial::write(LOG_PREFIX);
        }
        serial::write(text);
        Ok(())
    }
}

/// Writes text to `to` as one line: newlines become `newline`, other control characters `?`.
pub(crate) struct OneLine<W> {
    pub to: W,
    pub newline: &'static str,
}

impl<W: Write> Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_replacing(&mut self.to, text, self.newline)
    }
}

/// Writes `text`, with something else in place of its control characters.
fn write_replacing(to: &mut impl Write, text: &str, newline: &str) -> fmt::Result {
    /// The first byte of all control characters of two bytes, and of some other characters.
    const LEAD: u8 = 0xC2;

    // Looks at bytes first: a kernel that logs spends most of its time here.
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte.is_ascii_control() || byte == LEAD) {
        let (plain, from) = rest.split_at(at);
        to.write_str(plain)?;
        let mut characters = from.chars();
        match characters.next() {
            Some('\n') => to.write_str(newline)?,
            Some('\t') => to.write_str(" ")?,
            Some(character) if !character.is_control() => to.write_char(character)?,
            _ => to.write_str("?")?,
        }
        rest = characters.as_str();
    }
    to.write_str(rest)
}
