//! Machines that report whatever a test wants: an emulator that only prints. Reports that the
//! real kernel would never make must not become a pass.

use std::path::PathBuf;

use crate::bad_input::write_program;
use crate::course::{Copy, Ran, check};

/// The check for which the fake machine reports.
const CHECK: &str = "harness-pass";

/// Grades [`CHECK`] with an emulator that prints `script`'s output and ends with its exit status.
///
/// In the script, `$N` is the boot's nonce and `$P` the beginning of the kernel's reports.
fn graded_by(copy: &Copy, script: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let emulator: PathBuf = folder.path().join("qemu-system-i386");
    write_program(
        &emulator,
        &format!(
            "#!/bin/sh\n\
             for word; do case \"$word\" in --version) echo 'QEMU emulator version 7.2.22'; exit 0;; help) exit 0;; esac; done\n\
             for word; do case \"$word\" in *nonce=*) N=${{word#*nonce=}}; N=${{N%% *}};; esac; done\n\
             P=\"# folio:$N\"\n{script}\n"
        ),
    );
    Ran::of(copy.command(&["--check", CHECK, "--json", "-"]).env("FOLIO_QEMU", &emulator))
}

/// The lines before a result.
const BEGIN: &str = "echo 'KTAP version 1'; echo 1..1; echo \"$P begin harness-pass seed=1 memory_kib=65536\"\n";

/// In QEMU a result carries a word that the machine gets only after the grader has examined it, so
/// printed lines are never enough. With Bochs they are: see the tests of Bochs.
#[test]
fn a_machine_that_only_prints_is_not_believed() {
    let copy = Copy::with_checks(&[CHECK]);
    let script = format!("{BEGIN}echo \"ok 1 harness-pass # folio:$N\"; echo \"$P end\"; exit 33");
    let run = graded_by(&copy, &script).expect_code(1).json();
    assert_eq!(check(&run, CHECK)["status"], "tampered");
    assert_eq!(run["emulator"], "QEMU 7.2.22");
}

#[test]
fn what_does_not_fit_together_is_tampering() {
    let copy = Copy::with_checks(&[CHECK]);
    for script in [
        // A result without the nonce, with another one, with one too many, or with another name.
        "echo 'ok 1 harness-pass'; echo \"$P end\"; exit 33",
        "echo 'ok 1 harness-pass # folio:0123456789abcdef'; echo \"$P end\"; exit 33",
        "echo \"ok 1 harness-pass # folio:$N\"; echo \"ok 1 harness-pass # folio:$N\"; echo \"$P end\"; exit 33",
        "echo \"not ok 1 harness-pass # folio:$N\"; echo \"ok 1 harness-pass # folio:$N\"; echo \"$P end\"; exit 33",
        "echo \"ok 1 harness-fail # folio:$N\"; echo \"$P end\"; exit 33",
        // No result, no end, or the wrong end.
        "exit 33",
        "echo \"ok 1 harness-pass # folio:$N\"; exit 33",
        "echo \"ok 1 harness-pass # folio:$N\"; echo \"$P end\"; exit 35",
        "echo \"ok 1 harness-pass # folio:$N\"; echo \"$P end\"; exit 37",
        "echo \"ok 1 harness-pass # folio:$N\"; echo \"$P end\"; exit 0",
        "echo \"$P crash panic\"; echo \"ok 1 harness-pass # folio:$N\"; echo \"$P end\"; exit 33",
    ] {
        let run = graded_by(&copy, &format!("{BEGIN}{script}")).expect_code(1).json();
        assert_eq!(check(&run, CHECK)["status"], "tampered", "{script}\n{run:#}");
    }
}

#[test]
fn broken_reports_do_no_harm() {
    let copy = Copy::with_checks(&[CHECK]);
    for script in [
        // Bytes that are no text, numbers that are none, lines that end in the middle.
        "printf '\\377\\376\\000\\n'; echo \"$P crash exception\"; echo \"$P exception 0xZZ 99999999999999 page fault\"; echo \"$P end\"; exit 37",
        "echo \"$P crash exception\"; echo \"$P exception 0xe 0x2 page fault\"; echo \"$P cr2 0x4\"; echo \"$P registers eip= esp=0x\"; echo \"$P backtrace 0x1 zz 0xffffffffff\"; echo \"$P end\"; exit 37",
        "echo \"$P crash panic\"; echo \"$P panic nowhere\"; echo \"$P end\"; exit 37",
        "echo \"$P crash panic\"; echo \"$P panic ../../../../etc/passwd:1:1 look here\"; printf \"$P en\"; exit 37",
        "echo \"$P crash panic\"; echo \"$P panic labs/01-pmm/src/bitmap.rs:4000000000:4000000000 far\"; echo \"$P end\"; exit 37",
    ] {
        let run = graded_by(&copy, &format!("{BEGIN}{script}")).expect_code(1);
        let json = run.json();
        let check = check(&json, CHECK);
        assert_ne!(check["status"], "passed", "{script}\n{json:#}");
        assert!(!run.stdout.contains("root:"), "a file outside of the course was shown");
    }
}

#[test]
fn an_emulator_that_fails_to_start_is_the_harness_s_trouble() {
    let copy = Copy::with_checks(&[CHECK]);
    let ran = graded_by(&copy, "echo 'qemu: could not set up host memory' >&2; exit 1").expect_code(2);
    ran.says("could not set up host memory");
    // A machine without output has not begun the check.
    graded_by(&copy, "exit 33").expect_code(2);
}
