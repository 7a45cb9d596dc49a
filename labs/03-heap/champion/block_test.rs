//! The self-test of all blocks, and of the words that the heap keeps beside them.

use mm_api::{DamageKind, HeapDamage, HeapSummary};

use super::region::{Region, WORD};

impl Region {
    /// Checks all blocks, one after the other: the first lies at `first`, and none is smaller than
    /// `least`.
    pub fn check_blocks(&self, first: u32, least: u32) -> Result<HeapSummary, HeapDamage> {
        let mut seen = HeapSummary { bytes: self.bytes(), ..HeapSummary::default() };
        let (mut at, mut prev_used) = (first, true);
        loop {
            let damage = |kind| Err(HeapDamage { kind, offset: at });
            let block = self.open(at);
            if block.is_broken() {
                return damage(DamageKind::Header);
            }
            if block.is_prev_used() != prev_used {
                return damage(DamageKind::Neighbours);
            }
            if at == self.last() {
                // The end.
                return if block.is_used() && block.size == 0 { Ok(seen) } else { damage(DamageKind::Header) };
            }
            if block.size < least || block.end() > self.last() {
                return damage(DamageKind::Header);
            }
            if block.is_used() {
                seen.used_blocks += 1;
            } else {
                if self.read(block.end() - WORD) != block.size {
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
}
