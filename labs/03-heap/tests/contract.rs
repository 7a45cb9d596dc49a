//! The contract of [`KernelHeap`], rule by rule.

mod common;

pub use heap::Heap;

use std::ptr::NonNull;

use common::{Block, Subject, layout};
use mm_api::{AllocError, BlockError, HEAP_MAX, HEAP_SLACK, KernelHeap, ReallocError};
use mm_host::FakeHeapMemory;

/// Sizes around those that a heap may treat differently.
const SIZES: [u32; 22] = [0, 1, 3, 4, 5, 7, 8, 9, 12, 13, 16, 20, 63, 64, 100, 248, 255, 256, 511, 1000, 4096, 10_000];

#[test]
fn every_size_comes_at_every_alignment() {
    let mut subject = Subject::new(256);
    let mut blocks = Vec::new();
    for power in 0..=12 {
        for size in SIZES {
            blocks.push(subject.allocate(size, 1 << power, size ^ power << 16));
        }
    }
    assert_eq!(subject.summary().used_blocks, blocks.len() as u32);
    for block in blocks {
        subject.free(block);
    }
    assert_eq!(subject.summary().used_blocks, 0);
}

#[test]
fn blocks_keep_what_is_written_into_them_and_do_not_overlap() {
    let mut subject = Subject::new(64);
    let mut blocks: Vec<Block> = Vec::new();
    for round in 0..400_u32 {
        let size = round * 37 % 600;
        blocks.push(subject.allocate(size, 8, round));
        if round % 3 == 2 {
            let block = blocks.swap_remove(round as usize * 7 % blocks.len());
            subject.free(block);
        }
    }
    blocks.iter().for_each(|block| subject.verify(block));
    blocks.sort_by_key(|block| block.pointer.addr());
    for pair in blocks.windows(2) {
        let end = pair[0].pointer.addr().get() + subject.heap.usable_size(pair[0].pointer).unwrap() as usize;
        assert!(end <= pair[1].pointer.addr().get(), "{pair:?} overlap");
    }
}

#[test]
fn all_of_the_usable_size_may_be_used() {
    let mut subject = Subject::new(16);
    let mut blocks: Vec<Block> = SIZES.iter().map(|&size| subject.allocate(size, 8, size)).collect();
    for block in &mut blocks {
        block.size = subject.heap.usable_size(block.pointer).unwrap();
        subject.fill(block);
    }
    subject.summary();
    blocks.into_iter().for_each(|block| subject.free(block));
}

#[test]
fn a_block_of_no_bytes_is_a_block() {
    let mut subject = Subject::new(4);
    let (first, second) = (subject.allocate(0, 1, 0), subject.allocate(0, 1, 0));
    assert_ne!(first.pointer, second.pointer);
    assert_eq!(subject.summary().used_blocks, 2);
    subject.free(first);
    subject.free(second);
    subject.refused(first.pointer, BlockError::AlreadyFree);
}

#[test]
fn zeroed_memory_is_zero() {
    let mut subject = Subject::new(32);
    for size in SIZES {
        // Once in memory that was never used, once in used memory.
        for _ in 0..2 {
            let pointer = subject.heap.allocate_zeroed(layout(size, 16)).unwrap();
            assert!((0..i64::from(size)).all(|index| subject.read(pointer, index) == 0), "{size} bytes");
            let block = Block { pointer, size, align: 16, stamp: !size };
            subject.fill(&block);
            subject.free(block);
        }
    }
}

#[test]
fn an_array_is_zero_and_its_size_does_not_wrap() {
    let mut subject = Subject::new(8);
    subject.allocate(600, 8, 1);
    let pointer = subject.heap.allocate_array(25, 12).unwrap();
    assert!((0..300).all(|index| subject.read(pointer, index) == 0));
    assert!(subject.heap.usable_size(pointer).unwrap() >= 300);
    let before = subject.summary();
    for (count, size) in [(0x1_0000, 0x1_0000), (u32::MAX, 2), (0x8000_0001, 2), (0x4000_0001, 4), (u32::MAX, u32::MAX)]
    {
        let answer = subject.heap.allocate_array(count, size);
        assert_eq!(answer, Err(AllocError::OutOfMemory), "{count} elements of {size} bytes");
    }
    assert_eq!(subject.summary(), before);
    assert!(subject.heap.allocate_array(0, 8).is_ok());
    assert!(subject.heap.allocate_array(8, 0).is_ok());
}

