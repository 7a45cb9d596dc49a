//! The parts of the library that are written in assembly.

use core::arch::{asm, global_asm};

global_asm!(include_str!("start.s"));

unsafe extern "C" {
    fn folio_system_call(number: u32, a: u32, b: u32, c: u32, d: u32, e: u32, f: u32) -> u32;
    fn folio_system_call_registers(registers: &mut Registers);
}

/// Makes a system call, and returns `eax`. Missing arguments are 0.
///
/// # Safety
/// The kernel carries out the call in this process. Memory that the call writes to must be valid
/// for writing, and memory that it takes away must not be in use.
pub(crate) unsafe fn system_call(number: u32, arguments: &[u32]) -> u32 {
    let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
    // SAFETY: the caller's promise; the assembly preserves the registers that C requires.
    unsafe { folio_system_call(number, argument(0), argument(1), argument(2), argument(3), argument(4), argument(5)) }
}

/// The registers before or after a system call.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Registers {
    /// The number of the call, and afterwards its answer.
    pub eax: u32,
    /// The first argument.
    pub ebx: u32,
    /// The second argument.
    pub ecx: u32,
    /// The third argument.
    pub edx: u32,
    /// The fourth argument.
    pub esi: u32,
    /// The fifth argument.
    pub edi: u32,
    /// Not an argument. The kernel preserves it, like all registers but `eax`.
    pub ebp: u32,
    /// Not an argument, and preserved. It need not point to a stack: the kernel has its own.
    pub esp: u32,
    /// Not an argument: the flags, as far as ring 3 may set them.
    pub eflags: u32,
    /// Not an argument: the selector in DS, ES, FS and GS. The kernel loads its own, and restores
    /// the program's.
    pub segment: u32,
}

/// The direction flag: functions expect it to be clear.
pub const DIRECTION: u32 = 1 << 10;
/// The nested-task flag, which changes what `iret` does.
pub const NESTED_TASK: u32 = 1 << 14;
/// The alignment-check flag.
pub const ALIGNMENT_CHECK: u32 = 1 << 18;
/// The flags that a program begins with: interrupts are on, and bit 1 is always set.
pub const FLAGS: u32 = 0x202;

/// The selector that programs have in the data segments.
pub fn data_segment() -> u32 {
    let selector: u32;
    // SAFETY: it reads a register.
    unsafe { asm!("mov {0:e}, ss", out(reg) selector, options(nomem, nostack, preserves_flags)) }
    selector & 0xFFFF
}

/// Makes a system call with these registers, and returns the registers afterwards: for tests of the
/// kernel.
///
/// # Safety
/// The kernel carries out the call in this process, which has to stay valid.
pub unsafe fn call_with(mut registers: Registers) -> Registers {
    // SAFETY: the caller's promise; the assembly preserves the registers that C requires.
    unsafe { folio_system_call_registers(&mut registers) }
    registers
}

/// Reads a byte from any address: for tests of the kernel.
///
/// # Safety
/// The process ends if there is no readable memory at the address.
pub unsafe fn peek(address: u32) -> u8 {
    let value: u32;
    // SAFETY: reading changes nothing, and the compiler makes no assumption about it.
    unsafe { asm!("movzx {0}, byte ptr [{1}]", out(reg) value, in(reg) address, options(nostack, readonly)) }
    value as u8
}

/// Writes a byte to any address: for tests of the kernel.
///
/// # Safety
/// The memory must not be known to Rust. The process ends if there is no writable memory at the
/// address.
pub unsafe fn poke(address: u32, value: u8) {
    // SAFETY: only the caller uses that memory.
    unsafe { asm!("mov byte ptr [{}], {}", in(reg) address, in(reg_byte) value, options(nostack)) }
}

/// Jumps to an address that is none of the program's code: for tests of the kernel.
pub fn jump(address: u32) -> ! {
    // SAFETY: the process ends at the jump or soon after it; the kernel has to cope with it.
    unsafe { asm!("jmp {}", in(reg) address, options(noreturn)) }
}

/// Divides 1 by 0, which raises a divide error.
pub fn divide_by_zero() {
    // SAFETY: the processor raises an exception.
    unsafe { asm!("div {}", in(reg) 0_u32, inout("eax") 1_u32 => _, inout("edx") 0_u32 => _) }
}

/// Executes `ud2`, which raises an invalid opcode exception.
pub fn undefined_instruction() -> ! {
    // SAFETY: the processor raises an exception.
    unsafe { asm!("ud2", options(noreturn)) }
}

/// Executes `int3`, which raises a breakpoint exception.
pub fn breakpoint() {
    // SAFETY: the kernel ends the process.
    unsafe { asm!("int3") }
}

