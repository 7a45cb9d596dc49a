//! Accesses that may fault. With them the checks find out what the processor does with an address.
//!
//! Interrupts are off during a probe: an interrupt handler may probe, too.

use core::sync::atomic::{AtomicU32, Ordering};

use mm_api::VirtAddr;

use super::protection::through_window;
use super::vectors::PAGE_FAULT;
use super::{descriptors, interrupts, symbols};

unsafe extern "C" {
    /// The probe's stack pointer, 0 when none is under way.
    static PROBE_STACK: AtomicU32;
    static PROBE_USER_CODE: [u32; USER_CODE_WORDS];

    fn probe_kernel(address: u32, value: u32, write: u32) -> u32;
    fn probe_user(address: u32, value: u32, code: u32, esp0: *mut u32) -> u32;
    fn probe_resume(value: u32) -> !;
}

/// Words of the code that a probe executes in ring 3.
pub(crate) const USER_CODE_WORDS: usize = 8;
/// Offset of the write in that code, in bytes.
const USER_WRITE: u32 = 16;
/// Offset of the return instruction in that code, in bytes.
const USER_RETURN: u32 = 20;
/// Length in bytes of the instruction that makes the access.
const ACCESS_LENGTH: u32 = 2;
/// The exception that follows an access in ring 3 without a page fault.
const INVALID_OPCODE: u32 = 6;

// How the last probe ended: the exception's vector (or NO_FAULT), its error
// code, and the address that a page fault was about.
static VECTOR: AtomicU32 = AtomicU32::new(NO_FAULT);
static ERROR_CODE: AtomicU32 = AtomicU32::new(0);
static ADDRESS: AtomicU32 = AtomicU32::new(0);
/// The address of the instruction that a probe is about to execute in ring 0, or 0.
static EXECUTED: AtomicU32 = AtomicU32::new(0);
/// No vector has this number.
const NO_FAULT: u32 = u32::MAX;

/// The page fault that an access ended in (Intel SDM vol. 3A, figure 4-12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The page is mapped, but its rights do not allow the access.
    pub denied: bool,
    /// The access was a write.
    pub write: bool,
    /// The access came from ring 3.
    pub user: bool,
    /// The access was an instruction fetch. The processor reports this only if SMEP is on.
    pub execute: bool,
}

impl Fault {
    fn from_error_code(code: u32) -> Self {
        Self { denied: code & 1 != 0, write: code & 2 != 0, user: code & 4 != 0, execute: code & 16 != 0 }
    }
}

/// The kinds of access that `probe_kernel` makes.
const READ: u32 = 0;
const WRITE: u32 = 1;
const EXECUTE: u32 = 2;

/// Reads the word at `address`, as the kernel, through the window to programs' memory.
///
/// # Errors
/// The page fault that the access ends in.
pub(crate) fn read(address: VirtAddr) -> Result<u32, Fault> {
    interrupts::without(|| {
        // SAFETY: reading memory changes nothing; if it faults, `resume_if_probing`
        // goes on here.
        let value = through_window(|| unsafe { probe_kernel(address.as_u32(), 0, READ) });
        outcome().map(|()| value)
    })
}

/// Writes `value` to the word at `address`, as the kernel, through the window to programs'
/// memory.
///
/// # Errors
/// The page fault that the access ends in.
///
/// # Safety
/// If the processor translates the address, it must be to memory that Rust has
/// no reference to.
pub(crate) unsafe fn write(address: VirtAddr, value: u32) -> Result<(), Fault> {
    interrupts::without(|| {
        // SAFETY: the caller's promise; if it faults, `resume_if_probing` goes on here.
        through_window(|| unsafe { probe_kernel(address.as_u32(), value, WRITE) });
        outcome()
    })
}

/// Reads the word at `address` as a faulty kernel would: with the window to programs' memory
/// closed.
///
/// # Errors
/// The page fault that the access ends in.
pub(crate) fn read_by_mistake(address: VirtAddr) -> Result<u32, Fault> {
    interrupts::without(|| {
        // SAFETY: as in `read`.
        let value = unsafe { probe_kernel(address.as_u32(), 0, READ) };
        outcome().map(|()| value)
    })
}

/// Writes to the word at `address` as a faulty kernel would: with the window closed. It writes the
/// value that is there already, so nothing changes even if no protection stops the write.
///
/// # Errors
/// The page fault that the access ends in.
pub(crate) fn write_by_mistake(address: VirtAddr) -> Result<(), Fault> {
    interrupts::without(|| {
        let value = read(address)?;
        // SAFETY: afterwards everything is as it was, and nothing ran in between.
        unsafe { probe_kernel(address.as_u32(), value, WRITE) };
        outcome()
    })
}