#[test]
fn an_alignment_above_a_page_is_refused() {
    let mut subject = Subject::new(8);
    let block = subject.allocate(16, 8, 1);
    let before = subject.summary();
    for power in 13..20 {
        assert_eq!(subject.heap.allocate(layout(8, 1 << power)), Err(AllocError::Alignment));
        assert_eq!(subject.heap.allocate_zeroed(layout(8, 1 << power)), Err(AllocError::Alignment));
        let answer = subject.heap.reallocate(block.pointer, layout(8, 1 << power));
        assert_eq!(answer, Err(ReallocError::Alloc(AllocError::Alignment)));
    }
    assert_eq!(subject.summary(), before);
    subject.verify(&block);
}

#[test]
fn out_of_memory_is_an_answer_and_changes_nothing() {
    let mut subject = Subject::new(16);
    let mut blocks = Vec::new();
    let error = loop {
        match subject.try_allocate(1000, 8, blocks.len() as u32) {
            Ok(block) => blocks.push(block),
            Err(error) => break error,
        }
    };
    assert_eq!(error, AllocError::OutOfMemory);
    assert!(blocks.len() >= 60, "only {} blocks of 1000 bytes in 64 KiB", blocks.len());
    let before = subject.summary();
    for align in [8, 64, 4096] {
        assert_eq!(subject.heap.allocate(layout(4000, align)), Err(AllocError::OutOfMemory));
    }
    for size in [HEAP_MAX - 8, HEAP_MAX, HEAP_MAX + 1, i32::MAX as u32 - 4096, i32::MAX as u32 - 7] {
        assert_eq!(subject.heap.allocate(layout(size, 8)), Err(AllocError::OutOfMemory), "{size} bytes");
        let answer = subject.heap.reallocate(blocks[0].pointer, layout(size, 8));
        assert_eq!(answer, Err(ReallocError::Alloc(AllocError::OutOfMemory)), "{size} bytes");
    }
    let (first, last) = (blocks[0], blocks[blocks.len() - 1]);
    for block in [first, last] {
        let answer = subject.heap.reallocate(block.pointer, layout(8000, 8));
        assert_eq!(answer, Err(ReallocError::Alloc(AllocError::OutOfMemory)));
    }
    assert_eq!(subject.summary(), before);
    // Then the heap works on.
    let block = blocks.swap_remove(10);
    subject.free(block);
    subject.allocate(1000, 8, 99);
    blocks.iter().for_each(|block| subject.verify(block));
}

#[test]
fn freed_neighbours_merge_in_every_order() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut subject = Subject::new(4);
        let blocks = [0, 1, 2].map(|index| subject.allocate(300 + 100 * index, 8, index));
        for index in order {
            subject.free(blocks[index]);
        }
        let summary = subject.summary();
        assert_eq!((summary.used_blocks, summary.free_blocks), (0, 1), "freed in the order {order:?}");
        assert_eq!(summary.largest_free, summary.free_bytes);
    }
}

#[test]
fn after_everything_is_freed_one_block_remains() {
    let mut subject = Subject::new(64);
    let mut blocks: Vec<Block> =
        (0..500).map(|index| subject.allocate(index * 61 % 400, 1 << (index % 8), index)).collect();
    while !blocks.is_empty() {
        let index = blocks.len() * 5 / 7;
        let block = blocks.swap_remove(index);
        subject.free(block);
        subject.summary();
    }
    let summary = subject.summary();
    assert_eq!((summary.used_blocks, summary.free_blocks), (0, 1));
    // That block is as good as memory that was never used.
    let bytes = subject.memory.bytes();
    subject.memory.refuse(true);
    subject.allocate(summary.largest_free - 64, 8, 1);
    assert_eq!(subject.memory.bytes(), bytes);
}

#[test]
fn memory_that_was_freed_is_used_again() {
    let mut subject = Subject::new(64);
    for round in 0..1000_u32 {
        let blocks = [40, 4000, 700].map(|size| subject.allocate(size + round % 16, 8, round));
        blocks.into_iter().for_each(|block| subject.free(block));
    }
    assert!(subject.memory.most_bytes() <= 3 * 4096, "{} bytes for 5 KiB", subject.memory.most_bytes());
}

