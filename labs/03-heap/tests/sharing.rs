//! The contract of [`SharedKernelHeap`], rule by rule.

mod common;

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use common::{Subject, pattern};
use heap::{Heap, SharedHeap};
use mm_api::{AllocError, BlockError, HEAP_ALIGN, HeapDamage, HeapSummary, KernelHeap, ReallocError, SharedKernelHeap};
use mm_host::{FakeHeapMemory, FakeInterrupts};

/// A heap that tests, at each call, whether interrupts are off.
struct Watched {
    heap: Heap<'static>,
    interrupts: FakeInterrupts,
}

impl Watched {
    fn heap(&self) -> &Heap<'static> {
        assert!(!self.interrupts.enabled(), "the heap is called while interrupts are on");
        &self.heap
    }

    fn heap_mut(&mut self) -> &mut Heap<'static> {
        self.heap();
        &mut self.heap
    }
}

impl KernelHeap for Watched {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.heap_mut().allocate(layout)
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.heap_mut().allocate_zeroed(layout)
    }

    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        self.heap_mut().allocate_array(count, size)
    }

    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        self.heap_mut().free(block)
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        self.heap_mut().reallocate(block, layout)
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        self.heap().usable_size(block)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        self.heap().check()
    }
}

/// A shared heap, the interrupts around it, and the memory under it.
struct Shared {
    heap: Rc<SharedHeap<Watched, FakeInterrupts>>,
    interrupts: FakeInterrupts,
    memory: FakeHeapMemory,
}

impl Shared {
    /// A heap whose memory has at most this many pages; interrupts are on.
    fn new(pages: u32) -> Self {
        let Subject { heap, memory } = Subject::new(pages);
        let interrupts = FakeInterrupts::new(true);
        let heap = Rc::new(SharedHeap::new(Watched { heap, interrupts: interrupts.clone() }, interrupts.clone()));
        Self { heap, interrupts, memory }
    }

    /// A block, which must exist, filled with the pattern of a stamp.
    fn filled(&self, block: *mut u8, bytes: u32, stamp: u32) -> *mut u8 {
        let start = NonNull::new(block).expect("there is memory");
        assert!(block.addr().is_multiple_of(HEAP_ALIGN as usize));
        assert!(self.memory.contains(start, bytes));
        for index in 0..bytes {
            // SAFETY: the block is in the heap's memory, and nobody else uses it.
            unsafe { block.add(index as usize).write(pattern(stamp, index)) };
        }
        block
    }

    /// Fails unless the bytes at `block` are those of the stamp.
    fn verify(&self, block: *mut u8, bytes: u32, stamp: u32) {
        assert!(NonNull::new(block).is_some_and(|block| self.memory.contains(block, bytes)));
        for index in 0..bytes {
            // SAFETY: the block is in the heap's memory.
            assert_eq!(unsafe { block.add(index as usize).read() }, pattern(stamp, index), "byte {index}");
        }
    }

    /// Fails unless the bytes at `block` are zero.
    fn verify_zero(&self, block: *mut u8, bytes: u32) {
        assert!(NonNull::new(block).is_some_and(|block| self.memory.contains(block, bytes)));
        // SAFETY: the block is in the heap's memory.
        assert!((0..bytes).all(|index| unsafe { block.add(index as usize).read() } == 0));
    }

    fn summary(&self) -> HeapSummary {
        self.heap.heap_self_test().unwrap()
    }
}

/// Calls every method that calls the heap.
fn call_all<I: mm_api::Interrupts>(heap: &SharedHeap<Watched, I>) {
    let (first, second) = (heap.kmalloc(40), heap.kzalloc(40));
    let (third, fourth) = (heap.malloc(40), heap.calloc(4, 10));
    let fifth = heap.realloc(first, 400).unwrap();
    assert!([second, third, fourth, fifth].iter().all(|block| !block.is_null()));
    assert_eq!(heap.kfree(second), Ok(()));
    assert_eq!(heap.free(third), Ok(()));
    assert_eq!(heap.kfree(fourth), Ok(()));
    assert_eq!(heap.free(fifth), Ok(()));
    heap.heap_self_test().unwrap();
    heap.with(|heap| heap.check()).unwrap();
}

#[test]
fn interrupts_are_off_while_the_heap_works_and_as_before_afterwards() {
    for enabled in [true, false] {
        let shared = Shared::new(16);
        shared.interrupts.set_enabled(enabled);
        call_all(&shared.heap);
        assert_eq!(shared.interrupts.enabled(), enabled);
        assert!(shared.interrupts.times_disabled() >= 11);
    }
}

#[test]
fn an_interrupt_just_before_and_just_after_finds_the_lock_open() {
    let shared = Shared::new(64);
    let heap = Rc::clone(&shared.heap);
    shared.interrupts.handle(move || call_all(&heap));
    call_all(&shared.heap);
    assert!(shared.interrupts.came() >= 22);
    assert_eq!(shared.summary().used_blocks, 0);
}

#[test]
fn what_the_work_answers_is_the_answer() {
    let shared = Shared::new(16);
    assert_eq!(shared.heap.with(|_| "something"), "something");
}

