//! The outcome of a boot, and how its machine ended.

use super::walk::Snapshot;

/// How a machine came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The emulator exited with this status.
    Exited(i32),
    /// The watchdog fired: the check used up its budget of guest time.
    Watchdog,
    /// The machine loops for ever, which was proved: it is in the same state after every so many instructions.
    Endless(usize),
    /// The processor met a fault while it handled a fault while it handled a fault.
    TripleFault,
    /// Something in the machine asked for a reset.
    Reset,
    /// Something in the machine switched it off.
    PoweredOff,
    /// The machine used far more processor time than its budget can explain.
    ProcessorTime,
    /// The machine used no processor time any more, and did not end.
    Idle,
    /// The machine printed more than it may.
    Output,
    /// The emulator itself was killed by this signal.
    Signal(i32),
}

/// The state of a stopped machine's processor.
#[derive(Clone, Debug, Default)]
pub struct Processor {
    /// Registers by name, in the order in which the kernel names them.
    pub registers: Vec<(String, u32)>,
    /// Return addresses, innermost first. The first is the address at which the processor stopped.
    pub backtrace: Vec<u32>,
    /// What the check was about to do, in its own words, line by line.
    pub circumstances: Vec<String>,
}

/// At most so many return addresses are read.
const DEEPEST: usize = 64;

/// At most so many bytes of a text are read: the kernel keeps no more.
const LONGEST_TEXT: usize = 2 << 10;

impl Processor {
    /// A stopped machine's processor: its registers, and the calls that led there. `read_pair`
    /// reads the two words of memory from an address on; the list ends where it cannot.
    ///
    /// `said` is the serial port's output so far. In it the kernel tells the address of the text about
    /// what the check is about to do.
    pub fn new(registers: Vec<(String, u32)>, said: &[u8], mut read_pair: impl FnMut(u32) -> Option<[u32; 2]>) -> Self {
        let mut processor = Self { registers, ..Self::default() };
        if let (Some(eip), Some(ebp)) = (processor.register("eip"), processor.register("ebp")) {
            processor.backtrace = backtrace(eip, ebp, &mut read_pair);
        }
        if let Some(address) = told_at(said) {
            processor.circumstances = text(address, read_pair).lines().map(str::to_owned).collect();
        }
        processor
    }

    /// The value of one of the registers.
    pub fn register(&self, name: &str) -> Option<u32> {
        self.registers.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// The address of the kernel's text about what a check is about to do: a word of the line `begin`.
fn told_at(said: &[u8]) -> Option<u32> {
    let said = String::from_utf8_lossy(said);
    let begin = said.lines().find(|line| line.starts_with("# folio:") && line.contains(" begin "))?;
    let (_, address) = begin.split_once(" circumstances=0x")?;
    u32::from_str_radix(address.split(' ').next()?.trim_end(), 16).ok()
}

/// The text from an address on, up to a zero.
fn text(address: u32, mut read_pair: impl FnMut(u32) -> Option<[u32; 2]>) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_TEXT {
        let at = u32::try_from(bytes.len()).ok().and_then(|read| address.checked_add(read));
        let Some(pair) = at.and_then(&mut read_pair) else { break };
        let eight = pair.map(u32::to_le_bytes).concat();
        let end = eight.iter().position(|byte| *byte == 0);
        bytes.extend_from_slice(&eight[..end.unwrap_or(eight.len())]);
        if end.is_some() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Follows the frames of the calls, innermost first.
fn backtrace(eip: u32, mut ebp: u32, mut read_pair: impl FnMut(u32) -> Option<[u32; 2]>) -> Vec<u32> {
    let mut addresses = vec![eip];
    while addresses.len() < DEEPEST && ebp != 0 && ebp.is_multiple_of(4) {
        // Each frame: the caller's EBP, then the return address.
        let Some([next, address]) = read_pair(ebp).filter(|[_, address]| *address != 0) else { break };
        addresses.push(address);
        // The stack grows downwards, so callers are further up.
        if next <= ebp {
            break;
        }
        ebp = next;
    }
    addresses
}

/// The state of a machine at the end of a check, before it was told the text that its result has to carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conclusion {
    /// The byte by which the kernel tells how the check ended.
    pub says: u8,
    /// The result of the inspection. The machine was told the text only if this is [`Found::Sound`].
    pub found: Found,
}

/// The result of inspecting a machine at the end of a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// All is as it should be.
    Sound,
    /// Something is wrong: this says what.
    Flaw(String),
    /// The machine could not be inspected, for this reason, which is not the check's fault.
    Nothing(String),
}

/// The outcome of a boot.
#[derive(Debug)]
pub struct Outcome {
    /// The serial port's output, at most [`MOST_OUTPUT`](super::limits::MOST_OUTPUT) bytes and a little.
    pub serial: Vec<u8>,
    /// How the machine ended.
    pub end: End,
    /// The processor as it was when the machine was stopped.
    pub processor: Option<Processor>,
    /// The page tables at each checkpoint.
    pub snapshots: Vec<Snapshot>,
    /// The machine at the check's end, if the check reached it and the emulator [asks](super::Emulator::asks).
    pub conclusion: Option<Conclusion>,
    /// The emulator's own complaints.
    pub complaints: String,
    /// The emulator's command line, for a person to repeat.
    pub command: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backtrace_of(memory: &[(u32, [u32; 2])]) -> Vec<u32> {
        let registers = vec![("eip".to_owned(), 1), ("ebp".to_owned(), 0x100)];
        let pair = |address: u32| memory.iter().find(|(at, _)| *at == address).map(|(_, pair)| *pair);
        Processor::new(registers, b"", pair).backtrace
    }

