//! The self-test: a look at every byte that the heap keeps for itself.

use mm_api::{DamageKind, HEAP_ALIGN, HeapDamage, HeapSummary};

use super::Champion;
use super::aim::Aim;
use super::bins::{BACK, END_BIN, FIRST, FIRST_BIN, NEXT, bin_of};
use super::header::MIN_BLOCK;
use super::region::WORD;

impl<A: Aim> Champion<'_, A> {
    /// Looks at all blocks, one after the other.
    pub(super) fn check_blocks(&self) -> Result<HeapSummary, HeapDamage> {
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

    /// Follows all bins. They have to have `expected` blocks, with the wilderness.
    pub(super) fn check_bins(&self, expected: u32) -> Result<(), HeapDamage> {
        let damage = |offset| Err(HeapDamage { kind: DamageKind::FreeList, offset });
        let mut found = 0;
        let wilderness = self.wilderness();
        if wilderness.size != 0 {
            let block = self.open(wilderness.at);
            if !block.is_sound_free() || block.size != wilderness.size {
                return damage(wilderness.at);
            }
            found += 1;
        }
        for bin in FIRST_BIN..END_BIN {
            let listed = self.map & 1_u32.rotate_left(bin) != 0;
            let mut back = bin * WORD;
            let mut at = self.region.read(back);
            if listed != (at != 0) {
                return damage(back);
            }
            while at != 0 {
                // Not one step before it is clear that the link leads to a block.
                if at < FIRST || at >= self.region.last() - BACK || at % HEAP_ALIGN != FIRST % HEAP_ALIGN {
                    return damage(back);
                }
                let block = self.open(at);
                let expected_here = block.is_sound_free() && bin_of(block.size) == bin;
                found += 1;
                if !expected_here || self.region.read(at + BACK) != back || found > expected {
                    return damage(at);
                }
                back = at + NEXT;
                at = self.region.read(back);
            }
        }
        if found == expected { Ok(()) } else { damage(0) }
    }
}
