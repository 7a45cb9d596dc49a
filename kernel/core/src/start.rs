//! From the first instruction in Rust to the kernel's `main`.

use core::{ptr, slice, str};

use mm_api::{PhysAddr, PhysRange};
use spin::{Mutex, MutexGuard, Once};

use crate::arch::{self, paging};
use crate::boot_error::BootError;
use crate::boot_info;
use crate::command_line::Task;
use crate::console::serial;
use crate::machine::Machine;
use crate::machine_end::{idle, look_at_the_end, stop_to_be_told};
use crate::memory::{boot_box, direct, paged, scratch};
use crate::protection::SectionRights;
use crate::report;
use crate::{conclusion, console, crash};

/// The type of the kernel's `main`, as [`entry!`](crate::entry) takes it.
#[doc(hidden)]
pub type Main = fn(&'static Machine) -> !;

unsafe extern "Rust" {
    /// Returns the kernel's `main`; [`entry!`](crate::entry) defines this function.
    safe fn folio_kernel_main() -> Main;
}

/// Names the kernel's `main`, which runs once the machine is set up: a `fn(&'static Machine) -> !`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // The name is the one that the library asks for, so it clashes with none.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "Rust" fn folio_kernel_main() -> $crate::start::Main {
            $main
        }
    };
}

/// The first Rust function, called by `boot.s` with the bootloader's EAX and EBX.
#[unsafe(no_mangle)]
extern "C" fn kernel_entry(magic: u32, info: u32) -> ! {
    console::init();
    arch::init(&crash::REPORTER);
    paging::protect(&SectionRights::KERNELS_OWN);
    // SAFETY: this is the first thing after `boot.s`, so the arguments are the
    // bootloader's, and the direct map is whole.
    match unsafe { prepare(magic, info) } {
        Ok(machine) => folio_kernel_main()(machine),
        Err(error) => {
            log::error!("Folio cannot start: {error}.");
            idle()
        }
    }
}

/// Reads the bootloader's data and the command line, and puts aside memory for the task.
///
/// # Safety
/// As [`boot_info::read`]; to be called once.
unsafe fn prepare(magic: u32, info: u32) -> Result<&'static Machine, BootError> {
    static MACHINE: Once<Machine> = Once::new();

    let mut machine = Machine::unknown();
    // SAFETY: the caller's promise.
    unsafe { boot_info::read(magic, info, &mut machine)? };
    if machine.command_line().wait {
        machine.set_command_line(words_told_late());
    }
    let line = machine.command_line();
    report::sign_with(line.nonce);
    if line.ask {
        conclusion::ask_at_the_end();
    }
    if line.look {
        look_at_the_end();
    }
    if line.task != Task::Run {
        console::mark_log_lines();
    }
    let put_aside = match line.task {
        Task::Check(_) => machine.find_scratch().map(|range| (range, "scratch memory of the check")),
        Task::Run => {
            let bytes = 4 * u64::from(paged::words_of_ledger(&machine.map())) + u64::from(boot_box::BYTES);
            machine.find_room(bytes).map(|range| (range, "the kernel's records of frames"))
        }
        Task::List => None,
    };
    if let Some((range, purpose)) = put_aside {
        machine.reserve(range, purpose)?;
        // SAFETY: the range is usable memory in the direct map; it was not
        // reserved before, and is from now on.
        scratch::provide(unsafe { words(range) });
    }
    paging::trim_direct_map(machine.direct_map_end());
    Ok(MACHINE.call_once(|| machine))
}

/// Stops, so that the host can copy the machine in this state. Afterwards reads the command line
/// from the serial port: one line.
fn words_told_late() -> &'static str {
    /// The longest line that is read.
    const LONGEST: usize = 512;
    static LINE: Mutex<[u8; LONGEST]> = Mutex::new([0; LONGEST]);

    stop_to_be_told();
    // The line is read once: the lock is never released.
    let line = LINE.try_lock().map(MutexGuard::leak).and_then(|line| serial::receive_line(line));
    line.and_then(|line| str::from_utf8(line).ok()).unwrap_or_default()
}

/// The words of a range of physical memory, for ever.
///
/// # Safety
/// The range must be page-aligned memory in the direct map that nothing else ever uses.
unsafe fn words(range: PhysRange) -> &'static mut [u32] {
    let Some(start) = direct(PhysAddr::new(range.start as u32)) else {
        return &mut [];
    };
    let length = (range.end - range.start) as usize / 4;
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(start.as_u32() as usize), length) }
}
