//! The reference heap: boundary tags, and free blocks in classes by size.

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, DamageKind, HEAP_ALIGN, HEAP_ALIGN_MAX, HEAP_MAX, HEAP_SLACK, HeapDamage, HeapMemory,
    HeapSummary, KernelHeap, ReallocError,
};

/// Bytes in a header, a link and a footer.
const WORD: u32 = 4;

/// The smallest block: header, two links and footer.
const MIN_BLOCK: u32 = 4 * WORD;

const NEXT: u32 = WORD;
const SLOT: u32 = 2 * WORD;

const USED: u32 = 1;
const PREV_USED: u32 = 2;
const SIZE: u32 = HEAP_MAX - HEAP_ALIGN;
const INVALID: u32 = !(SIZE | USED | PREV_USED);

const SEAL: u32 = 0x98CF_EEEB;
const UNSEAL: u32 = 0x2474_49C3;

/// Blocks below this many bytes have a class for each size.
const EXACT: u32 = 256;
/// Above, each power of two is cut into this many classes.
const STEPS_LOG: u32 = 3;
const CLASSES: u32 = EXACT / 8 + ((26 - EXACT.trailing_zeros()) << STEPS_LOG);
const MAPS_AT: u32 = CLASSES * WORD;
const MAPS: u32 = CLASSES.div_ceil(32);
const LISTS_END: u32 = (MAPS_AT + MAPS * WORD).next_multiple_of(8);
/// Where the first block's header lies, so that what follows it is aligned.
const FIRST: u32 = LISTS_END + 4;

/// How many blocks of one class are looked at.
const PROBES: u32 = 6;
const ALIGN_PROBES: u32 = 8;

/// Requests for blocks up to this size are small: they are cut from the low end.
const SMALL: u32 = 104;

/// The kernel's heap over the memory `M`.
pub struct Heap<M> {
    base: NonNull<u8>,
    /// The offset of the last word.
    sentinel: u32,
    memory: M,
    map_of_maps: u32,
}

#[inline(always)]
const fn seal(at: u32, word: u32) -> u32 {
    word.wrapping_mul(SEAL).wrapping_add(at)
}
#[inline(always)]
const fn unseal(at: u32, sealed: u32) -> u32 {
    sealed.wrapping_sub(at).wrapping_mul(UNSEAL)
}

#[inline(always)]
fn class_of(size: u32) -> u32 {
    if size < EXACT {
        size / 8
    } else {
        let power = size.ilog2();
        (EXACT / 8) + ((power - EXACT.trailing_zeros()) << STEPS_LOG) + (size >> (power - STEPS_LOG))
            - (1 << STEPS_LOG)
    }
}

#[inline(always)]
fn block_size(bytes: usize) -> Option<u32> {
    if bytes >= (HEAP_MAX - 64) as usize {
        return None;
    }
    Some(((bytes as u32 + WORD + 7) & !7).max(MIN_BLOCK))
}

impl<M: HeapMemory> Heap<M> {
    /// # Safety
    /// todo
    pub unsafe fn new(base: NonNull<u8>, memory: M) -> Result<Self, AllocError> {
        let mut heap = Self { base, sentinel: 0, memory, map_of_maps: 0 };
        let got = heap.memory.grow(FIRST + WORD + MIN_BLOCK).ok_or(AllocError::OutOfMemory)?;
        heap.sentinel = got - WORD;
        for slot in (0..LISTS_END).step_by(4) {
            heap.write(slot, 0);
        }
        heap.extend(FIRST, USED | PREV_USED);
        Ok(heap)
    }
    fn extend(&mut self, at: u32, flags: u32) {
        self.set_header(self.sentinel, USED | PREV_USED);
        let size = self.sentinel - at;
        self.set_header(at, size | flags);
        self.release(at, size | flags);
    }
    /// Todo.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    #[inline(always)]
    fn read(&self, at: u32) -> u32 {
        debug_assert!(at <= self.sentinel);
        // SAFETY: todo
        unsafe { self.base.as_ptr().add(at as usize).cast::<u32>().read() }
    }
    #[inline(always)]
    fn write(&mut self, at: u32, word: u32) {
        debug_assert!(at <= self.sentinel);
        // SAFETY: todo
        unsafe { self.base.as_ptr().add(at as usize).cast::<u32>().write(word) }
    }
    #[inline(always)]
    fn header(&self, at: u32) -> Option<u32> {
        let word = unseal(at, self.read(at));
        if word & INVALID == 0 { Some(word) } else { None }
    }
    #[inline(always)]
    fn set_header(&mut self, at: u32, word: u32) {
        self.write(at, seal(at, word));
    }
    #[inline(always)]
    fn pointer(&self, header: u32) -> NonNull<u8> {
        // SAFETY: todo
        unsafe { self.base.add((header + WORD) as usize) }
    }

