//! Checks of where a heap starts.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_HEAP_START, USER_STACK_GUARD};
use mm_api::{BreakError, VirtAddr};

use super::subject::new_heap;

/// The heap starts past the image, not below its place in the layout, and is empty.
pub fn heap_start(context: &mut Context) -> Outcome {
    let usual = USER_HEAP_START.as_u32();
    let any =
        [context.rng().below(usual), usual + context.rng().below(0xA000_0000), usual + context.rng().below(0x1_0000)];
    let any = any.map(|end| (end, end.max(usual).next_multiple_of(PAGE_SIZE)));
    let fixed = [
        (USER_CODE_START.as_u32() + 0x5123, usual),
        (0, usual),
        (usual - 1, usual),
        (usual, usual),
        (usual + 1, usual + 0x1000),
        (usual + 0xFFF, usual + 0x1000),
        (usual + 0x1000, usual + 0x1000),
        (usual + 0x1001, usual + 0x2000),
        (0xA123_4567, 0xA123_5000),
    ];
    for (image_end, start) in fixed.into_iter().chain(any) {
        let (image_end, start) = (VirtAddr::new(image_end), VirtAddr::new(start));
        let heap = new_heap(context, image_end, USER_STACK_GUARD)?;
        ensure!(
            heap.start() == start,
            expected: ("the heap of an image that ends at {image_end} to start at {start}"),
            saw: ("{}", heap.start())
        );
        ensure!(
            heap.current() == start,
            expected: ("a new heap to be empty, its break at its start, {start}"),
            saw: ("the break at {}", heap.current())
        );
    }
    Ok(())
}

/// A heap that would start past its limit is refused; one with room for 0 bytes is not.
pub fn heap_no_room(context: &mut Context) -> Outcome {
    let any = USER_HEAP_START.as_u32() + context.rng().below(0xA000) * PAGE_SIZE;
    let past = any + 1 + context.rng().below(0x1000_0000);
    for (image_end, limit) in [
        (past, any),
        (0xB000_0001, 0xB000_0000),
        (0xC000_0000, USER_STACK_GUARD.as_u32()),
        (0x0804_8000, 0x0FFF_F000),
        (0xFFFF_F001, 0xFFFF_F000),
        (0xFFFF_FFFF, USER_STACK_GUARD.as_u32()),
    ] {
        let (image_end, limit) = (VirtAddr::new(image_end), VirtAddr::new(limit));
        let answer = context.labs().process_heap(image_end, limit).map(|heap| heap.start());
        ensure!(
            answer == Err(BreakError::PastLimit),
            expected: ("the error PastLimit from new({image_end}, {limit})"),
            saw: ("{}", told(&answer))
        );
    }
    for (image_end, limit) in [(0xB000_0000, 0xB000_0000), (0xAFFF_F001, 0xB000_0000), (0xFFFF_F000, 0xFFFF_F000)] {
        let (image_end, limit) = (VirtAddr::new(image_end), VirtAddr::new(limit));
        let heap = new_heap(context, image_end, limit)?;
        ensure!(
            heap.start() == limit && heap.current() == limit,
            expected: ("an empty heap at its limit, {limit}, from new({image_end}, {limit})"),
            saw: ("a heap from {} to {}", heap.start(), heap.current())
        );
    }
    Ok(())
}
