//! What is managed.

use mm_api::FrameRange;

/// Frames that follow each other and are all managed: the number of the first,
/// and the number after the last one's.
pub type Extent = [u32; 2];

/// Whether all of `frames` are managed; there is at least one.
pub fn is_managed(extents: &[Extent], frames: FrameRange) -> bool {
    let next = extents.partition_point(|&[_, end]| end <= frames.start());
    extents.get(next).is_some_and(|&[first, end]| first <= frames.start() && frames.end() <= end)
}
