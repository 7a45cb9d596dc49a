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
//! A block that is merged with the one before it leaves a header inside that
//! one, marked free. So a block that is freed twice is known for what it is.
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
//! block leaves its list without asking which list that is, and can be asked
//! whether its list still knows of it: a program that writes to memory which it
//! has freed destroys the links first.
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

/// How many blocks of a list are compared. Three are nearly as good as all of them.
const PROBES: u32 = 3;

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
    /// The offset of the header.
    at: u32,
    size: u32,
    /// All of the header but the size.
    flags: u32,
}

impl Block {
    /// The offset of the next block's header.
    #[inline(always)]
    fn end(self) -> u32 {
        self.at.wrapping_add(self.size)
    }

    #[inline(always)]
    fn is_used(self) -> bool {
        self.flags & USED != 0
    }

    #[inline(always)]
    fn is_prev_used(self) -> bool {
        self.flags & PREV_USED != 0
    }

    #[inline(always)]
    fn is_broken(self) -> bool {
        self.flags & BROKEN != 0
    }

    /// Whether the header is that of a free block: then the block before it is used.
    #[inline(always)]
    fn is_sound_free(self) -> bool {
        self.flags == PREV_USED
    }
}

/// The heap's memory, word by word: the one place with unsafe code.
mod region {
    use core::ptr::NonNull;

    use super::WORD;

    /// The region.
    pub struct Region {
        /// The first byte. Every pointer into the region is made from this one,
        /// so that it may be used for the whole of it.
        base: NonNull<u8>,
        /// The offset of the last word.
        last: u32,
    }

    impl Region {
        /// The region of `bytes` bytes from `base` on.
        ///
        /// # Safety
        /// As long as the `Region` is used, those bytes may be read and written
        /// through `base`, and nobody else does that, but in blocks that were
        /// handed out. `base` and `bytes` are multiples of eight, and `bytes` is not 0.
        pub unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
            Self { base, last: bytes - WORD }
        }

        /// Tells the region that it has grown or shrunk.
        ///
        /// # Safety
        /// As for [`new`](Self::new), with the new number of bytes.
        pub unsafe fn set_bytes(&mut self, bytes: u32) {
            self.last = bytes - WORD;
        }

        /// How many bytes there are.
        pub fn bytes(&self) -> u32 {
            self.last + WORD
        }

        /// The offset of the last word.
        #[inline(always)]
        pub fn last(&self) -> u32 {
            self.last
        }

        /// The word at the offset `at`.
        #[inline(always)]
        pub fn read(&self, at: u32) -> u32 {
            // SAFETY: `word` says that there is such a word, and it is aligned to four.
            unsafe { self.word(at).read() }
        }

        /// Writes the word at the offset `at`.
        #[inline(always)]
        pub fn write(&mut self, at: u32, word: u32) {
            // SAFETY: as in `read`.
            unsafe { self.word(at).write(word) }
        }

        /// Where the word at the offset `at` lies.
        ///
        /// There is such a word: the heap has its offsets from headers, links and
        /// slots, which lie within the region, and which nobody else writes to. For
        /// that is what those who use blocks have promised (see `KernelHeap`). A
        /// kernel with debug assertions looks, and so do the tests.
        #[inline(always)]
        fn word(&self, at: u32) -> NonNull<u32> {
            debug_assert!(at <= self.last && at.is_multiple_of(WORD), "freed memory was written to");
            // SAFETY: `at` is at most `last`, so this is within the region.
            unsafe { self.base.add(at as usize).cast() }
        }

        /// A pointer to the byte at the offset `at`.
        #[inline(always)]
        pub fn pointer(&self, at: u32) -> NonNull<u8> {
            self.word(at).cast()
        }

        /// The offset of the header of the block that begins at `block`, if there
        /// can be one at that address. What the pointer points to is not looked at.
        #[inline(always)]
        pub fn header_of(&self, block: NonNull<u8>) -> Option<u32> {
            let at = block.addr().get().wrapping_sub(self.base.addr().get()).wrapping_sub(WORD as usize);
            if at < self.last as usize && at % 8 == WORD as usize { Some(at as u32) } else { None }
        }

        /// Whether the pointer points into the region.
        pub fn contains(&self, pointer: NonNull<u8>) -> bool {
            pointer.addr().get().wrapping_sub(self.base.addr().get()) < self.bytes() as usize
        }