#[test]
fn the_memory_grows_only_when_no_free_place_is_large_enough() {
    let mut subject = Subject::new(64);
    let blocks: Vec<Block> = (0..64).map(|index| subject.allocate(500, 8, index)).collect();
    let grown = subject.memory.times_grown();
    for &block in blocks.iter().step_by(2) {
        subject.free(block);
    }
    for index in 0..32 {
        subject.allocate(500, 8, index);
    }
    assert_eq!(subject.memory.times_grown(), grown);
}

/// Hands out all memory, and returns the block that lies last.
fn use_up(subject: &mut Subject) -> Block {
    let mut blocks = Vec::new();
    for size in [1000, 100, 8] {
        while let Ok(block) = subject.try_allocate(size, 8, size) {
            blocks.push(block);
        }
    }
    blocks.into_iter().max_by_key(|block| block.pointer.addr()).unwrap()
}

#[test]
fn an_aligned_block_that_was_freed_leaves_a_place_for_another() {
    for power in 0..=12 {
        for size in [0, 100, 700, 4096] {
            let mut subject = Subject::new(16);
            let block = subject.allocate(size, 1 << power, 1);
            use_up(&mut subject);
            subject.free(block);
            subject.allocate(size, 1 << power, 2);
        }
    }
}

#[test]
fn the_one_block_that_is_large_enough_is_found_among_many() {
    for step in [8, 64] {
        let mut subject = Subject::new(64);
        let mut blocks: Vec<Block> = (0..60).map(|index| subject.allocate(1400 + step * index, 8, index)).collect();
        use_up(&mut subject);
        blocks.sort_by_key(|block| block.pointer.addr());
        let mut places: Vec<Block> = blocks.into_iter().step_by(2).collect();
        places.sort_by_key(|block| std::cmp::Reverse(block.size));
        let largest = places[0].size;
        places.into_iter().for_each(|block| subject.free(block));
        subject.allocate(largest, 8, 1);
    }
}

#[test]
fn the_last_block_finds_a_free_place_before_the_memory_grows() {
    let mut subject = Subject::new(64);
    let place = subject.allocate(3000, 8, 1);
    subject.memory.refuse(true);
    let mut last = use_up(&mut subject);
    subject.memory.refuse(false);
    subject.free(place);
    let grown = subject.memory.times_grown();
    subject.reallocate(&mut last, 2900, 8).unwrap();
    assert_eq!(subject.memory.times_grown(), grown);
}

#[test]
#[cfg_attr(miri, ignore = "so much memory takes Miri minutes")]
fn a_block_may_have_nearly_all_of_the_memory() {
    let mut subject = Subject::new(HEAP_MAX / 4096);
    let block = subject.heap.allocate(layout(HEAP_MAX / 8 * 5, 8)).unwrap();
    assert!(subject.heap.usable_size(block).unwrap() >= HEAP_MAX / 8 * 5);
    let too_large = subject.heap.allocate(layout(HEAP_MAX / 8 * 4, 8));
    assert_eq!(too_large, Err(AllocError::OutOfMemory));
    assert_eq!(subject.heap.free(block), Ok(()));
}

#[test]
fn a_free_tail_is_given_back() {
    let mut subject = Subject::new(256);
    let small = subject.allocate(100, 8, 1);
    let blocks: Vec<Block> = (0..200).map(|index| subject.allocate(4000, 8, index)).collect();
    assert!(subject.memory.bytes() > 200 * 4000);
    for block in blocks {
        subject.free(block);
    }
    let left = subject.memory.bytes();
    assert!(left <= HEAP_SLACK + 3 * 4096, "{left} bytes are still there");
    // Memory that was given back can be allocated again.
    let large = subject.allocate(100_000, 8, 2);
    subject.free(large);
    subject.free(small);
}

#[test]
fn a_block_in_the_tail_stays_where_it_is() {
    let mut subject = Subject::new(256);
    let blocks: Vec<Block> = (0..200).map(|index| subject.allocate(4000, 8, index)).collect();
    let (kept, rest): (Vec<Block>, Vec<Block>) = blocks.into_iter().partition(|block| block.stamp % 50 == 7);
    for block in rest {
        subject.free(block);
    }
    kept.into_iter().for_each(|block| subject.free(block));
    subject.summary();
}

