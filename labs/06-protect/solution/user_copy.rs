//! The reference for copies between the kernel and a program.

use mm_api::layout::USER_SPACE_END;
use mm_api::{BadAddress, UserCopy, UserWindow, VirtAddr, pieces};

/// Copies from and to the program that runs.
pub struct Copies;

impl UserCopy for Copies {
    fn copy_in(window: &mut dyn UserWindow, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress> {
        ensure_user_half(address, bytes.len())?;
        through(window, bytes.len(), |window| {
            for piece in pieces(address, bytes.len()) {
                window.read(piece.address, &mut bytes[piece.in_range()])?;
            }
            Ok(())
        })
    }

    fn copy_out(window: &mut dyn UserWindow, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        ensure_user_half(address, bytes.len())?;
        through(window, bytes.len(), |window| {
            for piece in pieces(address, bytes.len()) {
                window.write(piece.address, &bytes[piece.in_range()])?;
            }
            Ok(())
        })
    }
}

/// Whether all of so many bytes are below the kernel half. In 64 bits the sum does not wrap.
fn ensure_user_half(address: VirtAddr, length: usize) -> Result<(), BadAddress> {
    let end = u64::from(address.as_u32()) + length as u64;
    if end <= u64::from(USER_SPACE_END.as_u32()) { Ok(()) } else { Err(BadAddress) }
}

/// Does some work with the window open, and closes it however the work ends.
fn through(
    window: &mut dyn UserWindow,
    length: usize,
    work: impl FnOnce(&mut dyn UserWindow) -> Result<(), BadAddress>,
) -> Result<(), BadAddress> {
    if length == 0 {
        return Ok(());
    }
    window.open();
    let result = work(window);
    window.close();
    result
}
