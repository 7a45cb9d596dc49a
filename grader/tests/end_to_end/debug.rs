//! `cargo grade debug`: from a failure backwards, through gdb's batch mode.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::course::{Copy, Ran, has_solutions, target_dir};

/// Whether gdb and qemu-img are here; says so if not.
fn has_debugger() -> bool {
    let runs = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success());
    let has = runs("gdb") && runs("qemu-img");
    if !has {
        eprintln!("skipped: gdb or qemu-img is missing; `cargo grade setup --debug` installs them");
    }
    has
}

/// The course with a known mistake in a lab's reference.
fn with_mistake(lab: &str, mistake: &str) -> Copy {
    let copy = Copy::new();
    let patch = copy.read(&format!("labs/{lab}/mistakes/{mistake}.patch"));
    let file = patch.lines().find_map(|line| line.strip_prefix("--- a/")).expect("a patch names its file").to_owned();
    let name = format!("labs/{lab}/{file}");
    let diff = diffy::Patch::from_str(&patch[patch.find("--- a/").expect("as above")..]).expect("a patch is a diff");
    let text = diffy::apply(&copy.read(&name), &diff).expect("the patch fits the reference");
    copy.write(&name, &text);
    copy
}

/// The line of a file on which a text stands, and stands once.
fn line_of(copy: &Copy, file: &str, text: &str) -> usize {
    let source = copy.read(file);
    let mut lines = source.lines().enumerate().filter(|(_, line)| line.contains(text));
    let (number, _) = lines.next().expect("the mistake is in the file");
    assert!(lines.next().is_none(), "`{text}` stands there twice");
    number + 1
}

/// Where the debugger says, in `walk`'s answer, that the directory's entry is.
fn entry_at(ran: &Ran) -> u32 {
    let line = ran.stdout.lines().find(|line| line.starts_with("directory at ")).expect("the walk is shown");
    let at = line.split(" at ").nth(2).and_then(|rest| rest.split(' ').next()).expect("the entry has an address");
    u32::from_str_radix(&at.trim_start_matches("0x").replace('_', ""), 16).expect("it is a number")
}

#[test]
fn who_wrote_a_wrong_entry_is_found_backwards() {
    if !has_solutions() || !has_debugger() {
        return;
    }
    let copy = with_mistake("02-vmm", "first-page-decides");
    let debug = |command: &str| {
        copy.grade(&["debug", "rights-both-levels", "--solution", "--execute", command])
            .expect_code(0)
            .says("rights-both-levels: failed (expected page")
    };
    let entry = 0xC000_0000 + entry_at(&debug("walk 0x7fc00000"));
    // Of what was written there last, the writable bit is what is wrong.
    let line = line_of(
        &copy,
        "labs/02-vmm/solution/page_tables.rs",
        "self.put(root, page.directory_index(), Entry::new(table, rights));",
    );
    debug(&format!("who-wrote {entry:#x}")).says(&format!("solution/page_tables.rs:{line}"));
}

#[test]
fn a_check_that_passes_is_opened_at_its_start() {
    if !has_solutions() || !has_debugger() {
        return;
    }
    let copy = Copy::new();
    copy.grade(&["debug", "map-twice", "--solution", "--execute", "backtrace 3"])
        .expect_code(0)
        .says("map-twice does not fail here: this is its start.")
        .says("watchdog.rs");
}

#[test]
fn what_cannot_be_debugged_is_told_in_a_line() {
    let copy = Copy::new();
    copy.grade(&["debug", "map-twise"]).expect_code(2).says("map-twice");
    // Nothing is on that path.
    let mut command = copy.command(&["debug", "map-twice"]);
    command.env("PATH", target_dir());
    Ran::of(&mut command).expect_code(2).says("gdb and qemu-img are missing; run `cargo grade setup --debug`");
    if has_debugger() {
        copy.write("labs/02-vmm/src/page_tables.rs", "nonsense");
        copy.grade(&["debug", "map-twice", "--execute", "bt"]).expect_code(2).says("the kernel does not compile");
    }
}
