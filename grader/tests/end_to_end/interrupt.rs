//! Ctrl-C: the grader ends, and no emulator is left behind.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use crate::course::Copy;

/// The processes whose command line contains `text`.
fn processes(text: &str) -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(text)
        })
        .collect()
}

/// The processes that this one has started, and their children in turn.
pub fn descendants(of: u32) -> Vec<u32> {
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().nth(1)?.parse::<u32>().ok()
    };
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut found = vec![of];
    while let Some((pid, _)) = all.iter().find(|(pid, parent)| found.contains(parent) && !found.contains(pid)) {
        found.push(*pid);
    }
    found.split_off(1)
}

/// Whether a process exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with('Z'))
}

#[test]
fn no_shared_machine_outlives_an_interrupted_grader() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::KILL] {
        let copy = Copy::with_checks(&["harness-counting", "harness-halt", "harness-pass"]);
        let slow = copy.read("labs/01-pmm/lab.toml").replace("budget = 100", "budget = 3750");
        copy.write("labs/01-pmm/lab.toml", &slow);
        let mut grader =
            copy.command(&["01", "--jobs", "1"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let shared = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == b"wait")
        };
        let mut machines = Vec::new();
        while machines.is_empty() {
            assert!(grader.try_wait().unwrap().is_none(), "the grader ended by itself");
            pause();
            machines = descendants(grader.id()).into_iter().filter(shared).collect();
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&grader), signal).unwrap();
        grader.wait().unwrap();
        let gone = (0..500).any(|_| {
            pause();
            !machines.iter().copied().any(is_alive)
        });
        assert!(gone, "{signal:?} left a machine behind");
    }
}

#[test]
fn no_compiler_outlives_an_interrupted_grader() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
        let copy = Copy::new();
        let file = "labs/01-pmm/src/bitmap.rs";
        let endless = "#[allow(long_running_const_eval)]\nconst _: () = loop {};\n";
        copy.write(file, &format!("{}\n{endless}", copy.read(file)));
        let mut grader = copy.command(&["01"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let compiles = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains("rustc --crate-name pmm ")
        };
        let mut started = Vec::new();
        while !started.iter().any(compiles) {
            assert!(grader.try_wait().unwrap().is_none(), "the grader ended by itself");
            pause();
            started = descendants(grader.id());
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&grader), signal).unwrap();
        grader.wait().unwrap();
        let gone = (0..500).any(|_| {
            pause();
            !started.iter().copied().any(is_alive)
        });
        assert!(gone, "{signal:?} left a compiler behind");
    }
}

#[test]
fn no_emulator_outlives_an_interrupted_grader() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
        // This check counts for as long as a machine may: far longer than this test runs.
        let copy = Copy::with_checks(&["harness-counting"]);
        let slow = copy.read("labs/01-pmm/lab.toml").replace("budget = 100", "budget = 3750");
        copy.write("labs/01-pmm/lab.toml", &slow);
        // The machine is found by a seed that no other test uses.
        let seed = format!("seed=77{}", std::process::id());
        let mut grader = copy
            .command(&["--seed", seed.strip_prefix("seed=").unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The grader's own process has `--seed N` on its line, the machine's has `seed=N`.
        let mut machine = processes(&seed);
        while machine.is_empty() {
            assert!(grader.try_wait().unwrap().is_none(), "the grader ended by itself");
            pause();
            machine = processes(&seed);
        }
        let pid = rustix::process::Pid::from_child(&grader);
        rustix::process::kill_process(pid, signal).unwrap();
        let status = grader.wait().unwrap();
        assert!(status.code() != Some(0) && status.code() != Some(1), "{status:?}");
        if signal == rustix::process::Signal::KILL {
            assert_eq!(status.signal(), Some(9));
        }
        // A killed process takes a moment to end; a forgotten one would stay far longer.
        let gone = (0..500).any(|_| {
            pause();
            processes(&seed).is_empty()
        });
        assert!(gone, "{signal:?} left an emulator behind");
    }
}

fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
