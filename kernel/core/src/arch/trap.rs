//! Ring 3: how the kernel enters it, and how a trap returns control to the kernel.
//!
//! A trap from ring 3 (a system call, an interrupt, a fault) arrives on the kernel stack that
//! [`set_kernel_stack`] named, with all registers of the program in a [`TrapFrame`]. The
//! [`Handler`] may change the frame; the program goes on with the changed registers. To switch to
//! another program, the handler keeps a copy of the frame, puts the other program's frame in its
//! place, and loads that program's directory and kernel stack. No code of the kernel is ever
//! suspended halfway, so nothing here has to switch stacks.
//!
//! Whatever a frame contains, it returns to ring 3 only: with the segments of ring 3, interrupts
//! on, and no right to use ports.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START};
use mm_api::{KernelStack, PageRange, VirtAddr};
use spin::Mutex;

use super::interrupts::{self, INTERRUPT_FLAG};
use super::vectors::SYSTEM_CALL;
use super::{descriptors, pic, pit};
use crate::console::serial;

/// The registers of a program in ring 3 at the moment that it was interrupted,
/// as the trap left them on its kernel stack. `exceptions.s` relies on the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct TrapFrame {
    /// EDI.
    pub edi: u32,
    /// ESI.
    pub esi: u32,
    /// EBP.
    pub ebp: u32,
    /// ESP inside the stub; not used.
    inner_esp: u32,
    /// EBX.
    pub ebx: u32,
    /// EDX.
    pub edx: u32,
    /// ECX.
    pub ecx: u32,
    /// EAX.
    pub eax: u32,
    vector: u32,
    error_code: u32,
    /// The address of the next instruction. After a system call this is the instruction that
    /// follows `int 0x80`, which has two bytes; after a fault it is the one that faulted.
    pub eip: u32,
    cs: u32,
    /// The flags. Only the flags that are the program's own take effect, not those that control the
    /// processor.
    pub eflags: u32,
    /// The stack pointer.
    pub esp: u32,
    ss: u32,
}

/// The flags that are a program's own (Intel SDM volume 1, section 3.4.3): CF,
/// PF, AF, ZF, SF, TF, DF, OF, AC and ID. Not VM, NT, RF and IOPL.
const PROGRAMS_FLAGS: u32 = 0x0024_0DD5;
/// Bit 1 of EFLAGS is always set.
const FIXED_FLAG: u32 = 1 << 1;

impl TrapFrame {
    /// A program that is about to execute its first instruction, at `entry`, with
    /// ESP at `stack` and every other register zero.
    #[must_use]
    pub const fn for_user(entry: VirtAddr, stack: VirtAddr) -> Self {
        Self {
            edi: 0,
            esi: 0,
            ebp: 0,
            inner_esp: 0,
            ebx: 0,
            edx: 0,
            ecx: 0,
            eax: 0,
            vector: SYSTEM_CALL,
            error_code: 0,
            eip: entry.as_u32(),
            cs: descriptors::USER_CODE.bits() as u32,
            eflags: FIXED_FLAG | INTERRUPT_FLAG,
            esp: stack.as_u32(),
            ss: descriptors::USER_DATA.bits() as u32,
        }
    }

    /// Makes sure that the frame returns to ring 3, with interrupts on.
    fn seal(&mut self) {
        self.cs = u32::from(descriptors::USER_CODE.bits());
        self.ss = u32::from(descriptors::USER_DATA.bits());
        self.eflags = self.eflags & PROGRAMS_FLAGS | FIXED_FLAG | INTERRUPT_FLAG;
    }
}

