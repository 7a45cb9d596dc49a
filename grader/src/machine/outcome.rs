//! What became of a boot, and how its machine ended.

use super::walk::Snapshot;

/// How a machine came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The emulator exited with this status.
    Exited(i32),
    /// The watchdog fired: the check used up its budget of guest time.
    Watchdog,
    /// The processor met a fault while it handled a fault while it handled a fault.
    TripleFault,
    /// Something in the machine asked for a reset.
    Reset,
    /// Something in the machine switched it off.
    PoweredOff,
    /// It used far more processor time than its budget can explain.
    ProcessorTime,
    /// It used no processor time any more, and did not end.
    Idle,
    /// It printed more than can be meant.
    Output,
    /// The emulator itself was killed by this signal.
    Signal(i32),
}

/// What a stopped machine's processor looks like.
#[derive(Clone, Debug, Default)]
pub struct Processor {
    /// Registers by name, in the order in which the kernel names them.
    pub registers: Vec<(String, u32)>,
    /// Return addresses, innermost first; the first is where it stopped.
    pub backtrace: Vec<u32>,
}

/// More return addresses than this are not read.
const DEEPEST: usize = 64;

impl Processor {
    /// A stopped machine's processor: its registers, and the calls that led there. `read_pair`
    /// reads the two words of memory from an address on; the list ends where it cannot.
    pub fn new(registers: Vec<(String, u32)>, read_pair: impl FnMut(u32) -> Option<[u32; 2]>) -> Self {
        let mut processor = Self { registers, backtrace: Vec::new() };
        if let (Some(eip), Some(ebp)) = (processor.register("eip"), processor.register("ebp")) {
            processor.backtrace = backtrace(eip, ebp, read_pair);
        }
        processor
    }

    /// The value of one of the registers.
    pub fn register(&self, name: &str) -> Option<u32> {
        self.registers.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
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

/// What became of a boot.
#[derive(Debug)]
pub struct Outcome {
    /// What came over the serial port, at most [`MOST_OUTPUT`](super::limits::MOST_OUTPUT) bytes and a little.
    pub serial: Vec<u8>,
    /// How the machine ended.
    pub end: End,
    /// The processor as it was when the machine was stopped.
    pub processor: Option<Processor>,
    /// The page tables at each checkpoint.
    pub snapshots: Vec<Snapshot>,
    /// What the emulator itself complained about.
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
        Processor::new(registers, pair).backtrace
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
    fn without_its_registers_nothing_is_followed() {
        let processor = Processor::new(vec![("ebp".to_owned(), 0x100)], |_| Some([0x120, 2]));
        assert_eq!((processor.register("eip"), processor.register("ebp")), (None, Some(0x100)));
        assert!(processor.backtrace.is_empty());
    }
}
