//! The cost of the operating system in guest instructions, with the references: forks and
//! exits, system calls, and the work of labs 01 and 02 for it.
//!
//! The kernel itself counts, in the harness checks that are named here.

use std::path::Path;

use comfy_table::Table;
use serde::Serialize;

use crate::course::lab_toml::{MAX_BUDGET, Memory};
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::verdict::judge;
use crate::judge::wire::Transcript;
use crate::judge::{DEFAULT_SEED, Engine, Status, nonce};
use crate::machine::Boot;

use crate::peers::table::{align, plain_table};

/// The check that measures processes.
const OF_PROCESSES: &str = "harness-costs-of-processes";
/// The check that measures labs 01 to 03 as they come up, and lab 02.
const OF_MEMORY: &str = "harness-costs-of-memory";

/// How much memory the machine has.
const MEMORY: &str = "64M";
/// A larger machine, to compute the cost of a frame.
const MORE_MEMORY: &str = "1G";

/// A check's measurements: name, value, unit.
type Measures = Vec<(String, u64, String)>;

/// One figure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cost {
    /// What was measured.
    what: String,
    instructions: u64,
    /// The unit: a page, a call, …
    per: String,
}

/// The text for each figure, in the order in which they are shown.
const SHOWN: [(&str, &str); 22] = [
    ("fork-and-exit-smallest", "Fork and exit of the smallest process"),
    ("fork-and-exit-heap-1-mib", "Fork and exit, 1 MiB on the heap"),
    ("fork-and-exit-heap-2-mib", "Fork and exit, 2 MiB on the heap"),
    ("fork-and-exit-heap-4-mib", "Fork and exit, 4 MiB on the heap"),
    ("fork-and-exit-heap-8-mib", "Fork and exit, 8 MiB on the heap"),
    ("fork-and-exit-image-4-mib", "Fork and exit, 4 MiB of zeros in the image"),
    ("fork-and-exit-stack", "Fork and exit, pages of the stack"),
    ("call-with-1-other", "System call (`getpid`), 1 other process"),
    ("call-with-8-others", "System call, 8 other processes"),
    ("call-with-32-others", "System call, 32 other processes"),
    ("call-with-62-others", "System call, 62 other processes"),
    ("switch-with-1-other", "Switch to another process, 1 other process"),
    ("switch-with-8-others", "Switch, 8 other processes"),
    ("switch-with-32-others", "Switch, 32 other processes"),
    ("switch-with-62-others", "Switch, 62 other processes"),
    ("map", "`map`, another page far away in the table"),
    ("unmap", "`unmap`, another page far away in the table"),
    ("allocate-with-none", "`allocate` of a page, no other allocation"),
    ("free-with-none", "`free` of a page, no other allocation"),
    ("allocate-with-many", "`allocate` of a page, 2048 other allocations"),
    ("free-with-many", "`free` of a page, 2048 other allocations"),
    (A_FRAME, "Memory comes up (labs 01 to 03)"),
];

/// The figure that is computed and not measured.
const A_FRAME: &str = "start-a-frame";

/// Measures everything, with the references where there are any.
///
/// # Errors
/// If the kernel does not build, or measures nothing.
pub fn measure(engine: &Engine, progress: &Progress) -> Result<Vec<Cost>> {
    let image = engine.site.image_of(&engine.site.mix(&[]), progress)?.path;
    progress.start("Counting instructions: the system");
    let mut measures = run(engine, &image, OF_PROCESSES, MEMORY)?;
    let small = run(engine, &image, OF_MEMORY, MEMORY)?;
    let large = run(engine, &image, OF_MEMORY, MORE_MEMORY)?;
    let difference = |key: &str| value(&large, key)?.checked_sub(value(&small, key)?);
    if let (Some(instructions), Some(frames @ 1..)) = (difference("start"), difference("frames")) {
        measures.push((A_FRAME.to_owned(), instructions / frames, "a-frame".to_owned()));
    }
    measures.extend(small);
    Ok(costs(&measures))
}

/// Boots the kernel for a check, and returns the check's measurements.
fn run(engine: &Engine, image: &Path, check: &str, memory: &str) -> Result<Measures> {
    let nonce = nonce()?;
    let programs = if check == OF_PROCESSES { engine.site.programs()? } else { Vec::new() };
    let words = ["nonce", "check", "seed", "budget"]
        .into_iter()
        .zip([nonce.clone(), check.to_owned(), DEFAULT_SEED.to_string(), MAX_BUDGET.to_string()])
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let memory = Memory::parse(memory).map_err(Error::new)?;
    let boot = Boot { image, memory, programs: &programs, words, budget: MAX_BUDGET, look: false, challenge: None };
    let outcome = engine.emulator.boot(&boot)?;
    let transcript = Transcript::parse(&outcome.serial, &nonce, &nonce);
    match judge(check, &transcript, &outcome.end, MAX_BUDGET) {
        Ok(verdict) if verdict.status == Status::Passed => Ok(transcript.findings.measures),
        Ok(verdict) => {
            Err(Error::new(format!("{check}: {}", verdict.message)).output(String::from_utf8_lossy(&outcome.serial)))
        }
        Err(trouble) => {
            let error = Error::new(format!("{check}: {}", trouble.what)).advise(trouble.advice);
            Err(error.output(String::from_utf8_lossy(&outcome.serial)))
        }
    }
}

fn value(measures: &Measures, key: &str) -> Option<u64> {
    measures.iter().find(|(name, ..)| name == key).map(|(_, value, _)| *value)
}

/// The figures that are shown, in order.
fn costs(measures: &Measures) -> Vec<Cost> {
    let found = |(key, what): (&str, &str)| {
        let (_, instructions, unit) = measures.iter().find(|(name, ..)| name == key)?;
        Some(Cost { what: what.to_owned(), instructions: *instructions, per: unit.replace('-', " ") })
    };
    SHOWN.into_iter().filter_map(found).collect()
}

/// The figures as a table; `None` if there are none.
pub fn table(costs: &[Cost]) -> Option<(String, Table)> {
    if costs.is_empty() {
        return None;
    }
    let mut table = plain_table(&["", "instructions", ""]);
    for cost in costs {
        table.add_row([cost.what.replace('`', ""), cost.instructions.to_string(), cost.per.clone()]);
    }
    align(&mut table, 1);
    Some(("What the system takes".to_owned(), table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures() -> Measures {
        let of = |key: &str, value, unit: &str| (key.to_owned(), value, unit.to_owned());
        vec![of("unmap", 7, "a-page"), of("fork-and-exit-smallest", 1234, "in-all"), of("something-else", 5, "things")]
    }

    #[test]
    fn figures_are_shown_in_a_fixed_order_with_what_they_mean() {
        let costs = costs(&measures());
        assert_eq!(costs.iter().map(|cost| cost.instructions).collect::<Vec<_>>(), [1234, 7]);
        assert_eq!(costs[0].per, "in all");
        let (_, table) = table(&costs).unwrap();
        let text = table.to_string();
        assert!(text.contains("unmap, another page far away"), "{text}");
        assert!(super::table(&[]).is_none());
    }

    #[test]
    fn every_figure_is_named_once() {
        for (index, (key, _)) in SHOWN.iter().enumerate() {
            assert!(SHOWN[..index].iter().all(|(other, _)| other != key), "{key}");
        }
    }
}