    #[inline(always)]
    fn insert(&mut self, at: u32, size: u32) {
        let class = class_of(size);
        let head = class * WORD;
        let next = self.read(head);
        self.write(at + NEXT, next);
        self.write(at + SLOT, head);
        self.write(head, at);
        if next != 0 {
            self.write(next + SLOT, at + NEXT);
        } else {
            let map = MAPS_AT + class / 32 * WORD;
            self.write(map, self.read(map) | 1 << (class % 32));
            self.map_of_maps |= 1 << (class / 32);
        }
    }
    #[inline(always)]
    fn unlink(&mut self, at: u32) {
        let next = self.read(at + NEXT);
        let slot = self.read(at + SLOT);
        self.write(slot, next);
        if next != 0 {
            self.write(next + SLOT, slot);
        } else if slot < MAPS_AT {
            let class = slot / WORD;
            let map = MAPS_AT + class / 32 * WORD;
            let bits = self.read(map) & !(1 << (class % 32));
            self.write(map, bits);
            if bits == 0 {
                self.map_of_maps &= !(1 << (class / 32));
            }
        }
    }
    #[inline(always)]
    fn next_class(&self, class: u32) -> Option<u32> {
        // the first non-empty class >= class
        let word = class / 32;
        let bits = self.read(MAPS_AT + word * WORD) >> (class % 32);
        if bits != 0 {
            return Some(class + bits.trailing_zeros());
        }
        let words = self.map_of_maps & (u32::MAX << word << 1);
        if words == 0 {
            return None;
        }
        let word = words.trailing_zeros();
        Some(word * 32 + self.read(MAPS_AT + word * WORD).trailing_zeros())
    }

    /// The smallest fitting of first few in class.
    #[inline(always)]
    fn probe(&self, class: u32, need: u32) -> (u32, u32) {
        let mut at = self.read(class * WORD);
        let (mut best, mut best_size) = (0, u32::MAX);
        let mut left = PROBES;
        while at != 0 && left > 0 {
            let size = unseal(at, self.read(at)) & SIZE;
            if size >= need && size < best_size {
                (best, best_size) = (at, size);
            }
            at = self.read(at + NEXT);
            left -= 1;
        }
        (best, best_size)
    }

    #[inline(always)]
    fn find(&self, need: u32) -> Option<(u32, u32)> {
        let mut class = class_of(need);
        if need >= EXACT {
            let (at, size) = self.probe(class, need);
            if at != 0 {
                return Some((at, size));
            }
            class += 1;
        }
        let class = self.next_class(class)?;
        if need >= EXACT {
            let found = self.probe(class, need);
            return Some(found);
        }
        let at = self.read(class * WORD);
        Some((at, self.header(at)? & SIZE))
    }

