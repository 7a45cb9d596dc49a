//! Bochs' debugger: lines of commands go in, lines of answers come out.
//!
//! The commands are in Bochs' user manual, "Using Bochs internal debugger". A
//! machine begins stopped. Commands are written only while it stands still.

use std::io::{self, Read, Write};
use std::process::{ChildStderr, ChildStdin};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::machine::outcome::Processor;
use crate::machine::walk::{ENTRIES, Memory, Snapshot, Words};

/// How long an answer may take. The machine is stopped then, and the emulator has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// At most so many lines of the emulator's own messages are kept.
const MOST_MESSAGES: usize = 200;

/// Why a machine stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It executed `xchg bx, bx`.
    Magic,
    /// It stopped for any other reason: its requested time has come, or it was interrupted.
    Other,
}

/// A machine that stands still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Why.
    pub why: Why,
    /// How many instructions it has executed. Time that it slept counts as instructions.
    pub time: u64,
}

/// What the debugger reports while a machine runs.
#[derive(PartialEq, Eq, Debug)]
pub enum Said {
    /// The machine has stopped.
    Stopped(Stop),
    /// Nothing of importance.
    Nothing,
    /// Bochs has ended.
    Ended,
}

/// The connection to one debugger.
pub struct Debugger {
    input: ChildStdin,
    output: ChildStderr,
    received: Vec<u8>,
    /// The reason, so far, for the stop that the debugger is reporting.
    why: Why,
    time: Option<u64>,
    /// Bochs' own messages, which are not the debugger's.
    pub messages: Vec<String>,
    /// The machine's memory below the PC's devices, in bytes.
    memory: u64,
}

enum Line {
    Text(String),
    None,
    End,
}

impl Debugger {
    /// Takes over the connection; `memory` is how many bytes of memory can be read.
    pub fn new(input: ChildStdin, output: ChildStderr, memory: u64) -> Self {
        Self { input, output, received: Vec::new(), why: Why::Other, time: None, messages: Vec::new(), memory }
    }

    /// Writes a command.
    fn tell(&mut self, command: &str) {
        // If Bochs is gone, its exit status says more than this error.
        let _ = self.input.write_all(format!("{command}\n").as_bytes());
    }

    /// Lets the machine run.
    pub fn go(&mut self) {
        (self.why, self.time) = (Why::Other, None);
        self.tell("c");
    }

    /// Makes the machine stop once it has executed `instructions` more instructions.
    pub fn stop_after(&mut self, instructions: u64) {
        self.tell(&format!("sb {instructions}"));
    }

    /// Waits for a report of the debugger, but not longer than `at_most`.
    pub fn wait(&mut self, at_most: Duration) -> Said {
        match self.line(at_most) {
            Line::None => Said::Nothing,
            Line::End => Said::Ended,
            Line::Text(line) => self.hear(line),
        }
    }

    /// What a line means while the machine runs.
    fn hear(&mut self, line: String) -> Said {
        if is_message(&line) {
            self.keep(line);
        } else if line == "(0) Magic breakpoint" {
            self.why = Why::Magic;
        } else if let Some(time) = line.strip_prefix("Next at t=") {
            self.time = time.parse().ok();
        } else if let Some(time) = self.time
            && line.starts_with("(0) [")
        {
            // The next instruction is the last line of the report about a stop.
            return Said::Stopped(Stop { why: self.why, time });
        }
        Said::Nothing
    }

    fn keep(&mut self, message: String) {
        if self.messages.len() < MOST_MESSAGES || message.contains(PANIC) {
            self.messages.push(message);
        }
    }

