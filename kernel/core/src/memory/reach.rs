//! Access to the contents of frames.

use core::ptr;
use core::slice;

use mm_api::{Frame, FrameRange, PhysAddr};

use super::direct;
use crate::arch::paging::TemporaryMapping;
use crate::arch::probe;

/// 32-bit words in a frame.
const WORDS: usize = 1024;

/// Calls `work` with the words of a frame, which the direct map or a temporary mapping shows.
///
/// # Panics
/// If 1024 frames are mapped temporarily already.
///
/// # Safety
/// The frame must be memory, and nothing else may use it meanwhile.
#[inline]
pub unsafe fn with_frame<R>(frame: Frame, work: impl FnOnce(&mut [u32; WORDS]) -> R) -> R {
    let mapping;
    let page = match direct(frame.start()) {
        Some(page) => page,
        None => {
            mapping = TemporaryMapping::new(frame).expect("more than 1024 frames mapped at the same time");
            mapping.page()
        }
    };
    let words: *mut [u32; WORDS] = ptr::with_exposed_provenance_mut(page.as_u32() as usize);
    // SAFETY: the page is mapped to the frame, until `mapping` is dropped; the
    // frame is the caller's.
    work(unsafe { &mut *words })
}

/// Reads a word at any physical address, such as one of a table that a faulty entry names. `None`
/// if it cannot be read.
pub(crate) fn peek(address: PhysAddr) -> Option<u32> {
    let mapping;
    let page = match direct(address) {
        Some(address) => address,
        None => {
            mapping = TemporaryMapping::new(Frame::containing(address))?;
            mapping.page().checked_add(address.page_offset())?
        }
    };
    probe::read(page).ok()
}

/// The words of consecutive frames, for ever.
///
/// # Safety
/// The frames must be memory in the direct map that nothing else ever uses.
pub(crate) unsafe fn claim(frames: FrameRange) -> &'static mut [u32] {
    let Some(start) = Frame::new(frames.start()).and_then(|frame| direct(frame.start())) else {
        return &mut [];
    };
    let words = ptr::with_exposed_provenance_mut(start.as_u32() as usize);
    // SAFETY: the frames are mapped one after the other, and are the caller's.
    unsafe { slice::from_raw_parts_mut(words, frames.len() as usize * WORDS) }
}