    /// Cuts a used block `[at, at + need)` from the free block `[free, free + size)`.
    #[inline(always)]
    fn carve(&mut self, free: u32, size: u32, at: u32, need: u32) {
        let front = at - free;
        let mut need = need;
        let mut back = size - front - need;
        if back < MIN_BLOCK {
            need += back;
            back = 0;
        }
        let mut flags = USED | PREV_USED;
        if front != 0 {
            if class_of(front) != class_of(size) {
                self.unlink(free);
                self.insert(free, front);
            }
            self.set_header(free, front | PREV_USED);
            self.write(at - WORD, front);
            flags = USED;
        } else {
            self.unlink(free);
        }
        self.set_header(at, need | flags);
        let next = at + need;
        if back != 0 {
            self.set_header(next, back | PREV_USED);
            self.write(next + back - WORD, back);
            self.insert(next, back);
        } else {
            self.write(next, self.read(next).wrapping_add(seal(0, PREV_USED)));
        }
    }

    #[inline(always)]
    fn fit_aligned(free: u32, size: u32, need: u32, align: u32, low: bool) -> Option<u32> {
        // the header's offset at which an aligned block fits
        let end = free + size;
        if low {
            let mut at = ((free + WORD + align - 1) & !(align - 1)) - WORD;
            if at - free == 8 {
                at += align;
            }
            if at + need <= end { Some(at) } else { None }
        } else {
            let mut at = ((end - need + WORD) & !(align - 1)).wrapping_sub(WORD);
            if at.wrapping_sub(free) == 8 {
                at = at.wrapping_sub(align);
            }
            if at >= free && at < end { Some(at) } else { None }
        }
    }

