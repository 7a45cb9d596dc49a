//! Has programs look at rules, in ring 3, and reports what they find.
//!
//! Such a program takes a rule's name as its argument, prints what was expected and
//! what it saw where the rule does not hold, and ends with 0 if it does
//! (`kernel/user/src/test.rs`).

use core::fmt;

use abi::WaitStatus;
use kernel_core::check::{Context, Outcome};
use kernel_core::fail;

use crate::process::{Ending, run_program};

/// Boots the system, and has a program look at these rules, one after the other.
///
/// # Errors
/// Fails the check at the first rule that does not hold, with what the program said.
pub fn ensure_rules(context: &mut Context, program: &str, rules: &[&str]) -> Outcome {
    for rule in rules {
        let Ending { status, output } = run_program(context, program, &[rule])?;
        if status.code() == Some(0) {
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
        fail!(expected: ("the program `{program} {rule}` to exit with 0"), saw: ("it {}", Ended(status)));
    }
    Ok(())
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
