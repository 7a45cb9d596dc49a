//! The managed frames, as a sorted list.

use mm_api::FrameRange;

/// Managed frames that follow each other: the first frame's number, and the number
/// after the last frame's.
pub type Extent = [u32; 2];

/// Whether all of `frames` are managed. The range is not empty.
pub fn is_managed(extents: &[Extent], frames: FrameRange) -> bool {
    let next = extents.partition_point(|&[_, end]| end <= frames.start());
    extents.get(next).is_some_and(|&[first, end]| first <= frames.start() && frames.end() <= end)
}
