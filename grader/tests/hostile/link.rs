//! labs/03-heap/src/blocks.rs 3:3 `#[link]`

#[link(name = "../../03-heap/compiled/libheap.a", modifiers = "+verbatim")]
unsafe extern "C" {
    fn the_reference_s();
}
