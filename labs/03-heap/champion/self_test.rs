//! The self-test: a look at every byte that the heap keeps for itself.

use mm_api::{DamageKind, HEAP_ALIGN, HeapDamage};

use super::Heap;
use super::bins::{BACK, END_BIN, FIRST, FIRST_BIN, NEXT, bin_of};
use super::region::WORD;

impl Heap<'_> {
    /// Follows all bins. Together with the wilderness they must have `expected` blocks.
    pub(super) fn check_bins(&self, expected: u32) -> Result<(), HeapDamage> {
        let damage = |offset| Err(HeapDamage { kind: DamageKind::FreeList, offset });
        let mut found = 0;
        let wilderness = self.wilderness();
        if wilderness.size != 0 {
            let block = self.region.open(wilderness.at);
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
                // Follow no link before it is clear that it leads to a block.
                if at < FIRST || at >= self.region.last() - BACK || at % HEAP_ALIGN != FIRST % HEAP_ALIGN {
                    return damage(back);
                }
                let block = self.region.open(at);
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
