//! Checks that share a machine, compared with the same checks on machines of their own.

use serde_json::Value;

use crate::course::{Copy, Ran, check, has_solutions, lab};
use crate::verdicts::PROVOKED;

/// Grades, and reports how many boots were on shared machines.
fn graded(copy: &Copy, words: &[&str]) -> Ran {
    Ran::of(copy.command(&[words, &["--json", "-"]].concat()).env("FOLIO_TIMINGS", "1"))
}

/// How many boots there were, and how many of them on shared machines.
fn boots(ran: &Ran) -> (u32, u32) {
    let number_before = |text: &str| {
        let (before, _) = ran.stderr.split_once(text)?;
        before.rsplit(' ').next()?.parse().ok()
    };
    number_before(" boots, ").zip(number_before(" of them on shared machines")).expect("the timings are told")
}

/// A lab's report without the parts that are never the same twice: the nonces, and the place at which the watchdog
/// stopped a machine. The search for a proof stops that machine before, so the place is an instruction or two off.
fn comparable(lab: &Value) -> String {
    let mut lab = lab.clone();
    for check in lab["checks"].as_array_mut().into_iter().flatten() {
        let by_watchdog = check["message"].as_str().is_some_and(|message| message.contains("did not end within"));
        if by_watchdog && let Some(check) = check.as_object_mut() {
            check.remove("crash");
        }
    }
    let text = format!("{lab:#}");
    let mut parts = text.split("folio:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        whole + "folio:" + &part[digits..]
    })
}

/// Everything that is reported about these checks: results, measured instructions, logs, crashes with their registers.
#[track_caller]
fn is_the_same(shared: &Ran, fresh: &Ran) {
    let (all, on_shared) = boots(shared);
    assert!(on_shared > all / 2, "{on_shared} of {all} boots were made on shared machines");
    assert_eq!(boots(fresh), (all, 0));
    let (shared, fresh) = (shared.json(), fresh.json());
    for one in fresh["labs"].as_array().unwrap() {
        let id = one["id"].as_str().unwrap();
        // A whole report is too long to be printed.
        let (shared, fresh) = (comparable(lab(&shared, id)), comparable(one));
        let first = shared.lines().zip(fresh.lines()).enumerate().find(|(_, (shared, fresh))| shared != fresh);
        assert!(shared == fresh, "{id}: the first lines that differ: {first:#?}");
    }
}

#[test]
fn the_references_do_the_same_on_shared_machines_instruction_by_instruction() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let shared = graded(&copy, &["--solution", "--verbose"]);
    let fresh = graded(&copy, &["--solution", "--verbose", "--fresh"]);
    is_the_same(&shared, &fresh);
}

#[test]
fn however_a_check_ends_it_is_reported_as_on_a_machine_of_its_own() {
    // A machine that only the limit of processor time stops does not stop at the same instruction twice.
    let names: Vec<&str> = PROVOKED.map(|(name, _)| name).into_iter().filter(|name| *name != "harness-spin").collect();
    let copy = Copy::with_checks(&names);
    is_the_same(&graded(&copy, &["01"]), &graded(&copy, &["01", "--fresh"]));
}

#[test]
fn a_check_sees_nothing_of_the_one_before() {
    // Each machine that is brought down is followed by one that is examined.
    let broken = ["harness-null-write", "harness-hang", "harness-triple-fault", "harness-flood", "harness-early-exit"];
    let whole = ["harness-scratch", "harness-memory", "harness-lender", "harness-timer", "harness-clock"];
    let names: Vec<&str> = broken.into_iter().zip(whole).flat_map(|(broken, whole)| [broken, whole]).collect();
    let copy = Copy::with_checks(&names);
    let run = graded(&copy, &["01", "--jobs", "1"]).expect_code(1).json();
    for (name, expected) in PROVOKED.iter().filter(|(name, _)| names.contains(name)) {
        assert_eq!(check(&run, name)["status"], *expected, "{:#}", check(&run, name));
    }
}

#[test]
fn another_seed_reaches_a_shared_machine() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let words = ["01", "--solution", "--seed", "4711"];
    let (shared, fresh) = (graded(&copy, &words), graded(&copy, &[&words[..], &["--fresh"]].concat()));
    is_the_same(&shared, &fresh);
}
