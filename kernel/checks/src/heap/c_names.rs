//! The check of the C functions' names.

use core::ptr::{self, NonNull};

use crate::arena::Arena;
use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::labs::{SharedHeap, Switch, boxed_heap};
use kernel_core::words::told;
use mm_api::{BlockError, HEAP_ALIGN, HeapSummary, KernelHeap};

use super::simulated::{Flag, Watched};
use super::subject::{Place, pattern};

/// The pages that the heap may have.
const PAGES: u32 = 160;

/// Interrupts that are off, without a handler.
static FLAG: Flag = Flag::new();

/// A shared heap, and the arena that it is in.
struct Names {
    heap: SharedHeap,
    arena: &'static Arena,
}

/// `kmalloc`, `kzalloc`, `kfree`, `malloc`, `calloc`, `realloc` and `free` do what a C
/// program expects of them, and refuse its mistakes with an error.
///
/// Catches a null pointer that is freed, a product that wraps, a `realloc` to 0 bytes that frees,
/// and errors that are not returned.
pub fn c_names(context: &mut Context) -> Outcome {
    let arena = context.arena(PAGES)?;
    let labs = context.labs();
    let heap = match arena.heap(labs) {
        Ok(heap) => heap,
        Err(error) => fail!(expected: ("a heap, over memory of up to {PAGES} pages"), saw: ("{error}")),
    };
    let heap = boxed_heap(Watched { heap, flag: &FLAG });
    let names = Names { heap: labs.shared_heap(heap, Switch(&FLAG)), arena };
    names.blocks()?;
    names.zeros()?;
    names.null()?;
    names.no_memory()?;
    names.reallocating()?;
    names.wrong_pointers()?;
    names.self_test()
}

impl Names {
    /// The block that `call` returned, filled with a pattern; fails if there is none.
    fn filled(&self, call: &str, block: *mut u8, bytes: u32, stamp: u32) -> Result<*mut u8, Failed> {
        let offset = self.offset(call, block, bytes)?;
        for index in 0..bytes {
            self.arena.write(offset + index, pattern(stamp, index));
        }
        Ok(block)
    }

    /// The offset of a block; fails if there is none.
    fn offset(&self, call: &str, block: *mut u8, bytes: u32) -> Result<u32, Failed> {
        let Some(start) = NonNull::new(block) else {
            fail!(expected: ("{call} to find a block of {bytes} bytes"), saw: ("null"));
        };
        let Some(offset) = self.arena.offset_of(start, bytes) else {
            fail!(expected: ("{call} to answer with {bytes} bytes of the heap's memory"), saw: ("{block:p}"));
        };
        ensure!(
            offset.is_multiple_of(HEAP_ALIGN),
            expected: ("{call} to answer with a block that is aligned to {HEAP_ALIGN}"),
            saw: ("{}", Place(offset))
        );
        Ok(offset)
    }

    /// Fails unless a block has the bytes of a pattern.
    fn verify(&self, block: *mut u8, bytes: u32, stamp: u32, when: &str) -> Outcome {
        let offset = self.offset(when, block, bytes)?;
        for index in 0..bytes {
            let (byte, expected) = (self.arena.read(offset + index), pattern(stamp, index));
            ensure!(
                byte == Some(expected),
                expected: ("byte {index} of {bytes} to be {expected:#04x}, as it was written, after {when}"),
                saw: ("{:#04x}", byte.unwrap_or_default())
            );
        }
        Ok(())
    }

    /// Fails unless a block is all zero.
    fn verify_zero(&self, call: &str, block: *mut u8, bytes: u32) -> Outcome {
        let offset = self.offset(call, block, bytes)?;
        for index in 0..bytes {
            let byte = self.arena.read(offset + index).unwrap_or_default();
            ensure!(byte == 0, expected: ("zeros from {call}"), saw: ("{byte:#04x} in byte {index}"));
        }
        Ok(())
    }

    /// Frees a block, which has to succeed.
    fn free(&self, block: *mut u8) -> Outcome {
        let answer = self.heap.free(block);
        ensure!(answer == Ok(()), expected: ("free() to take back a block"), saw: ("{}", told(&answer)));
        Ok(())
    }

