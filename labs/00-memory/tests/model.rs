//! Random calls, compared with the standard library.

mod common;

use proptest::prelude::*;

/// How many bytes the field has.
const BYTES: usize = 600;

/// A call: the function, the target, the source, the length, and a value.
type Call = (u8, usize, usize, usize, i32);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: if cfg!(miri) { 4 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_of_calls_leaves_what_the_library_would(
        start in proptest::collection::vec(any::<u8>(), BYTES),
        other in proptest::collection::vec(any::<u8>(), BYTES),
        calls in proptest::collection::vec((0..4_u8, 0..BYTES, 0..BYTES, 0..BYTES, any::<i32>()), 1..24),
    ) {
        for functions in common::all() {
            let (mut field, mut model) = (start.clone(), start.clone());
            for (kind, dest, src, n, value) in calls.clone() {
                let call: Call = (kind, dest, src, n.min(BYTES - dest.max(src)), value);
                let (kind, dest, src, n, value) = call;
                match kind {
                    0 => {
                        functions.copy(&mut field[dest..dest + n], &other[src..src + n]);
                        model[dest..dest + n].copy_from_slice(&other[src..src + n]);
                    }
                    1 => {
                        functions.set(&mut field[dest..dest + n], value);
                        model[dest..dest + n].fill(value as u8);
                    }
                    2 => {
                        functions.shift(&mut field, dest, src, n);
                        model.copy_within(src..src + n, dest);
                    }
                    _ => {
                        let answer = functions.compare(&field[dest..dest + n], &other[src..src + n]);
                        prop_assert_eq!(answer, model[dest..dest + n].cmp(&other[src..src + n]));
                    }
                }
                prop_assert_eq!(&field, &model);
            }
        }
    }
}
