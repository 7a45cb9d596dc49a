//! Breakpoints on the four memory functions that the compiler calls on its own (Intel SDM volume
//! 3B, section 17.2). With them a check finds out whether lab 00 calls these functions.
//!
//! The processor has four debug registers for addresses. Just before it executes the instruction at
//! one of these addresses, it raises exception 1. The handler notes the call and its arguments, and
//! lets the function run as if nothing had happened.

use core::arch::asm;

use spin::Mutex;

use super::exceptions::KernelFrame;

unsafe extern "C" {
    fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
    fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
    fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8;
    fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32;
}

/// The functions, in the order of the registers.
const NAMES: [&str; 4] = ["memcpy", "memmove", "memset", "memcmp"];

/// DR7: all four breakpoints are on, each for execution (encoded as 0).
const ALL_ON: u32 = 0b01_01_01_01;

/// EFLAGS.RF: the next instruction triggers no breakpoint.
const RESUME: u32 = 1 << 16;

/// How many memory ranges of the watched code are compared with the arguments of a call.
const RANGES: usize = 2;

/// Which of the four functions the watched code called.
#[derive(Clone, Copy, Default, Debug)]
pub struct Calls {
    /// The first of the four functions that was called, whatever its arguments.
    pub first: Option<&'static str>,
    /// The first function that was called with a byte of the watched ranges in its arguments.
    pub on_ranges: Option<&'static str>,
}

/// The watched ranges, and the calls seen so far.
struct Watched {
    /// Start address and length in bytes of each range.
    ranges: [(u32, u32); RANGES],
    calls: Calls,
}

/// The watch under way. There is one processor, and the handler runs with interrupts off.
static WATCHED: Mutex<Watched> =
    Mutex::new(Watched { ranges: [(0, 0); RANGES], calls: Calls { first: None, on_ranges: None } });

/// Calls `work` and watches for calls of the four functions. Returns the result of `work`, and the
/// calls. `ranges` is the memory that `work` uses: start addresses, and lengths in bytes.
pub fn memory_functions_called_in<R>(ranges: [(u32, u32); RANGES], work: impl FnOnce() -> R) -> (R, Calls) {
    *WATCHED.lock() = Watched { ranges, calls: Calls::default() };
    let addresses = [
        memcpy as *const () as u32,
        memmove as *const () as u32,
        memset as *const () as u32,
        memcmp as *const () as u32,
    ];
    // SAFETY: the kernel runs in ring 0, and `resume_if_hit` handles the exceptions that follow.
    // The writes of `work` may not move past the assembly, so it is not `nomem`.
    unsafe {
        asm!(
            "mov dr0, {0:e}",
            "mov dr1, {1:e}",
            "mov dr2, {2:e}",
            "mov dr3, {3:e}",
            in(reg) addresses[0],
            in(reg) addresses[1],
            in(reg) addresses[2],
            in(reg) addresses[3],
            options(nostack, preserves_flags)
        );
    }
    switch(ALL_ON);
    let answer = work();
    switch(0);
    (answer, WATCHED.lock().calls)
}

/// If a breakpoint caused this exception 1, notes the call and returns `true`: the interrupted code
/// can go on. `frame` holds that code's registers.
///
/// # Safety
/// `frame` must belong to code of the kernel. If a breakpoint was hit, that code is about to
/// execute the first instruction of a function, and its stack lies right above the frame.
pub(super) unsafe fn resume_if_hit(frame: *mut KernelFrame) -> bool {
    let status: u32;
    // SAFETY: the kernel runs in ring 0. DR6 keeps its bits until they are cleared; its reserved
    // bits ignore writes.
    unsafe {
        asm!("mov {0:e}, dr6", "mov dr6, {1:e}", out(reg) status, in(reg) 0, options(nomem, nostack, preserves_flags));
    }
    let Some(which) = (0..NAMES.len()).find(|which| status & 1 << which != 0) else { return false };
    // SAFETY: the caller's promise: behind the frame are the return address and the arguments,
    // by C's convention three words for each of the four functions.
    let arguments = unsafe { frame.add(1).cast::<u32>().add(1).cast::<[u32; 3]>().read() };
    note(which, arguments);
    // SAFETY: the caller's promise.
    unsafe { (*frame).eflags |= RESUME };
    true
}

/// Notes a call with these arguments. The first call about a byte of the ranges ends the watch.
fn note(which: usize, arguments: [u32; 3]) {
    let [left, right, length] = arguments;
    let name = NAMES[which];
    // The second argument of `memset` is no address.
    let starts = [Some(left), (name != "memset").then_some(right)];
    let mut watched = WATCHED.lock();
    watched.calls.first.get_or_insert(name);
    let is_on = |start: u32| watched.ranges.iter().any(|&range| overlap((start, length), range));
    if starts.into_iter().flatten().any(is_on) {
        watched.calls.on_ranges = Some(name);
        switch(0);
    }
}

/// Whether two ranges have a byte in common.
fn overlap(one: (u32, u32), other: (u32, u32)) -> bool {
    let end = |(start, length): (u32, u32)| u64::from(start) + u64::from(length);
    one.1 > 0 && other.1 > 0 && u64::from(one.0) < end(other) && u64::from(other.0) < end(one)
}

/// Switches breakpoints on and off by writing `control` to DR7.
fn switch(control: u32) {
    // SAFETY: the kernel runs in ring 0. The watched accesses may not move past this, so it is not
    // `nomem`.
    unsafe { asm!("mov dr7, {0:e}", in(reg) control, options(nostack, preserves_flags)) };
}
