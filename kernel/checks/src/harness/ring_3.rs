//! Ring 3: the way there and back, and the copies from and to its memory.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::memory::user::{Shows, Window};
use kernel_core::protection;
use kernel_core::trap::{self, Handler, Trap, TrapFrame, TrapStack};
use kernel_core::{interrupts, provoke};
use log::info;
use mm_api::layout::{KERNEL_STACKS_START, PAGE_SIZE, USER_CODE_START};
use mm_api::{
    BadAddress, Directory, KernelStack, Page, PageRange, Pages, Protection, SharedPages, Space, UserWindow, VirtAddr,
};
use spin::Mutex;

use kernel_system::memory;

/// The program's code, and the page for its stack.
const CODE: Page = Page::containing(USER_CODE_START);
const STACK: Page = Page::containing(VirtAddr::new(0x7FFF_F000));
/// The first address after the program's stack.
const STACK_END: VirtAddr = VirtAddr::new(0x8000_0000);
/// The kernel stack, above a guard page.
const KERNEL_STACK: PageRange = PageRange::between(
    VirtAddr::new(KERNEL_STACKS_START.as_u32() + PAGE_SIZE),
    VirtAddr::new(KERNEL_STACKS_START.as_u32() + 3 * PAGE_SIZE),
);
/// The first address after it.
const KERNEL_STACK_END: VirtAddr = VirtAddr::new(KERNEL_STACKS_START.as_u32() + 3 * PAGE_SIZE);

/// A directory with the program of `provoke.s`, which is loaded, and the kernel stack
/// that its traps arrive on.
struct Prepared {
    _directory: Directory,
    _stack: TrapStack,
}

/// Brings the memory up, loads the program, and names the kernel stack.
fn prepare(context: &mut Context) -> Result<Prepared, Failed> {
    context.start_memory()?;
    let prepared = memory::with(|memory| {
        let directory = memory.create_directory().ok()?;
        let mut code = memory.user_pages(&directory);
        code.map(CODE).ok()?;
        code.zero(CODE.start(), PAGE_SIZE);
        code.write(CODE.start(), provoke::ring_3_program());
        code.protect(CODE, Protection::USER_READ);
        let mut stack = memory.user_pages(&directory);
        stack.map(STACK).ok()?;
        stack.zero(STACK.start(), PAGE_SIZE);
        let mut kernel_stack = memory.kernel_stack_pages();
        KERNEL_STACK.iter().try_for_each(|page| kernel_stack.map(page)).ok()?;
        let stack = memory.machine().claim_stack(memory.kernel_root(), KernelStack::new(KERNEL_STACK)).ok()?;
        memory.load(Space::Of(&directory));
        trap::set_kernel_stack(&stack);
        Some(Prepared { _directory: directory, _stack: stack })
    });
    match prepared {
        Some(prepared) => Ok(prepared),
        None => fail!(expected: ("a directory with a program in it"), saw: ("an error on the way")),
    }
}

/// What the kernel records of the program's traps.
struct Recorder(Mutex<Records>);

/// One trap, with the frame as it was at its start.
type Record = (Trap, TrapFrame);

struct Records {
    records: [Option<Record>; MOST],
    count: usize,
    /// Where the frames ended, if in the right place.
    top: VirtAddr,
    timer: u32,
}

/// The most traps that are recorded: more than there should be.
const MOST: usize = 24;

/// What the program has in EAX when it goes wrong.
const GONE_WRONG: u32 = 0xBAD;
/// The result of its first system call.
const ANSWER: u32 = 0xA000_0008;
/// The system call with which it waits for the timer.
const WAIT: u32 = 4;

/// Flags that a program must never run with: IOPL, NT, VM.
const PRIVILEGES: u32 = 3 << 12 | 1 << 14 | 1 << 17;
/// Interrupts are on.
const INTERRUPTS: u32 = 1 << 9;
/// The direction flag.
const DIRECTION: u32 = 1 << 10;

