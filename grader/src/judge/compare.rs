//! One report from two: the same checks, graded on two emulators.
//!
//! A check gets the worse of its two verdicts, and its message says so if they differ.

use super::results::{CheckReport, LabReport, MachineVerdict, Run};

/// Combines two runs of the same checks into one.
pub fn both(first: Run, second: Run) -> Run {
    let names = [first.emulator.clone(), second.emulator.clone()];
    let labs = first.labs.into_iter().zip(second.labs);
    Run {
        labs: labs.map(|(first, second)| lab(first, second, &names)).collect(),
        emulator: names.join(" and "),
        ..first
    }
}

fn lab(first: LabReport, second: LabReport, names: &[String; 2]) -> LabReport {
    let checks = first.checks.into_iter().zip(second.checks);
    LabReport { checks: checks.map(|(first, second)| check(first, second, names)).collect(), ..first }
}

fn check(first: CheckReport, second: CheckReport, names: &[String; 2]) -> CheckReport {
    if first.status == second.status {
        return first;
    }
    let machines: Vec<MachineVerdict> = [&first, &second]
        .into_iter()
        .zip(names)
        .map(|(check, name)| MachineVerdict {
            emulator: name.clone(),
            status: check.status,
            message: check.message.clone(),
        })
        .collect();
    let (mut worse, at) = if second.status > first.status { (second, 1) } else { (first, 0) };
    worse.message = format!("on {}, unlike on {}: {}", names[at], names[1 - at], worse.message);
    worse.machines = machines;
    worse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Status;
    use crate::judge::samples;

    #[test]
    fn the_worse_verdict_counts_and_both_are_told() {
        let mut other = samples::run();
        other.emulator = "Bochs 2.7".to_owned();
        other.labs[0].checks[0].status = Status::Hung;
        other.labs[0].checks[0].message = "did not end".to_owned();
        other.labs[0].checks[1].status = Status::Passed;
        let run = both(samples::run(), other);
        assert_eq!(run.emulator, "QEMU 7.2.22 and Bochs 2.7");
        let checks = &run.labs[0].checks;
        assert_eq!((checks[0].status, checks[1].status), (Status::Hung, Status::Failed));
        assert_eq!(checks[0].message, "on Bochs 2.7, unlike on QEMU 7.2.22: did not end");
        assert_eq!(checks[1].machines[1].status, Status::Passed);
        assert!(checks[2].machines.is_empty() && checks[3].machines.is_empty());
    }
}
