//! Ways to bring the machine down, for the checks of the harness itself.

use core::arch::asm;
use core::hint::black_box;

use mm_api::VirtAddr;

use super::{clock, symbols};
use crate::console::serial;
use crate::machine_end::tell_end;
use crate::report;

/// The port that tells the state of the first serial port.
const SERIAL_STATE: u16 = 0x3FD;

/// Writes to address 0, which is not mapped.
pub fn null_write() {
    // SAFETY: it does not return: the access is a page fault.
    unsafe { asm!("mov dword ptr [{}], 1", in(reg) 0) }
}

/// Writes to a byte of the kernel's code the value that it has already.
pub fn write_to_code() {
    let code = symbols::read_only_start().as_u32();
    // SAFETY: whether CR0.WP stops it or not, everything is as it was.
    unsafe { asm!("mov al, [{0}]", "mov [{0}], al", in(reg) code, out("al") _) }
}

/// Reads a word at a program's address, without opening the window to programs' memory.
pub fn read_at(address: VirtAddr) {
    // SAFETY: reading changes nothing.
    unsafe { asm!("mov {0}, [{0}]", inout(reg) address.as_u32() => _) }
}

/// Divides by zero, as compiled code never does, since it checks the divisor first.
pub fn divide_by_zero() {
    // SAFETY: it does not return: the division is an exception.
    unsafe { asm!("xor edx, edx", "div {}", in(reg) 0, inout("eax") 1 => _, out("edx") _) }
}

/// Executes an undefined instruction (UD2).
pub fn invalid_opcode() {
    // SAFETY: it does not return: the instruction is an exception.
    unsafe { asm!("ud2") }
}

/// Loops for ever, with interrupts off.
pub fn hang() {
    // SAFETY: it does nothing, and does not return.
    unsafe { asm!("cli", "2: jmp 2b") }
}

/// Counts in memory up to `limit`, in three instructions each time. The registers are the same again and again.
pub fn count_in_memory(limit: u32) {
    let mut count = 0_u32;
    // SAFETY: it changes this variable and no other memory.
    unsafe {
        asm!("2: inc dword ptr [{0}]", "cmp dword ptr [{0}], {1:e}", "jb 2b", in(reg) &raw mut count, in(reg) limit)
    }
}

/// Waits until the time stamp counter has counted so many instructions, and looks at it every two thousand. Nothing
/// but the clock changes meanwhile.
pub fn wait_for_clock(instructions: u32) {
    let end = clock::after(instructions);
    // SAFETY: it reads this variable and changes no memory.
    unsafe {
        asm!(
            "2: mov ecx, 1000",
            "3: dec ecx",
            "jnz 3b",
            "rdtsc",
            "sub eax, [{0}]",
            "sbb edx, [{0} + 4]",
            "mov eax, 0",
            "mov edx, 0",
            "jc 2b",
            in(reg) &raw const end, out("eax") _, out("ecx") _, out("edx") _,
        );
    }
}

/// Asks the serial port for its state for ever, every two thousand instructions. The answer is always the same.
pub fn ask_for_ever() {
    // SAFETY: asking has no effect, and the loop does not return.
    unsafe {
        asm!(
            "2: mov ecx, 1000",
            "3: dec ecx",
            "jnz 3b",
            "in al, dx",
            "jmp 2b",
            in("dx") SERIAL_STATE, out("eax") _, out("ecx") _,
        );
    }
}

/// Stops the processor for ever: interrupts are off.
pub fn halt() {
    // SAFETY: it does nothing, and does not return.
    unsafe { asm!("cli", "2: hlt", "jmp 2b") }
}

/// Removes the interrupt descriptor table and causes an exception: the processor shuts down.
pub fn triple_fault() {
    let none = [0u16; 3];
    // SAFETY: it does not return: the processor shuts down.
    unsafe { asm!("lidt [{}]", "int3", in(reg) &raw const none) }
}

unsafe extern "C" {
    static RING_3_PROGRAM: u8;
    static RING_3_PROGRAM_END: u8;
}

/// A program for ring 3 that makes the system calls and faults that `provoke.s` describes. It runs
/// at any address, and needs a stack with room for one word.
#[must_use]
pub fn ring_3_program() -> &'static [u8] {
    let start = &raw const RING_3_PROGRAM;
    // SAFETY: the program is between these two, and never changes.
    unsafe { core::slice::from_raw_parts(start, (&raw const RING_3_PROGRAM_END).byte_offset_from_unsigned(start)) }
}

/// Raises spurious interrupts on lines 7 and 15, as the controllers do when a request is gone
/// before the processor answers it. No interrupt is being served.
pub fn spurious_interrupts() {
    // SAFETY: the stubs of these vectors leave every register as it was.
    unsafe { asm!("int 0x27", "int 0x2F") }
}

/// Calls itself until the stack is used up.
#[must_use]
#[inline(never)]
pub fn overflow_stack(depth: u32) -> u32 {
    // Hides from the compiler that the recursion never ends.
    let deeper = black_box([depth; 16]);
    if black_box(true) { overflow_stack(deeper[15] + 1).max(deeper[0]) } else { depth }
}

/// Ends the machine with this code, as the kernel does at its end.
pub fn exit(code: u8) {
    tell_end(code);
}

/// Sends text to the serial port unchanged, outside the log.
pub fn raw_serial(text: &str) {
    serial::write(text);
}

/// Reports that a check passed, with the nonce that results carry.
pub fn signed_result(name: &str) {
    report::passed(name);
}
