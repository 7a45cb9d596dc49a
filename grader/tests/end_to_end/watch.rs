//! `cargo grade watch` like a user runs it: on a pseudo-terminal, and in a pipe.
#![cfg(unix)]

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZero;
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::Value;

use crate::course::{Copy, Ran, target_dir};
#[cfg(target_os = "linux")]
use crate::debug::has_debugger;
use crate::interrupt::{descendants, is_alive};
use crate::students::student;

/// How long a test waits for something that should come.
const PATIENCE: Duration = Duration::from_secs(180);

/// The watched file.
const FILE: &str = "labs/01-pmm/src/bitmap.rs";

fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a terminal has rows and columns")
}

/// A student's file whose `new` panics with this message.
fn panicking(words: &str) -> String {
    student("", &format!("panic!(\"{words}\")"))
}

/// A grader that watches, and its terminal.
struct Session {
    copy: Copy,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    said: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// The terminal's other end, which stays open.
    terminal: File,
}

impl Session {
    /// Begins to watch lab 01 with this text in it, on a terminal of 80 columns and 24 rows.
    fn begin(text: &str, words: &[&str]) -> Self {
        Self::begin_with(text, words, &env::var_os("PATH").unwrap_or_default())
    }

    /// The same, with the programs in these folders.
    fn begin_with(text: &str, words: &[&str], path: &OsStr) -> Self {
        let copy = Copy::with_student(text);
        // This installs and builds everything that is missing.
        copy.grade(&["01", "--check", "never-twice", "--color", "never"]).expect_code(1);
        let _ = fs::remove_file(target_dir().join("staged/kernel/desk.json"));
        let pair =
            native_pty_system().openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_grade"));
        command.args([&["watch", "01"], words].concat());
        command.cwd(copy.root());
        command.env("CARGO_TARGET_DIR", target_dir().join("staged"));
        command.env("TERM", "xterm-256color");
        command.env("PATH", path);
        let child = pair.slave.spawn_command(command).unwrap();
        let terminal = File::open(pair.master.tty_name().unwrap()).unwrap();
        let (tell, said) = mpsc::channel();
        let mut output = pair.master.try_clone_reader().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = output.read(&mut buffer) {
                if count == 0 || tell.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let (keys, screen) = (pair.master.take_writer().unwrap(), vt100::Parser::new(some(24), some(80), 0));
        Self { copy, child, master: pair.master, keys, said, screen, terminal }
    }

    /// The visible screen.
    fn seen(&self) -> String {
        let (_, columns) = self.screen.screen().size();
        self.screen.screen().rows(0, columns.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    /// Waits until the screen satisfies a condition.
    #[track_caller]
    fn until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_it(&self.seen()) {
            match self.said.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(_) => panic!("{what} does not come; there is:\n{}", self.seen()),
            }
        }
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        self.until(text, |seen| seen.contains(text));
    }

    /// Waits until a run has ended.
    #[track_caller]
    fn is_done(&mut self) {
        self.until("the end of a run", |seen| seen.contains("done in "));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Saves the file like many editors: under another name first.
    fn save(&self, text: &str) {
        let file = self.copy.root().join(FILE);
        let new = file.with_extension("rs~");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &file).unwrap();
    }

    /// Waits for the grader's end; no process must be left, and the terminal must be restored.
    #[track_caller]
    fn has_ended(mut self) -> u32 {
        let left = self.child.process_id().map(descendants).unwrap_or_default();
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.said.recv_timeout(Duration::from_millis(500)) {
            self.screen.process(&bytes);
        }
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "{}", self.seen());
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG), "{modes:?}");
        are_gone(&left);
        status.exit_code()
    }
}

