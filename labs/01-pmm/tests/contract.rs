//! The contract of the frame allocator, rule by rule. The names of the tests are the rules.
//!
//! Run against your file with `cargo test -p pmm --test contract`, and against
//! the reference with `--features solution` added.

mod common;

use std::collections::BTreeSet;

use common::{Built, GIB, KIB, MIB, Map, PAGE, frame, numbers, order, run};
use mm_api::layout::FRAME_COUNT;
use mm_api::{FrameAllocator, FrameRange, FreeError, InitError, Order};
use mm_host::HostLender;
pub use pmm::Pmm;

/// A small PC: 640 KiB, and from 1 MiB up to 16 MiB, with a kernel in between.
fn small_pc() -> Map {
    Map::new()
        .usable(0, 639 * KIB)
        .unusable(639 * KIB, KIB)
        .unusable(960 * KIB, 64 * KIB)
        .usable(MIB, 15 * MIB)
        .reserved(0, 4 * KIB)
        .reserved(2 * MIB, 2 * MIB + 300 * KIB + 123)
}

/// Checks that exactly the usable frames are handed out, except the borrowed ones.
#[track_caller]
fn hands_out_what_is_usable(map: &Map) -> Built {
    let mut built = map.build();
    built.check_counts(built.managed.len());
    let taken = built.drain();
    let missing: Vec<_> = built.managed.difference(&taken).take(5).map(|&number| frame(number)).collect();
    assert!(missing.is_empty(), "expected every usable frame to be handed out, saw never: {missing:?} …");
    built.check_counts(0);
    built
}

/// Checks that `frames` are not handed out, and that freeing one of them is refused.
#[track_caller]
fn never_hands_out(map: &Map, frames: &[u32]) {
    let mut built = hands_out_what_is_usable(map);
    for &number in frames {
        assert!(!built.managed.contains(&number), "the test itself is wrong about {}", frame(number));
        let seen = built.pmm.free(frame(number));
        assert_eq!(seen, Err(FreeError::NotManaged), "freeing {}, which is not managed", frame(number));
    }
    built.check_counts(0);
}

// Managed frames.

#[test]
fn every_usable_frame_is_handed_out_exactly_once() {
    hands_out_what_is_usable(&small_pc());
}

#[test]
fn a_frame_that_is_only_partly_usable_is_not_managed() {
    // Frame 256 lacks its first byte, frame 511 its last.
    never_hands_out(&Map::new().usable(MIB + 1, MIB - 2), &[256, 511]);
}

#[test]
fn a_region_smaller_than_a_frame_gives_no_frame() {
    never_hands_out(
        &Map::new().usable(MIB, MIB).usable(3 * MIB, PAGE - 1).usable(4 * MIB + 1, PAGE),
        &[768, 1024, 1025],
    );
}

#[test]
fn two_regions_that_cover_a_frame_together_make_it_usable() {
    let built = hands_out_what_is_usable(&Map::new().usable(MIB + 100, MIB).usable(MIB - 64 * KIB, 64 * KIB + 100));
    assert!(built.managed.contains(&256));
}

#[test]
fn an_unusable_region_wins_over_a_usable_one() {
    let map = Map::new().unusable(MIB + 3 * PAGE, PAGE).usable(MIB, MIB).unusable(MIB + 10 * PAGE, PAGE);
    never_hands_out(&map, &[259, 266]);
}

#[test]
fn one_unusable_byte_makes_its_frame_unusable() {
    let map = Map::new().usable(MIB, MIB).unusable(MIB + 3 * PAGE + 17, 1).unusable(MIB + 8 * PAGE - 1, 2);
    never_hands_out(&map, &[259, 263, 264]);
}

#[test]
fn one_reserved_byte_reserves_its_frame() {
    let map = Map::new().usable(MIB, MIB).reserved(MIB + 3 * PAGE + 17, MIB + 3 * PAGE + 18).reserved(MIB, MIB + 1);
    never_hands_out(&map, &[256, 259]);
}

