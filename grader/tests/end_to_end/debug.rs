//! `cargo grade debug`: from a failure backwards, through gdb's batch mode.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::course::{Copy, Ran, has_solutions, target_dir};

/// Whether gdb is installed; prints a message if not.
pub fn has_debugger() -> bool {
    let has = Command::new("gdb").arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !has {
        eprintln!("skipped: gdb is missing; `cargo grade setup --debug` installs it");
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

/// The line of a file with this text, which must occur once.
fn line_of(copy: &Copy, file: &str, text: &str) -> usize {
    let source = copy.read(file);
    let mut lines = source.lines().enumerate().filter(|(_, line)| line.contains(text));
    let (number, _) = lines.next().expect("the mistake is in the file");
    assert!(lines.next().is_none(), "`{text}` stands there twice");
    number + 1
}

/// The output between two texts, the first time.
fn between<'a>(ran: &'a Ran, before: &str, after: &str) -> &'a str {
    let (_, rest) = ran.stdout.split_once(before).unwrap_or_else(|| panic!("no `{before}` in\n{}", ran.stdout));
    rest.split_once(after).map_or(rest, |(found, _)| found)
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
            .says("rights-both-levels: failed (expected page 0x1000_1000")
    };
    // The directory's entry is printed first.
    let walk = debug("walk 0x1000_1000");
    let who_wrote = format!("who-wrote {}", between(&walk, "`who-wrote ", "`"));
    let file = "labs/02-vmm/solution/page_tables.rs";
    let line = line_of(&copy, file, "self.put(root, page.directory_index(), Entry::new(table, rights));");
    debug(&who_wrote).says(&format!("{file}:{line}\n"));
}

#[test]
fn who_wrote_a_damaged_header_is_found_backwards() {
    if !has_solutions() || !has_debugger() {
        return;
    }
    let copy = with_mistake("03-heap", "split-overlaps");
    let debug = |command: &str| {
        copy.grade(&["debug", "block-alignment", "--solution", "--execute", command])
            .expect_code(0)
            .says("block-alignment: failed (expected usable_size()")
    };
    let calls = debug("last-calls 2").says("allocate(layout = 1 bytes, aligned to 1) -> Ok(0x");
    assert!(calls.stdout.contains(") -> Err(Damaged)\n"), "{}", calls.stdout);
    let block = between(&calls, "usable_size(block = ", ")");
    debug("heap").says(&format!("{block}: layout = 1 bytes, aligned to 1\n1 block is in use"));
    let film = copy.grade(&["look", "block-alignment", "--solution", "--film"]).expect_code(0);
    let page = std::fs::read_to_string(between(&film, "film: ", "\n")).expect("the film is there");
    assert!(page.contains("The heap: 1 block in use, with 1 bytes"), "{page}");
    // The word before the block is its header.
    let who_wrote = format!("who-wrote {block}-4").replace('_', "");
    let file = "labs/03-heap/solution/placing.rs";
    let line = line_of(&copy, file, "Block::new(room.at, size + granule, room.flags())");
    debug(&who_wrote).says(&format!("{file}:{line}\n"));
}

#[test]
fn answers_in_registers_are_told() {
    if !has_solutions() || !has_debugger() {
        return;
    }
    let copy = with_mistake("01-pmm", "run-given-back-in-part");
    let calls = copy.grade(&["debug", "run-free-refused", "--solution", "--execute", "last-calls 6"]).expect_code(0);
    let calls = calls.says("run-free-refused: failed").says("None of your functions is running here: `last-calls`");
    let calls = calls.says("allocate() -> Some(frame 0x").says("allocate() -> None\n");
    calls.says("-> Ok(())\n").says("-> Err(AlreadyFree)\n").says("free_frames() -> ");
}

#[test]
fn every_way_back_is_a_way_back() {
    if !has_solutions() || !has_debugger() {
        return;
    }
    let copy = with_mistake("02-vmm", "first-page-decides");
    let file = "labs/02-vmm/solution/page_tables.rs";
    let set = line_of(&copy, file, "fn set(&mut self, root: Frame");
    let breakpoint = format!("break {file}:{}", set + 1);
    let mut words = vec!["debug", "rights-both-levels", "--solution"];
    let commands = [
        &breakpoint,
        "reverse-continue",
        "print page",
        "reverse-finish",
        "reverse-stepi 3",
        "reverse-next",
        "frames",
        "entry 0x47003",
        "failure",
    ];
    words.extend(commands.iter().flat_map(|command| ["--execute", command]));
    let ran = copy.grade(&words).expect_code(0);
    let ran = ran.says("page 0x10001 (0x1000_1000)").says("0x1000_0000: page 0x10000 -> frame 0x46, r- for the kernel");
    let ran = ran.says("0x00047003: frame 0x47, present, writable");
    // gdb stopped at the failure first, and returned to it at the end.
    assert_eq!(ran.stdout.matches("#0 report()").count(), 2, "{}", ran.stdout);
    assert!(ran.stdout.contains("#0 set("), "{}", ran.stdout);
    assert!(ran.stdout.contains("#0 map("), "{}", ran.stdout);
    let film = copy.grade(&["look", "rights-both-levels", "--solution", "--film"]).expect_code(0);
    let page = std::fs::read_to_string(between(&film, "film: ", "\n")).expect("the film is there");
    assert!(
        page.contains("<code>map(space = Current, page = page 0x10001 (0x1000_1000), frame = frame 0x48"),
        "{page}"
    );
    assert!(page.contains("<li class=\"new\">+ 0x1000_0000"), "{page}");
}

#[test]
fn a_frame_that_is_handed_out_twice_is_seen_in_calls_and_in_the_film() {
    if !has_solutions() || !has_debugger() {
        return;
    }
    let copy = with_mistake("01-pmm", "wrong-bit-cleared");
    let words = ["debug", "never-twice", "--solution", "--execute", "break-lab", "--execute", "last-calls 2"];
    let ran = copy.grade(&words).expect_code(0);
    let frame = between(&ran, "allocate() -> Some(", " (");
    assert_eq!(ran.stdout.matches(&format!("allocate() -> Some({frame} (")).count(), 2, "{}", ran.stdout);
    let film = copy.grade(&["look", "never-twice", "--solution", "--film"]).expect_code(0);
    let page = std::fs::read_to_string(between(&film, "film: ", "\n")).expect("the film is there");
    assert!(page.contains("The frame map: 0 frames handed out"), "{page}");
    assert!(page.contains("The frame map: 1 frame handed out"), "{page}");
    assert!(!page.contains("before the first picture"), "{page}");
}

#[test]
fn a_film_shows_address_spaces_that_are_not_loaded() {
    if !has_solutions() || !has_debugger() {
        return;
    }
    let copy = Copy::new();
    let film = copy.grade(&["look", "clear-empties", "--solution", "--film"]).expect_code(0);
    let page = std::fs::read_to_string(between(&film, "film: ", "\n")).expect("the film is there");
    assert!(page.contains("The regions of a space that is not loaded, its directory in frame 0x"), "{page}");
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
    // This path contains no program.
    for words in [&["debug", "map-twice"][..], &["look", "map-twice", "--film"]] {
        let mut command = copy.command(words);
        command.env("PATH", target_dir());
        Ran::of(&mut command).expect_code(2).says("gdb is missing; run `cargo grade setup --debug`");
    }
    if has_debugger() {
        copy.write("labs/02-vmm/src/page_tables.rs", "nonsense");
        copy.grade(&["debug", "map-twice", "--execute", "bt"]).expect_code(2).says("the kernel does not compile");
    }
}
