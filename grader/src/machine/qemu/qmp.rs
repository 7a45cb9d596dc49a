//! The emulator's control connection: QMP, lines of JSON.
//!
//! The QEMU Machine Protocol is described in QEMU's manual, "QEMU QMP Reference Manual".
//! The grader uses it to learn why a machine stopped, to stop a machine, to read a stopped
//! machine's processor and memory, to log what it executes, and to save a machine and load it again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machine::intact::Standing;
use crate::machine::outcome::Processor;
use crate::machine::walk::{ENTRIES, Memory, Snapshot, Words};

use super::log::STANDARD_ERROR;
use super::socket::receive;

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

/// The name of the one saved machine that there is.
const SAVED: &str = "up";

/// Why a machine stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The watchdog fired.
    Watchdog,
    /// The machine wants to be reset: a triple fault or on purpose.
    Reset,
    /// The machine switched itself off.
    PowerOff,
    /// The kernel stopped the machine: AL says what for.
    Stop,
}

/// The control connection to one emulator.
pub struct Control {
    stream: UnixStream,
    received: Vec<u8>,
    /// Why the machine stops or has stopped, if the emulator told it and it has not been passed on.
    cause: Option<Event>,
    /// Whether the emulator has said that the machine has stopped.
    stands: bool,
    events: VecDeque<Event>,
}

impl Control {
    /// Takes over the connection's own end.
    pub fn new(stream: UnixStream) -> Self {
        // If they cannot be set, the grader waits longer for an emulator that does not answer.
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_write_timeout(Some(PATIENCE));
        Self { stream, received: Vec::new(), cause: None, stands: false, events: VecDeque::new() }
    }

    /// The connection, to wait for.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Lets the machine run, and receives all events from then on.
    /// `waits`: whether the emulator has not built its machine yet.
    pub fn start(&mut self, waits: bool) {
        let text = format!("{OPEN}{}{RUN}", if waits { BUILD } else { "" });
        // If the emulator is gone, its exit status says more than this error.
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Stops a machine that runs, so that it can be inspected.
    pub fn stop(&mut self) {
        // If the emulator is gone, there is nothing to stop.
        let _ = self.stream.write_all(STOP.as_bytes());
    }

    /// Stops a machine, and waits until it stands still.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn stop_surely(&mut self) -> io::Result<()> {
        self.execute("stop", &json!({})).map(|_| ())
    }