#[test]
fn a_reserved_range_ends_before_its_end() {
    let built = hands_out_what_is_usable(&Map::new().usable(MIB, MIB).reserved(MIB, MIB + PAGE));
    assert!(built.managed.contains(&257) || built.lender.is_lent(frame(257)));
}

#[test]
fn empty_regions_and_empty_reserved_ranges_change_nothing() {
    let map =
        Map::new().usable(MIB, MIB).unusable(MIB + 5 * PAGE + 9, 0).unusable(MIB + 7 * PAGE, 0).usable(8 * MIB, 0);
    let map = map.reserved(MIB + 6 * PAGE, MIB + 6 * PAGE).reserved(MIB + 8 * PAGE + 9, MIB + 8 * PAGE + 9);
    let built = hands_out_what_is_usable(&map.reserved(MIB + 10 * PAGE, MIB + 9 * PAGE));
    assert_eq!(built.managed.len() + built.lender.lent_frames() as usize, 256);
}

#[test]
fn regions_may_come_in_any_order_overlap_and_touch() {
    let map = Map::new()
        .usable(6 * MIB, 2 * MIB)
        .usable(2 * MIB, 2 * MIB)
        .usable(4 * MIB, 2 * MIB)
        .usable(3 * MIB, 2 * MIB)
        .usable(MIB, MIB + 5);
    let built = hands_out_what_is_usable(&map);
    assert_eq!(built.managed.len() + built.lender.lent_frames() as usize, 7 * 256);
}

#[test]
fn memory_beyond_4_gib_is_not_managed() {
    let built =
        hands_out_what_is_usable(&Map::new().usable(16 * MIB, 16 * MIB).usable(4 * GIB, GIB).usable(7 * GIB, GIB));
    assert_eq!(built.managed.len() + built.lender.lent_frames() as usize, 4096);
}

#[test]
fn a_region_that_reaches_over_4_gib_is_managed_up_to_there() {
    let mut built =
        hands_out_what_is_usable(&Map::new().usable(16 * MIB, 32 * MIB).usable(4 * GIB - 64 * KIB, 2 * GIB));
    assert!(built.managed.contains(&(FRAME_COUNT - 1)));
    assert_eq!(built.pmm.free(frame(FRAME_COUNT - 1)), Ok(()));
    assert_eq!(built.pmm.allocate(), Some(frame(FRAME_COUNT - 1)));
}

#[test]
fn a_region_may_end_past_the_last_64_bit_address() {
    let map = Map::new().usable(MIB, MIB).usable(4 * GIB - 16 * MIB, u64::MAX).unusable(4 * GIB - 12 * MIB, u64::MAX);
    let built = hands_out_what_is_usable(&map.usable(u64::MAX, u64::MAX).usable(16 * MIB, 32 * MIB));
    assert!(built.managed.contains(&(FRAME_COUNT - 4096)));
    assert!(!built.managed.contains(&(FRAME_COUNT - 1)));
}

#[test]
fn memory_may_begin_late() {
    let map = Map::new().usable(2 * GIB + 300 * KIB, 32 * MIB);
    let lender = HostLender::with_reachable(&map.as_map(), FrameRange::new(0, FRAME_COUNT));
    let mut built = map.build_with(lender);
    assert_eq!(built.drain().len(), built.managed.len(), "frames handed out, of those that are managed");
}

#[test]
fn a_map_of_128_regions_and_32_reserved_ranges_is_managed() {
    let mut map = Map::new();
    // A hundred-odd islands of nine and a half frames, and one of 1 MiB for the records.
    for island in 0..127 {
        map = map.usable(island * 16 * PAGE + 700, 9 * PAGE + 2048);
    }
    map = map.usable(16 * MIB, MIB);
    for range in 0..32 {
        map = map.reserved(range * 64 * PAGE + 5 * PAGE, range * 64 * PAGE + 6 * PAGE);
    }
    hands_out_what_is_usable(&map);
}

// The place of the records.

