//! The self-test of the tree.

use mm_api::{DamageKind, HEAP_ALIGN, HEAP_MAX, HeapDamage};

use super::region::WORD;
use super::tree::{HIGH, LOW, ROOT};
use super::{FIRST, Heap, MIN_BLOCK};

/// A part of the tree: all blocks below a link.
#[derive(Clone, Copy)]
struct Part {
    /// The offset of the link.
    link: u32,
    /// Where the part's blocks may lie: from the offset `from` on, within `bytes` bytes.
    from: u32,
    bytes: u32,
    /// The largest size that the part's blocks may have.
    most: u32,
}

impl Heap<'_> {
    /// Follows all links. They must lead to `expected` blocks.
    pub(super) fn check_tree(&self, expected: u32) -> Result<(), HeapDamage> {
        let found = self.check_part(Part { link: ROOT, from: 0, bytes: 2 * self.half, most: HEAP_MAX })?;
        if found == expected { Ok(()) } else { Err(damage(ROOT)) }
    }

    /// How many blocks are in a part of the tree. With each step down, a part has half as many bytes,
    /// so the calls nest two dozen deep at most, even if a link leads back.
    fn check_part(&self, part: Part) -> Result<u32, HeapDamage> {
        let at = self.region.read(part.link);
        if at == 0 {
            return Ok(0);
        }
        // Follow no link before it is clear that it leads to a block.
        let is_in_region = at >= FIRST && at % HEAP_ALIGN == FIRST && at < self.region.last() - (MIN_BLOCK - WORD);
        if !is_in_region || at.wrapping_sub(part.from) >= part.bytes {
            return Err(damage(part.link));
        }
        let block = self.region.open(at);
        if !block.is_sound_free() || block.size > part.most {
            return Err(damage(at));
        }
        let (bytes, most) = (part.bytes / 2, block.size);
        let low = self.check_part(Part { link: at + LOW, from: part.from, bytes, most })?;
        let high = self.check_part(Part { link: at + HIGH, from: part.from + bytes, bytes, most })?;
        Ok(1 + low + high)
    }
}

fn damage(offset: u32) -> HeapDamage {
    HeapDamage { kind: DamageKind::FreeList, offset }
}
