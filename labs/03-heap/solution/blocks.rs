//! The reference heap: boundary tags, and lists of free blocks by size.
//!
//! # The memory
//! The heap's memory is one region that grows and shrinks at its end. It is
//! cut into blocks, without gaps:
//!
//! ```text
//! ┌───────┬───────┬───────────────┬───────┬─────────────┬─────┐
//! │ lists │ block │ block         │ block │ block       │ end │
//! └───────┴───────┴───────────────┴───────┴─────────────┴─────┘
//! used block:  header │ the program's bytes ………………………………………
//! free block:  header │ next │ slot │ ……………………………………… │ size
//! ```
//!
//! Every place is known by its **offset**, in bytes from the region's first
//! one. A block is known by the offset of its header, which is four bytes
//! before a multiple of eight, so that what follows it is aligned.
//!
//! - The **header** is the block's size and two bits: whether the block is
//!   used, and whether the block before it is. It is sealed ([`seal`]), so that
//!   a header which was overwritten is noticed.
//! - A free block has its **size** at its end too: a neighbour that is freed
//!   finds where the free block before it begins (Knuth's boundary tags, The
//!   Art of Computer Programming 1, section 2.5, algorithm C). Only free blocks
//!   need that, so a used block loses no more than the four bytes of its header.
//! - Free blocks are never neighbours: they merge when the second one is freed.
//!   So the block before a free block is always used.
//! - The **end** is a header without a block: used, of size 0.
//!
//! # The lists
//! Free blocks are in lists by **class** of size ([`class_of`]): one class for
//! each size below 256 bytes, four for each power of two above. Two levels of
//! bit maps know which lists have blocks in them, so that the next one is found
//! in a few instructions (Masmano and others, "TLSF: a new dynamic memory
//! allocator for real-time systems", 2004). Within a list, the best of the
//! first few blocks is taken.
//!
//! A block's link is the offset of the next one's header, or 0. Its **slot** is
//! the offset of the word that leads to it: the link of the block before it in
//! the list, or the word at the region's beginning where the list starts. So a
//! block leaves its list without asking which list that is.
//!
//! # Against fragmentation
//! - One free block, at first the only one, is in no list: the **reserve**. It
//!   is cut only when no list has a block that is large enough.
//! - Small blocks are cut from the low end of a free block, others from its
//!   high end. Small ones live longer on average, and this way they do not sit
//!   between large ones that are freed and could merge.
//! - A block that had to move because it grew is put at a low end, for it will
//!   grow again, and now the free memory lies behind it.

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, DamageKind, HEAP_ALIGN, HEAP_ALIGN_MAX, HEAP_MAX, HEAP_SLACK, HeapDamage, HeapMemory,
    HeapSummary, KernelHeap, ReallocError,
};

use region::Region;

/// Bytes in a word: a header, a link, a slot, a size.
const WORD: u32 = 4;

/// The smallest block: a free one needs four words.
const MIN_BLOCK: u32 = 4 * WORD;

/// From a free block's header to its link to the next one in the list.
const NEXT: u32 = WORD;

/// From a free block's header to its slot.
const SLOT: u32 = 2 * WORD;

/// Header: the block is used.
const USED: u32 = 1;

/// Header: the block before this one is used.
const PREV_USED: u32 = 2;

/// Header: the block's size in bytes, with its header; a multiple of eight.
const SIZE: u32 = HEAP_MAX - HEAP_ALIGN;

/// Header: what is never set, unless the header was overwritten.
const BROKEN: u32 = !(SIZE | USED | PREV_USED);

/// Below this many bytes, every size is a class of its own.
const EXACT: u32 = 256;

/// Above, every power of two is cut into two to this many classes.
const STEPS_LOG: u32 = 2;

/// How many classes there are. The words at the region's beginning are where
/// their lists start. There are no blocks of class 0, so 0 can mean "none".
const CLASSES: u32 = EXACT / HEAP_ALIGN + ((HEAP_MAX.ilog2() - EXACT.ilog2()) << STEPS_LOG);

/// The offset of the bit maps: a bit for each class, set where its list has a block.
const MAPS: u32 = CLASSES * WORD;

/// The offset of the first block.
const FIRST: u32 = (MAPS + CLASSES.div_ceil(u32::BITS) * WORD).next_multiple_of(HEAP_ALIGN) + HEAP_ALIGN - WORD;