#[test]
fn the_frames_of_the_records_are_not_managed() {
    let mut built = hands_out_what_is_usable(&small_pc());
    for range in built.lender.lent().to_vec() {
        for number in numbers(range) {
            let seen = built.pmm.free(frame(number));
            assert_eq!(seen, Err(FreeError::NotManaged), "freeing {}, which holds records", frame(number));
        }
    }
}

#[test]
fn the_records_find_a_place_when_the_first_usable_frames_are_too_few() {
    let mut map = Map::new();
    for island in 0..20 {
        map = map.usable(island * 4 * PAGE, PAGE);
    }
    hands_out_what_is_usable(&map.usable(512 * MIB, 64 * MIB));
}

#[test]
fn the_records_find_a_place_around_what_is_reserved() {
    let mut map = Map::new().usable(MIB, 64 * MIB);
    for hole in 0..20 {
        map = map.reserved(MIB + hole * 2 * PAGE, MIB + hole * 2 * PAGE + 1);
    }
    hands_out_what_is_usable(&map);
}

#[test]
fn memory_that_the_kernel_cannot_reach_is_managed_all_the_same() {
    let map = Map::new().usable(4 * MIB, 16 * MIB).usable(900 * MIB, 16 * MIB);
    let built = hands_out_what_is_usable(&map);
    assert!(built.lender.lent().iter().all(|range| u64::from(range.end()) * PAGE <= 20 * MIB));
}

#[test]
fn a_place_may_be_only_partly_reachable() {
    let map = Map::new().usable(4 * MIB, 32 * MIB);
    for reachable in [FrameRange::new(0, 4096), FrameRange::new(6000, FRAME_COUNT)] {
        let mut built = map.build_with(HostLender::with_reachable(&map.as_map(), reachable));
        assert_eq!(built.drain().len(), built.managed.len(), "frames handed out, of those that are managed");
    }
}

#[test]
fn without_a_reachable_frame_there_is_an_error_and_no_panic() {
    let map = small_pc();
    let seen = map.try_build(HostLender::with_reachable(&map.as_map(), FrameRange::EMPTY));
    // An allocator that borrows no memory at all is correct, too.
    if let Err(error) = seen {
        assert_eq!(error, InitError::NoRoomForMetadata);
    }
}

#[test]
fn without_a_usable_frame_there_is_an_error_and_no_panic() {
    let maps = [
        Map::new(),
        Map::new().unusable(MIB, MIB),
        Map::new().usable(MIB, 0),
        Map::new().usable(MIB + 1, 2 * PAGE - 2),
        Map::new().usable(4 * GIB, GIB),
        Map::new().usable(MIB, MIB).unusable(0, 4 * MIB),
        Map::new().usable(MIB, MIB).reserved(MIB, 2 * MIB),
    ];
    for map in maps {
        let seen = map.try_build(HostLender::new(&map.as_map())).map(|_| "an allocator");
        assert_eq!(seen, Err(InitError::NoUsableMemory), "for the map {map:#x?}");
    }
}

#[test]
fn a_map_of_a_single_frame_does_not_panic() {
    let map = Map::new().usable(MIB, PAGE);
    if let Ok(mut built) = map.try_build(HostLender::new(&map.as_map())) {
        assert_eq!(built.drain(), built.managed, "frames handed out (left), of those that are managed (right)");
    }
}

// Single frames.

#[test]
fn exhaustion_is_an_answer_and_not_for_ever() {
    let mut built = small_pc().build();
    let taken = built.drain();
    for _ in 0..3 {
        assert_eq!(built.pmm.allocate(), None, "when no frame is free");
        assert_eq!(built.pmm.allocate_run(order(3)), None, "when no frame is free");
        built.check_counts(0);
    }
    let back = frame(*taken.iter().nth(1000).expect("more than a thousand frames"));
    assert_eq!(built.pmm.free(back), Ok(()));
    assert_eq!(built.pmm.allocate(), Some(back), "when this is the only free frame");
}