impl Handler for Recorder {
    fn from_user(&self, trap: Trap, frame: &mut TrapFrame) {
        let mut records = self.0.lock();
        let end = (&raw const *frame).addr() + size_of::<TrapFrame>();
        records.top = VirtAddr::new(end as u32);
        if trap == Trap::Timer {
            records.timer += 1;
        } else {
            let count = records.count;
            if let Some(place) = records.records.get_mut(count) {
                *place = Some((trap, *frame));
            }
            records.count += 1;
        }
        match trap {
            Trap::SystemCall if frame.eax == WAIT => trap::start_timer(1000),
            Trap::SystemCall => {
                frame.eax = ANSWER;
                // None of these changes takes effect.
                frame.eflags = (frame.eflags | PRIVILEGES) & !INTERRUPTS;
            }
            // After an `int3` the return address is past the instruction; after other faults it is not.
            Trap::Fault { vector: 3, .. } => {}
            Trap::Fault { .. } => frame.eip += 2,
            _ => {}
        }
        if records.timer == 3 || records.count > MOST {
            trap::leave();
        }
    }

    fn from_kernel(&self, _trap: Trap) {}
}

/// A fault at an address: what the program's faults have to be, in their order.
/// `None` is that of the instruction itself.
const FAULTS: [(u32, u32, Option<u32>); 11] = [
    (14, 0b111, Some(0xC010_0010)),
    (14, 0b101, Some(0xC010_0010)),
    (13, 0, None),
    (13, 0, None),
    // The selector of the segment.
    (13, 0x10, None),
    // The vector, times eight; bit 1: it is in the table of interrupts.
    (13, 0x20 << 3 | 2, None),
    (7, 0, None),
    (6, 0, None),
    (13, 0, None),
    (0, 0, None),
    (3, 0, None),
];

/// A program makes system calls and faults, and is interrupted by the timer:
/// the kernel sees its registers and changes them, and it goes on in ring 3.
pub fn round_trip(context: &mut Context) -> Outcome {
    static RECORDER: Recorder =
        Recorder(Mutex::new(Records { records: [None; MOST], count: 0, top: VirtAddr::new(0), timer: 0 }));

    let _prepared = prepare(context)?;
    trap::set_handler(&RECORDER);
    trap::run(&TrapFrame::for_user(CODE.start(), STACK_END));
    ensure!(!interrupts::enabled(), expected: ("interrupts to be off, as before"), saw: ("they are on"));

    let records = RECORDER.0.lock();
    for (index, (trap, frame)) in records.records.iter().flatten().enumerate() {
        info!("{index}: {trap:x?} at {:#x}, eax = {:#x}, eflags = {:#x}", frame.eip, frame.eax, frame.eflags);
        ensure!(frame.eax != GONE_WRONG, expected: ("the registers as the kernel left them"), saw: ("others"));
        ensure!(
            frame.eflags & PRIVILEGES == 0 && frame.eflags & INTERRUPTS != 0,
            expected: ("no privileges, and interrupts on, whatever the frame said"),
            saw: ("{:#x} in EFLAGS", frame.eflags)
        );
    }
    let calls = records.records.iter().flatten().filter(|(trap, _)| *trap == Trap::SystemCall);
    ensure!(
        calls.clone().map(|(_, frame)| frame.eax).eq(1..=WAIT),
        expected: ("the system calls 1, 2, 3 and 4"),
        saw: ("{} others", calls.count())
    );
    let faults = records.records.iter().flatten().filter(|(trap, _)| *trap != Trap::SystemCall);
    for ((trap, frame), (vector, error_code, address)) in faults.clone().zip(FAULTS) {
        let expected = Trap::Fault { vector, error_code, address: VirtAddr::new(address.unwrap_or(frame.eip)) };
        ensure!(*trap == expected, expected: ("{expected:x?}"), saw: ("{trap:x?}"));
    }
    ensure!(
        faults.clone().count() == FAULTS.len(),
        expected: ("{} faults", FAULTS.len()),
        saw: ("{}", faults.count())
    );
    ensure!(records.timer == 3, expected: ("3 interrupts of the timer"), saw: ("{}", records.timer));
    ensure!(
        records.top == KERNEL_STACK_END,
        expected: ("frames at the top of the kernel stack, {KERNEL_STACK_END}"),
        saw: ("their end at {}", records.top)
    );
    first_call(records.records[0])
}

