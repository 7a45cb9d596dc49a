//! The vectors of exceptions and system calls (Intel SDM volume 3A, table 6-1).

/// The first vector that the processor does not reserve for exceptions.
pub(super) const EXCEPTIONS_END: u32 = 32;
/// The vector of system calls, as on Linux.
pub(super) const SYSTEM_CALL: u32 = 0x80;

/// A breakpoint of the debug registers, or a single step.
pub(super) const DEBUG: u32 = 1;
/// An interrupt that cannot be switched off.
pub(super) const NON_MASKABLE: u32 = 2;
/// `int3`.
pub(super) const BREAKPOINT: u32 = 3;
/// `into`, where it finds an overflow.
pub(super) const OVERFLOW: u32 = 4;
/// An exception that came while the processor delivered another one.
pub(crate) const DOUBLE_FAULT: u32 = 8;
/// An access that the page tables do not allow.
pub(crate) const PAGE_FAULT: u32 = 14;
/// A hardware error.
pub(super) const MACHINE_CHECK: u32 = 18;

/// An exception's name, as the processor's manual has it.
pub(crate) fn name(vector: u32) -> &'static str {
    match vector {
        0 => "divide error",
        1 => "debug exception",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        4 => "overflow",
        5 => "BOUND range exceeded",
        6 => "invalid opcode",
        7 => "device not available",
        8 => "double fault",
        9 => "coprocessor segment overrun",
        10 => "invalid TSS",
        11 => "segment not present",
        12 => "stack-segment fault",
        13 => "general protection",
        14 => "page fault",
        16 => "x87 floating-point error",
        17 => "alignment check",
        18 => "machine check",
        19 => "SIMD floating-point exception",
        20 => "virtualization exception",
        21 => "control protection exception",
        28 => "hypervisor injection exception",
        29 => "VMM communication exception",
        30 => "security exception",
        _ => "reserved exception",
    }
}