    /// What the self-test counts in a sound heap.
    fn summary(&self, when: &str) -> Result<HeapSummary, Failed> {
        match self.heap.with_heap(|heap| heap.check()) {
            Ok(summary) => Ok(summary),
            Err(damage) => fail!(expected: ("a sound heap, {when}"), saw: ("{damage}")),
        }
    }

    /// Fails unless this many blocks are in use.
    fn ensure_used(&self, blocks: u32, when: &str) -> Outcome {
        let used = self.summary(when)?.used_blocks;
        ensure!(used == blocks, expected: ("{blocks} blocks in use, {when}"), saw: ("{used}"));
        Ok(())
    }

    /// Blocks of all sizes, from `kmalloc` and from `malloc`.
    fn blocks(&self) -> Outcome {
        // The last one is more than 16 bits count.
        for bytes in [0, 1, 8, 100, 5000, 70_000] {
            let first = self.filled("kmalloc()", self.heap.kmalloc(bytes), bytes, 1)?;
            let second = self.filled("malloc()", self.heap.malloc(bytes), bytes, 2)?;
            self.ensure_used(2, "after kmalloc() and malloc()")?;
            self.verify(first, bytes, 1, "malloc() of another block")?;
            let answer = self.heap.kfree(first);
            ensure!(answer == Ok(()), expected: ("kfree() to take back a block of {bytes} bytes"), saw: ("{}", told(&answer)));
            self.ensure_used(1, "after one of two blocks was freed")?;
            self.verify(second, bytes, 2, "kfree() of another block")?;
            self.free(second)?;
            self.ensure_used(0, "after everything was freed")?;
        }
        Ok(())
    }

    /// Zeros, in memory that had other contents.
    fn zeros(&self) -> Outcome {
        for bytes in [0, 1, 24, 3000, 70_000] {
            self.free(self.filled("malloc()", self.heap.malloc(bytes), bytes, 3)?)?;
            let block = self.heap.kzalloc(bytes);
            self.verify_zero("kzalloc()", block, bytes)?;
            self.free(self.filled("kzalloc()", block, bytes, 4)?)?;
            let block = self.heap.calloc(bytes, 3);
            self.verify_zero("calloc()", block, bytes * 3)?;
            self.free(self.filled("calloc()", block, bytes * 3, 5)?)?;
        }
        for (count, size) in [(0, 8), (8, 0)] {
            let block = self.filled("calloc()", self.heap.calloc(count, size), 0, 0)?;
            self.free(block)?;
        }
        self.ensure_used(0, "after everything was freed")
    }

    /// Null, which is no block.
    fn null(&self) -> Outcome {
        let before = self.summary("before null was freed")?;
        let (first, second) = (self.heap.kfree(ptr::null_mut()), self.heap.free(ptr::null_mut()));
        ensure!(
            (first, second) == (Ok(()), Ok(())),
            expected: ("success from kfree(null) and from free(null)"),
            saw: ("{first} and {second}", first = told(&first), second = told(&second))
        );
        let after = self.summary("after null was freed")?;
        ensure!(after == before, expected: ("{before}, after null was freed", before = told(&before)), saw: ("{}", told(&after)));
        for bytes in [100, 0] {
            match self.heap.realloc(ptr::null_mut(), bytes) {
                Ok(block) => self.free(self.filled("realloc(null, …)", block, bytes, 6)?)?,
                Err(error) => {
                    fail!(expected: ("realloc(null, {bytes}) to make a new block"), saw: ("{}", told(&error)))
                }
            }
        }
        Ok(())
    }