/// How many blocks of a list are compared. Four are nearly as good as all of them.
const PROBES: u32 = 4;

/// The largest block that counts as small.
const SMALL: u32 = 104;

/// What an odd number is multiplied by to seal it, and its inverse modulo 2^32.
///
/// Chosen so that a header with any one bit changed, or almost any one byte, is
/// broken: no six bits of `UNSEAL` in a row are equal.
const SEAL: u32 = 0x98CF_EEEB;
const UNSEAL: u32 = 0x2474_49C3;
const _: () = assert!(SEAL.wrapping_mul(UNSEAL) == 1);

/// Seals a header that lies at the offset `at`.
///
/// Of all 2^32 words, few are headers: with six bits too large for a size, and
/// one bit that no multiple of eight has. Multiplication spreads them evenly, so
/// that a word which was not sealed here is most likely broken. It keeps sums
/// too: where a flag changes, the sealed header changes by the sealed flag.
#[inline(always)]
const fn seal(at: u32, header: u32) -> u32 {
    header.wrapping_mul(SEAL).wrapping_add(at)
}

/// The class of a free block, or of a request, of `size` bytes.
///
/// Blocks of a higher class are larger than all blocks of a lower one.
#[inline(always)]
fn class_of(size: u32) -> u32 {
    if size < EXACT {
        size / HEAP_ALIGN
    } else {
        let power = size.ilog2();
        let step = (size >> (power - STEPS_LOG)) - (1 << STEPS_LOG);
        EXACT / HEAP_ALIGN + ((power - EXACT.ilog2()) << STEPS_LOG) + step
    }
}

/// How large a block is for this many bytes, or `None` if none is that large.
#[inline(always)]
fn block_size(bytes: usize) -> Option<u32> {
    if bytes > (HEAP_MAX / 2) as usize {
        return None;
    }
    Some((bytes as u32 + WORD).next_multiple_of(HEAP_ALIGN).max(MIN_BLOCK))
}

/// Where in the free block `free` an aligned block of `need` bytes fits: the
/// last such place. What is left in front is nothing, or enough for a block.
#[inline(always)]
fn aligned_place(free: Block, need: u32, align: u32) -> Option<u32> {
    let last = free.end().wrapping_sub(need);
    let mut at = (last.wrapping_add(WORD) & !(align - 1)).wrapping_sub(WORD);
    if at.wrapping_sub(free.at) < MIN_BLOCK && at != free.at {
        at = at.wrapping_sub(align);
    }
    if at >= free.at && at < free.end() { Some(at) } else { None }
}

/// A block, as its header tells it.
#[derive(Clone, Copy)]
struct Block {
    at: u32,
    size: u32,
    flags: u32,
}

impl Block {
    #[inline(always)]
    fn end(self) -> u32 {
        self.at + self.size
    }

    #[inline(always)]
    fn is_used(self) -> bool {
        self.flags & USED != 0
    }

    /// Whether the header is that of a used block.
    #[inline(always)]
    fn is_sound_used(self) -> bool {
        self.flags & (BROKEN | USED) == USED
    }

    /// Whether the header is that of a free block, and the block before it is used.
    #[inline(always)]
    fn is_sound_free(self) -> bool {
        self.flags == PREV_USED
    }
}

/// The one place with unsafe code: the heap's memory, as words.
mod region {
    use core::ptr::NonNull;

    /// The region, word by word.
    pub struct Region {
        base: NonNull<u8>,
        /// The offset of the last word.
        last: u32,
    }

    // SAFETY: nobody but the heap uses the region, whatever thread the heap is on.
    unsafe impl Send for Region {}

    impl Region {
        /// # Safety
        /// As long as there is a `Region`, the `bytes` bytes from `base` on may
        /// be read and written through `base`, and nobody else does so, but for
        /// the bytes that were handed out in a block. `base` is aligned to
        /// eight, `bytes` is a multiple of eight, at least eight.
        pub unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
            Self { base, last: bytes - 4 }
        }

        /// # Safety
        /// As [`new`](Self::new), of the new `bytes`.
        pub unsafe fn set_bytes(&mut self, bytes: u32) {
            self.last = bytes - 4;
        }

        #[inline(always)]
        pub fn last(&self) -> u32 {
            self.last
        }