/// Sets the trap flag, so that the next instruction raises a debug exception.
pub fn single_step() {
    // SAFETY: the kernel ends the process, or does not let the flag be set.
    unsafe { asm!("pushfd", "or dword ptr [esp], 0x100", "popfd", "nop") }
}

/// Turns interrupts off, which only the kernel may.
pub fn disable_interrupts() {
    // SAFETY: the processor raises an exception.
    unsafe { asm!("cli") }
}

/// Writes to a port of the machine, which only the kernel may.
pub fn write_port(port: u16, value: u8) {
    // SAFETY: the processor raises an exception.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value) }
}

/// Stops the processor until the next interrupt, which only the kernel may.
pub fn halt() {
    // SAFETY: the processor raises an exception.
    unsafe { asm!("hlt") }
}

/// Reads the GDT register (SGDT), which UMIP forbids to programs. The upper four of the six bytes
/// are the table's address.
pub fn segment_table() -> [u8; 6] {
    let mut table = [0; 6];
    // SAFETY: the instruction writes six bytes to `table`, or raises an exception.
    unsafe { asm!("sgdt [{}]", in(reg) &raw mut table, options(nostack)) }
    table
}

/// Reads the IDT register (SIDT), which UMIP forbids to programs.
pub fn interrupt_table() -> [u8; 6] {
    let mut table = [0; 6];
    // SAFETY: as in `segment_table`.
    unsafe { asm!("sidt [{}]", in(reg) &raw mut table, options(nostack)) }
    table
}

/// Reads the selector of the LDT (SLDT), which UMIP forbids to programs.
pub fn local_table() -> u32 {
    let selector: u32;
    // SAFETY: the instruction writes to a register, or raises an exception.
    unsafe { asm!("sldt {0:e}", out(reg) selector, options(nomem, nostack)) }
    selector
}

/// Reads the selector of the task (STR), which UMIP forbids to programs.
pub fn task() -> u32 {
    let selector: u32;
    // SAFETY: as in `local_table`.
    unsafe { asm!("str {0:e}", out(reg) selector, options(nomem, nostack)) }
    selector
}

/// Reads the lower half of CR0 (SMSW), which UMIP forbids to programs.
pub fn machine_status() -> u32 {
    let word: u32;
    // SAFETY: as in `local_table`.
    unsafe { asm!("smsw {0:e}", out(reg) word, options(nomem, nostack)) }
    word
}

/// Raises an interrupt other than the system call's.
pub fn interrupt_0x20() {
    // SAFETY: the processor raises an exception.
    unsafe { asm!("int 0x20") }
}

/// Reads the processor's time stamp counter.
pub fn time_stamp() -> u64 {
    // SAFETY: every processor since the Pentium has the counter, and the kernel lets programs read
    // it.
    unsafe { core::arch::x86::_rdtsc() }
}

/// Executes two instructions `rounds` times, and at least once.
pub fn count_down(rounds: u32) {
    // SAFETY: it only counts a register down.
    unsafe { asm!("2: dec {0:e}", "jnz 2b", inout(reg) rounds.max(1) => _, options(nomem, nostack)) }
}

/// The selector in `cs`, whose low two bits are the ring.
pub fn code_segment() -> u16 {
    let selector: u32;
    // SAFETY: it reads a register.
    unsafe { asm!("mov {0:e}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) }
    selector as u16
}

/// The stack pointer, as it is now.
pub fn stack_pointer() -> u32 {
    let pointer: u32;
    // SAFETY: it reads a register.
    unsafe { asm!("mov {}, esp", out(reg) pointer, options(nomem, nostack, preserves_flags)) }
    pointer
}

/// Pushes `bytes` bytes of numbered words, pops them again, and returns whether they were
/// unchanged. A stack that has to grow is touched from the top downwards, as programs do.
pub fn push_and_pop(bytes: u32) -> bool {
    let wrong: u32;
    // SAFETY: every word that is pushed is popped again.
    unsafe {
        asm!(
            "2: push {count}",
            "dec {count}",
            "jnz 2b",
            "3: inc {count}",
            "pop {word}",
            "cmp {word}, {count}",
            "setne {byte}",
            "movzx {word}, {byte}",
            "or {wrong}, {word}",
            "cmp {count}, {end}",
            "jne 3b",
            count = inout(reg) (bytes / 4).max(1) => _,
            end = in(reg) (bytes / 4).max(1),
            word = out(reg_abcd) _,
            byte = out(reg_byte) _,
            wrong = inout(reg) 0_u32 => wrong,
        );
    }
    wrong == 0
}