        /// Copies bytes to another place, which may overlap the first.
        ///
        /// # Panics
        /// If one of the places is not in the region.
        pub fn copy(&mut self, from: u32, to: u32, bytes: u32) {
            assert!(bytes <= self.last && from.max(to) <= self.last - bytes);
            // SAFETY: both places are in the region, as was just seen.
            unsafe { self.base.add(from as usize).copy_to(self.base.add(to as usize), bytes as usize) }
        }

        /// Makes bytes zero.
        ///
        /// # Panics
        /// If they are not in the region.
        pub fn zero(&mut self, at: u32, bytes: u32) {
            assert!(bytes <= self.last && at <= self.last - bytes);
            // SAFETY: the bytes are in the region, as was just seen.
            unsafe { self.base.add(at as usize).write_bytes(0, bytes as usize) }
        }
    }
}

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    /// The free block that is in no list.
    reserve: u32,
    /// Its size; 0 if there is none.
    reserve_size: u32,
    /// A bit for each word of the bit maps, set where the word is not 0.
    map_of_maps: u32,
    memory: &'m mut dyn HeapMemory,
}

impl<'m> Heap<'m> {
    /// A heap over `memory`, whose region begins at `base`. It takes the first
    /// of its memory at once.
    ///
    /// # Safety
    /// - `memory` has not grown yet, and is told to grow and shrink by this heap only.
    /// - `base` is the region's first byte, aligned to a page. The bytes by which
    ///   `memory` has grown, and has not shrunk again, may be read and written through
    ///   `base`, and are this heap's alone.
    ///
    /// # Errors
    /// [`AllocError::OutOfMemory`] if the memory does not grow.
    pub unsafe fn new(base: NonNull<u8>, memory: &'m mut dyn HeapMemory) -> Result<Self, AllocError> {
        let bytes = memory.grow(FIRST + MIN_BLOCK + WORD).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: `bytes` is what the memory has grown by; the rest is what the caller promises.
        let mut region = unsafe { Region::new(base, bytes) };
        region.zero(0, FIRST);
        let mut heap = Self { region, reserve: 0, reserve_size: 0, map_of_maps: 0, memory };
        let end = heap.region.last();
        heap.set_header(end, USED);
        heap.put_in(FIRST, end - FIRST, true);
        Ok(heap)
    }

    // Headers and free blocks.

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

    /// Tells the block at `at` that the one before it is used from now on, or free.
    #[inline(always)]
    fn flip_prev_used(&mut self, at: u32, used: bool) {
        let (header, change) = (self.region.read(at), seal(0, PREV_USED));
        self.region.write(at, if used { header.wrapping_add(change) } else { header.wrapping_sub(change) });
    }

    /// The free block in reserve; of size 0 if there is none.
    #[inline(always)]
    fn reserve(&self) -> Block {
        Block { at: self.reserve, size: self.reserve_size, flags: PREV_USED }
    }

    #[inline(always)]
    fn set_reserve(&mut self, at: u32, size: u32) {
        (self.reserve, self.reserve_size) = (at, size);
    }

    /// Makes a free block, and puts it into its list, or in reserve. The block
    /// before it is used, and the one behind it knows that this one is free.
    #[inline(always)]
    fn put_in(&mut self, at: u32, size: u32, reserve: bool) {
        self.set_header(at, size | PREV_USED);
        self.region.write(at + size - WORD, size);
        if reserve {
            self.set_reserve(at, size);
        } else {
            self.insert(at, size);
        }
    }

    /// Whether a free block is known to its list, or is in reserve.
    #[inline(always)]
    fn is_known(&self, free: Block) -> bool {
        free.at == self.reserve || self.is_linked(free.at)
    }

    /// Takes a free block out of its list, or out of reserve; returns whether
    /// it was in reserve.
    #[inline(always)]
    fn take_out(&mut self, free: Block) -> bool {
        let reserve = free.at == self.reserve;
        if reserve {
            self.set_reserve(0, 0);
        } else {
            self.remove(free.at);
        }
        reserve
    }

    // Lists.

    /// Puts a free block at the beginning of its list.
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

