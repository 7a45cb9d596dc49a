//! The self-test: a look at every byte that the heap keeps for itself.

use core::iter;

use mm_api::{DamageKind, HeapDamage, HeapSummary};

use super::Heap;
use super::free_lists::FIRST;
use super::header::{MIN_BLOCK, PREV_USED, USED};
use super::region::WORD;

impl Heap<'_> {
    /// Goes from block to block, and compares each with its neighbours and its bin.
    pub(super) fn self_test(&self) -> Result<HeapSummary, HeapDamage> {
        let end = self.region.last();
        let mut seen = HeapSummary { bytes: end + WORD, ..HeapSummary::default() };
        let (mut at, mut prev_used) = (FIRST, true);
        loop {
            let ensure = |holds: bool, kind| if holds { Ok(()) } else { Err(HeapDamage { kind, offset: at }) };
            let sound = self.region.block(at).filter(|block| block.size() >= MIN_BLOCK || at == end);
            let block = sound.ok_or(HeapDamage { kind: DamageKind::Header, offset: at })?;
            ensure(block.has(PREV_USED) == prev_used, DamageKind::Neighbours)?;
            if at == end {
                ensure(block.has(USED) && block.size() == 0, DamageKind::Header)?;
                break;
            }
            ensure(block.end() <= end, DamageKind::Header)?;
            if block.has(USED) {
                seen.used_blocks += 1;
            } else {
                ensure(self.region.read(block.end() - WORD) == block.size(), DamageKind::Neighbours)?;
                ensure(prev_used, DamageKind::NotMerged)?;
                ensure(self.lists.knows(&self.region, block), DamageKind::FreeList)?;
                seen.free_blocks += 1;
                seen.free_bytes += block.size();
                seen.largest_free = seen.largest_free.max(block.size());
            }
            (at, prev_used) = (block.end(), block.has(USED));
        }
        let listed = iter::successors(self.lists.first(&self.region, 0), |&block| self.lists.next(&self.region, block));
        let all = listed.count() == seen.free_blocks as usize;
        if all { Ok(seen) } else { Err(HeapDamage { kind: DamageKind::FreeList, offset: 0 }) }
    }
}
