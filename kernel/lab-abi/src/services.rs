//! The kernel's services for a compiled reference: the log and panics.

use core::fmt::{self, Write};
use core::hint;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicPtr, Ordering};
use core::{ptr, slice, str};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::crossing::slices_are_as_expected;

/// A text in the memory of the calling side.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    start: *const u8,
    length: u32,
}

impl Text {
    fn of(text: &str) -> Self {
        Self { start: text.as_ptr(), length: text.len() as u32 }
    }

    /// # Safety
    /// The text must still exist.
    unsafe fn get<'a>(self) -> &'a str {
        // SAFETY: the caller's promise, and it was a `str`.
        unsafe { str::from_utf8_unchecked(slice::from_raw_parts(self.start, self.length as usize)) }
    }
}

/// The kernel's functions that a reference may call.
#[repr(C)]
#[derive(Debug)]
pub struct Services {
    /// Logs a line, with a level as [`Level`] counts it.
    log: unsafe extern "C" fn(u32, Text),
    /// Panics, with a message and the place of the panic.
    panic: unsafe extern "C" fn(Text, Text) -> !,
}

/// The services of this side.
pub(crate) static SERVICES: Services = Services { log: log_line, panic: go_on_panicking };

unsafe extern "C" fn log_line(level: u32, text: Text) {
    let level = Level::iter().find(|one| *one as u32 == level).unwrap_or(Level::Info);
    // SAFETY: the text was sent for this call.
    log::log!(level, "{}", unsafe { text.get() });
}

unsafe extern "C" fn go_on_panicking(message: Text, place: Text) -> ! {
    // SAFETY: the texts were sent for this call.
    let (message, place) = unsafe { (message.get(), place.get()) };
    panic!("{message} (in the reference, at {place})")
}

/// The services that this reference was given.
static GIVEN: AtomicPtr<Services> = AtomicPtr::new(ptr::null_mut());

/// Takes the kernel's services, and logs to the kernel from now on.
///
/// # Panics
/// If this compiler lays out slices differently from the other side.
#[doc(hidden)]
pub fn receive(services: &'static Services) {
    GIVEN.store(ptr::from_ref(services).cast_mut(), Ordering::Relaxed);
    assert!(slices_are_as_expected(), "slices are laid out as by no compiler before");
    // An earlier call has set the logger already.
    let _ = log::set_logger(&RemoteLog);
    log::set_max_level(LevelFilter::Trace);
}

fn given() -> Option<&'static Services> {
    // SAFETY: null, or a reference that lives for ever.
    unsafe { GIVEN.load(Ordering::Relaxed).as_ref() }
}

/// Logs through the kernel's log.
struct RemoteLog;

impl Log for RemoteLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(services) = given() {
            let mut line = Line::new();
            line.add(*record.args());
            // SAFETY: the function is the kernel's, and the text lives as long as the call.
            unsafe { (services.log)(record.level() as u32, Text::of(line.text())) }
        }
    }

    fn flush(&self) {}
}

/// Makes the kernel panic in place of the reference: for the reference's `#[panic_handler]`.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    let (mut message, mut place) = (Line::new(), Line::new());
    message.add(format_args!("{}", info.message()));
    if let Some(location) = info.location() {
        place.add(format_args!("{location}"));
    }
    if let Some(services) = given() {
        // SAFETY: the function is the kernel's, and the texts live as long as the call.
        unsafe { (services.panic)(Text::of(message.text()), Text::of(place.text())) }
    }
    // Nothing has called this reference yet, so this cannot be reached.
    loop {
        hint::spin_loop();
    }
}

/// A text of limited length; the rest is cut off.
struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; 256], length: 0 }
    }

    fn add(&mut self, text: fmt::Arguments<'_>) {
        // The rest of a text that does not fit is cut off.
        let _ = self.write_fmt(text);
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.len() - self.length;
        let cut = text.floor_char_boundary(room);
        self.bytes[self.length..self.length + cut].copy_from_slice(&text.as_bytes()[..cut]);
        self.length += cut;
        if cut < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