#[test]
fn a_double_free_is_named() {
    let mut subject = Subject::new(8);
    let blocks = [1, 2, 3, 4].map(|index| subject.allocate(index * 40, 8, index));
    // Alone, then merged with the block before it, behind it, and both.
    for index in [1, 2, 0, 3] {
        subject.free(blocks[index]);
        subject.refused(blocks[index].pointer, BlockError::AlreadyFree);
    }
    for block in blocks {
        subject.refused(block.pointer, BlockError::AlreadyFree);
    }
}

#[test]
fn a_pointer_from_elsewhere_is_named() {
    let mut subject = Subject::new(8);
    subject.allocate(100, 8, 1);
    let mut elsewhere = 0_u64;
    subject.refused(NonNull::from(&mut elsewhere).cast(), BlockError::Foreign);
    let (base, bytes) = (subject.memory.base().as_ptr(), subject.memory.bytes() as usize);
    for offset in [bytes, bytes + 8, bytes + 4096] {
        subject.refused(NonNull::new(base.wrapping_add(offset)).unwrap(), BlockError::Foreign);
    }
    for offset in [8, 4096, 1 << 20] {
        subject.refused(NonNull::new(base.wrapping_sub(offset)).unwrap(), BlockError::Foreign);
    }
    subject.refused(NonNull::dangling(), BlockError::Foreign);
}

#[test]
fn a_pointer_into_a_block_is_named() {
    let mut subject = Subject::new(8);
    let block = subject.allocate(200, 8, 1);
    for fill in [0, 1, 8, 0x11, 0x7F, 0xFF, 0xCD] {
        (0..200).for_each(|index| subject.write(block.pointer, index, fill));
        for offset in [1, 2, 4, 8, 16, 24, 96, 100, 192] {
            let inside = NonNull::new(block.pointer.as_ptr().wrapping_add(offset)).unwrap();
            subject.refused(inside, BlockError::NotABlock);
        }
    }
    subject.fill(&block);
    subject.free(block);
}

/// Changes every bit of four bytes in turn; the heap must notice each time, and
/// be sound again when the bit is put back.
fn every_bit_counts(subject: &mut Subject, block: &Block, from: i64) {
    let before = subject.summary();
    for bit in 0..32 {
        let offset = from + bit / 8;
        let byte = subject.read(block.pointer, offset);
        subject.write(block.pointer, offset, byte ^ 1 << (bit % 8));
        assert!(subject.heap.check().is_err(), "the self-test misses bit {bit} at {from}");
        assert_eq!(subject.heap.free(block.pointer), Err(BlockError::Damaged), "bit {bit} at {from}");
        let answer = subject.heap.reallocate(block.pointer, layout(block.size + 100, 8));
        assert_eq!(answer, Err(ReallocError::Block(BlockError::Damaged)), "bit {bit} at {from}");
        subject.write(block.pointer, offset, byte);
        assert_eq!(subject.summary(), before);
    }
}

#[test]
fn an_underrun_is_found() {
    let mut subject = Subject::new(8);
    let blocks = [24, 100, 1000].map(|size| subject.allocate(size, 8, size));
    for block in &blocks {
        every_bit_counts(&mut subject, block, -4);
    }
    blocks.into_iter().for_each(|block| subject.free(block));
}

#[test]
fn zeros_over_the_end_of_the_memory_are_no_panic() {
    // For some sizes of the memory, a checksum of a few bits is right by chance.
    for pages in 1..=64 {
        let mut subject = Subject::new(pages);
        let mut blocks = Vec::new();
        while let Ok(block) = subject.try_allocate(1000, 8, 1) {
            blocks.push(block);
        }
        let end = subject.memory.bytes() as usize;
        // SAFETY: the memory has these bytes, and no block has the last four.
        unsafe { subject.memory.base().add(end - 4).cast::<u32>().write(0) };
        for block in blocks {
            let answer = subject.heap.free(block.pointer);
            assert!(matches!(answer, Ok(()) | Err(BlockError::Damaged)), "{answer:?} with {pages} pages");
        }
    }
}

#[test]
fn an_overrun_is_found() {
    let mut subject = Subject::new(8);
    let [first, second, third] = [24, 100, 1000].map(|size| subject.allocate(size, 8, size));
    let end = |subject: &Subject, block: &Block| i64::from(subject.heap.usable_size(block.pointer).unwrap());
    for block in [&first, &second, &third] {
        let end = end(&subject, block);
        every_bit_counts(&mut subject, block, end);
    }
    // Also with free memory behind the block.
    subject.free(second);
    for block in [&first, &third] {
        let end = end(&subject, block);
        every_bit_counts(&mut subject, block, end);
    }
    subject.free(first);
    subject.free(third);
}

