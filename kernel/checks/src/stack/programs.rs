//! Checks that programs make in ring 3: `stack-test` tests its own stack, rule
//! by rule, on a kernel that this lab is part of.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};

use crate::programs::{Ended, ensure_rules};
use crate::programs::{Ending, run_program};

/// The arguments that a program finds, and the error for too many of them.
pub fn program_arguments(context: &mut Context) -> Outcome {
    let arguments = ["one", "two words", "", "x"];
    let Ending { status, output } = run_program(context, "args", &arguments)?;
    let output = Output(&output);
    if let Some(rule) = output.lines().find_map(|line| line.strip_prefix("wrong: ")) {
        fail!(expected: ("{rule}, as the program `args` sees it"), saw: ("that it is not so"));
    }
    output.ensure_line("argc", "5")?;
    for (index, argument) in (1..).zip(arguments) {
        let mut found =
            output.lines().filter(|line| line.split_whitespace().next().is_some_and(|word| names(word, index)));
        let line = found.next().unwrap_or("no such line");
        let saw = line.split_once('"').and_then(|(_, rest)| rest.strip_suffix('"'));
        ensure!(
            saw == Some(argument),
            expected: ("the program `args` to find \"{argument}\" as argv[{index}]"),
            saw: ("{line}")
        );
    }
    ensure!(status.code() == Some(0), expected: ("the program `args` to exit with 0"), saw: ("it {}", Ended(status)));
    ensure_rules(context, "stack-test", &["entry", "vectors", "strings", "too-many", "most"])
}

/// Whether a word is `argv[index]`.
fn names(word: &str, index: usize) -> bool {
    word.strip_prefix("argv[").and_then(|rest| rest.strip_suffix(']')).is_some_and(|number| number.parse() == Ok(index))
}

/// A program may use all of its stack, in any order, and finds zeros.
pub fn program_recursion(context: &mut Context) -> Outcome {
    ensure_rules(context, "stack-test", &["recursion", "growth", "zeroed", "system-calls"])
}

/// A program that goes below the limit ends, and no other does.
pub fn program_overflow(context: &mut Context) -> Outcome {
    ensure_rules(context, "stack-test", &["lowest-byte", "overflow"])
}

/// Every process has stacks of its own, which are freed when it ends.
pub fn program_stacks_apart(context: &mut Context) -> Outcome {
    ensure_rules(context, "stack-test", &["fork", "exec", "returned", "kernel-stacks"])
}

/// The output of a program.
struct Output<'a>(&'a [u8]);

impl<'a> Output<'a> {
    fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.split(|byte| *byte == b'\n').map(|line| str::from_utf8(line).unwrap_or_default())
    }

    /// Fails unless there is a line of these two words.
    fn ensure_line(&self, name: &str, value: &str) -> Outcome {
        let saw = self.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        ensure!(
            saw == Some(value),
            expected: ("the program `args` to find {name} {value}"),
            saw: ("{}", saw.unwrap_or("that it did not say so"))
        );
        Ok(())
    }
}
