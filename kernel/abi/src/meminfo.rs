//! The system call `meminfo`: how memory is used.
//!
//! `meminfo(what, pointer, bytes, pid)` copies records to `pointer`, as many whole ones as fit into
//! `bytes` bytes. The answer is the number of all records: if not all of them fitted, ask again
//! with more room. `what` is one of [`PHYSICAL`], [`PROCESSES`] and [`REGIONS`]; `pid` matters for
//! [`REGIONS`] only.
//!
//! Errors: `EINVAL` for another `what`, `EFAULT` for memory that the program may
//! not write to, `ESRCH` if there is no process `pid`.
//!
//! A record is a row of 32-bit words without gaps, the lowest byte of each first. The kernel and
//! programs both convert records to bytes and back with the functions here, so that neither has to
//! trust the other's memory.

/// Asks for one [`Physical`] record.
pub const PHYSICAL: u32 = 0;
/// Asks for a [`Process`] record for each process, by ascending number.
pub const PROCESSES: u32 = 1;
/// Asks for a [`Region`] record for each part of a process's address space, by ascending address.
pub const REGIONS: u32 = 2;

/// Defines a record, and its conversion to bytes and back.
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

            /// The record in these bytes.
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
    /// Every managed frame is counted once: the free frames, the kernel's frames, the frames that
    /// several processes share, and the frames that a single process has (the sum of
    /// [`Process::frames`] over all records) add up to [`managed_frames`](Self::managed_frames).
    Physical {
        /// Frames of the machine's memory, usable or reserved.
        memory_frames,
        /// Frames that the frame allocator (lab 01) manages, free or in use.
        managed_frames,
        /// Frames that are free.
        free_frames,
        /// Frames of the kernel's own page directory and page tables. Those of a process are in its
        /// record.
        kernel_table_frames,
        /// Frames of the kernel's heap (lab 03).
        kernel_heap_frames,
        /// Frames of the kernel's other virtual allocations (lab 02).
        kernel_allocation_frames,
        /// Frames to which pages of several processes are mapped.
        shared_frames,
        /// Frames of the kernel of no other kind: they were taken before the counting began.
        kernel_other_frames,
        /// Bytes in the blocks of the kernel's heap that are in use.
        kernel_heap_bytes,
        /// How many blocks of the kernel's heap are in use.
        kernel_heap_blocks,
        /// How many kernel stacks there are (lab 05).
        kernel_stacks,
        /// How many processes there are, including zombies.
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
        /// Its state: [`RUNNING`], [`READY`], [`WAITING`] or [`ENDED`].
        state,
        /// Pages of the program's image that are mapped: code, constants and data.
        image_frames,
        /// Pages of its heap that are mapped (lab 04).
        heap_frames,
        /// Pages of its stack that are mapped (lab 05).
        stack_frames,
        /// Pages of its mappings that are mapped (lab 07).
        mapping_frames,
        /// How many of all these pages are mapped to frames that other processes share.
        shared_frames,
        /// Frames of its page directory and page tables.
        table_frames,
        /// Frames of its kernel stack (lab 05).
        kernel_stack_frames,
        /// Its break, the end of its heap: the answer of `brk(0)`.
        heap_end,
        /// Ticks of the timer during which it was running.
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
/// A process that can run and waits for the processor.
pub const READY: u32 = 1;
/// A process that waits for an event: input, a child's end, or a time.
pub const WAITING: u32 = 2;
/// A zombie: a process that has ended and was not reaped yet.
pub const ENDED: u32 = 3;

impl Process {
    /// The most bytes of a name in a record.
    pub const NAME_BYTES: usize = 16;

    /// The process's name, cut off at [`NAME_BYTES`](Self::NAME_BYTES) and padded with zeros: see
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

    /// The same record with this name, cut off after [`NAME_BYTES`](Self::NAME_BYTES) bytes.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        let mut words = [0_u32; 4];
        for (index, &byte) in name.as_bytes().iter().take(Self::NAME_BYTES).enumerate() {
            words[index / 4] |= u32::from(byte) << (index % 4 * 8);
        }
        [self.name_0, self.name_1, self.name_2, self.name_3] = words;
        self
    }

    /// The number of frames that belong to this process alone.
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

/// A name without its padding zeros, cut at the first byte that is not UTF-8.
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
    /// A part of a process's address space: whole pages with the same kind and rights.
    Region {
        /// The address of the first byte.
        start,
        /// The address after the last byte.
        end,
        /// Its kind: [`IMAGE`], [`HEAP`], [`STACK`], [`GUARD`] or [`MAPPING`].
        kind,
        /// The program's rights: any of [`READ`], [`WRITE`] and [`EXECUTE`]; and [`SHARED`] if
        /// other processes that have the region see its writes.
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
/// A guard page, which is never mapped, so that an access to it is a page fault.
pub const GUARD: u32 = 3;

/// A mapping made by `mmap2`.
pub const MAPPING: u32 = 4;

/// The program may write there.
pub const WRITE: u32 = 1;
/// The part contains code. Other parts can be executed as well: 32-bit page tables without PAE have
/// no bit to forbid it.
pub const EXECUTE: u32 = 2;
/// The program may read there.
pub const READ: u32 = 4;
/// All processes that share the region since a fork see what one of them writes.
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
