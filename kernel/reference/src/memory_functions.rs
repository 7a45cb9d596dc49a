//! Lab 00, which provides functions and no component.

use lab_abi::memory::MemoryKind;
use mm_api::MemoryFunctions;

/// Provides the lab's functions.
pub struct Kind;

impl MemoryKind for Kind {
    const FUNCTIONS: MemoryFunctions = memory::FUNCTIONS;
}