#[test]
fn a_call_from_the_middle_of_a_call_is_a_panic_and_does_not_wait() {
    let shared = Shared::new(16);
    let inner = catch_unwind(AssertUnwindSafe(|| shared.heap.with(|_| shared.heap.kmalloc(8))));
    let said = *inner.unwrap_err().downcast::<&'static str>().unwrap_or(Box::new("a text that was put together"));
    assert!(!said.contains("not yet implemented"), "{said}");
}

#[test]
fn every_name_hands_out_memory_of_its_own() {
    let shared = Shared::new(64);
    let heap = &shared.heap;
    for bytes in [0, 1, 8, 100, 5000] {
        let first = shared.filled(heap.kmalloc(bytes), bytes, 1);
        let second = shared.filled(heap.malloc(bytes), bytes, 2);
        shared.verify(first, bytes, 1);
        assert_eq!(heap.kfree(first), Ok(()));
        shared.verify(second, bytes, 2);
        assert_eq!(heap.free(second), Ok(()));
    }
    assert_eq!(shared.summary().used_blocks, 0);
}

#[test]
fn zeros_are_zero_where_something_was_before() {
    let shared = Shared::new(64);
    let heap = &shared.heap;
    let old = shared.filled(heap.kmalloc(3000), 3000, 7);
    assert_eq!(heap.kfree(old), Ok(()));
    let block = heap.kzalloc(3000);
    shared.verify_zero(block, 3000);
    shared.filled(block, 3000, 8);
    assert_eq!(heap.kfree(block), Ok(()));
    shared.verify_zero(heap.calloc(30, 100), 3000);
    assert!(!heap.calloc(0, 100).is_null());
}

#[test]
fn null_is_no_block() {
    let shared = Shared::new(16);
    let heap = &shared.heap;
    let before = shared.summary();
    assert_eq!(heap.kfree(ptr::null_mut()), Ok(()));
    assert_eq!(heap.free(ptr::null_mut()), Ok(()));
    assert_eq!(shared.summary(), before);
    let block = heap.realloc(ptr::null_mut(), 100).unwrap();
    shared.filled(block, 100, 1);
    assert_eq!(heap.free(block), Ok(()));
}

#[test]
fn what_there_is_no_memory_for_is_null() {
    let shared = Shared::new(16);
    let heap = &shared.heap;
    let block = shared.filled(heap.kmalloc(100), 100, 3);
    let before = shared.summary();
    for bytes in [1 << 16, 1 << 26, i32::MAX as u32, 1 << 31, u32::MAX] {
        assert!(heap.kmalloc(bytes).is_null() && heap.malloc(bytes).is_null(), "{bytes} bytes");
        assert!(heap.kzalloc(bytes).is_null() && heap.calloc(bytes, 1).is_null(), "{bytes} bytes");
        assert_eq!(heap.realloc(block, bytes), Ok(ptr::null_mut()), "{bytes} bytes");
        assert_eq!(heap.realloc(ptr::null_mut(), bytes), Ok(ptr::null_mut()), "{bytes} bytes");
    }
    for (count, size) in [(1 << 16, 1 << 16), (u32::MAX, 2), (2, 1 << 31), (0x0100_0001, 0x100)] {
        assert!(heap.calloc(count, size).is_null(), "{count} times {size}");
    }
    assert_eq!(shared.summary(), before);
    shared.verify(block, 100, 3);
}

#[test]
fn realloc_keeps_the_bytes_and_never_frees() {
    let shared = Shared::new(64);
    let heap = &shared.heap;
    let block = shared.filled(heap.malloc(100), 100, 5);
    let block = heap.realloc(block, 9000).unwrap();
    shared.verify(block, 100, 5);
    let block = heap.realloc(block, 10).unwrap();
    shared.verify(block, 10, 5);
    let block = heap.realloc(block, 0).unwrap();
    assert!(!block.is_null());
    assert_eq!(shared.summary().used_blocks, 1);
    assert_eq!(heap.free(block), Ok(()));
    assert_eq!(shared.summary().used_blocks, 0);
}

#[test]
fn what_is_no_block_is_named() {
    let shared = Shared::new(16);
    let heap = &shared.heap;
    let (block, other) = (heap.malloc(100), heap.malloc(100));
    assert_eq!(heap.free(block), Ok(()));
    let mut elsewhere = 0_u64;
    for (pointer, error) in [
        (block, BlockError::AlreadyFree),
        (other.wrapping_add(8), BlockError::NotABlock),
        ((&raw mut elsewhere).cast(), BlockError::Foreign),
    ] {
        assert_eq!(heap.kfree(pointer), Err(error));
        assert_eq!(heap.free(pointer), Err(error));
        assert_eq!(heap.realloc(pointer, 50), Err(error));
    }
    assert_eq!(heap.free(other), Ok(()));
}

#[test]
fn the_self_test_says_what_the_heap_says() {
    let shared = Shared::new(16);
    let block = shared.heap.kmalloc(100);
    assert_eq!(shared.heap.heap_self_test(), shared.heap.with(|heap| heap.check()));
    // SAFETY: the byte before the block is in the heap's memory, and nobody uses it now.
    unsafe { block.sub(1).write(block.sub(1).read() ^ 4) };
    let damage = shared.heap.heap_self_test();
    assert!(damage.is_err());
    assert_eq!(damage, shared.heap.with(|heap| heap.check()));
}
