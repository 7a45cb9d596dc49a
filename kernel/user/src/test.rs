//! Tests that run in ring 3: rules with names, each checked in a process of its own.
//!
//! `NAME-test RULE` checks one rule. If it does not hold, the test prints what it expected and what
//! it saw, and exits with 1. `NAME-test` checks all rules. Nothing here uses the program's heap, so
//! that tests of the heap have it for themselves.

use core::fmt::Display;

use abi::{Errno, Signal, WaitStatus};

use crate::process::{self, Fork};
use crate::start::Start;
use crate::words::{Words, told};
use crate::{eprintln, println};

/// A rule, and the function that checks it.
pub struct Test {
    /// The name, of the characters `[a-z0-9-]`.
    pub name: &'static str,
    /// The rule, in one sentence.
    pub rule: &'static str,
    /// Checks the rule, and reports violations to the [`Check`].
    pub run: fn(&mut Check, &'static Start),
}

/// The result of a test so far.
#[derive(Default, Debug)]
pub struct Check {
    wrong: u32,
}

impl Check {
    /// Expects two values to be equal; `what` names the value in the message.
    pub fn equal<T: PartialEq + Words>(&mut self, what: &str, expected: T, seen: T) {
        if expected != seen {
            self.wrong(what, told(&expected), told(&seen));
        }
    }

    /// Expects two addresses to be equal, and prints them in hexadecimal if not.
    pub fn address(&mut self, what: &str, expected: u32, seen: u32) {
        if expected != seen {
            self.wrong(what, format_args!("{expected:#010x}"), format_args!("{seen:#010x}"));
        }
    }

    /// Expects a condition to be true.
    pub fn holds(&mut self, what: &str, is_true: bool) {
        if !is_true {
            self.wrong(what, "yes", "no");
        }
    }

    /// Expects success, and returns the value of `answer`.
    pub fn done<T>(&mut self, what: &str, answer: Result<T, Errno>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(errno) => {
                self.wrong(what, "success", errno);
                None
            }
        }
    }

    /// Expects a failure with this error number.
    pub fn refused<T: Words>(&mut self, what: &str, expected: Errno, answer: Result<T, Errno>) {
        match answer {
            Err(errno) if errno == expected => {}
            Err(errno) => self.wrong(what, expected, errno),
            Ok(value) => self.wrong(what, expected, format_args!("success: {}", told(&value))),
        }
    }

    /// Expects that a child that does `work` ends with this status.
    pub fn ends(&mut self, what: &str, expected: WaitStatus, work: impl FnOnce() -> u8) {
        let answer = process::spawn(work).and_then(|child| process::wait(Some(child)));
        if let Some((_, seen)) = self.done(what, answer) {
            self.equal(what, expected, seen);
        }
    }

    /// Expects that a child that does `work` is killed for an access to memory that it may not
    /// make.
    pub fn faults(&mut self, what: &str, work: impl FnOnce()) {
        self.ends(what, WaitStatus::killed(Signal::Segmentation), || {
            work();
            0
        });
    }

    /// Expects that a child that does `work` survives it, and exits with 0.
    pub fn lives(&mut self, what: &str, work: impl FnOnce()) {
        self.ends(what, WaitStatus::exited(0), || {
            work();
            0
        });
    }

    /// Makes a check in a child. A violation there counts in this check, too.
    pub fn apart(&mut self, what: &str, work: impl FnOnce(&mut Self)) {
        self.ends(what, WaitStatus::exited(0), || {
            let mut check = Self::default();
            work(&mut check);
            check.exit_code()
        });
    }

    /// 0 if everything was as expected, otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(self.wrong > 0)
    }

    fn wrong(&mut self, what: &str, expected: impl Display, seen: impl Display) {
        self.wrong += 1;
        println!("  {what}:");
        println!("    expected {expected}");
        println!("    saw      {seen}");
    }
}

/// Checks the rule that the program's argument names, or all rules. The argument `list` prints them
/// instead. Returns the exit code: 0 if all hold, 1 if one does not, 2 if there is no such rule.
pub fn run(start: &'static Start, program: &str, tests: &[Test]) -> u8 {
    match start.argument(1) {
        None => run_all(start, tests),
        Some("list") => {
            for test in tests {
                println!("{:<16} {}", test.name, test.rule);
            }
            0
        }
        Some(name) => match tests.iter().find(|test| test.name == name) {
            Some(test) => run_one(start, test),
            None => {
                eprintln!("{program}: there is no `{name}`; `{program} list` says what there is");
                2
            }
        },
    }
}

fn run_one(start: &'static Start, test: &Test) -> u8 {
    let mut check = Check::default();
    (test.run)(&mut check, start);
    let verdict = if check.wrong == 0 { "ok" } else { "WRONG" };
    println!("{verdict} {}: {}", test.name, test.rule);
    check.exit_code()
}

/// Checks one rule after the other, each in a child.
fn run_all(start: &'static Start, tests: &[Test]) -> u8 {
    let mut wrong = 0_u32;
    for test in tests {
        let child = match process::fork() {
            Ok(Fork::Child) => process::exit(run_one(start, test)),
            Ok(Fork::Parent(child)) => child,
            Err(errno) => {
                eprintln!("cannot make a process: {errno}");
                return 1;
            }
        };
        match process::wait(Some(child)) {
            Ok((_, status)) if status.code() == Some(0) => {}
            Ok((_, status)) => {
                wrong += 1;
                if status.code() != Some(1) {
                    println!("WRONG {}: the test itself was not to end: {status}", test.name);
                }
            }
            Err(errno) => {
                eprintln!("cannot wait for a process: {errno}");
                return 1;
            }
        }
    }
    println!("{} of {} rules hold", tests.len() as u32 - wrong, tests.len());
    u8::from(wrong > 0)
}
