//! The system call `meminfo`: what memory is used for.
//!
//! `meminfo(what, pointer, bytes, pid)` copies records to `pointer`, as many
//! whole ones as `bytes` have room for, and answers how many there are: if that
//! is more than there was room for, ask again with more. `what` is one of
//! [`PHYSICAL`], [`PROCESSES`] and [`REGIONS`]; `pid` counts for [`REGIONS`] only.
//!
//! Errors: `EINVAL` for another `what`, `EFAULT` for memory that the program may
//! not write to, `ESRCH` if there is no process `pid`.
//!
//! A record is a row of 32-bit words, the lowest byte first, without gaps. Both
//! sides turn records into bytes and back with the functions here, so that
//! neither of them has to trust the other's memory.

/// What to ask for: one [`Physical`] record.
pub const PHYSICAL: u32 = 0;
/// What to ask for: a [`Process`] record for each process, by ascending number.
pub const PROCESSES: u32 = 1;
/// What to ask for: a [`Region`] record for each part of a process's address
/// space, by ascending address.
pub const REGIONS: u32 = 2;

/// Makes a record and its way to bytes and back.
macro_rules! record {
    ($(#[$doc:meta])* $Record:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        #[repr(C)]
        pub struct $Record {
            $($(#[$field_doc])* pub $field: u32,)*
        }

        impl $Record {
            /// Bytes of a record.
            pub const BYTES: usize = size_of::<Self>();

            /// The record as bytes.
            #[must_use]
            pub fn to_bytes(&self) -> [u8; Self::BYTES] {
                let mut bytes = [0; Self::BYTES];
                let words = [$(self.$field),*];
                for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
                    place.copy_from_slice(&word.to_le_bytes());
                }
                bytes
            }

            /// The record that these bytes are.
            #[must_use]
            pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
                let mut words = bytes.chunks_exact(4).map(|word| {
                    word.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
                });
                Self { $($field: words.next().unwrap_or_default(),)* }
            }
        }
    };
}

record! {
    /// The machine's memory, by owner.
    ///
    /// Every managed frame has one owner: the free ones, those of the kernel, those that
    /// several processes share, and those of a process alone (the sum of
    /// [`Process::frames`] over all records) make up
    /// [`managed_frames`](Self::managed_frames).
    Physical {
        /// Frames of memory that the machine has, usable or reserved.
        memory_frames,
        /// Frames that the frame allocator (lab 01) manages: free or not.
        managed_frames,
        /// Frames that are free.
        free_frames,
        /// Frames of page directories and page tables: the kernel's own. Those of
        /// processes are in their records.
        kernel_table_frames,
        /// Frames of the kernel's heap (lab 03).
        kernel_heap_frames,
        /// Frames of the kernel's other virtual allocations (lab 02).
        kernel_allocation_frames,
        /// Frames that several pages of processes are mapped to.
        shared_frames,
        /// Frames that were used before anything was counted: the kernel's, and not of another kind.
        kernel_other_frames,
        /// Bytes in the blocks of the kernel's heap that are in use.
        kernel_heap_bytes,
        /// How many blocks of the kernel's heap are in use.
        kernel_heap_blocks,
        /// How many kernel stacks there are (lab 05).
        kernel_stacks,
        /// How many processes there are, also those that have ended and not been waited for.
        processes,
        /// Ticks of the timer since the start.
        ticks,
        /// Ticks in a second.
        ticks_per_second,
    }
}

record! {
    /// A process.
    Process {
        /// Its number.
        pid,
        /// Its parent's number; 0 if there is none.
        parent,
        /// What it does: [`RUNNING`], [`READY`], [`WAITING`] or [`ENDED`].
        state,
        /// Pages of the program's image that are mapped: code, constants and data.
        image_frames,
        /// Pages of its heap that are mapped (lab 04).
        heap_frames,
        /// Pages of its stack that are mapped (lab 05).
        stack_frames,
        /// Pages of its mappings that are mapped (lab 07).
        mapping_frames,
        /// How many of all these pages have frames that others have as well.
        shared_frames,
        /// Frames of its page directory and page tables.
        table_frames,
        /// Frames of its kernel stack (lab 05).
        kernel_stack_frames,
        /// Where its heap ends: what `brk(0)` answers.
        heap_end,
        /// Ticks of the timer that it was running for.
        ticks,
        /// The first four bytes of its name, the lowest first; use [`name`](Process::name).
        name_0,
        /// The next four bytes of its name.
        name_1,
        /// The next four bytes of its name.
        name_2,
        /// The last four bytes of its name.
        name_3,
    }
}

/// A process that the processor is running.
pub const RUNNING: u32 = 0;
/// A process that could run and waits for its turn.
pub const READY: u32 = 1;
/// A process that waits for something: input, a child, or a time.
pub const WAITING: u32 = 2;
/// A process that has ended and was not waited for.
pub const ENDED: u32 = 3;

impl Process {
    /// The most bytes that a name has in a record.
    pub const NAME_BYTES: usize = 16;

    /// The process's name, cut off where it is too long, padded with zeros: see
    /// [`trim_name`].
    #[must_use]
    pub fn name(&self) -> [u8; Self::NAME_BYTES] {
        let mut bytes = [0; Self::NAME_BYTES];
        let words = [self.name_0, self.name_1, self.name_2, self.name_3];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The same record with this name, of which at most [`NAME_BYTES`](Self::NAME_BYTES) are kept.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        let mut words = [0_u32; 4];
        for (index, &byte) in name.as_bytes().iter().take(Self::NAME_BYTES).enumerate() {
            words[index / 4] |= u32::from(byte) << (index % 4 * 8);
        }
        [self.name_0, self.name_1, self.name_2, self.name_3] = words;
        self
    }

    /// All frames that nobody but this process has.
    #[must_use]
    pub const fn frames(&self) -> u32 {
        self.image_frames
            .saturating_add(self.heap_frames)
            .saturating_add(self.stack_frames)
            .saturating_add(self.mapping_frames)
            .saturating_sub(self.shared_frames)
            .saturating_add(self.table_frames)
            .saturating_add(self.kernel_stack_frames)
    }
}

/// A name without the zeros that pad it, up to the first byte that is not UTF-8.
#[must_use]
pub fn trim_name(name: &[u8]) -> &str {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    let name = &name[..end];
    match core::str::from_utf8(name) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&name[..error.valid_up_to()]).unwrap_or_default(),
    }
}