    /// Takes a block out of its list.
    #[inline(always)]
    fn remove(&mut self, at: u32) {
        let (next, slot) = (self.region.read(at + NEXT), self.region.read(at + SLOT));
        self.region.write(slot, next);
        if next != 0 {
            self.region.write(next + SLOT, slot);
        } else if slot < MAPS {
            // It was the only one.
            let class = slot / WORD;
            let (map, bit) = (class / u32::BITS, class % u32::BITS);
            let bits = self.region.read(MAPS + map * WORD) & !(1 << bit);
            self.region.write(MAPS + map * WORD, bits);
            if bits == 0 {
                self.map_of_maps &= !(1 << map);
            }
        }
    }

    /// Whether the words in its list that should lead to this block do so.
    #[inline(always)]
    fn is_linked(&self, at: u32) -> bool {
        let (next, slot) = (self.region.read(at + NEXT), self.region.read(at + SLOT));
        self.region.read(slot) == at && (next == 0 || self.region.read(next + SLOT) == at + NEXT)
    }

    /// The first class, from `class` on, whose list has a block.
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

    /// The smallest of the first few blocks of the list that has `need` bytes.
    #[inline(always)]
    fn best_of(&self, class: u32, need: u32) -> Option<Block> {
        let mut best = None;
        let mut best_size = u32::MAX;
        let mut at = self.region.read(class * WORD);
        for _ in 0..PROBES {
            if at == 0 {
                break;
            }
            let block = self.open(at);
            if block.size >= need && block.size < best_size {
                best = Some(block);
                best_size = block.size;
                if block.size == need {
                    break;
                }
            }
            at = self.region.read(at + NEXT);
        }
        best
    }

    /// A block of at least `need` bytes from the lists.
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

    // Cutting blocks.

    /// Makes `need` bytes of the free block `free` a used block at `at`. What is
    /// left in front and behind becomes free blocks.
    #[inline(always)]
    fn cut(&mut self, free: Block, reserve: bool, at: u32, need: u32) -> Result<u32, AllocError> {
        if reserve {
            self.set_reserve(0, 0);
        } else {
            if !free.is_sound_free() || !self.is_linked(free.at) {
                return Err(AllocError::Damaged);
            }
            self.remove(free.at);
        }
        let front = at - free.at;
        if front != 0 {
            self.put_in(free.at, front, reserve);
            self.settle(at, USED, free.size - front, need, false);
        } else {
            self.settle(at, USED | PREV_USED, free.size, need, reserve);
        }
        Ok(at)
    }

    /// Makes `need` of the `room` bytes at `at` a used block, and the rest a free
    /// one, if it is enough for one. The block behind believes that the one before
    /// it is free.
    #[inline(always)]
    fn settle(&mut self, at: u32, flags: u32, room: u32, need: u32, reserve: bool) {
        let rest = room - need;
        if rest >= MIN_BLOCK {
            self.set_header(at, need | flags);
            self.put_in(at + need, rest, reserve);
        } else {
            self.set_header(at, room | flags);
            self.flip_prev_used(at + room, true);
        }
    }

    /// Hands out a block of `need` bytes from the memory that there is: at the
    /// low end of a free block, or at its high end.
    #[inline(always)]
    fn place(&mut self, need: u32, low: bool) -> Result<u32, AllocError> {
        if let Some(free) = self.find(need) {
            return self.cut_at_end(free, false, need, low);
        }
        let free = self.reserve();
        if free.size < need {
            return Err(AllocError::OutOfMemory);
        }
        self.cut_at_end(free, true, need, low)
    }

    /// Cuts a block from the low or the high end of a free block.
    ///
    /// The reserve's high end it leaves alone if no second such block has room. For
    /// then what is left lies at the end of the memory, as a rule, and grows with it.
    #[inline(always)]
    fn cut_at_end(&mut self, free: Block, reserve: bool, need: u32, low: bool) -> Result<u32, AllocError> {
        let rest = free.size - need;
        let least = if reserve { need } else { MIN_BLOCK };
        if low || rest < least {
            self.cut(free, reserve, free.at, need)
        } else {
            self.cut(free, reserve, free.at + rest, need)
        }
    }

