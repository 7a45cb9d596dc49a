//! Breakpoints on the four functions that the compiler calls by itself (Intel SDM volume
//! 3B, section 17.2): how a check finds out that lab 00 calls them.
//!
//! The processor has four registers for addresses. One that is about to be executed is the
//! exception 1, before the instruction. The handler notes the call, with its arguments, and has
//! the function run as if nothing had happened.

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

/// DR7: the four breakpoints are on; each is for executing, which is encoded as 0.
const ALL_ON: u32 = 0b01_01_01_01;

/// EFLAGS: the next instruction hits no breakpoint (RF).
const RESUME: u32 = 1 << 16;

/// So many of the memory ranges that the watched code works on are compared with a call's.
const RANGES: usize = 2;

/// What some code called.
#[derive(Clone, Copy, Default, Debug)]
pub struct Calls {
    /// The first of the four functions that was called at all.
    pub first: Option<&'static str>,
    /// The first one that was called about a byte of the ranges that the code works on.
    pub on_ranges: Option<&'static str>,
}

/// What is watched, and what was seen.
struct Watched {
    /// Where each range begins, and how many bytes it has.
    ranges: [(u32, u32); RANGES],
    calls: Calls,
}

/// The calls up to now. There is one processor, and the handler runs with interrupts off.
static WATCHED: Mutex<Watched> =
    Mutex::new(Watched { ranges: [(0, 0); RANGES], calls: Calls { first: None, on_ranges: None } });

/// Calls `work`, which works on these ranges: addresses, and lengths in bytes. Returns its
/// answer, and which of the four functions were called meanwhile.
pub fn memory_functions_called_in<R>(ranges: [(u32, u32); RANGES], work: impl FnOnce() -> R) -> (R, Calls) {
    *WATCHED.lock() = Watched { ranges, calls: Calls::default() };
    let addresses = [
        memcpy as *const () as u32,
        memmove as *const () as u32,
        memset as *const () as u32,
        memcmp as *const () as u32,
    ];
    // SAFETY: the kernel runs in ring 0, and `resume_if_hit` handles what comes of it. What
    // `work` writes may not move past the assembly, so it is not `nomem`.
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

/// If this exception 1 is one of the breakpoints, notes the call, and says so: the code that
/// was interrupted goes on. `frame` is what that code was about to do.
///
/// # Safety
/// `frame` must be that of code of the kernel, which is about to execute the first instruction
/// of a function if a breakpoint was hit: the stack is right above the frame.
pub(super) unsafe fn resume_if_hit(frame: *mut KernelFrame) -> bool {
    let status: u32;
    // SAFETY: the kernel runs in ring 0. DR6 keeps its bits until they are cleared; those
    // that are reserved ignore what is written.
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

/// Notes a call with these arguments. Once one is about the ranges, no more are watched.
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

/// Switches breakpoints on and off: `control` is for DR7.
fn switch(control: u32) {
    // SAFETY: the kernel runs in ring 0. What is watched may not move past this, so it is
    // not `nomem`.
    unsafe { asm!("mov dr7, {0:e}", in(reg) control, options(nostack, preserves_flags)) };
}
