//! The emulator's control connection: QMP, lines of JSON.
//!
//! The QEMU Machine Protocol is described in QEMU's manual, "QEMU QMP
//! Reference Manual". It is used for three things: to be told why a machine
//! stopped, to stop one, and to look at a stopped machine's processor.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machine::outcome::Processor;
use crate::machine::walk::{ENTRIES, Memory, Snapshot, Words};

/// More return addresses than this are not read.
const DEEPEST: usize = 64;

/// How long an answer may take. The machine is stopped then, and the emulator has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the protocol.
const OPEN: &str = "{\"execute\":\"qmp_capabilities\"}\n";
/// Lets an emulator that waits for it build its machine.
const BUILD: &str = "{\"execute\":\"x-exit-preconfig\"}\n";
/// Stops the machine.
const STOP: &str = "{\"execute\":\"stop\"}\n";
/// Lets the machine run.
const RUN: &str = "{\"execute\":\"cont\"}\n";

/// Why a machine stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The watchdog fired.
    Watchdog,
    /// The machine wants to be reset: a triple fault or on purpose.
    Reset,
    /// The machine switched itself off.
    PowerOff,
    /// A check stopped the machine to have it looked at.
    Checkpoint,
}

/// The control connection to one emulator.
pub struct Control {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Control {
    /// Takes over the connection's own end.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, received: Vec::new() }
    }

    /// The connection, to wait for.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Lets the machine run, and is told of all events from then on.
    /// `waits` if the emulator has not built its machine yet.
    pub fn start(&mut self, waits: bool) {
        let text = format!("{OPEN}{}{RUN}", if waits { BUILD } else { "" });
        // If the emulator is gone, its exit status says more than this error.
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Stops a machine that runs, to look at it.
    pub fn stop(&mut self) {
        // If the emulator is gone, there is nothing to stop.
        let _ = self.stream.write_all(STOP.as_bytes());
    }

    /// Reads what has arrived. `Ok(None)`: nothing of importance, or the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] once the emulator has closed the connection.
    pub fn read_event(&mut self) -> io::Result<Option<Event>> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&buffer[..count]);
        while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.received.drain(..=end).collect();
            if let Some(event) = event(&line) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Copies the page tables of a machine that has stopped: those that are
    /// needed for these addresses, or all, as far as that succeeds.
    pub fn snapshot(&self, addresses: Option<&[u32]>) -> Snapshot {
        let Ok(mut monitor) = Monitor::new(&self.stream) else { return Snapshot::default() };
        let Ok(text) = monitor.ask("info registers") else { return Snapshot::default() };
        let cr3 = registers(&text).into_iter().find(|(name, _)| name == "cr3");
        cr3.map(|(_, cr3)| Snapshot::take(cr3, addresses, &mut monitor)).unwrap_or_default()
    }

    /// Lets a machine go on that has stopped.
    pub fn resume(&mut self) {
        // As in `start`.
        let _ = self.stream.write_all(RUN.as_bytes());
    }

    /// Takes a picture of the machine's screen, a PNG file.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn screenshot(&self, file: &Path) -> io::Result<()> {
        let file = file.to_str().ok_or_else(|| io::Error::other("the file's name is not UTF-8"))?;
        let arguments = json!({ "filename": file, "format": "png" });
        Monitor::new(&self.stream)?.execute("screendump", &arguments).map(|_| ())
    }

    /// Looks at the processor of a machine that has stopped, as far as that succeeds.
    pub fn processor(&self) -> Processor {
        let mut processor = Processor::default();
        let Ok(mut monitor) = Monitor::new(&self.stream) else { return processor };
        let Ok(text) = monitor.ask("info registers") else { return processor };
        processor.registers = registers(&text);
        let register =
            |name: &str| processor.registers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let (Some(eip), Some(mut ebp)) = (register("eip"), register("ebp")) else { return processor };
        processor.backtrace.push(eip);
        // Each frame: the caller's EBP, then the return address.
        while processor.backtrace.len() < DEEPEST && ebp != 0 && ebp.is_multiple_of(4) {
            let Ok(text) = monitor.ask(&format!("x /2xw {ebp:#x}")) else { break };
            let [next, address] = words(&text)[..] else { break };
            if address == 0 {
                break;
            }
            processor.backtrace.push(address);
            // The stack grows downwards, so callers are further up.
            if next <= ebp {
                break;
            }
            ebp = next;
        }
        processor
    }
}

