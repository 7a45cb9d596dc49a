//! Has programs test rules in ring 3, and reports their findings.
//!
//! Such a program takes a rule's name as its argument. If the rule holds, it exits with 0;
//! otherwise it prints what it expected and what it saw
//! (`kernel/user/src/test.rs`).

use core::fmt;

use abi::WaitStatus;
use alloc::string::String;
use alloc::vec::Vec;
use kernel_system::memory;
use kernel_system::process::{self, Audit, Difference, output, terminal};
use log::info;

use crate::check::{Context, Failed, Outcome};
use crate::fail;

/// How the first program ended.
pub struct Ending {
    /// The status that its parent would have received.
    pub status: WaitStatus,
    /// The output of the program and of those that it started, up to 8 KiB.
    pub output: Vec<u8>,
}

/// Boots the system, runs a program as its first process, and returns when the program has
/// ended. Standard input is at its end. The output goes to the log, too.
///
/// A check can call it several times.
///
/// # Errors
/// Fails the check if the program cannot be started, or if something was not given
/// back after all processes had ended.
pub fn run_program(context: &mut Context, name: &str, arguments: &[&str]) -> Result<Ending, Failed> {
    if !memory::is_up() {
        context.start_protected()?;
    }
    terminal::close();
    info!("running {name}");
    if !output::keep() {
        fail!(expected: ("memory for what {name} writes"), saw: ("none on the kernel's heap"));
    }
    let before = Audit::now();
    let result = process::run(context.machine(), name, arguments);
    let after = Audit::now();
    let output = output::take();
    let status = match result {
        Ok(status) => status,
        Err(error) => fail!(expected: ("{name} to be started"), saw: ("{error}")),
    };
    if before != after {
        context.note(format_args!("the program {name} {status}"));
        fail!(
            expected: ("everything given back when all processes had ended"),
            saw: ("{}", Difference { before, now: after })
        );
    }
    Ok(Ending { status, output })
}

/// Boots the system, and has a program test these rules, one after the other.
///
/// # Errors
/// Fails the check at the first rule that does not hold, with the program's findings.
pub fn ensure_rules(context: &mut Context, program: &str, rules: &[&str]) -> Outcome {
    for rule in rules {
        let Ending { status, output } = run_program(context, program, &[rule])?;
        if status.code() == Some(0) && says_that_it_holds(&output, rule) {
            continue;
        }
        // "what:", "expected …" and "saw …", each on a line of its own.
        let (mut what, mut expected) = ("", None);
        for line in output.split(|byte| *byte == b'\n') {
            let line = str::from_utf8(line).unwrap_or_default().trim();
            if let Some(text) = line.strip_prefix("expected ") {
                expected = Some(text);
            } else if let (Some(expected), Some(saw)) = (expected, line.strip_prefix("saw ")) {
                context.note(format_args!("the program `{program} {rule}` found it, in ring 3"));
                fail!(expected: ("{what} {expected}"), saw: ("{}", saw.trim_start()));
            } else if expected.is_none() {
                what = line;
            }
        }
        if status.code() == Some(0) {
            fail!(
                expected: ("the program `{program} {rule}` to say that the rule `{rule}` holds"),
                saw: ("it exited with 0 without a word of it: it ran with other arguments, or not to its end")
            );
        }
        fail!(expected: ("the program `{program} {rule}` to exit with 0"), saw: ("it {}", Ended(status)));
    }
    Ok(())
}

/// Whether a program has written that it tested this rule, and that the rule holds. Lab 05
/// hands the program its arguments, so the student's code could change both them and the exit status.
fn says_that_it_holds(output: &[u8], rule: &str) -> bool {
    // The rule may have written something to the same line.
    output.split(|byte| *byte == b'\n').any(|line| {
        let line = String::from_utf8_lossy(line);
        line.split_once("ok ").and_then(|(_, rest)| rest.strip_prefix(rule)).is_some_and(|rest| rest.starts_with(':'))
    })
}

/// How a program ended, after "it".
pub struct Ended(pub WaitStatus);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.signal().is_some() {
            f.write_str("was ")?;
        }
        self.0.fmt(f)
    }
}
