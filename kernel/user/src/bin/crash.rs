//! `crash KIND`: does something that no program may do. The kernel has to end this program, and no
//! other.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;

use user::start::Start;
use user::{arch, eprintln, memory, println};

user::program!(main);

/// The name of a kind, its description, and a function that does it.
type Kind = (&'static str, &'static str, fn());

const KINDS: &[Kind] = &[
    ("null", "write to address 0", || poke(0)),
    ("null-read", "read from address 0", || peek(0)),
    ("kernel-read", "read the kernel's memory", || peek(0xC010_0000)),
    ("kernel-write", "write to the kernel's memory", || poke(0xC010_0000)),
    ("code", "write to the program's own code", || poke(0x0804_8000)),
    ("heap", "write past the end of the heap", || poke(past_heap())),
    ("jump-heap", "go on past the end of the heap", || arch::jump(past_heap())),
    ("jump-null", "go on at address 0", || arch::jump(0)),
    ("jump-kernel", "go on in the kernel", || arch::jump(0xC010_0000)),
    ("stack", "call myself for ever", || {
        descend(0);
    }),
    ("guard", "write to the page below the stack", || poke(0xBFFE_F800)),
    ("divide", "divide by zero", arch::divide_by_zero),
    ("ud2", "execute an instruction that there is not", || arch::undefined_instruction()),
    ("cli", "turn interrupts off", arch::disable_interrupts),
    ("hlt", "stop the processor", arch::halt),
    ("port", "write to a port of the machine", || arch::write_port(0xF4, 0x10)),
    ("int", "raise an interrupt that is not the system call's", arch::interrupt_0x20),
    ("sgdt", "ask where the kernel's tables are", || {
        black_box(arch::segment_table());
    }),
    ("int3", "ask for a debugger", arch::breakpoint),
    ("step", "execute a single step", arch::single_step),
    ("panic", "panic, as Rust does it", || panic!("as you wished")),
];

fn main(start: &'static Start) -> u8 {
    match start.argument(1).map(|kind| (kind, KINDS.iter().find(|(name, ..)| *name == kind))) {
        Some((_, Some((_, what, run)))) => {
            println!("crash: I am going to {what}.");
            run();
            eprintln!("crash: I am still here.");
            1
        }
        Some((kind, None)) => {
            eprintln!("crash: there is no `{kind}`; without a word it says what there is");
            2
        }
        None => {
            for (name, what, _) in KINDS {
                println!("{name:<13} {what}");
            }
            2
        }
    }
}

fn past_heap() -> u32 {
    // The page that holds the last byte is mapped as a whole.
    memory::end().next_multiple_of(user::abi::PAGE_SIZE)
}

#[allow(unsafe_code)]
fn peek(address: u32) {
    // SAFETY: either the kernel ends this process, or the function reads a byte.
    black_box(unsafe { arch::peek(address) });
}

#[allow(unsafe_code)]
fn poke(address: u32) {
    // SAFETY: the kernel has to end this process.
    unsafe { arch::poke(address, 0x2A) }
}

/// Calls itself for ever, written so that the compiler does not notice.
fn descend(depth: u32) -> u32 {
    let block = black_box([depth; 64]);
    if depth == u32::MAX { 0 } else { black_box(descend(depth + 1)) + block[depth as usize % 64] }
}
