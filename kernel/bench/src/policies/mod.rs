//! Policies of a heap, one by one, on the same textbook heap.
//!
//! Each variant differs from the first in one thing, so the difference between two lines of figures
//! shows the effect of that thing.

mod slab;
mod textbook;

use textbook_heap::{Ends, FIRST_FIT, Fit, Order, Policy, Textbook, Variant};

use crate::heaps::{Entry, entry};

use slab::Slabs;

/// A variant, and a description of its difference.
pub struct Described {
    pub entry: Entry,
    pub about: &'static str,
}

/// Defines the variants' policies, as types, and the list of all variants.
macro_rules! variants {
    ($($type:ident $name:literal $about:literal { $($field:ident: $value:expr),* })*) => {
        $(
            /// A variant.
            struct $type;

            impl Variant for $type {
                const POLICY: Policy = Policy { $($field: $value,)* ..FIRST_FIT };
            }
        )*

        /// All variants: the textbook's own first, and slabs last.
        pub const VARIANTS: &[Described] = &[
            $(Described { entry: entry::<Textbook<$type>>($name), about: $about },)*
            Described {
                entry: entry::<Slabs>("slabs"),
                about: "Pages of small blocks of one size, with a bit for each; the rest as in first-fit",
            },
        ];
    };
}

variants! {
    FirstFit "first-fit" "First fit, the block freed last first; a header of 4 bytes, split from 16 bytes on" {}
    AddressOrder "address-order" "First fit, in the order of addresses" { order: Order::ByAddress }
    NextFit "next-fit" "The search goes on where the last one ended" { fit: Fit::Next }
    BestFit "best-fit" "The smallest block that is large enough" { fit: Fit::Best }
    WorstFit "worst-fit" "The largest block" { fit: Fit::Worst }
    Segregated "segregated" "A list for each power of two; in each, first fit" { fit: Fit::Segregated }
    TwoEnds "two-ends" "Up to 104 bytes from the low end of a free block, more from its high end" { ends: Ends::BySize }
    BestTwoEnds "best-two-ends" "Best fit and two ends" { fit: Fit::Best, ends: Ends::BySize }
    NoMerging "no-merging" "Free neighbours are never merged" { merges: false }
    Split64 "split-64" "A rest below 64 bytes stays with the block" { split_from: 64 }
    Split512 "split-512" "A rest below 512 bytes stays with the block" { split_from: 512 }
    Header8 "header-8" "A header of 8 bytes" { header: 8 }
    Header16 "header-16" "A header of 16 bytes" { header: 16 }
    PowersOfTwo "powers-of-two" "Sizes rounded up to powers of two" { powers_of_two: true }
    GrowsBy4K "grows-by-4-KiB" "Memory is taken 4 KiB at a time" { grows_by: 4096 }
    GrowsBy64K "grows-by-64-KiB" "Memory is taken 64 KiB at a time" { grows_by: 65_536 }
}

/// The variant of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    VARIANTS.iter().map(|variant| &variant.entry).find(|entry| entry.name == name)
}