/// Why a trap came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trap {
    /// The program executed `int 0x80`.
    SystemCall,
    /// The timer that [`start_timer`] started.
    Timer,
    /// The serial port received something: see
    /// [`serial::receive`](crate::console::serial::receive). The handler of the previous interrupt
    /// may have taken it already.
    Serial,
    /// An instruction of the program caused an exception.
    Fault {
        /// The exception's vector (Intel SDM volume 3A, table 6-1).
        vector: u32,
        /// The exception's error code; 0 for exceptions without one. For a page fault: bit 0, the
        /// page is mapped; bit 1, the access was a write; bit 2, it came from ring 3 (volume 3A,
        /// section 4.7).
        error_code: u32,
        /// The address that a page fault was about; for any other exception, the address of the
        /// instruction.
        address: VirtAddr,
    },
}

/// The kernel's code that handles traps. It runs with interrupts off.
#[allow(clippy::wrong_self_convention, reason = "traps come from there; nothing is converted")]
pub trait Handler: Sync {
    /// Handles a trap from a program in ring 3. Afterwards ring 3 goes on with the registers in
    /// `frame`, in the directory that is loaded then.
    fn from_user(&self, trap: Trap, frame: &mut TrapFrame);

    /// Handles an interrupt of the kernel itself, while it waited or had interrupts on: a
    /// [`Trap::Timer`] or a [`Trap::Serial`].
    fn from_kernel(&self, trap: Trap);
}

/// The handler that [`set_handler`] named.
static HANDLER: Mutex<Option<&'static dyn Handler>> = Mutex::new(None);
/// Whether [`run`] is under way.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// Whether [`run`] is to return instead of going back to ring 3.
static LEAVING: AtomicBool = AtomicBool::new(false);
/// Whether the stack for traps from ring 3 is one that [`set_kernel_stack`] named.
static HAS_KERNEL_STACK: AtomicBool = AtomicBool::new(false);
/// How many times the timer interrupted.
static TICKS: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    fn user_enter(frame: *const TrapFrame, esp0: *mut u32);
    fn user_leave() -> !;
}

/// From now on `handler` handles traps. Without a handler, interrupts have no effect but that
/// [`ticks`] counts the timer's, and a fault in ring 3 is a crash of the kernel.
pub fn set_handler(handler: &'static dyn Handler) {
    interrupts::without(|| *HANDLER.lock() = Some(handler));
}

/// A mapped kernel stack that only traps use: see
/// [`PagedMachine::claim_stack`](crate::memory::paged::PagedMachine::claim_stack).
#[derive(Debug)]
#[must_use = "a stack that is not released and destroyed keeps its frames for ever"]
pub struct TrapStack(KernelStack);

impl TrapStack {
    /// This stack, whose pages were checked; `None` if it is not in the area of kernel stacks, or
    /// does not end at a multiple of 16.
    pub(crate) fn of(stack: KernelStack) -> Option<Self> {
        let (bottom, top) = (stack.pages().first().start(), stack.top());
        let is_stack = KERNEL_STACKS_START < bottom && bottom < top && top <= KERNEL_STACKS_END;
        (is_stack && top.as_u32().is_multiple_of(16)).then_some(Self(stack))
    }

    /// Gives the stack back: no trap arrives on it any more.
    pub(crate) fn disuse(self) -> KernelStack {
        if descriptors::kernel_stack_top() == self.0.top().as_u32() {
            HAS_KERNEL_STACK.store(false, Ordering::Relaxed);
        }
        self.0
    }

    /// The stack's pages.
    #[must_use]
    pub fn pages(&self) -> PageRange {
        self.0.pages()
    }
}

/// From now on traps from ring 3 arrive on this stack. Each trap begins at the top, and overwrites
/// the frame of an earlier one.
pub fn set_kernel_stack(stack: &TrapStack) {
    descriptors::set_kernel_stack(stack.0.top().as_u32());
    HAS_KERNEL_STACK.store(true, Ordering::Relaxed);
}

