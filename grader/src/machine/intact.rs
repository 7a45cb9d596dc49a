//! Comparing a machine at the end of a check with the kernel's image: where its processor
//! stands, the call that led there, and the bytes of code and constants.

use std::fs;
use std::path::Path;

use object::{Object, ObjectSegment, ObjectSymbol, SegmentFlags, elf};

/// The function that stops the machine.
const STOPS: &str = "stop_at_conclusion";

/// The symbol at which the processor stands then.
const STOPPED: &str = "stopped_at_conclusion";

/// The end of the low half, which has only code that runs before paging is on.
const KERNEL_BASE: u32 = 0xC000_0000;

/// The length of the instruction that calls a function whose address is known, in bytes.
const CALL_LENGTH: u32 = 5;

/// The first byte of that instruction; the distance follows.
const CALL: u8 = 0xE8;

/// The parts of a kernel's memory that never change, and the place where a check concludes.
#[derive(Debug)]
pub struct Intact {
    /// Addresses and bytes, in order.
    pieces: Vec<(u32, Vec<u8>)>,
    stops: u32,
    stopped: u32,
}

/// Where a processor stands, and the call that led there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// EIP.
    pub at: u32,
    /// The return address of the present function.
    pub returns_to: u32,
}

impl Intact {
    /// Reads a kernel's image; `None` if the file is not one.
    pub fn of(image: &Path) -> Option<Self> {
        let bytes = fs::read(image).ok()?;
        let file = object::File::parse(bytes.as_slice()).ok()?;
        let address_of = |name: &str| {
            let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name))?;
            u32::try_from(symbol.address()).ok()
        };
        let mut pieces = Vec::new();
        for segment in file.segments() {
            let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { continue };
            let start = u32::try_from(segment.address()).ok()?;
            if !p_flags.contains(elf::PF_W) && start >= KERNEL_BASE {
                pieces.push((start, segment.data().ok()?.to_vec()));
            }
        }
        pieces.sort();
        Some(Self { pieces, stops: address_of(STOPS)?, stopped: address_of(STOPPED)? })
    }

    /// The first address of all pieces, and how many bytes there are up to the end of the last.
    pub fn span(&self) -> Option<(u32, u32)> {
        let (start, (last, bytes)) = (self.pieces.first()?.0, self.pieces.last()?);
        Some((start, last - start + u32::try_from(bytes.len()).ok()?))
    }

    /// What differs from the image, in the bytes of the [`span`](Self::span) or in the place where
    /// the processor stands; `None` if nothing does.
    pub fn flaw(&self, memory: &[u8], standing: Standing) -> Option<String> {
        let (start, _) = self.span()?;
        for (address, bytes) in &self.pieces {
            let at = (address - start) as usize;
            let Some(found) = memory.get(at..at + bytes.len()) else {
                return Some("the kernel's code could not be read from outside".to_owned());
            };
            if found != bytes
                && let Some(differs) = found.iter().zip(bytes).position(|(found, built)| found != built)
            {
                return Some(format!(
                    "the kernel's code or constants were changed at {:#010x}",
                    address + differs as u32
                ));
            }
        }
        if standing.at != self.stopped {
            return Some(format!("the processor stands at {:#010x}, where no check ends", standing.at));
        }
        if !self.is_call(standing.returns_to) {
            let caller = standing.returns_to;
            return Some(format!("the check's end was not called by the kernel: it would return to {caller:#010x}"));
        }
        None
    }

    /// Whether the instruction before this address calls the function that stops the machine.
    fn is_call(&self, returns_to: u32) -> bool {
        let call = returns_to.wrapping_sub(CALL_LENGTH);
        let piece = self.pieces.iter().find_map(|(start, bytes)| bytes.get(call.checked_sub(*start)? as usize..));
        let Some([CALL, a, b, c, d, ..]) = piece else { return false };
        returns_to.wrapping_add(u32::from_le_bytes([*a, *b, *c, *d])) == self.stops
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code at 0xC010_0000 that calls 0xC010_0008, and constants behind a gap.
    fn intact() -> Intact {
        let code = vec![0xE8, 3, 0, 0, 0, 0x90, 0x90, 0x90, 0x55, 0x5D, 0xC3];
        Intact {
            pieces: vec![(0xC010_0000, code), (0xC010_0010, vec![7, 8])],
            stops: 0xC010_0008,
            stopped: 0xC010_0009,
        }
    }

    fn memory() -> Vec<u8> {
        [&intact().pieces[0].1[..], &[0xAA; 5], &[7, 8]].concat()
    }

    const RIGHT: Standing = Standing { at: 0xC010_0009, returns_to: 0xC010_0005 };

    #[test]
    fn a_machine_as_it_was_built_has_no_flaw() {
        assert_eq!(intact().span(), Some((0xC010_0000, 18)));
        assert_eq!(intact().flaw(&memory(), RIGHT), None);
    }

    #[test]
    fn every_changed_byte_is_found() {
        for at in (0..11).chain(16..18) {
            let mut memory = memory();
            memory[at] ^= 0x10;
            let flaw = intact().flaw(&memory, RIGHT).expect("it was changed");
            assert!(flaw.ends_with(&format!("{:#010x}", 0xC010_0000 + at)), "{at}: {flaw}");
        }
        assert!(intact().flaw(&memory()[..17], RIGHT).is_some());
    }

    #[test]
    fn another_place_and_another_caller_are_flaws() {
        for standing in [
            Standing { at: 0xC010_0008, ..RIGHT },
            Standing { at: 0x0500_0000, ..RIGHT },
            Standing { returns_to: 0xC010_0008, ..RIGHT },
            Standing { returns_to: 0, ..RIGHT },
            Standing { returns_to: 0xC010_0012, ..RIGHT },
        ] {
            assert!(intact().flaw(&memory(), standing).is_some(), "{standing:x?}");
        }
    }

    #[test]
    fn what_is_no_image_says_nothing() {
        assert!(Intact::of(Path::new("/nonexistent")).is_none());
        assert!(Intact::of(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml").as_path()).is_none());
    }
}