    /// Hands out an aligned block of `need` bytes from the memory that there is.
    #[inline(never)]
    fn place_aligned(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        // A block of that many bytes has an aligned place in it wherever it lies.
        // In its class there are smaller ones too, and one of them may do.
        let sure = class_of(need + align + HEAP_ALIGN);
        for class in [sure, sure + 1] {
            let Some(class) = self.next_class(class) else { break };
            let free = self.open(self.region.read(class * WORD));
            if let Some(at) = aligned_place(free, need, align) {
                return self.cut(free, false, at, need);
            }
        }
        let free = self.reserve();
        if free.size < need {
            return Err(AllocError::OutOfMemory);
        }
        let at = aligned_place(free, need, align).ok_or(AllocError::OutOfMemory)?;
        self.cut(free, true, at, need)
    }

    /// Hands out a block, and grows for it if there is none.
    #[inline(always)]
    fn place_or_grow(&mut self, need: u32, layout: Layout) -> Result<u32, AllocError> {
        let align = layout.align() as u32;
        let found = match align {
            ..=HEAP_ALIGN => self.place(need, need <= SMALL),
            _ => self.place_aligned(need, align),
        };
        match found {
            Err(AllocError::OutOfMemory) => self.grow_and_place(need, align),
            found => found,
        }
    }

    // Growing and shrinking.

    #[cold]
    #[inline(never)]
    fn grow_and_place(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        if align <= HEAP_ALIGN {
            self.grow(need)?;
            self.place(need, need <= SMALL)
        } else {
            self.grow(need + align + HEAP_ALIGN)?;
            self.place_aligned(need, align)
        }
    }