    fn find_aligned(&self, need: u32, align: u32, low: bool) -> Option<(u32, u32, u32)> {
        let sure = need + align + 8;
        let mut class = class_of(need);
        let mut left = ALIGN_PROBES;
        while let Some(c) = self.next_class(class) {
            let mut at = self.read(c * WORD);
            while at != 0 {
                let size = unseal(at, self.read(at)) & SIZE;
                if size >= need
                    && let Some(block) = Self::fit_aligned(at, size, need, align, low)
                {
                    return Some((at, size, block));
                }
                at = self.read(at + NEXT);
                left -= 1;
                if left == 0 {
                    let (at, size) = self.find(sure)?;
                    return Some((at, size, Self::fit_aligned(at, size, need, align, low)?));
                }
            }
            class = c + 1;
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        let old = self.sentinel;
        let mut want = need;
        let mut flags = USED | PREV_USED;
        let end = self.header(old).ok_or(AllocError::Damaged)?;
        if end & PREV_USED == 0 {
            want = need.saturating_sub(self.read(old - WORD)).max(8);
            flags = USED;
        }
        let got = self.memory.grow(want).ok_or(AllocError::OutOfMemory)?;
        self.sentinel += got;
        self.extend(old, flags);
        Ok(())
    }

    /// Frees the used block.
    #[inline(always)]
    fn release(&mut self, at: u32, word: u32) -> Option<()> {
        let mut start = at;
        let mut size = word & SIZE;
        let next = at + size;
        let next_word = self.header(next)?;
        if next_word & PREV_USED == 0 {
            return None;
        }
        let mut before = 0;
        if word & PREV_USED == 0 {
            before = self.read(at - WORD);
            start = at.wrapping_sub(before);
            let prev = self.header(start)?;
            if prev & (SIZE | USED) != before {
                return None;
            }
        }
        if next_word & USED == 0 {
            self.unlink(next);
            size += next_word & SIZE;
        } else {
            self.set_header(next, next_word & !PREV_USED);
        }
        if before != 0 {
            self.unlink(start);
            size += before;
            self.set_header(at, word & !USED);
        }
        self.set_header(start, size | PREV_USED);
        self.write(start + size - WORD, size);
        self.insert(start, size);
        Some(())
    }

    #[inline(always)]
    fn verify(&self, block: NonNull<u8>) -> Option<(u32, u32)> {
        let offset = (block.addr().get()).wrapping_sub(self.base.addr().get()) as u32;
        if offset >= self.sentinel || !offset.is_multiple_of(8) {
            return None;
        }
        let at = offset - WORD;
        let word = self.header(at)?;
        if word & USED == 0 { None } else { Some((at, word)) }
    }

    #[inline(always)]
    fn alloc(&mut self, need: u32, align: u32, low: bool) -> Option<u32> {
        if align <= 8 {
            let (free, size) = self.find(need)?;
            let rest = size - need;
            let at = if low || rest < MIN_BLOCK { free } else { free + rest };
            self.carve(free, size, at, need);
            Some(at)
        } else {
            self.alloc_aligned(need, align, low)
        }
    }
    #[inline(never)]
    fn alloc_aligned(&mut self, need: u32, align: u32, low: bool) -> Option<u32> {
        let (free, size, at) = self.find_aligned(need, align, low)?;
        self.carve(free, size, at, need);
        Some(at)
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
        if let Some(at) = self.alloc(need, align, low) {
            return Ok(self.pointer(at));
        }
        self.grow(if align <= 8 { need } else { need + align + 8 })?;
        match self.alloc(need, align, low) {
            Some(at) => Ok(self.pointer(at)),
            None => Err(AllocError::OutOfMemory),
        }
    }

    fn allocate_zeroed(&mut self, _layout: Layout) -> Result<NonNull<u8>, AllocError> {
        todo!()
    }

    fn allocate_array(&mut self, _count: u32, _size: u32) -> Result<NonNull<u8>, AllocError> {
        todo!()
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        let Some((at, word)) = self.verify(block) else { return Err(BlockError::NotABlock) };
        self.release(at, word).ok_or(BlockError::Damaged)
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let Some((at, word)) = self.verify(block) else { return Err(BlockError::NotABlock.into()) };
        let Some(need) = block_size(layout.size()) else { return Err(AllocError::OutOfMemory.into()) };
        let size = word & SIZE;
        let next = at + size;
        let next_word = self.header(next).ok_or(BlockError::Damaged)?;
        let room = if next_word & USED == 0 { size + (next_word & SIZE) } else { size };
        if need <= size {
            if size - need >= MIN_BLOCK {
                self.set_header(at, need | (word & !SIZE));
                let tail = (size - need) | USED | PREV_USED;
                self.set_header(at + need, tail);
                self.release(at + need, tail);
            }
            return Ok(block);
        }
        if need <= room {
            self.unlink(next);
            let rest = room - need;
            if rest >= MIN_BLOCK {
                self.set_header(at, need | (word & !SIZE));
                let tail = at + need;
                self.set_header(tail, rest | PREV_USED);
                self.write(tail + rest - WORD, rest);
                self.insert(tail, rest);
            } else {
                self.set_header(at, room | (word & !SIZE));
                let after = at + room;
                self.write(after, self.read(after).wrapping_add(seal(0, PREV_USED)));
            }
            return Ok(block);
        }
        if let Some(to) = self.alloc(need, layout.align() as u32, true) {
            let p = self.pointer(to);
            // SAFETY: todo
            unsafe { core::ptr::copy_nonoverlapping(block.as_ptr(), p.as_ptr(), (size - WORD) as usize) };
            let (at, word) = self.verify(block).unwrap();
            self.release(at, word);
            return Ok(p);
        }
        if word & PREV_USED == 0 {
            let before = self.read(at - WORD);
            let start = at - before;
            if before + room >= need {
                self.unlink(start);
                if room > size {
                    self.unlink(next);
                }
                let p = self.pointer(start);
                // SAFETY: todo
                unsafe { core::ptr::copy(block.as_ptr(), p.as_ptr(), (size - WORD) as usize) };
                let total = before + room;
                self.write(start + total, self.read(start + total) .wrapping_add(if room > size { seal(0, PREV_USED) } else { 0 }));
                self.set_header(start, total | USED | PREV_USED);
                return self.reallocate(p, layout);
            }
        }
        self.grow(need)?;
        self.reallocate(block, layout)
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        let Some((_, word)) = self.verify(block) else { return Err(BlockError::NotABlock) };
        Ok((word & SIZE) - WORD)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        let _ = (DamageKind::Header, HEAP_SLACK);
        todo!()
    }
}