    /// Whether the machine runs.
    ///
    /// # Errors
    /// If the emulator does not tell.
    pub fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.status()? == "running")
    }

    /// Whether the machine stands still because it was told to, and not because it has come to its own end.
    ///
    /// # Errors
    /// If the emulator does not tell.
    pub fn is_paused(&mut self) -> io::Result<bool> {
        Ok(["paused", "debug"].contains(&self.status()?.as_str()))
    }

    /// Whether the machine stands still at a breakpoint, or after a step.
    ///
    /// # Errors
    /// If the emulator does not tell.
    pub fn is_at_breakpoint(&mut self) -> io::Result<bool> {
        Ok(self.status()? == "debug")
    }

    fn status(&mut self) -> io::Result<String> {
        let answer = self.execute("query-status", &json!({}))?;
        let status = answer.get("status").and_then(Value::as_str);
        status.map(str::to_owned).ok_or_else(|| io::Error::other("it does not tell whether it runs"))
    }

    /// Makes the emulator listen to the debugger's connection, which its command line calls `gdb`.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn listen_to_debugger(&mut self) -> io::Result<()> {
        self.ask("gdbserver chardev:gdb").map(|_| ())
    }

    /// From now on the emulator logs the processor's state before every instruction.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn begin_log(&mut self) -> io::Result<()> {
        // It is there already. Opened once more, it takes a state at a time, and not every word by itself.
        self.do_silently(&format!("logfile {STANDARD_ERROR}"))?;
        // The second is the older name.
        self.do_silently("one-insn-per-tb on").or_else(|_| self.do_silently("singlestep on"))?;
        self.do_silently("log cpu,nochain")
    }

    /// The emulator logs what it did [before](Self::begin_log).
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn end_log(&mut self) -> io::Result<()> {
        self.do_silently("log cpu_reset")?;
        self.do_silently("one-insn-per-tb off").or_else(|_| self.do_silently("singlestep off"))
    }

    /// All registers of a machine that stands still, as the monitor tells them.
    ///
    /// # Errors
    /// If the emulator does not tell.
    pub fn all_registers(&mut self) -> io::Result<String> {
        self.ask("info registers")
    }

    /// Forgets why the machine has stopped.
    pub fn forget_events(&mut self) {
        while self.waiting_event().is_some() {}
        self.cause = None;
    }

    /// Why the machine has stopped, if that has been read already.
    pub fn waiting_event(&mut self) -> Option<Event> {
        // Lines that came after an answer were received with it, and have not been read yet.
        while self.line().is_some() {}
        self.events.pop_front()
    }

    /// Reads what has arrived: an event in it is [waiting](Self::waiting_event) then.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] once the emulator has closed the connection.
    pub fn read_events(&mut self) -> io::Result<()> {
        receive(&mut self.stream, &mut self.received)
    }

    /// Copies the page tables of a machine that has stopped: the tables that are
    /// needed for these addresses, or all tables, as far as possible.
    pub fn snapshot(&mut self, addresses: Option<&[u32]>) -> Snapshot {
        self.register("cr3").map(|cr3| Snapshot::take(cr3, addresses, self)).unwrap_or_default()
    }

    /// The byte in AL of a machine that has stopped, if the emulator tells.
    pub fn al(&mut self) -> Option<u8> {
        self.register("eax").map(|eax| eax.to_le_bytes()[0])
    }

    /// Where the processor of a stopped machine stands, and the call that led there.
    ///
    /// # Errors
    /// If the emulator does not tell.
    pub fn standing(&mut self) -> io::Result<Standing> {
        let registers = registers(&self.ask("info registers")?);
        let named = |name: &str| registers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let (Some(at), Some(ebp)) = (named("eip"), named("ebp")) else {
            return Err(io::Error::other("it does not tell its registers"));
        };
        // If the stack cannot be read, there was no call.
        let pair = words(&self.ask(&format!("x /2xw {ebp:#x}"))?);
        Ok(Standing { at, returns_to: pair.get(1).copied().unwrap_or(0) })
    }

    /// Copies memory as the machine's processor sees it into a file.
    ///
    /// # Errors
    /// If the emulator does not do that, or nothing is mapped there.
    pub fn save_memory(&mut self, address: u32, bytes: u32, file: &Path) -> io::Result<()> {
        let file = file.to_str().ok_or_else(|| io::Error::other("the file's name is not UTF-8"))?;
        self.execute("memsave", &json!({ "val": address, "size": bytes, "filename": file })).map(|_| ())
    }

    /// Copies physical memory into a file.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn save_physical(&mut self, start: u32, bytes: u32, file: &Path) -> io::Result<()> {
        let file = file.to_str().ok_or_else(|| io::Error::other("the file's name is not UTF-8"))?;
        self.execute("pmemsave", &json!({ "val": start, "size": bytes, "filename": file })).map(|_| ())
    }

    fn register(&mut self, name: &str) -> Option<u32> {
        self.registers().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The registers that a report shows; none if the emulator does not tell.
    fn registers(&mut self) -> Vec<(String, u32)> {
        self.ask("info registers").map(|text| registers(&text)).unwrap_or_default()
    }

    /// Lets a stopped machine go on.
    pub fn resume(&mut self) {
        // As in `start`.
        let _ = self.stream.write_all(RUN.as_bytes());
    }

    /// Lets a stopped machine go on, and verifies that the emulator does it.
    ///
    /// # Errors
    /// If the emulator does not.
    pub fn resume_surely(&mut self) -> io::Result<()> {
        self.execute("cont", &json!({})).map(|_| ())
    }

    /// Saves a machine that has stopped: its memory, and the state of every device.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn save(&mut self) -> io::Result<()> {
        self.do_silently(&format!("savevm {SAVED}"))
    }

    /// Loads the machine that was saved.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn load(&mut self) -> io::Result<()> {
        self.do_silently(&format!("loadvm {SAVED}"))
    }

    /// A command of the emulator's own monitor that answers only if something is wrong.
    fn do_silently(&mut self, command: &str) -> io::Result<()> {
        let answer = self.ask(command)?;
        if answer.trim().is_empty() { Ok(()) } else { Err(io::Error::other(answer.trim().to_owned())) }
    }

    /// Takes a picture of the machine's screen, a PNG file.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn screenshot(&mut self, file: &Path) -> io::Result<()> {
        let file = file.to_str().ok_or_else(|| io::Error::other("the file's name is not UTF-8"))?;
        self.execute("screendump", &json!({ "filename": file, "format": "png" })).map(|_| ())
    }

    /// Reads the processor's state of a stopped machine, as far as possible. `said` is the machine's output so far.
    pub fn processor(&mut self, said: &[u8]) -> Processor {
        let registers = self.registers();
        Processor::new(registers, said, |address| {
            words(&self.ask(&format!("x /2xw {address:#x}")).ok()?).try_into().ok()
        })
    }

    /// Makes the emulator's own monitor carry out a command, and returns its answer.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        let answer = self.execute("human-monitor-command", &json!({ "command-line": command }))?;
        answer.as_str().map(str::to_owned).ok_or_else(|| io::Error::other("the monitor answers with no text"))
    }

    /// Makes the emulator carry out a command, and returns its answer. An event that
    /// comes before the answer is [waiting](Self::waiting_event) then.
    fn execute(&mut self, command: &str, arguments: &Value) -> io::Result<Value> {
        let id = format!("{command} {arguments}");
        let mut request = json!({ "execute": command, "arguments": arguments, "id": id }).to_string();
        request.push('\n');
        self.stream.write_all(request.as_bytes())?;
        loop {
            while let Some(mut message) = self.line() {
                if message.get("id").and_then(Value::as_str) != Some(&id) {
                    continue;
                }
                if let Some(answer) = message.get_mut("return") {
                    return Ok(answer.take());
                }
                let why = message.pointer("/error/desc").and_then(Value::as_str);
                return Err(io::Error::other(why.unwrap_or("it refused the command").to_owned()));
            }
            receive(&mut self.stream, &mut self.received)?;
        }
    }

    /// Takes the first whole line out of the received bytes. A line that is no JSON is `null`.
    ///
    /// The emulator tells why it will stop the machine, and then that it has stopped it. In
    /// between it must get no commands: it would stop a machine that was loaded or resumed
    /// meanwhile. So an event is [waiting](Self::waiting_event) only once the machine stands still.
    /// The reason may also come later: QEMU reports the watchdog once in a second at most.
    fn line(&mut self) -> Option<Value> {
        let end = self.received.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.received.drain(..=end).collect();
        let message = serde_json::from_slice(&line).unwrap_or(Value::Null);
        self.cause = event(&message).or(self.cause);
        match message.get("event").and_then(Value::as_str) {
            Some("STOP") => self.stands = true,
            Some("RESUME") => self.stands = false,
            _ => {}
        }
        if self.stands {
            self.events.extend(self.cause.take());
        }
        Some(message)
    }
}