/// The event that a line tells of, if it is one that matters.
fn event(line: &[u8]) -> Option<Event> {
    let message: Value = serde_json::from_slice(line).ok()?;
    match message.get("event")?.as_str()? {
        "WATCHDOG" => Some(Event::Watchdog),
        "GUEST_PANICKED" => Some(Event::Checkpoint),
        "SHUTDOWN" => match message.pointer("/data/reason").and_then(Value::as_str) {
            Some("guest-reset") => Some(Event::Reset),
            Some("guest-shutdown") => Some(Event::PowerOff),
            _ => None,
        },
        _ => None,
    }
}

/// Questions and answers, once the machine has stopped.
struct Monitor {
    reader: BufReader<UnixStream>,
}

impl Monitor {
    fn new(stream: &UnixStream) -> io::Result<Self> {
        let stream = stream.try_clone()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// Lets the emulator's own monitor carry out a command, and gives its answer.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        let answer = self.execute("human-monitor-command", &json!({ "command-line": command }))?;
        answer.as_str().map(str::to_owned).ok_or_else(|| io::Error::other("the monitor answers with no text"))
    }

    /// Lets the emulator carry out a command, and gives its answer.
    fn execute(&mut self, command: &str, arguments: &Value) -> io::Result<Value> {
        let id = format!("{command} {arguments}");
        let request = json!({ "execute": command, "arguments": arguments, "id": id });
        let mut line = request.to_string();
        line.push('\n');
        self.reader.get_mut().write_all(line.as_bytes())?;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Ok(mut answer) = serde_json::from_str::<Value>(&line) else { continue };
            if answer.get("id").and_then(Value::as_str) == Some(&id) {
                if let Some(answer) = answer.get_mut("return") {
                    return Ok(answer.take());
                }
                let why = answer.pointer("/error/desc").and_then(Value::as_str);
                return Err(io::Error::other(why.unwrap_or("it refused the command").to_owned()));
            }
        }
    }
}

/// The machine's physical memory.
impl Memory for Monitor {
    fn frame(&mut self, number: u32) -> Option<Words> {
        let text = self.ask(&format!("xp /{ENTRIES}xw {:#x}", u64::from(number) * 4096)).ok()?;
        words(&text).try_into().ok()
    }
}

/// The registers that a report shows, from what `info registers` prints.
fn registers(text: &str) -> Vec<(String, u32)> {
    const SHOWN: [(&str, &str); 13] = [
        ("eip", "EIP="),
        ("esp", "ESP="),
        ("ebp", "EBP="),
        ("eflags", "EFL="),
        ("eax", "EAX="),
        ("ebx", "EBX="),
        ("ecx", "ECX="),
        ("edx", "EDX="),
        ("esi", "ESI="),
        ("edi", "EDI="),
        ("cr0", "CR0="),
        ("cr3", "CR3="),
        ("cr4", "CR4="),
    ];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    SHOWN
        .iter()
        .filter_map(|(name, prefix)| {
            let digits = words.iter().find_map(|word| word.strip_prefix(prefix))?;
            Some(((*name).to_owned(), u32::from_str_radix(digits, 16).ok()?))
        })
        .collect()
}

/// The words of memory that `x /2xw` prints: `c0100000: 0x00000001 0x00000002`.
fn words(text: &str) -> Vec<u32> {
    text.split_ascii_whitespace().filter_map(|word| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart() {
        for (line, expected) in [
            (r#"{"event": "WATCHDOG", "data": {"action": "pause"}}"#, Some(Event::Watchdog)),
            (r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#, Some(Event::Reset)),
            (r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}"#, Some(Event::PowerOff)),
            (r#"{"event": "GUEST_PANICKED", "data": {"action": "pause"}}"#, Some(Event::Checkpoint)),
            (r#"{"event": "STOP"}"#, None),
            (r#"{"return": {}}"#, None),
            ("no JSON", None),
        ] {
            assert_eq!(event(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn registers_are_read_from_the_monitor_s_text() {
        let text = "\r\nCPU#0\r\nEAX=00101074 EBX=00009500\r\nEIP=00100059 EFL=00000046 [---Z-P-] CPL=0\r\nCR0=00000011 CR2=0\r\n";
        assert_eq!(
            registers(text),
            [
                ("eip".into(), 0x10_0059),
                ("eflags".into(), 0x46),
                ("eax".into(), 0x10_1074),
                ("ebx".into(), 0x9500),
                ("cr0".into(), 0x11),
            ]
        );
    }

    #[test]
    fn memory_is_read_from_the_monitor_s_text() {
        assert_eq!(words("c0100000: 0x00000001 0xc0102030\r\n"), [1, 0xC010_2030]);
        assert!(words("c0100000: Cannot access memory\r\n").is_empty());
    }
}
