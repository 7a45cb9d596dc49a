//! Memory for the functions to work on: pages between two that are not mapped.

use core::cell::Cell;
use core::cmp::Ordering;
use core::ops::Range;
use core::{fmt, ptr, slice};

use kernel_core::breakpoints::{self, Calls};
use kernel_core::{circumstances, instructions};
use kernel_system::memory;
use mm_api::layout::PAGE_SIZE;
use mm_api::{MemoryFunctions, PageRange};

use crate::check::{Context, Failed};
use crate::fail;
use kernel_core::words::told;

use super::judged::{self, Function};

/// Pages that are mapped one after the other, between two that are not.
pub struct Field {
    base: *mut u8,
    len: usize,
}

impl Field {
    /// Fields of `pages` pages each. The memory has to be [up](Context::start_pages).
    ///
    /// # Errors
    /// Fails the check if lab 02 does not provide such pages.
    pub fn new(pages: u32) -> Result<Self, Failed> {
        let range = match memory::with(|memory| memory.manager().allocate(pages)) {
            Ok(range) => range,
            Err(error) => fail!(expected: ("{pages} pages for the check"), saw: ("{error}")),
        };
        if !is_guarded(range) {
            fail!(expected: ("{range} to be mapped, between two pages that are not", range = told(&range)), saw: ("other page tables"));
        }
        let base = ptr::with_exposed_provenance_mut(range.first().start().as_u32() as usize);
        Ok(Self { base, len: (pages * PAGE_SIZE) as usize })
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the pages are mapped, to frames of their own, and belong to this field alone: they were
        // allocated for it and are never freed.
        #[allow(unsafe_code)]
        unsafe {
            slice::from_raw_parts(self.base, self.len)
        }
    }

    /// Its bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`.
        #[allow(unsafe_code)]
        unsafe {
            slice::from_raw_parts_mut(self.base, self.len)
        }
    }

    /// The pointer to the byte at an offset, or to the one past the last.
    ///
    /// # Panics
    /// If the field has fewer than `n` bytes from there on.
    fn range(&self, offset: usize, n: usize) -> *mut u8 {
        assert!(offset.checked_add(n).is_some_and(|end| end <= self.len), "a check leaves its field");
        self.base.wrapping_add(offset)
    }

    /// The offset of the byte that a pointer points to.
    fn offset(&self, pointer: *mut u8) -> isize {
        pointer.addr().wrapping_sub(self.base.addr()) as isize
    }

    /// The pointer to an address before or after the field, for a range of no bytes.
    fn outside(&self, offset: isize) -> *mut u8 {
        self.base.wrapping_offset(offset)
    }
}

/// Whether every page of the range is mapped to a frame of its own, and the pages beside it are
/// not mapped. A walk through the tables says so: lab 02 is not asked.
fn is_guarded(range: PageRange) -> bool {
    memory::with(|memory| {
        let (machine, root) = (memory.machine(), memory.kernel_root());
        let frame = |page| machine.frame_of(root, page);
        let first = range.first();
        let before = first.number().checked_sub(1).and_then(mm_api::Page::new);
        let after = first.checked_add(range.len());
        range.iter().all(|page| frame(page).is_some())
            && [before, after].into_iter().flatten().all(|page| frame(page).is_none())
    })
}

/// The lab's functions, called on fields.
///
/// Each call is noted before it is made, so that the report of a crash has its arguments.
pub struct Functions {
    functions: MemoryFunctions,
    /// The instructions that the last call took.
    spent: Cell<u64>,
    /// The function that the last call called.
    called: Cell<Calls>,
}

impl Functions {
    /// Brings the memory up, if it is not up yet.
    ///
    /// # Errors
    /// Fails the check if the memory does not come up.
    pub fn new(context: &mut Context) -> Result<Self, Failed> {
        if !memory::is_up() {
            context.start_pages()?;
        }
        let functions = context.labs().memory();
        Ok(Self { functions, spent: Cell::new(0), called: Cell::new(Calls::default()) })
    }