/// The machine's physical memory.
impl Memory for Control {
    fn frame(&mut self, number: u32) -> Option<Words> {
        let text = self.ask(&format!("xp /{ENTRIES}xw {:#x}", u64::from(number) * 4096)).ok()?;
        words(&text).try_into().ok()
    }
}

/// The event that a message tells of, if it is one that matters.
fn event(message: &Value) -> Option<Event> {
    match message.get("event")?.as_str()? {
        "WATCHDOG" => Some(Event::Watchdog),
        "GUEST_PANICKED" => Some(Event::Stop),
        "SHUTDOWN" => match message.pointer("/data/reason").and_then(Value::as_str) {
            Some("guest-reset") => Some(Event::Reset),
            Some("guest-shutdown") => Some(Event::PowerOff),
            _ => None,
        },
        _ => None,
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
            (r#"{"event": "GUEST_PANICKED", "data": {"action": "pause"}}"#, Some(Event::Stop)),
            (r#"{"event": "STOP"}"#, None),
            (r#"{"return": {}}"#, None),
        ] {
            assert_eq!(event(&serde_json::from_str(line).unwrap()), expected, "{line}");
        }
    }

    #[test]
    fn an_event_before_an_answer_is_kept() {
        let (own, other) = UnixStream::pair().unwrap();
        let mut control = Control::new(own);
        let answers = concat!(
            "{\"event\": \"RESUME\"}\nno JSON\n",
            "{\"event\": \"GUEST_PANICKED\", \"data\": {\"action\": \"pause\"}}\n{\"event\": \"STOP\"}\n",
            "{\"return\": {}, \"id\": \"cont {}\"}\n{\"event\": \"RESUME\"}\n{\"event\": \"WATCH",
        );
        (&other).write_all(answers.as_bytes()).unwrap();
        control.resume_surely().unwrap();
        assert_eq!(control.waiting_event(), Some(Event::Stop));
        assert_eq!(control.waiting_event(), None);
        (&other).write_all(b"DOG\"}\n").unwrap();
        control.read_events().unwrap();
        // The machine does not stand still yet.
        assert_eq!(control.waiting_event(), None);
        (&other).write_all(b"{\"event\": \"STOP\"}\n").unwrap();
        control.read_events().unwrap();
        assert_eq!(control.waiting_event(), Some(Event::Watchdog));
        (&other).write_all(b"{\"event\": \"RESUME\"}\n{\"event\": \"STOP\"}\n").unwrap();
        control.read_events().unwrap();
        assert_eq!(control.waiting_event(), None);
        // The reason may be told late.
        (&other).write_all(b"{\"event\": \"WATCHDOG\"}\n").unwrap();
        control.read_events().unwrap();
        assert_eq!(control.waiting_event(), Some(Event::Watchdog));
        drop(other);
        assert!(control.read_events().is_err());
    }

    #[test]
    fn an_event_behind_an_answer_is_not_left_lying() {
        let (own, other) = UnixStream::pair().unwrap();
        let mut control = Control::new(own);
        let answers = concat!(
            "{\"return\": {}, \"id\": \"cont {}\"}\n{\"event\": \"RESUME\"}\n",
            "{\"event\": \"GUEST_PANICKED\"}\n{\"event\": \"STOP\"}\n",
        );
        (&other).write_all(answers.as_bytes()).unwrap();
        control.resume_surely().unwrap();
        assert_eq!(control.waiting_event(), Some(Event::Stop));
    }

    #[test]
    fn a_monitor_that_says_something_has_not_done_it() {
        for (answer, done) in [("", true), ("Error: no such device", false)] {
            let (own, other) = UnixStream::pair().unwrap();
            let mut control = Control::new(own);
            let message = json!({
                "return": answer,
                "id": "human-monitor-command {\"command-line\":\"loadvm up\"}",
            });
            (&other).write_all(format!("{message}\n").as_bytes()).unwrap();
            assert_eq!(control.load().is_ok(), done, "{answer}");
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
