//! The reasons why a new process, or a new program in a process, cannot be made: a text for a
//! person, and an error number for the program.

use core::fmt;

use abi::Errno;
use loader::LoadError;
use mm_api::{BreakError, PageError, StackError, VmmError};

/// Why a new process, or a new program in a process, cannot be made. Nothing has changed then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpawnError {
    /// The machine was booted without a program of this name.
    NoSuchProgram,
    /// The file is not a program.
    NotAProgram(LoadError),
    /// The arguments are too long, or cannot be read.
    Arguments(Errno),
    /// The table of processes is full.
    TooManyProcesses,
    /// The kernel's heap is used up.
    KernelHeap,
    /// Lab 02 could not make a directory.
    Directory(VmmError),
    /// The image could not be mapped.
    Image(PageError),
    /// Lab 04 could not make or copy a heap.
    Heap(BreakError),
    /// Lab 05 could not make or copy the program's stack.
    Stack(StackError),
    /// Lab 05 could not make a kernel stack.
    KernelStack(StackError),
}

impl From<SpawnError> for Errno {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::NoSuchProgram => Self::ENOENT,
            SpawnError::NotAProgram(_) => Self::ENOEXEC,
            SpawnError::Arguments(error) => error,
            SpawnError::Stack(StackError::TooManyArguments) => Self::E2BIG,
            SpawnError::TooManyProcesses | SpawnError::KernelStack(StackError::NoRoom) => Self::EAGAIN,
            SpawnError::KernelHeap
            | SpawnError::Directory(_)
            | SpawnError::Image(_)
            | SpawnError::Heap(_)
            | SpawnError::Stack(_)
            | SpawnError::KernelStack(_) => Self::ENOMEM,
        }
    }
}

impl fmt::Display for SpawnError {
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
