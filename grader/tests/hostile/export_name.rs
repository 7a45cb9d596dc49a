//! labs/02-vmm/src/page_tables.rs 9:7 `unsafe`
//!
//! A method's default body takes the place of the kernel's own function.
use mm_api::Machine;

pub struct Vmm<M: Machine>(M);

trait Replaces {
    #[unsafe(export_name = "memcpy")]
    fn copy(&self) {}
}