/// Enters ring 3 with the registers of `frame`, in the loaded directory. Returns after a trap whose
/// handler called [`leave`].
///
/// Traps use the kernel stack that [`set_kernel_stack`] was given since the last `run` ended;
/// without one, the rest of the caller's stack. A directory or a stack that a handler loaded stays
/// loaded when this returns; interrupts are on or off as before.
///
/// # Panics
/// If a handler calls it, while another `run` is under way.
#[track_caller]
pub fn run(frame: &TrapFrame) {
    interrupts::without(|| {
        assert!(!RUNNING.swap(true, Ordering::Relaxed), "ring 3 is entered from a trap");
        LEAVING.store(false, Ordering::Relaxed);
        let mut frame = *frame;
        frame.seal();
        let has_stack = HAS_KERNEL_STACK.load(Ordering::Relaxed);
        let esp0 = if has_stack { core::ptr::null_mut() } else { descriptors::kernel_stack() };
        // SAFETY: a sealed frame leads to ring 3, which can change what its pages let it change and
        // nothing else. Traps arrive either on a kernel stack, where there is nothing of Rust's, or
        // below the part of this one that is in use.
        unsafe { user_enter(&raw const frame, esp0) };
        HAS_KERNEL_STACK.store(false, Ordering::Relaxed);
        RUNNING.store(false, Ordering::Relaxed);
    });
}

/// Makes [`run`] return, instead of going back to ring 3, when the handler that calls this returns.
pub fn leave() {
    LEAVING.store(true, Ordering::Relaxed);
}

/// Starts the timer with `hertz` interrupts a second, or as near to that as it can: at least 19,
/// and at most 596591. The first interrupt comes at once.
pub fn start_timer(hertz: u32) {
    /// It takes a few microseconds.
    const LONGEST_WAIT: u32 = 10_000;

    interrupts::without(|| {
        // The timer has been counting since the machine was switched on. Whether it has requested
        // an interrupt meanwhile depends on how long ago that was, and the controller does not
        // forget it. So the kernel has it request one now, in any case.
        pit::request();
        let _ = (0..LONGEST_WAIT).find(|_| pic::is_requested(TIMER_LINE));
        pit::start(hertz);
    });
    pic::unmask(TIMER_LINE);
}

/// How many times the timer has interrupted since the machine started.
#[must_use]
pub fn ticks() -> u64 {
    TICKS.load(Ordering::Relaxed)
}

/// From now on the serial port interrupts when it receives something.
pub fn enable_serial_interrupt() {
    serial::enable_interrupt();
    pic::unmask(SERIAL_LINE);
}

/// Waits for the next interrupt, which [`Handler::from_kernel`] has handled when
/// this returns. Interrupts are off then.
pub fn wait_for_interrupt() {
    interrupts::wait();
}

/// The timer's line at the interrupt controllers.
const TIMER_LINE: u8 = 0;
/// The line of COM1.
const SERIAL_LINE: u8 = 4;

/// Acknowledges the interrupt of a device. `None` if it was spurious.
pub(super) fn interrupt(line: u8) -> Option<Trap> {
    if !pic::acknowledge(line) {
        return None;
    }
    match line {
        TIMER_LINE => {
            TICKS.fetch_add(1, Ordering::Relaxed);
            Some(Trap::Timer)
        }
        SERIAL_LINE => Some(Trap::Serial),
        // No other line is unmasked.
        _ => None,
    }
}

/// Passes a trap of the kernel itself to the handler.
pub(super) fn from_kernel(trap: Trap) {
    let handler = *HANDLER.lock();
    if let Some(handler) = handler {
        handler.from_kernel(trap);
    }
}

/// Passes a trap from ring 3 to the handler. Returns whether there is one.
pub(super) fn from_user(trap: Trap, frame: &mut TrapFrame) -> bool {
    let handler = *HANDLER.lock();
    if let Some(handler) = handler {
        handler.from_user(trap, frame);
    }
    frame.seal();
    if LEAVING.swap(false, Ordering::Relaxed) {
        // SAFETY: the frame is ring 3's, and `run` is the only way there, apart from probes, which
        // reach no handler. So `run` is under way, with its stack as it left it, and nothing on the
        // stack here needs to be dropped.
        unsafe { user_leave() }
    }
    handler.is_some()
}