    /// Grows so that the last block is free, has `need` bytes, and is in reserve.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        let end = self.open(self.region.last());
        let mut tail = Block { at: end.at, size: 0, flags: PREV_USED };
        if !end.is_prev_used() {
            tail = self.open(end.at.wrapping_sub(self.region.read(end.at - WORD)));
        }
        if end.is_broken() || tail.end() != end.at || !tail.is_sound_free() {
            return Err(AllocError::Damaged);
        }
        if tail.size != 0 && !self.is_known(tail) {
            return Err(AllocError::Damaged);
        }
        let missing = need.saturating_sub(tail.size).max(HEAP_ALIGN);
        let bytes = self.memory.grow(missing).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: this is by how much the memory has grown.
        unsafe { self.region.set_bytes(self.region.bytes() + bytes) };
        if tail.size != 0 {
            self.take_out(tail);
        }
        let old = self.reserve();
        if old.size != 0 {
            self.insert(old.at, old.size);
        }
        self.set_header(self.region.last(), USED);
        self.put_in(tail.at, tail.size + bytes, true);
        Ok(())
    }

    /// Gives back what the last block, a free one of `size` bytes, has too much.
    /// Returns its size then.
    #[cold]
    #[inline(never)]
    fn give_back(&mut self, size: u32) -> u32 {
        let bytes = self.memory.shrink(size - HEAP_SLACK);
        if bytes == 0 {
            return size;
        }
        // SAFETY: this is by how much the memory has shrunk.
        unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
        self.set_header(self.region.last(), USED);
        size - bytes
    }

    // Taking blocks back.

    /// Makes a used block free, and merges it with its neighbours.
    ///
    /// `None`, and nothing has changed, if one of the neighbours is not sound.
    #[inline(always)]
    fn release(&mut self, block: Block) -> Option<()> {
        let next = self.open(block.end());
        if next.is_broken() || !next.is_prev_used() || (!next.is_used() && !self.is_known(next)) {
            return None;
        }
        let (mut at, mut size, mut reserve) = (block.at, block.size, false);
        if !block.is_prev_used() {
            let prev = self.open(block.at.wrapping_sub(self.region.read(block.at - WORD)));
            if prev.end() != block.at || !prev.is_sound_free() || !self.is_known(prev) {
                return None;
            }
            reserve |= self.take_out(prev);
            self.set_header(block.at, size);
            at = prev.at;
            size += prev.size;
        }
        if next.is_used() {
            self.flip_prev_used(next.at, false);
        } else {
            reserve |= self.take_out(next);
            size += next.size;
        }
        if size > HEAP_SLACK && at + size == self.region.last() {
            size = self.give_back(size);
        }
        self.put_in(at, size, reserve);
        Some(())
    }

    /// The used block that begins where the pointer points.
    #[inline(always)]
    fn used_block(&self, pointer: NonNull<u8>) -> Option<Block> {
        let block = self.open(self.region.header_of(pointer)?);
        let sound = block.flags & (BROKEN | USED) == USED && block.end() <= self.region.last();
        if sound { Some(block) } else { None }
    }

    /// What is wrong with a pointer that was refused. This is asked only then,
    /// so it may take its time: it goes from block to block.
    #[cold]
    #[inline(never)]
    fn diagnose(&self, pointer: NonNull<u8>) -> BlockError {
        if !self.region.contains(pointer) {
            return BlockError::Foreign;
        }
        let wanted = self.region.header_of(pointer).unwrap_or(0);
        let mut at = FIRST;
        while at < self.region.last() {
            let block = self.open(at);
            if block.is_broken() || block.size < MIN_BLOCK || block.end() > self.region.last() {
                return BlockError::Damaged;
            }
            let within = self.region.pointer(at).addr() <= pointer.addr()
                && pointer.addr() < self.region.pointer(block.end()).addr();
            if at == wanted || within {
                return match block.is_used() {
                    false => BlockError::AlreadyFree,
                    true if at == wanted => BlockError::Damaged,
                    true => BlockError::NotABlock,
                };
            }
            at = block.end();
        }
        BlockError::NotABlock
    }

    // Reallocating.

    /// Makes a block smaller, and what it no longer needs free.
    fn shorten(&mut self, old: Block, need: u32) -> Option<()> {
        if old.size - need < MIN_BLOCK {
            return Some(());
        }
        let tail = Block { at: old.at + need, size: old.size - need, flags: USED | PREV_USED };
        self.set_header(tail.at, tail.size | tail.flags);
        self.set_header(old.at, need | old.flags);
        let done = self.release(tail);
        if done.is_none() {
            self.set_header(old.at, old.size | old.flags);
        }
        done
    }

    /// Makes a block larger where it is, with the free block behind it and with
    /// more memory. Returns whether that was possible.
    fn lengthen(&mut self, old: Block, mut next: Block, need: u32) -> bool {
        let end = if next.is_used() { next.at } else { next.end() };
        if end - old.at < need {
            if end != self.region.last() || self.grow(need - old.size).is_err() {
                return false;
            }
            next = self.open(old.end());
        }
        let reserve = self.take_out(next);
        self.settle(old.at, old.flags, old.size + next.size, need, reserve);
        true
    }

    /// Makes a block larger by moving it down into the free block before it.
    /// Returns where it is then.
    fn slide(&mut self, old: Block, next: Block, need: u32) -> Option<u32> {
        if old.is_prev_used() {
            return None;
        }
        let prev = self.open(old.at.wrapping_sub(self.region.read(old.at - WORD)));
        let end = if next.is_used() { next.at } else { next.end() };
        if prev.end() != old.at || !prev.is_sound_free() || !self.is_known(prev) || end - prev.at < need {
            return None;
        }
        let mut reserve = self.take_out(prev);
        if next.is_used() {
            self.flip_prev_used(next.at, false);
        } else {
            reserve |= self.take_out(next);
        }
        self.region.copy(old.at + WORD, prev.at + WORD, old.size - WORD);
        self.settle(prev.at, USED | PREV_USED, end - prev.at, need, reserve);
        Some(prev.at)
    }

    /// Moves a block to another place. Returns where it is then.
    fn move_away(&mut self, old: Block, to: u32) -> Result<u32, ReallocError> {
        self.region.copy(old.at + WORD, to + WORD, self.open(to).size.min(old.size) - WORD);
        // What is before and behind it may be free by now, or used.
        if self.release(self.open(old.at)).is_none() {
            self.release(self.open(to));
            return Err(BlockError::Damaged.into());
        }
        Ok(to)
    }

    // The self-test.

    /// Looks at all blocks, one after the other.
    fn check_blocks(&self) -> Result<HeapSummary, HeapDamage> {
        let mut seen = HeapSummary { bytes: self.region.bytes(), ..HeapSummary::default() };
        let (mut at, mut prev_used) = (FIRST, true);
        loop {
            let damage = |kind| Err(HeapDamage { kind, offset: at });
            let block = self.open(at);
            if block.is_broken() {
                return damage(DamageKind::Header);
            }
            if block.is_prev_used() != prev_used {
                return damage(DamageKind::Neighbours);
            }
            if at == self.region.last() {
                // The end.
                return if block.is_used() && block.size == 0 { Ok(seen) } else { damage(DamageKind::Header) };
            }
            if block.size < MIN_BLOCK || block.end() > self.region.last() {
                return damage(DamageKind::Header);
            }
            if block.is_used() {
                seen.used_blocks += 1;
            } else {
                if self.region.read(block.end() - WORD) != block.size {
                    return damage(DamageKind::Neighbours);
                }
                if !prev_used {
                    return damage(DamageKind::NotMerged);
                }
                seen.free_blocks += 1;
                seen.free_bytes += block.size;
                seen.largest_free = seen.largest_free.max(block.size);
            }
            (at, prev_used) = (block.end(), block.is_used());
        }
    }

    /// Follows all lists. They have to have `expected` blocks, with the reserve.
    fn check_lists(&self, expected: u32) -> Result<(), HeapDamage> {
        let damage = |offset| Err(HeapDamage { kind: DamageKind::FreeList, offset });
        let mut found = 0;
        let reserve = self.reserve();
        if reserve.size != 0 {
            let block = self.open(reserve.at);
            if !block.is_sound_free() || block.size != reserve.size {
                return damage(reserve.at);
            }
            found += 1;
        }
        for class in 0..CLASSES {
            let (map, bit) = (class / u32::BITS, class % u32::BITS);
            let listed = self.region.read(MAPS + map * WORD) & 1 << bit != 0;
            let mut slot = class * WORD;
            let mut at = self.region.read(slot);
            if listed != (at != 0) || (listed && self.map_of_maps & 1 << map == 0) {
                return damage(slot);
            }
            while at != 0 {
                // Not one step before it is clear that the link leads to a block.
                if at < FIRST || at >= self.region.last() - SLOT || at % HEAP_ALIGN != FIRST % HEAP_ALIGN {
                    return damage(slot);
                }
                let block = self.open(at);
                let expected_here = block.is_sound_free() && class_of(block.size) == class;
                found += 1;
                if !expected_here || self.region.read(at + SLOT) != slot || found > expected {
                    return damage(at);
                }
                slot = at + NEXT;
                at = self.region.read(slot);
            }
        }
        if found == expected { Ok(()) } else { damage(0) }
    }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment);
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let at = self.place_or_grow(need, layout)?;
        Ok(self.region.pointer(at + WORD))
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.allocate(layout)?;
        if let Some(header) = self.region.header_of(block) {
            self.region.zero(header + WORD, layout.size() as u32);
        }
        Ok(block)
    }

    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        let bytes = count.checked_mul(size).ok_or(AllocError::OutOfMemory)?;
        let layout = Layout::from_size_align(bytes as usize, HEAP_ALIGN as usize);
        self.allocate_zeroed(layout.map_err(|_| AllocError::OutOfMemory)?)
    }

    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        match self.used_block(block) {
            Some(used) if self.release(used).is_some() => Ok(()),
            _ => Err(self.diagnose(block)),
        }
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let old = self.used_block(block).ok_or_else(|| self.diagnose(block))?;
        let next = self.open(old.end());
        if next.is_broken() || !next.is_prev_used() || (!next.is_used() && !self.is_known(next)) {
            return Err(BlockError::Damaged.into());
        }
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment.into());
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        if block.addr().get().is_multiple_of(layout.align()) {
            if need <= old.size {
                self.shorten(old, need).ok_or(BlockError::Damaged)?;
                return Ok(block);
            }
            if self.lengthen(old, next, need) {
                return Ok(block);
            }
        }
        let align = layout.align() as u32;
        let at = if align > HEAP_ALIGN {
            let to = self.place_or_grow(need, layout)?;
            self.move_away(old, to)?
        } else if let Ok(to) = self.place(need, true) {
            // At a low end: free memory is behind it when it grows again.
            self.move_away(old, to)?
        } else if let Some(at) = self.slide(old, next, need) {
            at
        } else {
            let to = self.grow_and_place(need, align)?;
            self.move_away(old, to)?
        };
        Ok(self.region.pointer(at + WORD))
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        match self.used_block(block) {
            Some(used) => Ok(used.size - WORD),
            None => Err(self.diagnose(block)),
        }
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        let seen = self.check_blocks()?;
        self.check_lists(seen.free_blocks)?;
        Ok(seen)
    }
}