    /// Requests that there is no memory for.
    fn no_memory(&self) -> Outcome {
        let block = self.filled("malloc()", self.heap.malloc(100), 100, 7)?;
        let before = self.summary("before requests were refused")?;
        // If they were cut to 16, 20, 24 or 31 bits, there would be memory for them.
        for bytes in [0xF_0010, 0x10_0010, 0x100_0010, 1 << 26, i32::MAX as u32, 1 << 31, u32::MAX] {
            for (name, answer) in [
                ("kmalloc", self.heap.kmalloc(bytes)),
                ("kzalloc", self.heap.kzalloc(bytes)),
                ("malloc", self.heap.malloc(bytes)),
            ] {
                ensure!(answer.is_null(), expected: ("null from {name}({bytes:#x})"), saw: ("{answer:p}"));
            }
            for (what, block) in [("a block", block), ("null", ptr::null_mut())] {
                let answer = self.heap.realloc(block, bytes);
                ensure!(
                    answer == Ok(ptr::null_mut()),
                    expected: ("a null pointer from realloc({what}, {bytes:#x})"),
                    saw: ("{}", told(&answer))
                );
            }
        }
        for (count, size) in [(1, 1 << 31), (1 << 16, 1 << 16), (u32::MAX, 2), (0x0100_0001, 0x100), (3, 0x5555_5556)] {
            let answer = self.heap.calloc(count, size);
            ensure!(answer.is_null(), expected: ("null from calloc({count:#x}, {size:#x})"), saw: ("{answer:p}"));
        }
        let after = self.summary("after requests were refused")?;
        ensure!(after == before, expected: ("{before}, after requests were refused", before = told(&before)), saw: ("{}", told(&after)));
        self.verify(block, 100, 7, "requests that were refused")?;
        self.free(block)
    }

    /// A block becomes larger, then smaller, then empty.
    fn reallocating(&self) -> Outcome {
        let mut block = self.filled("malloc()", self.heap.malloc(100), 100, 8)?;
        for (bytes, kept) in [(9000, 100), (300, 100), (10, 10), (0, 0)] {
            block = match self.heap.realloc(block, bytes) {
                Ok(block) => block,
                Err(error) => fail!(expected: ("realloc() to {bytes} bytes"), saw: ("{}", told(&error))),
            };
            self.verify(block, kept, 8, "realloc()")?;
            self.ensure_used(1, "after realloc()")?;
        }
        self.free(block)?;
        self.ensure_used(0, "after everything was freed")
    }

    /// Pointers that are not blocks.
    fn wrong_pointers(&self) -> Outcome {
        let freed = self.heap.malloc(100);
        let other = self.filled("malloc()", self.heap.malloc(100), 100, 9)?;
        self.free(freed)?;
        let mut elsewhere = 0_u64;
        for (pointer, error, what) in [
            (freed, BlockError::AlreadyFree, "a block that was freed before"),
            (other.wrapping_add(8), BlockError::NotABlock, "a pointer into a block"),
            ((&raw mut elsewhere).cast(), BlockError::Foreign, "a pointer to something else"),
        ] {
            let (first, second) = (self.heap.kfree(pointer), self.heap.free(pointer));
            ensure!(
                (first, second) == (Err(error), Err(error)),
                expected: ("{error} from kfree() and free() of {what}", error = told(&error)),
                saw: ("{first} and {second}", first = told(&first), second = told(&second))
            );
            for bytes in [50, 0, 1 << 31, u32::MAX] {
                let answer = self.heap.realloc(pointer, bytes);
                ensure!(
                    answer == Err(error),
                    expected: ("{error} from realloc() of {what} to {bytes} bytes", error = told(&error)),
                    saw: ("{}", told(&answer))
                );
            }
        }
        self.verify(other, 100, 9, "wrong pointers were refused")?;
        self.free(other)
    }

    /// The self-test, of a sound heap and of one that is not.
    fn self_test(&self) -> Outcome {
        let block = self.filled("malloc()", self.heap.malloc(100), 100, 10)?;
        let before = self.arena.offset_of(NonNull::new(block).unwrap_or(NonNull::dangling()), 0).unwrap_or(1) - 1;
        for changed in [0, 4] {
            let byte = self.arena.read(before).unwrap_or_default();
            self.arena.write(before, byte ^ changed);
            let (expected, saw) = (self.heap.with_heap(|heap| heap.check()), self.heap.heap_self_test());
            self.arena.write(before, byte);
            ensure!(
                saw == expected,
                expected: ("{expected} from heap_self_test(), which is what check() says", expected = told(&expected)),
                saw: ("{}", told(&saw))
            );
        }
        self.free(block)
    }
}
