//! Reads the arguments on a program's stack, word by word, as the program would:
//! through the processor, from the stack pointer on.

use core::fmt;

use crate::check::{Failed, Outcome};
use crate::{ensure, fail};
use mm_api::{Arguments, VirtAddr};

use super::subject::{END, REGION, Subject};

/// The most bytes of a string that a message shows.
const SHOWN: usize = 40;

/// Fails unless these arguments are found from `pointer` on.
pub fn ensure_frame(subject: &Subject<'_, '_>, pointer: VirtAddr, arguments: &Arguments<'_>) -> Outcome {
    let Arguments { argv, envp, auxv } = arguments;
    let words = (1 + argv.len() + 1 + envp.len() + 1 + 2 * (auxv.len() + 1)) as u32;
    let start = REGION.first().start().as_u32();
    ensure!(
        (start..=END - words * 4).contains(&pointer.as_u32()),
        expected: ("a stack pointer with {words} words between it and the end of the region, {}", VirtAddr::new(END)),
        saw: ("{pointer}")
    );
    let mut reader = Reader { subject, at: pointer.as_u32(), strings: pointer.as_u32() + words * 4 };
    reader.expect(argv.len() as u32, format_args!("the number of arguments"))?;
    reader.list("argv", argv)?;
    reader.list("envp", envp)?;
    for (index, entry) in auxv.iter().enumerate() {
        reader.expect(entry.kind, format_args!("the kind of entry {index} of the auxiliary vector"))?;
        reader.expect(entry.value, format_args!("the value of entry {index} of the auxiliary vector"))?;
    }
    reader.expect(0, format_args!("the kind of the auxiliary vector's last entry, AT_NULL"))?;
    reader.expect(0, format_args!("the value of the auxiliary vector's last entry"))
}

/// Reads one word after the other.
struct Reader<'a, 's, 'm> {
    subject: &'a Subject<'s, 'm>,
    /// Where the next word is.
    at: u32,
    /// The end of the vectors: the strings are from here on.
    strings: u32,
}

impl Reader<'_, '_, '_> {
    fn word(&mut self, what: fmt::Arguments<'_>) -> Result<u32, Failed> {
        let address = VirtAddr::new(self.at);
        match self.subject.ground.machine.read(address) {
            Ok(word) => {
                self.at += 4;
                Ok(word)
            }
            Err(_) => fail!(expected: ("{what} at {address}"), saw: ("a page fault: nothing is mapped there")),
        }
    }

    fn expect(&mut self, expected: u32, what: fmt::Arguments<'_>) -> Outcome {
        let address = VirtAddr::new(self.at);
        let saw = self.word(what)?;
        ensure!(saw == expected, expected: ("{what}, {expected:#x}, at {address}"), saw: ("{saw:#010x} there"));
        Ok(())
    }

    fn list(&mut self, name: &str, strings: &[&[u8]]) -> Outcome {
        for (index, string) in strings.iter().enumerate() {
            let place = VirtAddr::new(self.at);
            let address = self.word(format_args!("the address of {name}[{index}]"))?;
            self.ensure_string(format_args!("{name}[{index}], at {place},"), address, string)?;
        }
        self.expect(0, format_args!("the 0 after the {} addresses of {name}", strings.len()))
    }

    /// Fails unless `string` and a NUL are at `address`, where strings may lie.
    fn ensure_string(&self, what: fmt::Arguments<'_>, address: u32, string: &[u8]) -> Outcome {
        let last = END - 1 - string.len() as u32;
        ensure!(
            (self.strings..=last).contains(&address),
            expected: (
                "{what} to be the address of {} on the stack, above the vectors: from {} to {}",
                Text(string),
                VirtAddr::new(self.strings),
                VirtAddr::new(last)
            ),
            saw: ("{address:#010x}")
        );
        for (offset, expected) in (0..).zip(string.iter().copied().chain([0])) {
            let saw = self.byte(address + offset);
            if saw != Some(expected) {
                let mut found = [0; SHOWN];
                let count = self.copy_string(address, &mut found);
                fail!(
                    expected: ("{what} to be the address of {} with a NUL behind it", Text(string)),
                    saw: (
                        "{} where it points, at {}; byte {offset} is {}",
                        Text(&found[..count]),
                        VirtAddr::new(address),
                        Byte(saw)
                    )
                );
            }
        }
        Ok(())
    }

    /// The byte at an address; `None` if nothing is mapped there.
    fn byte(&self, address: u32) -> Option<u8> {
        let word = self.subject.ground.machine.read(VirtAddr::new(address & !3)).ok()?;
        Some(word.to_le_bytes()[(address & 3) as usize])
    }

    /// Copies the string at `address`, as far as there is room, and returns its length in
    /// bytes.
    fn copy_string(&self, address: u32, to: &mut [u8]) -> usize {
        let bytes = (address..END).map_while(|address| self.byte(address).filter(|byte| *byte != 0));
        let mut count = 0;
        for (place, byte) in to.iter_mut().zip(bytes) {
            *place = byte;
            count += 1;
        }
        count
    }
}

/// A string of a program in quotes, the first bytes of it.
pub struct Text<'a>(pub &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        let dots = if shown.len() < self.0.len() { "…" } else { "" };
        write!(f, "\"{}{dots}\"", shown.escape_ascii())
    }
}

/// A byte that was read, or that there is none.
struct Byte(Option<u8>);

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(0) => f.write_str("the NUL"),
            Some(byte) => write!(f, "{byte:#04x}"),
            None => f.write_str("not mapped"),
        }
    }
}
