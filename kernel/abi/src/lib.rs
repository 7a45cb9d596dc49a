//! The interface between the kernel and the programs in ring 3.
//!
//! A program calls the kernel with `int 0x80`: the number of the call in `eax`, its arguments in
//! `ebx`, `ecx`, `edx`, `esi`, `edi` and `ebp`, in this order. The answer comes back in `eax`; all
//! other registers keep their values. An answer from −4095 to −1 is an error: the negated number of
//! an [`Errno`].
//!
//! Numbers and errors are those of Linux on i386 wherever Linux has the call. So a program that
//! uses no call of our own also runs on Linux.
#![no_std]
#![forbid(unsafe_code)]

mod call;
mod errno;
pub mod mapping;
pub mod meminfo;
mod wait;

pub use call::SystemCall;
pub use errno::Errno;
pub use wait::{Signal, WNOHANG, WaitStatus};

/// The file descriptor of the terminal's input: whole lines, as they were typed.
pub const STDIN: u32 = 0;

/// The file descriptor of the terminal's output.
pub const STDOUT: u32 = 1;

/// The file descriptor of the terminal's output, for error messages.
pub const STDERR: u32 = 2;

/// Bytes of a page: the value of `AT_PAGESZ`, and the unit of mappings.
pub const PAGE_SIZE: u32 = 4096;

/// Keys of the auxiliary vector, with Linux's numbers (`man 3 getauxval`).
pub mod aux {
    /// The end of the vector.
    pub const NULL: u32 = 0;
    /// The address of the program headers in memory.
    pub const PHDR: u32 = 3;
    /// Bytes of a program header.
    pub const PHENT: u32 = 4;
    /// How many program headers there are.
    pub const PHNUM: u32 = 5;
    /// Bytes of a page.
    pub const PAGESZ: u32 = 6;
    /// The address of the program's first instruction.
    pub const ENTRY: u32 = 9;
}