        #[inline(always)]
        pub fn read(&self, at: u32) -> u32 {
            debug_assert!(at <= self.last);
            // SAFETY: todo
            unsafe { self.base.add(at as usize).cast().read() }
        }

        #[inline(always)]
        pub fn write(&mut self, at: u32, word: u32) {
            debug_assert!(at <= self.last);
            // SAFETY: todo
            unsafe { self.base.add(at as usize).cast().write(word) }
        }

        #[inline(always)]
        pub fn pointer(&self, at: u32) -> NonNull<u8> {
            debug_assert!(at <= self.last);
            // SAFETY: todo
            unsafe { self.base.add(at as usize) }
        }

        #[inline(always)]
        pub fn header_of(&self, pointer: NonNull<u8>) -> Option<u32> {
            let at = pointer.addr().get().wrapping_sub(self.base.addr().get()).wrapping_sub(4);
            if at < self.last as usize && at % 8 == 4 { Some(at as u32) } else { None }
        }

        pub fn copy(&mut self, from: u32, to: u32, bytes: u32) {
            assert!(from.max(to) + bytes <= self.last);
            // SAFETY: todo
            unsafe { self.base.add(from as usize).copy_to(self.base.add(to as usize), bytes as usize) }
        }

        pub fn zero(&mut self, at: u32, bytes: u32) {
            assert!(at + bytes <= self.last);
            // SAFETY: todo
            unsafe { self.base.add(at as usize).write_bytes(0, bytes as usize) }
        }
    }
}

/// The kernel's heap, over the memory `M`.
pub struct Heap<M> {
    region: Region,
    /// The free block that is in no list; of size 0 if there is none.
    reserve: u32,
    reserve_size: u32,
    /// A bit for each word of the bit maps, set where the word is not 0.
    map_of_maps: u32,
    memory: M,
}

impl<M: HeapMemory> Heap<M> {
    /// # Safety
    /// todo
    pub unsafe fn new(base: NonNull<u8>, mut memory: M) -> Result<Self, AllocError> {
        let bytes = memory.grow(FIRST + MIN_BLOCK + WORD).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: todo
        let mut region = unsafe { Region::new(base, bytes) };
        region.zero(0, FIRST);
        region.write(region.last(), seal(region.last(), USED | PREV_USED));
        let mut heap = Self { region, reserve: FIRST, reserve_size: 0, map_of_maps: 0, memory };
        let first = Block { at: FIRST, size: heap.region.last() - FIRST, flags: USED | PREV_USED };
        heap.flip_prev_used(heap.region.last(), false);
        heap.make_free(first.at, first.size);
        heap.reserve_size = first.size;
        Ok(heap)
    }
    /// Todo.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    // Headers.

    /// The block whose header lies at `at`.
    #[inline(always)]
    fn open(&self, at: u32) -> Block {
        let header = self.region.read(at).wrapping_sub(at).wrapping_mul(UNSEAL);
        Block { at, size: header & SIZE, flags: header & !SIZE }
    }

    #[inline(always)]
    fn set_header(&mut self, at: u32, header: u32) {
        self.region.write(at, seal(at, header));
    }

    /// Tells the block at `at` that the one before it is used now, or free.
    #[inline(always)]
    fn flip_prev_used(&mut self, at: u32, used: bool) {
        let (header, change) = (self.region.read(at), seal(0, PREV_USED));
        self.region.write(at, if used { header.wrapping_add(change) } else { header.wrapping_sub(change) });
    }

    #[inline(always)]
    fn make_free(&mut self, at: u32, size: u32) {
        self.set_header(at, size | PREV_USED);
        self.region.write(at + size - WORD, size);
    }

    // Lists.

    #[inline(always)]
    fn insert(&mut self, at: u32, size: u32) {
        let class = class_of(size);
        let head = class * WORD;
        let next = self.region.read(head);
        self.region.write(at + NEXT, next);
        self.region.write(at + SLOT, head);
        self.region.write(head, at);
        if next != 0 {
            self.region.write(next + SLOT, at + NEXT);
        } else {
            let (map, bit) = (class / u32::BITS, class % u32::BITS);
            self.region.write(MAPS + map * WORD, self.region.read(MAPS + map * WORD) | 1 << bit);
            self.map_of_maps |= 1 << map;
        }
    }