/// Calls the return instruction in a copy of [`user_code`] as a faulty kernel would, in ring 0. The
/// copy begins at `code`, in a page of programs.
///
/// # Errors
/// The page fault that fetching the instruction ends in.
///
/// # Safety
/// If the processor translates `code`, then to a copy of [`user_code`].
pub(crate) unsafe fn execute_by_mistake(code: VirtAddr) -> Result<(), Fault> {
    interrupts::without(|| {
        let address = code.as_u32() + USER_RETURN;
        EXECUTED.store(address, Ordering::Relaxed);
        // SAFETY: there is one instruction, which returns; if fetching it faults,
        // `resume_if_probing` goes on here.
        unsafe { probe_kernel(address, 0, EXECUTE) };
        EXECUTED.store(0, Ordering::Relaxed);
        outcome()
    })
}

/// The code that [`read_as_user`] and [`write_as_user`] execute in ring 3. It
/// has to be at the start of a page that users may read.
pub(crate) fn user_code() -> [u32; USER_CODE_WORDS] {
    // SAFETY: `probe.s` has so many words there, and they never change.
    unsafe { PROBE_USER_CODE }
}

/// Reads the word at `address` in ring 3, with the code at `code`.
///
/// # Errors
/// The page fault that the access ends in.
///
/// # Panics
/// If the code cannot be executed.
pub(crate) fn read_as_user(address: VirtAddr, code: VirtAddr) -> Result<u32, Fault> {
    interrupts::without(|| {
        // SAFETY: as `read`; ring 3 can do no more than its code does.
        let value = unsafe { in_ring_3(address, 0, code.as_u32()) };
        user_outcome(code.as_u32()).map(|()| value)
    })
}

/// Writes `value` to the word at `address` in ring 3, with the code at `code`.
///
/// # Errors
/// The page fault that the access ends in.
///
/// # Panics
/// If the code cannot be executed.
///
/// # Safety
/// As [`write`].
pub(crate) unsafe fn write_as_user(address: VirtAddr, value: u32, code: VirtAddr) -> Result<(), Fault> {
    interrupts::without(|| {
        // SAFETY: the caller's promise.
        unsafe { in_ring_3(address, value, code.as_u32() + USER_WRITE) };
        user_outcome(code.as_u32() + USER_WRITE)
    })
}

/// # Safety
/// As [`write`], if the code at `code` writes.
unsafe fn in_ring_3(address: VirtAddr, value: u32, code: u32) -> u32 {
    let esp0 = descriptors::kernel_stack();
    // SAFETY: the caller's promise, and `esp0` is where the processor looks for
    // the stack when it comes back from ring 3. It is not aligned.
    unsafe {
        let stack = esp0.read_unaligned();
        let read = probe_user(address.as_u32(), value, code, esp0);
        esp0.write_unaligned(stack);
        read
    }
}

/// The outcome of the access that the instruction at `code` made in ring 3.
fn user_outcome(code: u32) -> Result<(), Fault> {
    let (vector, address) = (VECTOR.swap(NO_FAULT, Ordering::Relaxed), ADDRESS.load(Ordering::Relaxed));
    let error = ERROR_CODE.load(Ordering::Relaxed);
    match vector {
        INVALID_OPCODE => Ok(()),
        PAGE_FAULT if !(code..code + ACCESS_LENGTH).contains(&address) => Err(Fault::from_error_code(error)),
        _ => panic!("the code of a probe, at {code:#010x}, could not be executed in ring 3: vector {vector}"),
    }
}

/// The outcome of the kernel's last access.
fn outcome() -> Result<(), Fault> {
    match VECTOR.swap(NO_FAULT, Ordering::Relaxed) {
        NO_FAULT => Ok(()),
        _ => Err(Fault::from_error_code(ERROR_CODE.load(Ordering::Relaxed))),
    }
}

/// An exception, as its handler sees it.
pub(super) struct Caught {
    pub vector: u32,
    pub error_code: u32,
    pub address: u32,
    pub eip: u32,
    pub cs: u32,
    pub eax: u32,
}

/// Goes on with the probe that is under way, if it caused the exception. Otherwise returns.
pub(super) fn resume_if_probing(caught: &Caught) {
    // SAFETY: `probe.s` has a word there, and there is one processor.
    let probing = unsafe { PROBE_STACK.load(Ordering::Relaxed) } != 0;
    let in_ring_3 = caught.cs & 3 == 3;
    let executed = VirtAddr::new(EXECUTED.load(Ordering::Relaxed));
    let at_access = [symbols::probe_read(), symbols::probe_write(), executed].contains(&VirtAddr::new(caught.eip));
    if !probing || !(in_ring_3 || caught.vector == PAGE_FAULT && at_access) {
        return;
    }
    VECTOR.store(caught.vector, Ordering::Relaxed);
    ERROR_CODE.store(caught.error_code, Ordering::Relaxed);
    ADDRESS.store(caught.address, Ordering::Relaxed);
    // SAFETY: a probe is under way, so its stack and registers are where it left
    // them; nothing on the stack below needs to be dropped.
    unsafe { probe_resume(caught.eax) }
}
