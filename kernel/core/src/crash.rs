//! Reports of crashes: exceptions and panics after which the kernel cannot go on.

use core::fmt::{self, Write};
use core::panic::{PanicInfo, PanicMessage};
use core::sync::atomic::{AtomicBool, Ordering};

use mm_api::{Entry, EntryFlags, Frame, Page, PhysAddr, TableIndex, VirtAddr};
use mm_oracle::walk::walk;
use spin::{Mutex, Once};

use crate::arch::exceptions::Reporter;
use crate::arch::registers::Registers;
use crate::arch::{paging, vectors};
use crate::backtrace::Backtrace;
use crate::circumstances;
use crate::console;
use crate::machine_end::{End, end};
use crate::memory::reach;
use crate::report;

/// The functions that report exceptions.
pub(crate) static REPORTER: Reporter = Reporter { exception, stack_overflow, no_kernel_stack };

/// Whether a crash is being reported: a second crash ends the machine at once.
static CRASHING: AtomicBool = AtomicBool::new(false);

/// Begins a report. Unlocks the console, which may have been locked when the crash came.
fn begin(kind: &str) {
    if CRASHING.swap(true, Ordering::Relaxed) {
        end(End::Crash);
    }
    console::seize();
    circumstances::tell();
    report::line("crash", format_args!("{kind}"));
}

/// Ends a report, and the machine.
fn finish(registers: &Registers, backtrace: Backtrace) -> ! {
    report::line("registers", format_args!("{registers}"));
    report::line("backtrace", format_args!("{backtrace}"));
    report::word("end");
    end(End::Crash)
}

/// Reports an unhandled exception.
fn exception(vector: u32, error_code: u32, address: u32, registers: &Registers) -> ! {
    begin("exception");
    let name = vectors::name(vector);
    report::line("exception", format_args!("{vector:#x} {error_code:#x} {name}"));
    if vector == vectors::PAGE_FAULT {
        report::line("cr2", format_args!("{address:#010x}"));
        report_walk(VirtAddr::new(address));
        if let Some(protection) = stopped_by(error_code, VirtAddr::new(address)) {
            report::line("context", format_args!("{protection}"));
            console::show_crash(format_args!("{name} at {:#010x}: {protection}", registers.eip));
            finish(registers, Backtrace::from(registers))
        }
    }
    console::show_crash(format_args!("{name} at {:#010x}", registers.eip));
    finish(registers, Backtrace::from(registers))
}

/// Reports the entries that the processor reads for `address`, as far as they can be read.
fn report_walk(address: VirtAddr) {
    let directory = paging::current_directory();
    let page = Page::containing(address);
    let read = |table: Frame, index: TableIndex| {
        reach::peek(PhysAddr::new(table.start().as_u32() + 4 * index.as_u32())).map(Entry::from_bits)
    };
    let Some(upper) = read(directory, page.directory_index()) else { return };
    let (cr3, bits) = (directory.start().as_u32(), upper.bits());
    let has_table = upper.is_present() && !upper.has(EntryFlags::PAGE_SIZE);
    match has_table.then(|| read(upper.frame(), page.table_index())).flatten() {
        Some(lower) => report::line("walk", format_args!("{cr3:#010x} {bits:#010x} {:#010x}", lower.bits())),
        None => report::line("walk", format_args!("{cr3:#010x} {bits:#010x}")),
    }
}

/// Which protection stopped the kernel, by the error code of a page fault (Intel SDM volume 3A,
/// section 4.7); `None` if the page is not mapped, or a program made the access.
fn stopped_by(error_code: u32, address: VirtAddr) -> Option<&'static str> {
    const PRESENT: u32 = 1 << 0;
    const WRITE: u32 = 1 << 1;
    const USER: u32 = 1 << 2;
    const FETCH: u32 = 1 << 4;

    if error_code & PRESENT == 0 || error_code & USER != 0 {
        return None;
    }
    if error_code & FETCH != 0 {
        return Some("stopped by SMEP: the kernel does not execute a page of programs");
    }
    let read = |table: Frame, index: TableIndex| {
        let word = reach::peek(PhysAddr::new(table.start().as_u32() + 4 * index.as_u32()));
        Entry::from_bits(word.unwrap_or(0))
    };
    let protection = walk(paging::current_directory(), address, read).ok()?.protection();
    if error_code & WRITE != 0 && !protection.writable {
        return Some("stopped by CR0.WP: the page is read-only, for the kernel, too");
    }
    protection.user.then_some("stopped by SMAP: the kernel reaches a page of programs through a window only")
}

