//! Other copies: in small steps, with the window open for one step at a time.

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{BadAddress, UserCopy, UserWindow, VirtAddr};

/// Bytes per step. A page is a multiple of it.
const STEP: u32 = 64;
const _: () = assert!(PAGE_SIZE.is_multiple_of(STEP));

/// Copies from and to the program that runs.
pub struct Copies;

impl UserCopy for Copies {
    fn copy_in(window: &mut dyn UserWindow, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress> {
        let mut next = checked(address, bytes.len())?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (step, others) = rest.split_at_mut(step(next, rest.len()));
            window.open();
            let answer = window.read(VirtAddr::new(next), step);
            window.close();
            answer?;
            next += step.len() as u32;
            rest = others;
        }
        Ok(())
    }

    fn copy_out(window: &mut dyn UserWindow, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        let mut next = checked(address, bytes.len())?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (step, others) = rest.split_at(step(next, rest.len()));
            window.open();
            let answer = window.write(VirtAddr::new(next), step);
            window.close();
            answer?;
            next += step.len() as u32;
            rest = others;
        }
        Ok(())
    }
}

/// The address, if all of this many bytes from it on are below the kernel half.
fn checked(address: VirtAddr, length: usize) -> Result<u32, BadAddress> {
    let room = USER_SPACE_END.as_u32().checked_sub(address.as_u32()).ok_or(BadAddress)?;
    if length <= room as usize { Ok(address.as_u32()) } else { Err(BadAddress) }
}

/// How many bytes the next step has: up to a multiple of [`STEP`].
fn step(address: u32, left: usize) -> usize {
    left.min((STEP - address % STEP) as usize)
}