    /// Whether the free block's neighbours in its list agree that it is there.
    #[inline(always)]
    fn is_linked(&self, at: u32) -> bool {
        let (next, slot) = (self.region.read(at + NEXT), self.region.read(at + SLOT));
        self.region.read(slot) == at && (next == 0 || self.region.read(next + SLOT) == at + NEXT)
    }

    #[inline(always)]
    fn remove(&mut self, at: u32) {
        let (next, slot) = (self.region.read(at + NEXT), self.region.read(at + SLOT));
        self.region.write(slot, next);
        if next != 0 {
            self.region.write(next + SLOT, slot);
        } else if slot < MAPS {
            let class = slot / WORD;
            let (map, bit) = (class / u32::BITS, class % u32::BITS);
            let bits = self.region.read(MAPS + map * WORD) & !(1 << bit);
            self.region.write(MAPS + map * WORD, bits);
            if bits == 0 {
                self.map_of_maps &= !(1 << map);
            }
        }
    }

    /// The first block of the first list that is not empty, of `class` and the classes above.
    #[inline(always)]
    fn next_class(&self, class: u32) -> Option<u32> {
        let (map, bit) = (class / u32::BITS, class % u32::BITS);
        let bits = self.region.read(MAPS + map * WORD) >> bit;
        if bits != 0 {
            return Some(class + bits.trailing_zeros());
        }
        let maps = self.map_of_maps & (u32::MAX << map << 1);
        if maps == 0 {
            return None;
        }
        let map = maps.trailing_zeros();
        Some(map * u32::BITS + self.region.read(MAPS + map * WORD).trailing_zeros())
    }

    /// The smallest of the list's first few blocks that has `need` bytes.
    #[inline(always)]
    fn best_of(&self, class: u32, need: u32) -> Option<Block> {
        let mut at = self.region.read(class * WORD);
        let mut best = Block { at: 0, size: u32::MAX, flags: 0 };
        for _ in 0..PROBES {
            if at == 0 {
                break;
            }
            let block = self.open(at);
            if block.size >= need && block.size < best.size {
                best = block;
                if block.size == need {
                    break;
                }
            }
            at = self.region.read(at + NEXT);
        }
        if best.at != 0 { Some(best) } else { None }
    }

    /// A free block from the lists.
    #[inline(always)]
    fn find(&self, need: u32) -> Option<Block> {
        let own = class_of(need);
        let mut class = self.next_class(own)?;
        if need < EXACT {
            return Some(self.open(self.region.read(class * WORD)));
        }
        if class == own {
            if let Some(block) = self.best_of(class, need) {
                return Some(block);
            }
            class = self.next_class(own + 1)?;
        }
        self.best_of(class, need)
    }

    #[inline(always)]
    fn set_reserve(&mut self, at: u32, size: u32) {
        (self.reserve, self.reserve_size) = (at, size);
    }

    /// Makes `need` bytes at `at` of the free block `free` a used block.
    #[inline(always)]
    fn cut(&mut self, free: Block, at: u32, mut need: u32) -> Result<u32, AllocError> {
        if !free.is_sound_free() || !self.is_linked(free.at) {
            return Err(AllocError::Damaged);
        }
        self.remove(free.at);
        let front = at - free.at;
        let back = free.size - front - need;
        let mut flags = USED | PREV_USED;
        if front != 0 {
            self.make_free(free.at, front);
            self.insert(free.at, front);
            flags = USED;
        }
        if back >= MIN_BLOCK {
            self.make_free(at + need, back);
            self.insert(at + need, back);
        } else {
            need += back;
            self.flip_prev_used(at + need, true);
        }
        self.set_header(at, need | flags);
        Ok(at)
    }

    #[inline(always)]
    fn cut_reserve(&mut self, need: u32, low: bool) -> Result<u32, AllocError> {
        let (at, size) = (self.reserve, self.reserve_size);
        if size < need {
            return Err(AllocError::OutOfMemory);
        }
        let rest = size - need;
        if rest < MIN_BLOCK {
            self.set_header(at, size | USED | PREV_USED);
            self.flip_prev_used(at + size, true);
            self.set_reserve(0, 0);
            return Ok(at);
        }
        if low {
            self.set_header(at, need | USED | PREV_USED);
            self.make_free(at + need, rest);
            self.set_reserve(at + need, rest);
            Ok(at)
        } else {
            self.make_free(at, rest);
            self.set_reserve(at, rest);
            self.set_header(at + rest, need | USED);
            self.flip_prev_used(at + size, true);
            Ok(at + rest)
        }
    }