/// Waits until these processes have ended: a killed one takes a moment.
#[track_caller]
fn are_gone(processes: &[u32]) {
    let end = Instant::now() + PATIENCE;
    for pid in processes {
        while is_alive(*pid) {
            assert!(Instant::now() < end, "the process {pid} is left");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A failing test leaves no grader behind. A grader that has ended no longer exists.
        let _ = self.child.kill();
    }
}

#[test]
fn a_save_is_acknowledged_and_judged() {
    let mut session = Session::begin(&panicking("first words"), &[]);
    session.sees("first words");
    session.is_done();
    session.sees("  01 0  02 0  03 0");
    assert!(session.seen().contains("0 of 100 points"), "{}", session.seen());

    session.save(&panicking("second words"));
    session.sees("saved labs/01-pmm/src/bitmap.rs");
    session.sees("second words");
    session.is_done();

    // A lab that does not build shows the compiler's errors, and `watch` continues.
    session.save("This is not Rust.\n");
    session.sees("error: expected");
    session.save(&panicking("third words"));
    session.sees("third words");
    session.is_done();

    // A save of the same text is no reason to grade, nor are editors' own files.
    session.save(&panicking("third words"));
    fs::write(session.copy.root().join("labs/01-pmm/src/.bitmap.rs.swp"), "").unwrap();
    session.press("?");
    session.sees("one more hint");
    assert!(session.seen().contains("done in "), "{}", session.seen());
    session.press("q");
    assert_eq!(session.has_ended(), 0);
}

#[test]
fn keys_lead_through_hints_pages_and_labs_in_any_size() {
    let mut session = Session::begin(&panicking("no"), &["--color", "never"]);
    session.sees("managed-count: panicked");
    session.is_done();
    session.press("h");
    session.sees("hint 2/3");
    session.press("h");
    session.sees("cargo test --package pmm");
    session.press("l");
    session.sees("usable-frames-only  4");
    session.press("e");
    session.sees("managed-count in 01-pmm Frames, 4 points");
    session.press("k");
    session.sees("The address space");
    session.press("\u{1b}");
    session.sees("managed-count: panicked");
    session.press(" ");
    session.until("the next lines", |seen| !seen.contains("managed-count: panicked"));

    let size = PtySize { rows: 12, cols: 50, pixel_width: 0, pixel_height: 0 };
    session.master.resize(size).unwrap();
    session.screen.screen_mut().set_size(some(12), some(50));
    session.press("?");
    session.sees("all about that check");
    // The rest is further down.
    session.press(" ");
    session.sees("go on to the next lab");
    let rows: Vec<String> = session.seen().lines().map(str::to_owned).collect();
    assert!(rows.len() == 12 && rows[11].starts_with("h hint  e explain"), "{rows:#?}");

    session.press("n");
    session.sees("02-vmm");
    session.is_done();
    assert_eq!(session.screen.screen().cell(0, 0).unwrap().fgcolor(), vt100::Color::Default);
    // A save in another lab's file changes to that lab.
    session.save(&panicking("back again"));
    session.sees("01-pmm  Frames");
    session.sees("saved labs");
    session.is_done();
    session.press("q");
    assert_eq!(session.has_ended(), 0);
}

#[test]
fn a_key_that_comes_with_a_change_of_the_size_counts() {
    let mut session = Session::begin(&panicking("no"), &["--color", "never"]);
    session.sees("managed-count: panicked");
    session.is_done();
    // Whether both come at one moment is chance: these are many chances.
    for round in 0..40 {
        let (rows, cols) = if round % 2 == 0 { (30, 90) } else { (24, 80) };
        session.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        session.press("?");
        session.screen.screen_mut().set_size(some(rows), some(cols));
        session.sees("all about that check");
        session.press("\u{1b}");
        session.until("the result", |seen| !seen.contains("all about that check"));
    }
    session.press("q");
    assert_eq!(session.has_ended(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_key_lends_the_terminal_to_gdb_until_that_is_quit() {
    if !has_debugger() {
        return;
    }
    let mut session = Session::begin(&panicking("at first"), &["--color", "never"]);
    session.sees("managed-count: panicked");
    session.is_done();
    session.press("d");
    session.sees("managed-count: panicked (");
    session.sees("(gdb)");
    assert!(!session.screen.screen().alternate_screen(), "{}", session.seen());
    // Ctrl-C is for gdb, and so is every other key.
    session.press("\u{3}");
    session.sees("Quit");
    session.press("print 6 * 7\n");
    session.sees("$1 = 42");
    session.press("last-calls 1\n");
    session.sees("called from ");
    session.save(&panicking("saved meanwhile"));
    session.press("quit\n");
    session.sees("saved meanwhile");
    session.is_done();
    session.press("?");
    session.sees("one more hint");
    session.press("q");
    assert_eq!(session.has_ended(), 0);
}

#[test]
fn a_missing_gdb_is_told_before_the_screen_comes_back() {
    // Every program but that one.
    let folder = tempfile::tempdir().unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    for program in env::split_paths(&path).filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
        if program.file_name() != "gdb" {
            // Of two with one name the first is meant.
            let _ = std::os::unix::fs::symlink(program.path(), folder.path().join(program.file_name()));
        }
    }
    let mut session = Session::begin_with(&panicking("no"), &["--color", "never"], folder.path().as_os_str());
    session.sees("managed-count: panicked");
    session.is_done();
    session.press("d");
    session.sees("gdb is missing");
    session.sees("Enter goes back to `watch`.");
    session.press("\n");
    session.sees("waiting for a save");
    session.press("q");
    assert_eq!(session.has_ended(), 0);
}

#[test]
fn a_save_during_a_run_stops_that_run() {
    // Each of its checks would take seconds.
    let mut session = Session::begin(&student("", "loop {}"), &[]);
    session.sees("checks: ");
    let running = session.child.process_id().map(descendants).unwrap_or_default();
    session.save(&panicking("other words"));
    session.sees("other words");
    session.is_done();
    assert!(!session.seen().contains("hung"), "{}", session.seen());
    are_gone(&running);
    // Improvements are marked. The earlier result was a hang, which was never shown, so nothing improved.
    assert!(!session.seen().contains("better"), "{}", session.seen());
    session.press("q");
    assert_eq!(session.has_ended(), 0);
}

#[test]
fn ctrl_c_and_signals_leave_nothing_behind() {
    let mut session = Session::begin(&student("", "loop {}"), &[]);
    session.sees("checks: ");
    session.press("\u{3}");
    assert_eq!(session.has_ended(), 0);

    let mut session = Session::begin(&student("", "loop {}"), &[]);
    session.sees("checks: ");
    let pid = session.child.process_id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(session.has_ended(), 130);
}

#[test]
fn a_file_that_is_deleted_is_waited_for_by_polling_too() {
    let mut session = Session::begin(&panicking("at first"), &["--poll"]);
    session.sees("at first");
    session.is_done();
    fs::remove_file(session.copy.root().join(FILE)).unwrap();
    session.sees("labs/01-pmm/src/bitmap.rs is not there: waiting until it is");
    session.save(&panicking("there again"));
    session.sees("there again");
    session.is_done();
    session.press("q");
    assert_eq!(session.has_ended(), 0);
}

#[test]
fn in_a_pipe_there_are_plain_lines() {
    let copy = Copy::with_student(&panicking("piped words"));
    let _ = fs::remove_file(target_dir().join("staged/kernel/desk.json"));
    let mut command = copy.command(&["watch", "pmm"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut until = |text: &str| {
        let mut said = Vec::new();
        for line in lines.by_ref() {
            let is_it = line.contains(text);
            assert!(!line.contains('\u{1b}'), "{line:?}");
            said.push(line);
            if is_it {
                return said.join("\n");
            }
        }
        panic!("`{text}` does not come:\n{}", said.join("\n"))
    };
    let said = until(" points:  ");
    assert!(said.contains("  piped words\n") && said.contains("\n✘ run-cost"), "{said}");
    copy.write(FILE, &panicking("more words"));
    let said = until(" points:  ");
    assert!(said.starts_with("01-pmm: saved labs/01-pmm/src/bitmap.rs\n"), "{said}");
    // The check that failed last time is booted first.
    assert!(said.contains("\nmanaged-count: panicked\n") && said.contains("  more words\n"), "{said}");
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn the_check_that_is_asked_for_is_booted_first() {
    let copy = Copy::with_student(&panicking("no"));
    let ran = copy.grade(&["01", "--tell", "80", "--first", "high-memory", "--jobs", "1"]).expect_code(1);
    let steps: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let step = steps.iter().find_map(|line| line["Told"]["Step"].as_str());
    assert_eq!(step, Some("high-memory: panicked"), "{}", ran.stdout);
    assert!(steps.last().unwrap()["Done"]["labs"].is_array(), "{}", ran.stdout);
}

#[test]
fn a_lab_that_is_not_there_is_one_clear_line() {
    let copy = Copy::new();
    Ran::of(&mut copy.command(&["watch", "17"])).expect_code(2).says("17");
}
