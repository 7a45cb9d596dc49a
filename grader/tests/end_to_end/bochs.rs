//! Grading in Bochs: with a fake that prints whatever a test wants, and with the real
//! one if it is installed.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bad_input::write_program;
use crate::course::{Copy, Ran, check, course, grade, has_solutions};
use crate::proofs::with_translate;
use crate::verdicts::PROVOKED;

/// The check for which the fake machine reports.
const CHECK: &str = "harness-pass";

/// The parts of a fake Bochs: it reads the debugger's commands, and each `c`
/// runs the next step of a script.
///
/// In a script, `$P` is the beginning of the kernel's reports, `say` prints to the
/// serial port, `magic PORT BYTE` stops like a breakpoint after a write to a port, and `$T` is
/// the time.
const FAKE: &str = include_str!("fake_bochs.sh");

/// A fake GRUB, and a fake program for CDs that writes only the configuration.
fn fake_tools(folder: &Path) {
    let modules = folder.join("lib/grub/i386-pc");
    fs::create_dir_all(&modules).unwrap();
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(modules.join("moddep.lst"), "multiboot:\nnormal:\n").unwrap();
    for name in ["multiboot.mod", "normal.mod"] {
        fs::write(modules.join(name), "").unwrap();
    }
    write_program(&folder.join("bin/grub-mkimage"), "#!/bin/sh\n: > disc/boot/core.img\n");
    write_program(&folder.join("bin/xorriso"), "#!/bin/sh\ncat disc/boot/grub/grub.cfg > disc.iso\n");
}

/// The command that grades [`CHECK`] in a fake Bochs; `step` is the body of its script.
fn in_fake(copy: &Copy, folder: &Path, step: &str, emulator: &str) -> Command {
    fake_tools(folder);
    let bochs = folder.join("bin/bochs");
    let (head, tail) = FAKE.split_once("while read").unwrap();
    write_program(&bochs, &format!("{head}step() {{\n{step}\n}}\nwhile read{tail}"));
    let mut command = copy.command(&["--check", CHECK, "--emulator", emulator]);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.join("bin")).chain(env::split_paths(&path));
    command.env("PATH", env::join_paths(folders).unwrap()).env("FOLIO_BOCHS", bochs);
    command
}

fn graded_by(copy: &Copy, step: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    Ran::of(in_fake(copy, folder.path(), step, "bochs").args(["--json", "-"]))
}

/// A machine that keeps the protocol.
const HONEST: &str = "case $STEP in\n\
    1) begin; magic 0x443 14;;\n\
    2) magic 0x441 0;;\n\
    3) say \"ok 1 harness-pass # folio:$N\"; say \"$P end\"; magic 0xf4 16;;\n\
    esac";

#[test]
fn a_machine_that_keeps_to_the_protocol_is_believed() {
    let copy = Copy::with_checks(&[CHECK]);
    let run = graded_by(&copy, HONEST).expect_code(0).json();
    assert_eq!(check(&run, CHECK)["status"], "passed");
    assert_eq!(run["emulator"], "Bochs 2.7");
}

#[test]
fn what_does_not_fit_together_is_tampering() {
    let copy = Copy::with_checks(&[CHECK]);
    for step in [
        // A result without the nonce; one without an end; one with the wrong end; no result.
        "begin; say 'ok 1 harness-pass'; say \"$P end\"; magic 0xf4 16",
        "begin; say \"ok 1 harness-pass # folio:$N\"; magic 0xf4 16",
        "begin; say \"ok 1 harness-pass # folio:$N\"; say \"$P end\"; magic 0xf4 17",
        "begin; magic 0xf4 16",
        // A checkpoint that no check announced.
        "case $STEP in 1) begin; magic 0x505 1;; \
         2) say \"ok 1 harness-pass # folio:$N\"; say \"$P end\"; magic 0xf4 16;; esac",
        // A machine that is switched off during the check.
        "begin; exit 0",
    ] {
        let run = graded_by(&copy, step).expect_code(1).json();
        assert_eq!(check(&run, CHECK)["status"], "tampered", "{step}\n{run:#}");
    }
}

#[test]
fn time_is_counted_by_the_machine() {
    let copy = Copy::with_checks(&[CHECK]);
    // The watchdog's time has come.
    let hang = "case $STEP in 1) begin; magic 0x443 14;; 2) T=$LIMIT; stopped;; esac";
    let run = graded_by(&copy, hang).expect_code(1).json();
    assert_eq!(check(&run, CHECK)["status"], "hung", "{run:#}");
    assert_eq!(check(&run, CHECK)["crash"]["registers"]["eip"], 0xC010_0000_u32);
    // The time has not come, or the watchdog was disarmed before: the machine continues.
    for early in ["T=$((LIMIT - 1000)); stopped", "magic 0x441 0; STEP=20"] {
        let step = format!(
            "case $STEP in 1) begin; magic 0x443 14;; 2) {early};; 21) T=$LIMIT; stopped;;\n\
             *) say \"ok 1 harness-pass # folio:$N\"; say \"$P end\"; magic 0xf4 16;; esac"
        );
        graded_by(&copy, &step).expect_code(0);
    }
}

