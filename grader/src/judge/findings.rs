//! Findings: the reports of a check and of the kernel in one boot.

/// The findings of one boot, in the words of the check and of the kernel.
#[derive(Debug, Default)]
pub struct Findings {
    /// What the check expected, if it failed.
    pub expected: Option<String>,
    /// What it saw, if it failed.
    pub saw: Option<String>,
    /// What the machine lacks, if the check could not be made on it.
    pub lacks: Option<String>,
    /// Further circumstances that the check reported.
    pub context: Vec<String>,
    /// What the check measured: name, value, unit.
    pub measures: Vec<(String, u64, String)>,
    /// What the student's code logged, line by line.
    pub log: Vec<String>,
    /// How it crashed, if it did.
    pub crash: Option<Crash>,
}

/// A crash as the kernel reported it.
#[derive(Debug, Default)]
pub struct Crash {
    /// `panic`, `exception`, `stack-overflow`; or, seen by the emulator where the kernel
    /// cannot report it, `triple-fault` or `hang`.
    pub kind: String,
    /// Where and why it panicked.
    pub panic: Option<Panic>,
    /// Which exception it was.
    pub exception: Option<Exception>,
    /// The registers, by name, in the kernel's order.
    pub registers: Vec<(String, u32)>,
    /// Return addresses, innermost first; the first is the instruction that failed.
    pub backtrace: Vec<u32>,
}

/// Where and why the kernel panicked.
#[derive(Debug)]
pub struct Panic {
    /// The source file as the compiler names it, relative to the workspace.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The message; it may have several lines.
    pub message: String,
}

/// A processor exception.
#[derive(Debug)]
pub struct Exception {
    /// The vector, 0 to 31.
    pub vector: u8,
    /// The error code; 0 where the exception has none.
    pub error_code: u32,
    /// The name, such as `page fault`.
    pub name: String,
    /// The address that could not be reached, for a page fault.
    pub cr2: Option<u32>,
    /// What the page tables have for that address.
    pub walk: Option<PageWalk>,
}

/// The entries that the processor reads to translate an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageWalk {
    /// The register that names the page directory.
    pub cr3: u32,
    /// The directory's entry.
    pub directory_entry: u32,
    /// The table's entry; `None` if there is no table, or it cannot be read.
    pub table_entry: Option<u32>,
}
