//! From the boots of a run to its reports.

use std::collections::BTreeMap;

use crate::build::kernel::Kernel;
use crate::course::lab_toml::Check;
use crate::machine::Emulator;

use super::plan::Task;
use super::request::{Boots, DEFAULT_SEED, Request, Whose};
use super::results::{CheckReport, Evidence, LabReport};
use super::schedule::{Done, Key};
use super::status::Status;
use super::verdict::{self, Verdict};

/// A lab's report, from its kernel and its boots.
pub fn report(number: usize, task: &Task<'_>, kernel: Option<&Kernel>, results: &mut BTreeMap<Key, Done>) -> LabReport {
    let build_error = kernel.and_then(|kernel| kernel.broken.get(&task.lab.id)).cloned();
    let refused = kernel.and_then(|kernel| kernel.refused.get(&task.lab.id)).cloned();
    let blocked_by = kernel.and_then(|kernel| kernel.blocked.get(&task.lab.id)).cloned().unwrap_or_default();
    let tampered = kernel.and_then(|kernel| kernel.tampered.get(&task.lab.id));
    let mut checks = Vec::new();
    for (at, check) in task.checks.iter().enumerate() {
        let mut boots: Vec<Done> =
            (0..check.memory.len()).filter_map(|boot| results.remove(&(number, at, boot))).collect();
        // After a boot that hung, others were made or not, as it came.
        if let Some(hung) = boots.iter().position(|done| done.verdict.status == Status::Hung) {
            boots.truncate(hung + 1);
        }
        let (status, message, evidence) = if build_error.is_some() {
            let message = match &refused {
                Some(refused) => refused.clone(),
                None if blocked_by.is_empty() => "the lab does not compile".to_owned(),
                None => format!("{} does not build", blocked_by.join(", ")),
            };
            (Status::CouldNotBuild, message, None)
        } else if let Some(tampered) = tampered {
            (Status::Tampered, tampered.clone(), None)
        } else {
            decide(check, boots)
        };
        checks.push(CheckReport {
            name: check.name.clone(),
            status,
            max_points: check.points,
            message,
            rule: check.rule.clone(),
            hint: check.hint.clone(),
            chapter: check.chapter.clone(),
            machines: Vec::new(),
            times: 1,
            evidence,
        });
    }
    LabReport {
        id: task.lab.id.clone(),
        title: task.lab.toml.title.clone(),
        package: task.lab.toml.package.clone(),
        graded: task.graded,
        files: task.lab.files(),
        build_error,
        refused,
        blocked_by,
        warnings: kernel.and_then(|kernel| kernel.warnings(task.lab)),
        checks,
    }
}

/// A check's verdict, from the boots with all memory sizes.
fn decide(check: &Check, mut boots: Vec<Done>) -> (Status, String, Option<Evidence>) {
    let verdicts: Vec<Verdict> = boots.iter().map(|done| done.verdict.clone()).collect();
    let Some(worst) = verdict::worst(&verdicts) else {
        return (Status::CouldNotBuild, "was not run".to_owned(), None);
    };
    let Done { verdict, evidence } = boots.swap_remove(worst);
    // The machine matters only if another one did better.
    let differs = verdicts.iter().any(|other| other.status != verdict.status);
    let message = match differs {
        true => format!("with {} of memory: {}", check.memory[worst], verdict.message),
        false => verdict.message,
    };
    (verdict.status, message, Some(evidence))
}

/// The options that grade the same files again.
pub fn repeat(request: &Request, emulator: &Emulator) -> Vec<String> {
    let mut words = Vec::new();
    match request.whose {
        Whose::Student | Whose::Variant => {}
        Whose::Own => words.push("--own".to_owned()),
        Whose::Solution => words.push("--solution".to_owned()),
    }
    if let Emulator::Bochs(_) = emulator {
        words.extend(["--emulator".to_owned(), "bochs".to_owned()]);
    }
    if request.boots == Boots::PerCheck {
        words.push("--fresh".to_owned());
    }
    if request.seed != DEFAULT_SEED {
        words.extend(["--seed".to_owned(), request.seed.to_string()]);
    }
    words
}
