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