/// The registers that the program's first system call came with.
fn first_call(record: Option<Record>) -> Outcome {
    let Some((_, frame)) = record else { fail!(expected: ("a system call"), saw: ("none")) };
    let found = [frame.ebx, frame.ecx, frame.edx, frame.esi, frame.edi, frame.ebp, frame.esp];
    let expected =
        [0xB000_0002, 0xC000_0003, 0xD000_0004, 0x5000_0005, 0xD100_0006, 0xB900_0007, STACK_END.as_u32() - 4];
    ensure!(found == expected, expected: ("{expected:x?}"), saw: ("{found:x?}"));
    ensure!(frame.eflags & DIRECTION != 0, expected: ("the program's flags"), saw: ("{:#x}", frame.eflags));
    Ok(())
}

/// Through the window, the kernel copies what the program may read and write,
/// and nothing else.
pub fn copies(context: &mut Context) -> Outcome {
    let protections = context.labs().protections();
    let _prepared = prepare(context)?;
    protection::enforce(protections);
    let machine = memory::with(|memory| memory.machine());
    let mut asked = 0;
    let mut refuse = |_, _| {
        asked += 1;
        Err(BadAddress)
    };
    let mut window = Window::new(machine, Shows::Everything, &mut refuse);
    let at = |page: Page, offset: u32| VirtAddr::new(page.start().as_u32() + offset);
    let program = provoke::ring_3_program();

    window.open();
    let mut code = [0; 64];
    let answer = window.read(CODE.start(), &mut code);
    ensure!(answer.is_ok() && program.starts_with(&code), expected: ("the program's code"), saw: ("{answer:?}"));

    let text = b"a text with its end\0";
    let place = at(STACK, PAGE_SIZE - text.len() as u32);
    let answer = window.write(place, text);
    ensure!(answer.is_ok(), expected: ("a text to be written to the stack"), saw: ("{answer:?}"));
    let mut read = [0xFF; 40];
    let read = &mut read[..text.len()];
    let answer = window.read(place, read);
    ensure!(
        answer.is_ok() && read == text,
        expected: ("the text, up to its end in the last byte of the page"),
        saw: ("{answer:?}")
    );

    let cases = [
        ("code that is written to", true, CODE.start()),
        ("a page that is not mapped", false, VirtAddr::new(0x1000)),
        ("address 0", true, VirtAddr::new(0)),
        ("a read past the stack's end", false, STACK_END),
        ("a write past the stack's end", true, STACK_END),
    ];
    for (what, write, address) in cases {
        let answer = if write { window.write(address, &[0; 4]) } else { window.read(address, &mut [0; 4]) };
        ensure!(answer == Err(BadAddress), expected: ("{what} to be refused"), saw: ("{answer:?}"));
    }
    for address in [VirtAddr::new(0), VirtAddr::new(u32::MAX)] {
        let answer = window.read(address, &mut []);
        ensure!(answer.is_ok(), expected: ("no bytes to be copied from anywhere"), saw: ("{answer:?}"));
    }
    window.close();
    ensure!(
        asked == cases.len(),
        expected: ("to be asked about each of {} pages that the tables refuse", cases.len()),
        saw: ("{asked} questions")
    );
    Ok(())
}

/// Uses the kernel stack up while it handles a trap.
struct Glutton;

impl Handler for Glutton {
    fn from_user(&self, _trap: Trap, _frame: &mut TrapFrame) {
        info!("{}", provoke::overflow_stack(0));
    }

    fn from_kernel(&self, _trap: Trap) {}
}

/// A kernel stack that is used up is a crash with a name.
pub fn kernel_stack_overflow(context: &mut Context) -> Outcome {
    static GLUTTON: Glutton = Glutton;

    let _prepared = prepare(context)?;
    trap::set_handler(&GLUTTON);
    trap::run(&TrapFrame::for_user(CODE.start(), STACK_END));
    Ok(())
}

/// A kernel stack that is not there is a crash that says so.
pub fn no_kernel_stack(context: &mut Context) -> Outcome {
    let _prepared = prepare(context)?;
    // The machine refuses this to a lab 02 that does it behind everybody's back.
    memory::with(|memory| {
        let (machine, root) = (memory.machine(), memory.kernel_root());
        for page in KERNEL_STACK.iter() {
            if let Some(frame) = machine.frame_of(root, page) {
                let _frame = machine.while_unmapping(frame, || memory.manager().unmap(Space::Kernel, page));
            }
        }
    });
    trap::run(&TrapFrame::for_user(CODE.start(), STACK_END));
    Ok(())
}