#[test]
fn a_shorter_block_stays_where_it_is() {
    let mut subject = Subject::new(8);
    let mut block = subject.allocate(3000, 8, 1);
    subject.allocate(100, 8, 2);
    let (pointer, before) = (block.pointer, subject.summary());
    for size in [2900, 1500, 1499, 64, 8, 1, 0] {
        subject.reallocate(&mut block, size, 8).unwrap();
        assert_eq!(block.pointer, pointer, "{size} bytes");
        subject.summary();
    }
    assert!(subject.summary().free_bytes >= before.free_bytes + 2900, "what the block no longer needs is not free");
    subject.free(block);
}

#[test]
fn a_block_grows_in_place_where_the_memory_behind_it_is_free() {
    let mut subject = Subject::new(8);
    // In either order, one of the outer blocks is behind the middle one.
    let blocks = [1, 2, 3].map(|index| subject.allocate(400, 8, index));
    let guards = [4, 5].map(|index| subject.allocate(16, 8, index));
    let mut middle = blocks[1];
    let (before, behind) = if blocks[0].pointer < blocks[2].pointer { (0, 2) } else { (2, 0) };
    subject.free(blocks[behind]);
    let pointer = middle.pointer;
    for size in [401, 500, 780] {
        subject.reallocate(&mut middle, size, 8).unwrap();
        assert_eq!(middle.pointer, pointer, "{size} bytes");
        subject.summary();
    }
    subject.free(blocks[before]);
    subject.free(middle);
    guards.into_iter().for_each(|block| subject.free(block));
    assert_eq!(subject.summary().free_blocks, 1);
}

#[test]
fn the_last_block_grows_with_the_memory() {
    let mut subject = Subject::new(64);
    let mut block = subject.allocate(64, 8, 1);
    for size in (1..50).map(|step| step * 4000) {
        subject.reallocate(&mut block, size, 8).unwrap();
    }
    // It moves at most once, so there is never twice as much memory as it needs.
    assert!(subject.memory.most_bytes() < 49 * 4000 + 5 * 4096, "{} bytes", subject.memory.most_bytes());
    subject.free(block);
}

#[test]
fn a_block_that_has_to_move_takes_its_bytes_along() {
    let mut subject = Subject::new(64);
    let mut blocks: Vec<Block> = (0..20).map(|index| subject.allocate(index * 13, 8, index)).collect();
    for round in 1..30 {
        for block in &mut blocks {
            let size = (block.size * 3 + round) % 1800;
            subject.reallocate(block, size, 8).unwrap();
        }
        subject.summary();
    }
    blocks.into_iter().for_each(|block| subject.free(block));
    assert_eq!(subject.summary().free_blocks, 1);
}

#[test]
fn reallocating_may_ask_for_another_alignment() {
    let mut subject = Subject::new(64);
    let mut block = subject.allocate(100, 8, 1);
    for (size, align) in [(100, 4096), (50, 8), (50, 4096), (5000, 64), (10, 2048), (0, 1)] {
        subject.reallocate(&mut block, size, align).unwrap();
        subject.summary();
    }
    subject.free(block);
    assert_eq!(subject.summary().free_blocks, 1);
}

#[test]
fn a_heap_without_memory_is_an_error() {
    let mut memory = FakeHeapMemory::new(1);
    memory.refuse(true);
    // SAFETY: as in `Subject::new`.
    let answer = unsafe { crate::Heap::new(memory.base(), &mut memory) };
    assert_eq!(answer.err(), Some(AllocError::OutOfMemory));
}

#[test]
fn the_self_test_counts() {
    let mut subject = Subject::new(16);
    let blocks: Vec<Block> = (0..10).map(|index| subject.allocate(200, 8, index)).collect();
    assert_eq!(subject.summary().used_blocks, 10);
    for &block in blocks.iter().step_by(2) {
        subject.free(block);
    }
    let summary = subject.summary();
    assert_eq!(summary.used_blocks, 5);
    assert!(summary.free_blocks >= 4 && summary.free_bytes >= 1000 && summary.largest_free >= 200, "{summary:?}");
    assert!(summary.free_bytes < summary.bytes && summary.largest_free <= summary.free_bytes, "{summary:?}");
}
