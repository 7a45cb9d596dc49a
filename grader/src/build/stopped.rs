//! Compilers that were stopped by a limit, or that crashed.

use crate::host::exit::SIGNAL_PROCESSOR_TIME;
use crate::host::launcher::Limits;

/// SIGABRT: Rust and LLVM end with it when the memory runs out. The number is the same on Linux and macOS.
const SIGNAL_ABORT: i32 = 6;

/// SIGKILL: sent after the limit of processor time, and by Linux when the memory runs out.
const SIGNAL_KILL: i32 = 9;

/// SIGXFSZ: a file is too large. The number is the same on Linux and macOS.
const SIGNAL_FILE_SIZE: i32 = 25;

/// A package whose compiler was stopped by a limit, or crashed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// The package's name.
    pub package: String,
    /// Why the compiler ended.
    pub reason: Reason,
}

/// Why a compiler or linker was stopped, or that it crashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It used all of its processor time.
    ProcessorTime,
    /// It used all of its memory.
    Memory,
    /// It wrote a file that was too large.
    FileSize,
    /// It crashed with this signal.
    Crash(i32),
}

impl Reason {
    /// The reason that a text gives for the end of a compiler, if it names a signal.
    pub fn in_text(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once("signal: ")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let says = |word: &str| text.to_lowercase().contains(word);
        Some(match rest[..digits].parse().ok()? {
            SIGNAL_PROCESSOR_TIME => Self::ProcessorTime,
            SIGNAL_FILE_SIZE => Self::FileSize,
            SIGNAL_KILL => Self::Memory,
            SIGNAL_ABORT if says("memory allocation of") || says("out of memory") || says("bad_alloc") => Self::Memory,
            signal => Self::Crash(signal),
        })
    }

    /// A sentence that says which of these limits was reached, and what to look at.
    pub fn sentence(self, limits: Limits) -> String {
        let (seconds, gib, mib) =
            (limits.processor, limits.memory.map(|bytes| bytes >> 30), limits.file.map(|bytes| bytes >> 20));
        let [seconds, gib, mib] = [seconds, gib, mib].map(Option::unwrap_or_default);
        match self {
            Self::ProcessorTime => format!(
                "compiling it was stopped after {seconds} seconds of processor time: look for a constant \
                 that is never done, a macro that calls itself, or a type that grows"
            ),
            Self::Memory => format!(
                "compiling it was stopped, since the compiler asked for more than {gib} GiB of memory: look \
                 for a macro that grows, or for a very large constant"
            ),
            Self::FileSize => format!(
                "compiling it was stopped, since what it makes is larger than {mib} MiB: look for a very large \
                 constant or `static`"
            ),
            Self::Crash(signal) => format!(
                "the compiler crashed on it, with signal {signal}: look for expressions or types that are nested \
                 deeply, and take the last change back"
            ),
        }
    }
}

/// The packages whose compiler was stopped or crashed, according to cargo's output.
pub fn all(output: &str) -> Vec<Stopped> {
    const FAILED: &str = "error: could not compile `";
    let mut parts = output.split(FAILED);
    // Rust prints a line of its own, before cargo's, if it ran out of memory.
    let mut before = parts.next().unwrap_or_default();
    let mut stopped = Vec::new();
    for part in parts {
        let Some((package, rest)) = part.split_once('`') else { continue };
        if rest.contains("process didn't exit successfully") {
            let reason = Reason::in_text(&format!("{before}{rest}"));
            stopped.extend(reason.map(|reason| Stopped { package: package.to_owned(), reason }));
        }
        before = part;
    }
    stopped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(end: &str, before: &str) -> Vec<Stopped> {
        all(&format!(
            "   Compiling pmm v0.1.0 (/c/labs/01-pmm)\n{before}error: could not compile `pmm` (lib)\n\nCaused by:\n  \
             process didn't exit successfully: `rustc --crate-name pmm` ({end})\n\
             warning: build failed, waiting for other jobs to finish...\n"
        ))
    }

    #[test]
    fn what_stopped_a_compiler_is_read_from_what_cargo_says() {
        for (end, before, reason) in [
            ("signal: 24, SIGXCPU: CPU time limit exceeded", "", Reason::ProcessorTime),
            ("signal: 9, SIGKILL: kill", "", Reason::Memory),
            ("signal: 25, SIGXFSZ: file size limit exceeded", "", Reason::FileSize),
            ("signal: 6, SIGABRT: process abort signal", "memory allocation of 64 bytes failed\n", Reason::Memory),
            ("signal: 6, SIGABRT: process abort signal", "", Reason::Crash(6)),
            ("signal: 11, SIGSEGV: invalid memory reference", "", Reason::Crash(11)),
        ] {
            assert_eq!(of(end, before), [Stopped { package: "pmm".to_owned(), reason }], "{end}");
        }
        assert_eq!(of("exit status: 1", ""), []);
        assert_eq!(all("error: could not compile `pmm` (lib) due to 1 previous error\n"), []);
    }

    #[test]
    fn a_linker_s_end_is_read_from_what_rustc_says() {
        let text = "error: linking with `rust-lld` failed: signal: 25 (SIGXFSZ)\n  = note: …\n";
        assert_eq!(Reason::in_text(text), Some(Reason::FileSize));
        assert_eq!(Reason::in_text("error: linking with `rust-lld` failed: exit status: 1\n"), None);
    }
}