    /// How many instructions the last call took.
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// The first of the compiler's symbols that the last call reached.
    pub fn called(&self) -> Option<&'static str> {
        self.called.get().first
    }

    /// Makes a call of a function that works on these ranges: the beginning of each, and its length
    /// in bytes.
    fn call<R: Copy>(
        &self,
        text: fmt::Arguments<'_>,
        function: Function,
        (starts, n): ([*const u8; 2], usize),
        call: impl FnOnce() -> R,
    ) -> R {
        let ranges = starts.map(|start| (start.addr() as u32, n as u32));
        let (answer, called) = circumstances::during(text, || {
            breakpoints::memory_functions_called_in(ranges, || {
                let start = instructions();
                let answer = call();
                self.spent.set(instructions() - start);
                answer
            })
        });
        self.called.set(called);
        judged::note(function, called.on_ranges);
        answer
    }

    fn call_memcpy(&self, dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller took both ranges from fields, or `n` is 0.
        #[allow(unsafe_code)]
        self.call(
            format_args!("memcpy(dest {dest:p}, src {src:p}, n {n})"),
            Function::Memcpy,
            ([dest.cast_const(), src], n),
            || unsafe { (self.functions.memcpy)(dest, src, n) },
        )
    }

    fn call_memmove(&self, dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: as for `memcpy`.
        #[allow(unsafe_code)]
        self.call(
            format_args!("memmove(dest {dest:p}, src {src:p}, n {n})"),
            Function::Memmove,
            ([dest.cast_const(), src], n),
            || unsafe { (self.functions.memmove)(dest, src, n) },
        )
    }

    fn call_memset(&self, dest: *mut u8, value: i32, n: usize) -> *mut u8 {
        // SAFETY: as for `memcpy`.
        #[allow(unsafe_code)]
        self.call(
            format_args!("memset(dest {dest:p}, value {value:#x}, n {n})"),
            Function::Memset,
            ([dest.cast_const(), dest.cast_const()], n),
            || unsafe { (self.functions.memset)(dest, value, n) },
        )
    }

    fn call_memcmp(&self, left: *const u8, right: *const u8, n: usize) -> Ordering {
        // SAFETY: as for `memcpy`.
        #[allow(unsafe_code)]
        let answer = self.call(
            format_args!("memcmp(left {left:p}, right {right:p}, n {n})"),
            Function::Memcmp,
            ([left, right], n),
            || unsafe { (self.functions.memcmp)(left, right, n) },
        );
        answer.cmp(&0)
    }

    /// `memcpy` from one field to another. Returns the index of the byte of `to` that the result points to.
    pub fn copy(&self, to: &mut Field, dest: usize, from: &Field, src: usize, n: usize) -> isize {
        let answer = self.call_memcpy(to.range(dest, n), from.range(src, n), n);
        to.offset(answer)
    }

    /// `memcpy` of a range to itself.
    pub fn copy_itself(&self, field: &mut Field, place: usize, n: usize) {
        let range = field.range(place, n);
        self.call_memcpy(range, range, n);
    }

    /// `memset`. Returns the index of the byte that the result points to.
    pub fn set(&self, field: &mut Field, dest: usize, value: i32, n: usize) -> isize {
        let answer = self.call_memset(field.range(dest, n), value, n);
        field.offset(answer)
    }

    /// `memmove` within a field. Returns the index of the byte that the result points to.
    pub fn shift(&self, field: &mut Field, dest: usize, src: usize, n: usize) -> isize {
        let answer = self.call_memmove(field.range(dest, n), field.range(src, n), n);
        field.offset(answer)
    }

    /// `memmove` from one field to another.
    pub fn shift_across(&self, to: &mut Field, dest: usize, from: &Field, src: usize, n: usize) {
        self.call_memmove(to.range(dest, n), from.range(src, n), n);
    }

    /// `memcmp`: how the left range compares with the right one.
    pub fn compare(&self, left: (&Field, usize), right: (&Field, usize), n: usize) -> Ordering {
        self.call_memcmp(left.0.range(left.1, n), right.0.range(right.1, n), n)
    }

    /// `memcpy` of no bytes, with pointers to unmapped memory, this far from the field's first byte.
    pub fn copy_nothing(&self, field: &Field, offset: isize) {
        let nowhere = field.outside(offset);
        self.call_memcpy(nowhere, nowhere.wrapping_add(1), 0);
    }

    /// `memset` of no bytes, with such a pointer.
    pub fn set_nothing(&self, field: &Field, offset: isize) {
        self.call_memset(field.outside(offset), 7, 0);
    }

    /// `memmove` of no bytes, with such pointers, up and down.
    pub fn shift_nothing(&self, field: &Field, offset: isize) {
        let nowhere = field.outside(offset);
        self.call_memmove(nowhere, nowhere.wrapping_add(1), 0);
        self.call_memmove(nowhere.wrapping_add(1), nowhere, 0);
    }

    /// `memcmp` of no bytes, with such pointers.
    pub fn compare_nothing(&self, field: &Field, offset: isize) -> Ordering {
        let nowhere = field.outside(offset);
        self.call_memcmp(nowhere, nowhere.wrapping_add(1), 0)
    }
}

/// Offsets of unmapped memory beside a field of one page.
pub const NOWHERE: [isize; 4] = [-64, -1, 4096, 4096 + 7];

/// The byte at an index of a pattern: neighbours differ, and so do places a page apart.
pub fn pattern(stamp: u8, index: usize) -> u8 {
    let mixed = (index as u32).wrapping_mul(0x9E37_79B1);
    (mixed >> 24) as u8 ^ stamp
}

/// Writes a pattern to a part of a field.
pub fn write_pattern(field: &mut Field, part: Range<usize>, stamp: u8) {
    for index in part {
        field.bytes_mut()[index] = pattern(stamp, index);
    }
}

/// The first byte of a part that differs from `expected` of its index.
pub fn first_wrong(field: &Field, part: Range<usize>, expected: impl Fn(usize) -> u8) -> Option<Wrong> {
    let bytes = field.bytes();
    part.map(|index| Wrong { index, expected: expected(index), saw: bytes[index] })
        .find(|byte| byte.expected != byte.saw)
}

/// A byte that is wrong.
#[derive(Clone, Copy)]
pub struct Wrong {
    /// Its index in the field.
    pub index: usize,
    /// The right byte.
    pub expected: u8,
    /// The byte that is there.
    pub saw: u8,
}