    #[inline(always)]
    fn alloc(&mut self, need: u32, align: u32, low: bool) -> Result<u32, AllocError> {
        if align > HEAP_ALIGN {
            return self.alloc_aligned(need, align);
        }
        let Some(free) = self.find(need) else { return self.cut_reserve(need, low) };
        let rest = free.size - need;
        let at = if low || rest < MIN_BLOCK { free.at } else { free.at + rest };
        self.cut(free, at, need)
    }

    #[inline(never)]
    fn alloc_aligned(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        let sure = class_of(need + align + HEAP_ALIGN);
        for class in [sure, sure + 1] {
            let Some(class) = self.next_class(class) else { break };
            let free = self.open(self.region.read(class * WORD));
            if let Some(at) = aligned_place(free, need, align) {
                return self.cut(free, at, need);
            }
        }
        let free = Block { at: self.reserve, size: self.reserve_size, flags: PREV_USED };
        if free.size < need {
            return Err(AllocError::OutOfMemory);
        }
        let at = aligned_place(free, need, align).ok_or(AllocError::OutOfMemory)?;
        // cut off the tail first
        let back = free.end() - at - need;
        if back < MIN_BLOCK {
            return self.cut_reserve(need + back, false);
        }
        self.make_free(at + need, back);
        self.insert(at + need, back);
        let front = at - free.at;
        if front == 0 {
            self.set_reserve(0, 0);
            self.set_header(at, need | USED | PREV_USED);
        } else {
            self.make_free(free.at, front);
            self.set_reserve(free.at, front);
            self.set_header(at, need | USED);
        }
        Ok(at)
    }

    /// Makes the memory longer so that a block of `need` bytes is free at its end.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        let old = self.region.last();
        let end = self.open(old);
        if end.flags & BROKEN != 0 {
            return Err(AllocError::Damaged);
        }
        let (mut at, mut tail) = (old, 0);
        if end.flags & PREV_USED == 0 {
            tail = self.region.read(old - WORD);
            at = old - tail;
        }
        let got = self.memory.grow(need.saturating_sub(tail).max(8)).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: todo
        unsafe { self.region.set_bytes(old + WORD + got) };
        if at != self.reserve {
            if tail != 0 {
                self.remove(at);
            }
            if self.reserve_size != 0 {
                self.insert(self.reserve, self.reserve_size);
            }
        }
        let last = self.region.last();
        self.set_reserve(at, last - at);
        self.make_free(at, last - at);
        self.set_header(last, USED);
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn grow_and_alloc(&mut self, need: u32, align: u32, low: bool) -> Result<u32, AllocError> {
        self.grow(if align <= 8 { need } else { need + align + 8 })?;
        self.alloc(need, align, low)
    }

    #[cold]
    #[inline(never)]
    fn give_back(&mut self, start: u32, size: u32) -> u32 {
        let bytes = self.memory.shrink(size - HEAP_SLACK);
        if bytes != 0 {
            let last = self.region.last() - bytes;
            // SAFETY: todo
            unsafe { self.region.set_bytes(last + WORD) };
            self.set_header(last, USED);
            self.make_free(start, size - bytes);
        }
        size - bytes
    }

    #[inline(always)]
    fn release(&mut self, block: Block) -> Option<()> {
        let (mut start, mut size) = (block.at, block.size);
        let next = self.open(block.end());
        if next.flags & (BROKEN | PREV_USED) != PREV_USED {
            return None;
        }
        let mut reserve = false;
        if !next.is_used() {
            if next.at == self.reserve {
                reserve = true;
            } else if !self.is_linked(next.at) {
                return None;
            }
        }
        if block.flags & PREV_USED == 0 {
            let before = self.region.read(block.at - WORD);
            start = block.at.wrapping_sub(before);
            if start >= block.at {
                return None;
            }
            let prev = self.open(start);
            if prev.size != before || !prev.is_sound_free() {
                return None;
            }
            if start != self.reserve {
                if !self.is_linked(start) {
                    return None;
                }
                self.remove(start);
            } else {
                reserve = true;
            }
            self.set_header(block.at, size);
            size += before;
        }
        if next.is_used() {
            self.flip_prev_used(next.at, false);
        } else {
            if next.at != self.reserve {
                self.remove(next.at);
            }
            size += next.size;
        }
        self.make_free(start, size);
        if size > HEAP_SLACK && start + size == self.region.last() {
            size = self.give_back(start, size);
        }
        if reserve {
            self.set_reserve(start, size);
        } else {
            self.insert(start, size);
        }
        Some(())
    }

