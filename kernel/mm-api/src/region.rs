//! Regions: what the user half of an address space consists of.

use core::fmt;

use crate::PageRange;

/// What a program may do with the pages of a region (`PROT_READ` and its kin).
///
/// Page tables without PAE know less: a page that may be written to or executed
/// may be read as well, and what may be read may be executed. The rights are
/// kept as they were asked for all the same, as Linux does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Rights {
    /// Reading.
    pub read: bool,
    /// Writing.
    pub write: bool,
    /// Executing.
    pub execute: bool,
}

impl Rights {
    /// Nothing at all (`PROT_NONE`).
    pub const NONE: Self = Self { read: false, write: false, execute: false };
    /// Reading.
    pub const READ: Self = Self { read: true, write: false, execute: false };
    /// Reading and writing.
    pub const READ_WRITE: Self = Self { read: true, write: true, execute: false };
    /// Reading and executing.
    pub const READ_EXECUTE: Self = Self { read: true, write: false, execute: true };

    /// Whether the processor lets a program make this access where it has these
    /// rights: whoever has any right may read and execute.
    #[must_use]
    pub const fn allow(self, access: Access) -> bool {
        match access {
            Access::Write => self.write,
            Access::Read | Access::Execute => self.read || self.write || self.execute,
        }
    }
}

/// `rwx` as in `/proc/PID/maps`, with a `-` for what is not allowed.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |allowed, letter| if allowed { letter } else { '-' };
        let Self { read, write, execute } = *self;
        write!(f, "{}{}{}", letter(read, 'r'), letter(write, 'w'), letter(execute, 'x'))
    }
}

/// What is done with a byte of memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Access {
    /// It is read.
    Read,
    /// It is written to.
    Write,
    /// It is executed.
    Execute,
}

/// What a region is for, which also says who gives its pages memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// A segment of the program's image: mapped when the program is loaded.
    Image,
    /// The heap (lab 04): mapped when the break moves up.
    Heap,
    /// The stack's whole region (lab 05): it grows when a program touches a page below.
    Stack,
    /// Pages that are never mapped, so that what runs into them faults.
    Guard,
    /// What `mmap` made (lab 07): a page is filled with zeros when it is first touched.
    Mapping,
}

/// Who else sees what is written to a region after a fork.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Sharing {
    /// Nobody: parent and child have a copy each, made when one of them writes.
    Private,
    /// Parent and child: both have the same frames.
    Shared,
}

/// Pages of an address space that are alike in all that the kernel knows about them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Region {
    /// The pages; at least one.
    pub pages: PageRange,
    /// What the program may do there.
    pub rights: Rights,
    /// What it is for.
    pub purpose: Purpose,
    /// Who else sees what is written there.
    pub sharing: Sharing,
}

impl Region {
    /// Whether the two are alike in all but their pages.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (self.rights, self.purpose, self.sharing) == (other.rights, other.purpose, other.sharing)
    }

    /// Whether a page is in both.
    #[must_use]
    pub const fn overlaps(&self, pages: PageRange) -> bool {
        self.pages.first().number() < pages.end() && pages.first().number() < self.pages.end()
    }
}

// ANCHOR: region-list
/// The regions of an address space, by ascending address. No two have a page in
/// common, and all lie below the kernel half.
///
/// The list is the kernel's, and so is its memory. While a lab works on it, it has
/// room for [`SPARE_REGIONS`] more regions than it began with.
pub trait RegionList {
    /// How many regions there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The region at an index, counted from 0.
    ///
    /// # Panics
    /// If there is none.
    fn get(&self, index: usize) -> Region;

    /// Puts a region in before the one at `index`, or at the end. Those from there
    /// on move up by one.
    ///
    /// # Panics
    /// If the list has no more room, or if the region is empty, overlaps with a
    /// neighbour, or would not be in order.
    fn insert(&mut self, index: usize, region: Region);

    /// Takes the region at `index` out. Those behind it move down by one.
    ///
    /// # Panics
    /// If there is none.
    fn remove(&mut self, index: usize) -> Region;

    /// Puts another region in the place of the one at `index`.
    ///
    /// # Panics
    /// If there is none; and as [`insert`](Self::insert).
    fn replace(&mut self, index: usize, region: Region);
}
// ANCHOR_END: region-list

/// For how many more regions than before a [`RegionList`] has room while a lab works on
/// it. A range in the middle of a region that becomes a region of its own adds two; the
/// rest is for whoever puts in before taking out.
pub const SPARE_REGIONS: usize = 4;