#[test]
fn the_counts_are_exact_after_every_call() {
    let mut built = small_pc().build();
    let all = built.managed.len();
    let mut taken = Vec::new();
    for count in 1..=500 {
        taken.extend(built.pmm.allocate());
        built.check_counts(all - count);
    }
    for (count, &frame) in taken.iter().enumerate() {
        assert_eq!(built.pmm.free(frame), Ok(()), "freeing {frame}, which is allocated");
        built.check_counts(all - 499 + count);
    }
    let run = built.pmm.allocate_run(order(6)).expect("a run of 64 frames in 15 free MiB");
    built.check_counts(all - 64);
    assert_eq!(built.pmm.free_run(run), Ok(()));
    built.check_counts(all);
}

#[test]
fn what_was_freed_can_be_had_again() {
    let mut built = small_pc().build();
    let first = built.drain();
    for &number in &first {
        assert_eq!(built.pmm.free(frame(number)), Ok(()), "freeing {}, which is allocated", frame(number));
    }
    built.check_counts(first.len());
    assert_eq!(built.drain().len(), first.len(), "frames handed out the second time");
}

#[test]
fn a_free_frame_cannot_be_freed() {
    let mut built = small_pc().build();
    let taken = built.pmm.allocate().expect("15 MiB are free");
    let (all, free) = (built.managed.clone(), built.managed.len() - 1);
    for &number in all.iter().filter(|&&number| number != taken.number()) {
        let seen = built.pmm.free(frame(number));
        assert_eq!(seen, Err(FreeError::AlreadyFree), "freeing {}, which was never handed out", frame(number));
    }
    built.check_counts(free);
    assert_eq!(built.pmm.free(taken), Ok(()));
    assert_eq!(built.pmm.free(taken), Err(FreeError::AlreadyFree), "freeing {taken} twice");
    built.check_counts(free + 1);
    assert_eq!(built.drain().len(), free + 1, "frames handed out after frees that were refused");
}

#[test]
fn a_frame_that_is_not_managed_cannot_be_freed() {
    let mut built = small_pc().build();
    for drained in [false, true] {
        let free = built.pmm.free_frames() as usize;
        for number in (0..5000).chain([100_000, FRAME_COUNT / 2, FRAME_COUNT - 1]) {
            if !built.managed.contains(&number) {
                let seen = built.pmm.free(frame(number));
                assert_eq!(seen, Err(FreeError::NotManaged), "freeing {}, which is not managed", frame(number));
            }
        }
        built.check_counts(free);
        if !drained {
            built.drain();
        }
    }
}

// Runs.

#[test]
fn a_run_is_aligned_to_its_size_and_all_managed() {
    for order in Order::all() {
        let mut built = small_pc().build();
        let runs = built.drain_runs(order);
        // `FrameRun` cannot be built unaligned, and `drain_runs` verifies the rest.
        let free = built.managed.len() - runs.len() * order.frames() as usize;
        built.check_counts(free);
    }
}

#[test]
fn a_run_is_found_whenever_there_is_one() {
    for order in Order::all() {
        let mut built = small_pc().build();
        let size = order.frames();
        let all = &built.managed;
        let whole = |first: &u32| (*first..first + size).all(|number| all.contains(&number));
        let expected = (0..FRAME_COUNT.min(8192)).step_by(size as usize).filter(whole).count();
        let seen = built.drain_runs(order).len();
        assert_eq!(seen, expected, "runs of {order} in fresh memory (left), of those that there are (right)");
    }
}

#[test]
fn frames_freed_one_by_one_make_a_run_again() {
    let mut built = small_pc().build();
    built.drain();
    for order in Order::all() {
        // Frame 2048 is 8 MiB: far from every edge of the map.
        let run = run(2048, order.power() as u8);
        // From both ends to the middle, so that no order of freeing helps.
        let mut numbers: Vec<u32> = numbers(run.frames()).collect();
        numbers.sort_by_key(|number| number.reverse_bits());
        for number in numbers {
            assert_eq!(built.pmm.allocate_run(order), None, "while not all frames of {run:?} are free");
            assert_eq!(built.pmm.free(frame(number)), Ok(()));
        }
        assert_eq!(built.pmm.allocate_run(order), Some(run), "when exactly the frames of one run are free");
        built.check_counts(0);
    }
}

