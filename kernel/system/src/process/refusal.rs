//! Why there is no new process, or no new program in one: the answer of whoever
//! refused, for a person to read, and the number that programs are told.

use core::fmt;

use abi::Errno;
use loader::LoadError;
use mm_api::{BreakError, PageError, StackError, VmmError};

/// Why there is no new process, or no new program in one. Nothing has changed then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The machine was booted without a program of this name.
    NoSuchProgram,
    /// The file is not a program.
    NotAProgram(LoadError),
    /// The arguments are too long, or cannot be read.
    Arguments(Errno),
    /// There are as many processes as there can be.
    TooManyProcesses,
    /// The kernel's heap is used up.
    KernelHeap,
    /// Lab 02 made no directory.
    Directory(VmmError),
    /// The image was not mapped.
    Image(PageError),
    /// Lab 04 made no heap.
    Heap(BreakError),
    /// Lab 05 made no stack for the program.
    Stack(StackError),
    /// Lab 05 made no stack for the kernel.
    KernelStack(StackError),
}

impl From<Refusal> for Errno {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchProgram => Self::ENOENT,
            Refusal::NotAProgram(_) => Self::ENOEXEC,
            Refusal::Arguments(error) => error,
            Refusal::Stack(StackError::TooManyArguments) => Self::E2BIG,
            Refusal::TooManyProcesses | Refusal::KernelStack(StackError::NoRoom) => Self::EAGAIN,
            Refusal::KernelHeap
            | Refusal::Directory(_)
            | Refusal::Image(_)
            | Refusal::Heap(_)
            | Refusal::Stack(_)
            | Refusal::KernelStack(_) => Self::ENOMEM,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProgram => f.write_str("the machine was booted without this program"),
            Self::NotAProgram(error) => error.fmt(f),
            Self::Arguments(error) => write!(f, "its arguments: {error}"),
            Self::TooManyProcesses => f.write_str("there are too many processes"),
            Self::KernelHeap => f.write_str("the kernel's heap is used up"),
            Self::Directory(error) => write!(f, "there is no directory for it: {error}"),
            Self::Image(error) => write!(f, "there is no memory for its image: {error}"),
            Self::Heap(error) => write!(f, "there is no heap for it: {error}"),
            Self::Stack(error) => write!(f, "there is no stack for it: {error}"),
            Self::KernelStack(error) => write!(f, "there is no kernel stack for it: {error}"),
        }
    }
}