    #[test]
    fn calls_are_followed_upwards_as_far_as_there_are_any() {
        assert_eq!(backtrace_of(&[(0x100, [0x120, 2]), (0x120, [0x140, 3])]), [1, 2, 3]);
        assert_eq!(backtrace_of(&[(0x100, [0x120, 2]), (0x120, [0x140, 0])]), [1, 2]);
        assert_eq!(backtrace_of(&[(0x100, [0x122, 2]), (0x122, [0x140, 3])]), [1, 2]);
        // A frame that names itself or one below is the last.
        assert_eq!(backtrace_of(&[(0x100, [0x120, 2]), (0x120, [0x120, 3])]), [1, 2, 3]);
        assert_eq!(backtrace_of(&[(0x100, [0x120, 2]), (0x120, [0x100, 3])]), [1, 2, 3]);
        let endless: Vec<_> = (0..100).map(|n| (0x100 + 8 * n, [0x108 + 8 * n, 2])).collect();
        assert_eq!(backtrace_of(&endless).len(), DEEPEST);
    }

    #[test]
    fn what_a_check_was_about_to_do_is_read_from_memory() {
        let said = b"KTAP version 1\n# folio:0123 begin x seed=1 memory_kib=9 circumstances=0x00001000\r\n# log: y\n";
        let memory = "a memory map with holes\nstep 3: free(7)\n\0junk junk".as_bytes();
        let pair = |address: u32| {
            let at = address.checked_sub(0x1000)? as usize;
            let word = |at: usize| Some(u32::from_le_bytes(memory.get(at..at + 4)?.try_into().ok()?));
            Some([word(at)?, word(at + 4)?])
        };
        let told = |said: &[u8]| Processor::new(Vec::new(), said, pair).circumstances;
        assert_eq!(told(said), ["a memory map with holes", "step 3: free(7)"]);
        assert!(told(b"# folio:0123 begin x seed=1\n").is_empty());
        // Where there is no memory, there is no text.
        assert!(told(b"# folio:0123 begin x circumstances=0x00000010\n").is_empty());
    }

    #[test]
    fn without_its_registers_nothing_is_followed() {
        let processor = Processor::new(vec![("ebp".to_owned(), 0x100)], b"", |_| Some([0x120, 2]));
        assert_eq!((processor.register("eip"), processor.register("ebp")), (None, Some(0x100)));
        assert!(processor.backtrace.is_empty());
    }
}