    /// The next line, if it comes in time.
    fn line(&mut self, at_most: Duration) -> Line {
        let until = Instant::now() + at_most;
        loop {
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return Line::Text(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let timeout = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
            match poll(&mut [PollFd::new(&self.output, PollFlags::IN)], timeout.as_ref()) {
                Ok(0) => return Line::None,
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return Line::End,
            }
            let mut buffer = [0; 16 << 10];
            match self.output.read(&mut buffer) {
                Ok(0) => return Line::End,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Line::End,
            }
        }
    }

    /// Makes a stopped machine's debugger carry out a command, and returns the
    /// lines of its answer; `None` if there is no answer.
    fn ask(&mut self, command: &str) -> Option<Vec<String>> {
        // The answer to the second command is known to be one line.
        self.tell(&format!("{command}\nptime"));
        let mut answer = Vec::new();
        loop {
            match self.line(PATIENCE) {
                Line::Text(line) if line.starts_with("ptime: ") => return Some(answer),
                Line::Text(line) if is_message(&line) => self.keep(line),
                // The debugger repeats each command.
                Line::Text(line) if line == command || line == "ptime" => {}
                Line::Text(line) => answer.push(line),
                Line::None | Line::End => return None,
            }
        }
    }

    /// The registers that a report shows.
    pub fn registers(&mut self) -> Vec<(String, u32)> {
        let mut lines = self.ask("reg").unwrap_or_default();
        lines.extend(self.ask("creg").unwrap_or_default());
        registers(&lines)
    }

    /// Reads the processor's state of a machine that has stopped, as far as possible.
    pub fn processor(&mut self, said: &[u8]) -> Processor {
        let registers = self.registers();
        Processor::new(registers, said, |address| words(&self.ask(&format!("x /2xw {address:#x}"))?).try_into().ok())
    }

    /// Copies the page tables that are needed for these addresses, or all page tables,
    /// as far as possible.
    pub fn snapshot(&mut self, addresses: Option<&[u32]>) -> Snapshot {
        match register(&self.registers(), "cr3") {
            Some(cr3) => Snapshot::take(cr3, addresses, self),
            None => Snapshot::default(),
        }
    }
}

/// The machine's physical memory.
impl Memory for Debugger {
    fn frame(&mut self, number: u32) -> Option<Words> {
        let address = u64::from(number) * 4096;
        // Where there is no memory, Bochs reads ones.
        if address >= self.memory {
            return None;
        }
        words(&self.ask(&format!("xp /{ENTRIES}xw {address:#x}"))?).try_into().ok()
    }
}

/// The beginning of the message that says why Bochs gives up.
pub const PANIC: &str = ">>PANIC<< ";

/// Whether a line is one of Bochs' own messages: `00033150336i[CPU0  ] …`.
fn is_message(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.len() - rest.len() >= 11 && rest.get(1..2) == Some("[")
}

/// The value of one of the registers.
pub fn register(registers: &[(String, u32)], name: &str) -> Option<u32> {
    registers.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// The registers from the answers to `reg` and `creg`, or from the messages of
/// a Bochs that gives up, in the order in which the kernel names them.
pub fn registers(lines: &[String]) -> Vec<(String, u32)> {
    const SHOWN: [(&str, &[&str]); 13] = [
        ("eip", &["rip: ", "eip: ", "| EIP="]),
        ("esp", &["rsp: ", "esp: ", " ESP="]),
        ("ebp", &["rbp: ", "ebp: ", " EBP="]),
        ("eflags", &["eflags "]),
        ("eax", &["rax: ", "eax: ", " EAX="]),
        ("ebx", &["rbx: ", "ebx: ", " EBX="]),
        ("ecx", &["rcx: ", "ecx: ", " ECX="]),
        ("edx", &["rdx: ", "edx: ", " EDX="]),
        ("esi", &["rsi: ", "esi: ", " ESI="]),
        ("edi", &["rdi: ", "edi: ", " EDI="]),
        ("cr0", &["CR0="]),
        ("cr3", &["CR3="]),
        ("cr4", &["CR4="]),
    ];
    let value = |prefix: &str| lines.iter().find_map(|line| number(&line[line.find(prefix)? + prefix.len()..]));
    SHOWN
        .iter()
        .filter_map(|(name, prefixes)| Some(((*name).to_owned(), prefixes.iter().find_map(|prefix| value(prefix))?)))
        .collect()
}

/// The number at the beginning of a text: `00000000_c01512cc`, `0x00000017a000`, `c01512cc`.
fn number(text: &str) -> Option<u32> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits: String =
        text.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '_').filter(|c| *c != '_').collect();
    u32::try_from(u64::from_str_radix(&digits, 16).ok()?).ok()
}

/// The words of memory that `x` and `xp` print, four a line behind the address.
fn words(lines: &[String]) -> Vec<u32> {
    let words = lines.iter().flat_map(|line| line.split('\t').skip(1));
    words.filter_map(|word| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn registers_are_read_from_the_debugger_s_answers() {
        let answer = lines(
            "CPU0:\nrax: 00000000_00000010\nrbx: 00000000_c0168820\nrbp: 00000000_c018c520\nr8 : 00000000_00000000\n\
             rip: 00000000_c0149676\neflags 0x00000046: id vip vif ac vm rf nt IOPL=0 of df if tf sf ZF af PF cf\n\
             CR0=0xe0010015: PG CD NW ac WP\nCR2=page fault laddr=0x0000000000000004\nCR3=0x00000017a000",
        );
        assert_eq!(
            registers(&answer),
            [
                ("eip".into(), 0xC014_9676),
                ("ebp".into(), 0xC018_C520),
                ("eflags".into(), 0x46),
                ("eax".into(), 0x10),
                ("ebx".into(), 0xC016_8820),
                ("cr0".into(), 0xE001_0015),
                ("cr3".into(), 0x17_A000),
            ]
        );
    }

    #[test]
    fn registers_are_read_from_the_last_words_of_bochs() {
        let messages = lines(
            "00033150336i[CPU0  ] | EAX=c018c44c  EBX=c016882c  ECX=0000000d  EDX=00000443\n\
             00033150336i[CPU0  ] | ESP=c018c44c  EBP=c018c454  ESI=c0193628  EDI=00000006\n\
             00033150336i[CPU0  ] | EIP=c0153329 (c0153329)\n\
             00033150336i[CPU0  ] | CR3=0x0017a000 CR4=0x00000010",
        );
        let registers = registers(&messages);
        for (name, value) in [("eip", 0xC015_3329), ("ebp", 0xC018_C454), ("edx", 0x443), ("cr4", 0x10)] {
            assert_eq!(register(&registers, name), Some(value), "{name}");
        }
        assert!(messages.iter().all(|line| is_message(line)));
        assert!(!is_message("Next at t=33150336") && !is_message("(0) Magic breakpoint"));
    }

    #[test]
    fn memory_is_read_from_the_debugger_s_answers() {
        let answer = lines(
            "[bochs]:\n0x000000000017a000 <bogus+       0>:\t0x00000000\t0x0017b003\t0x00000000\t0x1badb002\n\
             0x000000000017a010 <bogus+      16>:\t0x00000003",
        );
        assert_eq!(words(&answer), [0, 0x17_B003, 0, 0x1BAD_B002, 3]);
        let none =
            lines("[bochs]:\n0x0000000000001000 <bogus+       0>:bx_dbg_read_linear: physical address not available");
        assert!(words(&none).is_empty());
    }
}