#[test]
fn frames_side_by_side_that_are_not_aligned_are_not_a_run() {
    let mut built = small_pc().build();
    built.drain();
    for order in Order::all().skip(1) {
        let size = order.frames();
        let first = 2048 + size / 2;
        for number in first..first + size {
            assert_eq!(built.pmm.free(frame(number)), Ok(()));
        }
        assert_eq!(built.pmm.allocate_run(order), None, "{size} frames are free from {}", frame(first));
        let smaller = self::order(order.power() as u8 - 1);
        let taken: BTreeSet<_> = built.drain_runs(smaller).iter().map(|run| run.first().number()).collect();
        assert_eq!(taken, BTreeSet::from([first, first + size / 2]), "runs of {smaller}, half the size");
    }
}

#[test]
fn a_run_never_crosses_a_hole() {
    // A hole of one byte in every fourth frame but one: no run of 8 frames, and one of 4 between two holes.
    let mut map = Map::new().usable(16 * MIB, MIB).usable(32 * MIB, MIB);
    for hole in 0..64 {
        map = map.reserved(16 * MIB + hole * 4 * PAGE + 9, 16 * MIB + hole * 4 * PAGE + 10);
    }
    for power in [1, 2, 3, 5, 8] {
        let mut built = map.build();
        for run in built.drain_runs(order(power)) {
            assert!(power == 1 || run.first().number() >= 8192, "{run:?} has a reserved frame in it");
        }
    }
}

#[test]
fn a_run_may_end_with_the_last_frame_of_memory() {
    let mut built = Map::new().usable(4 * MIB, 64 * MIB).usable(4 * GIB - 4 * MIB, 4 * MIB).build();
    let last = built.drain_runs(Order::MAX).into_iter().find(|run| run.frames().end() == FRAME_COUNT);
    let run = last.expect("expected the run of the last 4 MiB below 4 GiB to be handed out, saw it never");
    assert_eq!(built.pmm.free_run(run), Ok(()));
}

#[test]
fn memory_may_end_in_the_middle_of_anything() {
    for frames in [1, 2, 31, 32, 33, 63, 65, 1023, 1024, 1025, 2047] {
        let mut built = hands_out_what_is_usable(&Map::new().usable(16 * MIB, 8 * MIB).usable(64 * MIB, frames * PAGE));
        let past = frame((64 * MIB / PAGE + frames) as u32);
        assert_eq!(built.pmm.free(past), Err(FreeError::NotManaged), "freeing the frame past the last one");
        assert_eq!(built.pmm.free(frame(past.number() - 1)), Ok(()), "freeing the last frame");
    }
}

#[test]
fn memory_may_end_before_the_largest_run_would() {
    for order in Order::all() {
        let mut built = Map::new().usable(MIB, 2 * MIB + 512 * KIB).build();
        let whole = |first: u32| (first..first + order.frames()).all(|number| built.managed.contains(&number));
        let wanted = (0..1024).step_by(order.frames() as usize).filter(|&first| whole(first)).count();
        assert_eq!(built.drain_runs(order).len(), wanted, "runs of {order} in the memory from 1 MiB to 3.5 MiB");
    }
}

#[test]
fn a_run_can_be_freed_frame_by_frame() {
    let mut built = small_pc().build();
    let all = built.managed.len();
    for order in Order::all() {
        let run = built.pmm.allocate_run(order).expect("fresh memory has runs of every order");
        for (count, number) in numbers(run.frames()).enumerate() {
            built.check_counts(all - order.frames() as usize + count);
            assert_eq!(built.pmm.free(frame(number)), Ok(()), "freeing {} of {run:?}", frame(number));
        }
        built.check_counts(all);
    }
    let runs = built.drain_runs(Order::MAX).len();
    assert!(runs >= 2, "expected the memory to be as whole as before, saw {runs} of its runs of {}", Order::MAX);
}