#[test]
fn a_triple_fault_is_told_by_the_last_words_of_bochs() {
    let copy = Copy::with_checks(&[CHECK]);
    let step = "begin\n\
        tell '00033150336p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception with no resolution'\n\
        tell '00033150336i[CPU0  ] | EAX=c018c44c  EBX=c016882c  ECX=0000000d  EDX=00000443'\n\
        tell '00033150336i[CPU0  ] | EIP=c0153329 (c0153329)'; exit 1";
    let run = graded_by(&copy, step).expect_code(1).json();
    let crash = &check(&run, CHECK)["crash"];
    assert_eq!(crash["kind"], "triple-fault", "{run:#}");
    assert_eq!(crash["registers"]["eip"], 0xC015_3329_u32);
}

#[test]
fn a_bochs_that_cannot_be_used_is_named_with_the_reason() {
    let copy = Copy::with_checks(&[CHECK]);
    let folder = tempfile::tempdir().unwrap();
    let mut command = in_fake(&copy, folder.path(), HONEST, "bochs");
    let nowhere = Ran::of(command.env("FOLIO_BOCHS", "/nowhere/bochs")).expect_code(2);
    nowhere.says("FOLIO_BOCHS names /nowhere/bochs");
    let step = "tell '00000000000p[SIM   ] >>PANIC<< no such display'; exit 1";
    graded_by(&copy, step).expect_code(2).says("could not start a machine: no such display");
}

#[test]
fn a_check_that_differs_between_the_machines_is_shown_as_such() {
    let copy = Copy::with_checks(&[CHECK]);
    let failing = HONEST.replace("say \"ok 1", "say \"not ok 1").replace("magic 0xf4 16", "magic 0xf4 17");
    let folder = tempfile::tempdir().unwrap();
    let ran = Ran::of(&mut in_fake(&copy, folder.path(), &failing, "both")).expect_code(1);
    ran.says("differs: QEMU passed, Bochs failed").says("1 different on QEMU").says("--emulator both");
    let ran = Ran::of(in_fake(&copy, folder.path(), &failing, "both").args(["--json", "-"])).expect_code(1);
    let run = ran.json();
    let check = check(&run, CHECK);
    assert_eq!(check["status"], "failed", "{check:#}");
    let statuses = check["machines"].as_array().unwrap().iter().map(|machine| &machine["status"]).collect::<Vec<_>>();
    assert_eq!(statuses, ["passed", "failed"]);
    // If both emulators agree, the report does not mention them.
    Ran::of(&mut in_fake(&copy, folder.path(), HONEST, "both")).expect_code(0).does_not_say("differ");
}

/// Whether the real Bochs is installed.
fn has_bochs() -> bool {
    let ran = grade(course(), &["doctor"]);
    let found = ran.stdout.lines().any(|line| line.contains("second emulator") && line.contains("Bochs"));
    if !found || ran.stdout.contains("no Bochs") {
        eprintln!("skipped: Bochs is not installed (`cargo grade setup --bochs`)");
        return false;
    }
    true
}

#[test]
fn every_end_of_a_check_is_the_same_in_bochs() {
    if !has_bochs() {
        return;
    }
    let copy = Copy::with_checks(&PROVOKED.map(|(name, _)| name));
    let run = copy.grade(&["01", "--emulator", "bochs", "--json", "-"]).expect_code(1).json();
    for (name, status) in PROVOKED {
        assert_eq!(check(&run, name)["status"], status, "{:#}", check(&run, name));
    }
    let calls = &check(&run, "harness-hang")["crash"]["backtrace"];
    let names_its_check = |call: &serde_json::Value| call["file"] == "kernel/checks/src/harness.rs";
    assert!(calls.as_array().is_some_and(|calls| calls.iter().any(names_its_check)), "{calls:#}");
}

#[test]
fn a_translation_that_lies_is_found_out_in_bochs_too() {
    if !has_solutions() || !has_bochs() {
        return;
    }
    let copy = Copy::new();
    with_translate(
        &copy,
        "        if address.as_u32() == 0x2000_0000 {\n            \
         return Some(Translation { address: PhysAddr::new(0x5000), protection: Protection::USER_WRITE });\n        }",
    );
    let words = ["02", "--check", "destroy-returns", "--emulator", "bochs", "--json", "-"];
    let run = copy.grade(&words).expect_code(1).json();
    let check = check(&run, "destroy-returns");
    assert_eq!(check["status"], "failed", "{check:#}");
    assert!(check["saw"].as_str().is_some_and(|text| text.contains("read from outside")), "{check:#}");
}