/// Reports that the kernel's stack is used up.
fn stack_overflow(registers: &Registers) -> ! {
    begin("stack-overflow");
    console::show_crash(format_args!("the kernel's stack is used up, at {:#010x}", registers.eip));
    finish(registers, Backtrace::from(registers))
}

/// Reports that a program was interrupted, but that the kernel stack for that, which ends at `top`,
/// is not mapped.
fn no_kernel_stack(top: u32, registers: &Registers) -> ! {
    begin("exception");
    let (vector, name) = (vectors::DOUBLE_FAULT, vectors::name(vectors::DOUBLE_FAULT));
    report::line("exception", format_args!("{vector:#x} 0x0 {name}"));
    let why = format_args!("a program was interrupted, but no kernel stack is mapped below {top:#010x}");
    report::line("context", why);
    console::show_crash(format_args!("{name}: {why}"));
    finish(registers, Backtrace::from(registers))
}

/// A function that says more about a panic. It calls its argument once for each line.
pub type Explain = fn(&mut dyn FnMut(fmt::Arguments<'_>));

/// The function that [`explain_panics`] was given.
static EXPLAIN: Once<Explain> = Once::new();

/// From now on a panic calls `explain`, whose lines are printed with the panic. Locks may still be held
/// from the moment of the panic, so `explain` must not wait for any.
pub fn explain_panics(explain: Explain) {
    EXPLAIN.call_once(|| explain);
}

/// Reports more about a panic, once.
fn explain() {
    static EXPLAINED: AtomicBool = AtomicBool::new(false);

    if let Some(explain) = EXPLAIN.get()
        && !EXPLAINED.swap(true, Ordering::Relaxed)
    {
        explain(&mut |text| match console::checking() {
            true => report::line("context", text),
            false => log::error!("{text}"),
        });
    }
}

/// How the message of `todo!()` begins.
const NOT_STARTED: &str = "not yet implemented";

/// As an operating system, the kernel runs until it needs a part of a lab that is not written. The
/// grader reads these lines: see "An operating system" in grader/WIRE.md.
fn not_started(info: &PanicInfo<'_>) -> ! {
    console::seize();
    log::warn!("this part is still to be written{}", AfterPrefix(info.message()));
    if let Some(place) = info.location() {
        log::warn!("it belongs to {place}");
    }
    end(End::NotWritten)
}

/// Whether a panic comes from `todo!()`.
fn is_todo(message: PanicMessage<'_>) -> bool {
    /// The rest of the prefix that is still expected; `None` once other text came.
    struct Expecting(Option<&'static str>);

    impl fmt::Write for Expecting {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.and_then(|rest| rest.strip_prefix(text).or(text.starts_with(rest).then_some("")));
            Ok(())
        }
    }

    let mut expecting = Expecting(Some(NOT_STARTED));
    // It never fails.
    let _ = write!(expecting, "{message}");
    expecting.0 == Some("")
}

/// The rest of a panic's message, after [`NOT_STARTED`] at its beginning.
struct AfterPrefix<'a>(PanicMessage<'a>);

impl fmt::Display for AfterPrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Skip<'f, 'g> {
            bytes: usize,
            to: &'f mut fmt::Formatter<'g>,
        }

        impl fmt::Write for Skip<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                let skipped = self.bytes.min(text.len());
                self.bytes -= skipped;
                self.to.write_str(text.get(skipped..).unwrap_or_default())
            }
        }

        write!(Skip { bytes: NOT_STARTED.len(), to: f }, "{}", self.0)
    }
}

/// The function that follows the next panic in place of a report.
static EXPECTED: Mutex<Option<fn() -> !>> = Mutex::new(None);

/// From now on a panic is expected: the next one calls `then` and is not reported. With `None`, a
/// panic is a crash again.
pub fn expect_panic(then: Option<fn() -> !>) {
    *EXPECTED.lock() = then;
}

/// Reports a panic.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let registers = Registers::now();
    let expected = EXPECTED.try_lock().and_then(|mut expected| expected.take());
    if let Some(then) = expected {
        console::seize();
        then()
    }
    if !console::checking() && is_todo(info.message()) {
        not_started(info)
    }
    console::seize();
    explain();
    begin("panic");
    let message = info.message();
    match info.location() {
        Some(place) => report::line_with("panic", "\\n", format_args!("{place} {message}")),
        None => report::line_with("panic", "\\n", format_args!("?:0:0 {message}")),
    }
    console::show_crash(format_args!("{info}"));
    finish(&registers, Backtrace::from(&registers))
}