#[test]
fn frames_that_were_taken_one_by_one_can_be_freed_as_a_run() {
    let mut built = small_pc().build();
    built.drain();
    for order in Order::all() {
        let run = run(2048, order.power() as u8);
        assert_eq!(built.pmm.free_run(run), Ok(()), "freeing {run:?}, all of it allocated");
        built.check_counts(order.frames() as usize);
        assert_eq!(built.pmm.allocate_run(order), Some(run), "when exactly this run is free");
    }
}

#[test]
fn part_of_a_run_can_be_freed_as_a_run() {
    let mut built = small_pc().build();
    built.drain();
    assert_eq!(built.pmm.free_run(run(2048, 10)), Ok(()));
    assert_eq!(built.pmm.allocate_run(order(10)), Some(run(2048, 10)));
    assert_eq!(built.pmm.free_run(run(2048 + 64, 5)), Ok(()));
    assert_eq!(built.pmm.free_run(run(2048, 6)), Ok(()));
    built.check_counts(96);
    assert_eq!(built.pmm.allocate_run(order(7)), None, "when 96 frames are free");
    assert_eq!(built.pmm.allocate_run(order(6)), Some(run(2048, 6)));
    assert_eq!(built.pmm.allocate_run(order(5)), Some(run(2048 + 64, 5)));
}

#[test]
fn a_run_with_a_free_frame_in_it_cannot_be_freed() {
    for power in 1..=10 {
        let mut built = small_pc().build();
        built.drain();
        let run = run(2048, power);
        for free in [run.frames().start(), run.frames().end() - 1, run.frames().start() + run.frames().len() / 2] {
            assert_eq!(built.pmm.free(frame(free)), Ok(()));
            assert_eq!(built.pmm.free_run(run), Err(FreeError::AlreadyFree), "{} of {run:?} is free", frame(free));
            built.check_counts(1);
            assert_eq!(built.pmm.allocate(), Some(frame(free)), "when this is the only free frame");
        }
    }
}

#[test]
fn a_free_run_cannot_be_freed() {
    let mut built = small_pc().build();
    let all = built.managed.len();
    for power in 0..=10 {
        let run = run(2048, power);
        assert_eq!(built.pmm.free_run(run), Err(FreeError::AlreadyFree), "no frame of {run:?} was handed out");
        built.check_counts(all);
    }
}

#[test]
fn a_run_that_is_not_all_managed_cannot_be_freed() {
    // Frames 4096 to 4096 + 20 and those from 4096 + 21 on are managed, one between them is not.
    let map = Map::new()
        .usable(4 * MIB, 8 * MIB)
        .usable(16 * MIB, 8 * MIB)
        .reserved(16 * MIB + 20 * PAGE, 16 * MIB + 21 * PAGE);
    let mut built = map.build();
    for drained in [false, true] {
        let free = built.pmm.free_frames() as usize;
        for power in 5..=10 {
            // Undrained, other frames of the run are free as well: that error comes second.
            let seen = built.pmm.free_run(run(4096, power));
            assert_eq!(seen, Err(FreeError::NotManaged), "frame 20 of {:?} is reserved", run(4096, power));
        }
        for (first, power) in
            [(0, 10), (4096 - 32, 5), (4096 + 2048, 3), (FRAME_COUNT - 1024, 10), (FRAME_COUNT - 1, 0)]
        {
            let seen = built.pmm.free_run(run(first, power));
            assert_eq!(seen, Err(FreeError::NotManaged), "no frame of {:?} is managed", run(first, power));
        }
        built.check_counts(free);
        if !drained {
            built.drain();
        }
    }
}

#[test]
fn large_runs_are_found_in_large_memory() {
    let mut built = Map::new().usable(0, 640 * KIB).usable(MIB, 3 * GIB + 512 * MIB - MIB).build();
    let all = built.managed.len();
    let runs = built.drain_runs(Order::MAX);
    assert!(runs.len() >= 890, "expected at least 890 runs of 4 MiB in 3.5 GiB, saw {}", runs.len());
    built.check_counts(all - runs.len() * 1024);
    for &run in &runs {
        assert_eq!(built.pmm.free_run(run), Ok(()), "freeing {run:?}");
    }
    built.check_counts(all);
}
