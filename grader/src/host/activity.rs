//! A process's activity: whether it is idle, and how much processor time it has used.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::host::process::answer;

/// After so many idle samples in a row, a process is given up.
const IDLE_SAMPLES: u32 = 10;

/// The time between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// Tells a process that does nothing at all from a process that waits for the processor.
pub struct Idleness {
    process: u32,
    since: Instant,
    used: Option<String>,
    samples: u32,
}

impl Idleness {
    /// Begins to watch a process.
    pub fn new(process: u32) -> Self {
        Self { process, since: Instant::now(), used: None, samples: 0 }
    }

    /// Takes a sample of the process; `true` once it has been asleep long enough.
    ///
    /// A process that only waits for a busy processor is not asleep.
    pub fn sample(&mut self) -> bool {
        if self.since.elapsed() < SAMPLE_EVERY {
            return false;
        }
        self.since = Instant::now();
        let now = asleep(self.process);
        if now.is_some() && now == self.used {
            self.samples += 1;
        } else {
            self.samples = 0;
        }
        self.used = now;
        self.samples >= IDLE_SAMPLES
    }
}

/// The processor time that a process has used, if all of its threads sleep.
fn asleep(process: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let mut used = String::new();
        for task in fs::read_dir(format!("/proc/{process}/task")).ok()? {
            let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            let fields = fields(&stat)?;
            if *fields.first()? != "S" {
                return None;
            }
            used.push_str(&format!("{}+{} ", fields.get(11)?, fields.get(12)?));
        }
        Some(used)
    } else {
        let text = answer(Path::new("ps"), &["-o", "state=,time=", "-p", &process.to_string()])?;
        matches!(text.trim_start().chars().next(), Some('S' | 'I')).then_some(text)
    }
}

/// The processor time that a process has used; `None` where the operating system does not tell. Linux does.
pub fn processor_time(process: u32) -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields = fields(&stat)?;
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = process;
        None
    }
}

/// The fields of a `stat` in `/proc`, from the process's state on (proc(5)): 11 and
/// 12 are its time in user mode and in the kernel, in ticks.
fn fields(stat: &str) -> Option<Vec<&str>> {
    // The name may contain anything, so the fields are counted from its end.
    Some(stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::Signal;

    use super::*;
    use crate::host::process::Process;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_processor_time_of_a_working_process_grows() {
        let used = || processor_time(std::process::id()).unwrap();
        let before = used();
        while used() == before {
            std::hint::spin_loop();
        }
        assert!(used() > before);
        assert_eq!(processor_time(0), None);
    }

    #[test]
    fn a_process_s_name_may_contain_anything() {
        assert_eq!(fields("1 (a) b) S 2 3"), Some(vec!["S", "2", "3"]));
        assert_eq!(fields("no process"), None);
    }

    #[test]
    fn a_sleeping_process_is_told_from_a_working_one() {
        let mut sleeping = Process::spawn(Command::new("sleep").arg("60"), Signal::KILL).unwrap();
        let seen = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            asleep(sleeping.id()).is_some()
        });
        sleeping.kill();
        sleeping.wait().unwrap();
        assert!(seen);
        // This very process has a thread that runs.
        assert_eq!(asleep(std::process::id()), None);
    }
}