    #[inline(always)]
    fn used_block(&self, pointer: NonNull<u8>) -> Option<Block> {
        let at = self.region.header_of(pointer)?;
        let block = self.open(at);
        if block.is_sound_used() && block.end() <= self.region.last() { Some(block) } else { None }
    }
}

impl<M: HeapMemory> KernelHeap for Heap<M> {
    #[inline]
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let Some(need) = block_size(layout.size()) else { return Err(AllocError::OutOfMemory) };
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment);
        }
        let align = layout.align() as u32;
        let low = need <= SMALL;
        let at = match self.alloc(need, align, low) {
            Ok(at) => at,
            Err(_) => self.grow_and_alloc(need, align, low)?,
        };
        Ok(self.region.pointer(at + WORD))
    }

    fn allocate_zeroed(&mut self, _layout: Layout) -> Result<NonNull<u8>, AllocError> {
        todo!()
    }

    fn allocate_array(&mut self, _count: u32, _size: u32) -> Result<NonNull<u8>, AllocError> {
        todo!()
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        let Some(block) = self.used_block(block) else { return Err(BlockError::NotABlock) };
        self.release(block).ok_or(BlockError::Damaged)
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let Some(old) = self.used_block(block) else { return Err(BlockError::NotABlock.into()) };
        let Some(need) = block_size(layout.size()) else { return Err(AllocError::OutOfMemory.into()) };
        let next = self.open(old.at + old.size);
        if next.flags & BROKEN != 0 {
            return Err(BlockError::Damaged.into());
        }
        let room = if next.flags & USED == 0 { old.size + next.size } else { old.size };
        if need <= old.size {
            if old.size - need >= MIN_BLOCK {
                self.set_header(old.at, need | old.flags);
                let tail = Block { at: old.at + need, size: old.size - need, flags: USED | PREV_USED };
                self.set_header(tail.at, tail.size | tail.flags);
                self.release(tail);
            }
            return Ok(block);
        }
        if need <= room {
            let rest = room - need;
            let at = old.at + need;
            if next.at == self.reserve {
                (self.reserve, self.reserve_size) = if rest >= MIN_BLOCK { (at, rest) } else { (0, 0) };
                if rest >= MIN_BLOCK {
                    self.make_free(at, rest);
                }
            } else {
                self.remove(next.at);
                if rest >= MIN_BLOCK {
                    self.make_free(at, rest);
                    self.insert(at, rest);
                }
            }
            if rest >= MIN_BLOCK {
                self.set_header(old.at, need | old.flags);
            } else {
                self.set_header(old.at, room | old.flags);
                self.flip_prev_used(old.at + room, true);
            }
            return Ok(block);
        }
        if old.at + room == self.region.last() && self.grow(need - old.size).is_ok() {
            return self.reallocate(block, layout);
        }
        if let Ok(to) = self.alloc(need, layout.align() as u32, true) {
            self.region.copy(old.at + WORD, to + WORD, old.size - WORD);
            let old = self.open(old.at);
            self.release(old);
            return Ok(self.region.pointer(to + WORD));
        }
        if old.flags & PREV_USED == 0 {
            let before = self.region.read(old.at - WORD);
            let start = old.at - before;
            if before + room >= need {
                for at in [start, next.at] {
                    if at == self.reserve {
                        (self.reserve, self.reserve_size) = (0, 0);
                    } else if at == start || room > old.size {
                        self.remove(at);
                    }
                }
                self.region.copy(old.at + WORD, start + WORD, old.size - WORD);
                let total = before + room;
                if room > old.size {
                    self.flip_prev_used(start + total, true);
                }
                self.set_header(start, total | USED | PREV_USED);
                return self.reallocate(self.region.pointer(start + WORD), layout);
            }
        }
        self.grow(need)?;
        self.reallocate(block, layout)
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        let Some(block) = self.used_block(block) else { return Err(BlockError::NotABlock) };
        Ok(block.size - WORD)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        let _ = (DamageKind::Header, HEAP_SLACK);
        todo!()
    }
}
