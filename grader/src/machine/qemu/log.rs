//! The emulator's log, in which it writes the processor's state before every instruction while that is switched on.
//!
//! It comes over the emulator's standard error, as its complaints do. A thread reads it, so that the emulator never
//! waits for a thread that waits for the emulator.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ChildStderr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::qmp::Control;

/// The name of any process's standard error, if the system has one.
pub const STANDARD_ERROR: &str = "/dev/stderr";

/// At most so many bytes of a log are kept.
pub const MOST_LOG: usize = 32 << 20;

/// What the emulator says when the processor can do nothing but be reset.
pub const TRIPLE_FAULT: &[u8] = b"Triple fault";

/// An emulator whose log can be read.
pub struct Logged<'a> {
    /// The emulator's control connection.
    pub control: &'a mut Control,
    errors: &'a ChildStderr,
    complained: &'a mut Vec<u8>,
}

/// What was read of a log.
#[derive(Default)]
struct Log {
    kept: Vec<u8>,
    /// The last bytes that were read, whether they were kept or not.
    last: Vec<u8>,
}

impl<'a> Logged<'a> {
    /// An emulator with this control connection and standard error. What it complains of is added to `complained`.
    pub fn new(control: &'a mut Control, errors: &'a ChildStderr, complained: &'a mut Vec<u8>) -> Self {
        Self { control, errors, complained }
    }

    /// Logs every instruction while `work` is done, which begins and ends with a machine that stands still. `work` is
    /// told how many bytes were logged so far.
    ///
    /// # Errors
    /// If `work` fails, or the emulator does not log.
    pub fn while_logging(
        &mut self,
        work: impl FnOnce(&mut Control, &AtomicUsize) -> io::Result<()>,
    ) -> io::Result<String> {
        if !Path::new(STANDARD_ERROR).exists() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let file = File::from(self.errors.as_fd().try_clone_to_owned()?);
        let (logged, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (worked, log) = thread::scope(|scope| {
            let reader = scope.spawn(|| read(file, &logged, &ended));
            let worked = self.control.begin_log().and_then(|()| work(self.control, &logged));
            if worked.is_err() {
                // It may run still. If the emulator is gone, there is nothing to stop.
                let _ = self.control.stop_surely();
            }
            let worked = worked.and(self.control.end_log());
            ended.store(true, Ordering::Relaxed);
            (worked, reader.join().unwrap_or_default())
        });
        if log.last.windows(TRIPLE_FAULT.len()).any(|window| window == TRIPLE_FAULT) {
            self.complained.extend_from_slice(TRIPLE_FAULT);
            self.complained.push(b'\n');
        }
        worked.map(|()| String::from_utf8_lossy(&log.kept).into_owned())
    }
}

/// Reads until the log has ended and nothing is left of it.
fn read(mut file: File, logged: &AtomicUsize, ended: &AtomicBool) -> Log {
    let mut log = Log::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        // Asked before: what the emulator wrote before the end can be read then.
        let has_ended = ended.load(Ordering::Relaxed);
        if is_ready(&file) {
            match file.read(&mut buffer) {
                Ok(count) if count > 0 => log.add(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                _ => return log,
            }
            logged.store(log.kept.len(), Ordering::Relaxed);
        } else if has_ended {
            return log;
        }
    }
}

/// Waits a moment for something to read.
fn is_ready(file: &File) -> bool {
    let moment = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
    poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&moment)).is_ok_and(|count| count > 0)
}

impl Log {
    fn add(&mut self, bytes: &[u8]) {
        let room = MOST_LOG.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        // The words that are looked for may be cut in two.
        let old = self.last.len().saturating_sub(4096);
        self.last.drain(..old);
        self.last.extend_from_slice(bytes);
    }
}