record! {
    /// A part of a process's address space, in whole pages.
    Region {
        /// The address of the first byte.
        start,
        /// The address after the last byte.
        end,
        /// What it is: [`IMAGE`], [`HEAP`], [`STACK`], [`GUARD`] or [`MAPPING`].
        kind,
        /// What the program may do there: any of [`READ`], [`WRITE`] and [`EXECUTE`]; and
        /// [`SHARED`] if what it writes is seen by others that have the region.
        rights,
        /// How many pages of it are mapped to frames now.
        mapped_pages,
    }
}

/// A segment of the program's image.
pub const IMAGE: u32 = 0;
/// The heap: from its start to its end, rounded up to a page.
pub const HEAP: u32 = 1;
/// The stack's whole region, mapped or not yet.
pub const STACK: u32 = 2;
/// A page that is never mapped, so that what runs into it faults.
pub const GUARD: u32 = 3;

/// What `mmap2` made.
pub const MAPPING: u32 = 4;

/// The program may write there.
pub const WRITE: u32 = 1;
/// There is code. What is not code can be executed as well: 32-bit page tables
/// without PAE have no bit against it.
pub const EXECUTE: u32 = 2;
/// The program may read there.
pub const READ: u32 = 4;
/// What is written there is seen by all that have the region since a fork.
pub const SHARED: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_way_through_bytes() {
        let region = Region { start: 0x0804_8000, end: 0x0804_9000, kind: IMAGE, rights: EXECUTE, mapped_pages: 1 };
        assert_eq!(Region::BYTES, 20);
        assert_eq!(region.to_bytes()[..4], [0x00, 0x80, 0x04, 0x08]);
        assert_eq!(Region::from_bytes(&region.to_bytes()), region);
        let process = Process { pid: 7, ticks: u32::MAX, ..Process::default() }.with_name("shell");
        assert_eq!(Process::from_bytes(&process.to_bytes()), process);
    }

    #[test]
    fn a_long_name_is_cut_off() {
        let name = |text| Process::default().with_name(text).name();
        assert_eq!(trim_name(&name("shell")), "shell");
        assert_eq!(trim_name(&name("0123456789abcdefgh")), "0123456789abcdef");
        // Cut in the middle of a letter of two bytes.
        assert_eq!(trim_name(&name("0123456789abcdeü")), "0123456789abcde");
        assert_eq!(trim_name(&name("")), "");
    }
}
