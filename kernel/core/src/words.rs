//! What labs answer, in words: for the messages of checks, and of the kernel's own assertions.
//!
//! Students read these messages. So none has a value as Rust's `Debug` prints it: a test of the
//! grader's looks for that in the kernel's code, and `cargo grade dev check` in the messages themselves.

use core::fmt;
use core::ptr::NonNull;

use mm_api::{
    Access, AllocError, BadAddress, BlockError, BreakError, CpuFeatures, Decision, Enforced, Entry, Frame, FrameRange,
    FrameRun, FreeError, HeapDamage, HeapSummary, InitError, LendError, MapError, Page, PageError, PageRange, PhysAddr,
    ProtectError, Protection, Purpose, ReallocError, Refusal, Region, Rights, Section, Sharing, StackError,
    Translation, VirtAddr, VmmError,
};

use crate::memory::paged::{Fault, Owner};

/// A value that has words.
pub trait Words {
    /// Writes them: a noun, such as 'frame 0x12', 'nothing', 'the error NotMapped (…)'.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// The words of a value, to be printed with `{}`.
pub const fn told<T: Words + ?Sized>(value: &T) -> Told<'_, T> {
    Told(value)
}

/// See [`told`].
pub struct Told<'a, T: ?Sized>(&'a T);

impl<T: Words + ?Sized> fmt::Display for Told<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

impl<T: Words + ?Sized> Words for &T {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).write(f)
    }
}

impl<T: Words + ?Sized> Words for &mut T {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).write(f)
    }
}

impl<T: Words, E: Words> Words for Result<T, E> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ok(value) => value.write(f),
            Err(error) => error.write(f),
        }
    }
}

impl<T: Words> Words for Option<T> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => value.write(f),
            None => f.write_str("nothing"),
        }
    }
}

impl<T: Words, U: Words> Words for (T, U) {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", told(&self.0), told(&self.1))
    }
}

impl<T: Words, U: Words, V: Words> Words for (T, U, V) {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} and {}", told(&self.0), told(&self.1), told(&self.2))
    }
}

/// A call that has nothing to answer but that it succeeded.
impl Words for () {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("success")
    }
}

/// Values whose `Display` is in words.
macro_rules! displayed {
    ($($type:ty),* $(,)?) => {$(
        impl Words for $type {
            fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

displayed!(str, bool, u32, u64, usize, Frame, Page, PhysAddr, VirtAddr, Protection, Rights);

/// Errors: the name that the student's code has for it, and what it means.
macro_rules! errors {
    ($($type:ty),* $(,)?) => {$(
        impl Words for $type {
            fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "the error {self:?} ({self})")
            }
        }
    )*};
}

errors!(AllocError, BlockError, BreakError, MapError, PageError, ProtectError, StackError, VmmError);

/// Values of enums without data: the name that the student's code has for them.
macro_rules! named {
    ($($before:literal $type:ty),* $(,)?) => {$(
        impl Words for $type {
            fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($before, "{:?}"), self)
            }
        }
    )*};
}

named!("the error " LendError, "the error " FreeError, "the error " InitError, "the error " BadAddress, "" Access, "" Section, "" Purpose, "" Refusal, "" Sharing);

impl Words for ReallocError {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alloc(error) => error.write(f),
            Self::Block(error) => error.write(f),
        }
    }
}

impl Words for HeapDamage {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damage of the kind {:?}: {self}", self.kind)
    }
}

impl Words for HeapSummary {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, used_blocks, free_blocks, free_bytes, largest_free } = self;
        write!(
            f,
            "a heap of {bytes} bytes with {used_blocks} used blocks and {free_blocks} free ones, which have \
             {free_bytes} bytes, the largest {largest_free}"
        )
    }
}

impl Words for FrameRange {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            0 => f.write_str("no frames"),
            1 => write!(f, "frame {:#x}", self.start()),
            _ => write!(f, "frames {:#x} to {:#x}", self.start(), self.end() - 1),
        }
    }
}

impl Words for FrameRun {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.frames().write(f)
    }
}

impl Words for PageRange {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.len() == 1 { "" } else { "s" };
        write!(f, "{} page{plural} from {}", self.len(), self.first().start())
    }
}

impl Words for NonNull<u8> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a block at {:p}", *self)
    }
}

impl Words for *mut u8 {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NonNull::new(*self) {
            Some(block) => Words::write(&block, f),
            None => f.write_str("a null pointer"),
        }
    }
}

/// An entry of a page table or directory.
impl Words for Entry {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_present() {
            return f.write_str("an entry that is not present");
        }
        write!(f, "an entry for {} with ", self.frame())?;
        let names = self.flags().iter_names().map(|(name, _)| name);
        for (index, name) in names.enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Words for Translation {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.address, self.protection)
    }
}

impl Words for Owner {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Free => "nobody",
            Self::Tables => "lab 02",
            Self::User => "a program",
            Self::Kernel => "the kernel",
        })
    }
}

/// Switches by their names, or 'nothing'.
fn switches(f: &mut fmt::Formatter<'_>, all: &[(&str, bool)]) -> fmt::Result {
    let mut on = all.iter().filter(|(_, on)| *on).map(|(name, _)| *name);
    f.write_str(on.next().unwrap_or("nothing"))?;
    on.try_for_each(|name| write!(f, ", {name}"))
}

impl Words for CpuFeatures {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        switches(f, &[("SMEP", self.smep), ("SMAP", self.smap), ("UMIP", self.umip)])
    }
}

impl Words for Enforced {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        switches(f, &[("WP", self.write_protect), ("SMEP", self.smep), ("SMAP", self.smap), ("UMIP", self.umip)])
    }
}

impl Words for Region {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pages, rights, purpose, sharing } = self;
        write!(f, "the region of {} ({rights}, {}, {})", told(pages), told(purpose), told(sharing))
    }
}

impl Words for Decision {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse(refusal) => write!(f, "a refusal, {refusal:?},"),
            decision => write!(f, "{decision:?}"),
        }
    }
}

impl Words for Fault {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match (self.execute, self.write) {
            (true, _) => "execution",
            (false, true) => "a write",
            (false, false) => "a read",
        };
        let whose = if self.user { "a program's" } else { "the kernel's" };
        let why = if self.denied { "it is not allowed" } else { "the page is not mapped" };
        write!(f, "a page fault of {whose}, {access}: {why}")
    }
}
