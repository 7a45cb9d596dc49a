//! Code that students write: it does not compile, lies, or is only begun.

use std::fs;
use std::path::PathBuf;

use crate::course::{Copy, Ran, check, command, course, has_solutions, lab, target_dir};

/// A student's file whose `new` has this body, and whose other functions are not written.
pub fn student(before: &str, new: &str) -> String {
    let todos: String = [
        "fn allocate(&mut self) -> Option<Frame>",
        "fn allocate_run(&mut self, _: Order) -> Option<FrameRun>",
        "fn free(&mut self, _: Frame) -> Result<(), FreeError>",
        "fn free_run(&mut self, _: FrameRun) -> Result<(), FreeError>",
        "fn free_frames(&self) -> u32",
        "fn managed_frames(&self) -> u32",
    ]
    .map(|signature| format!("    {signature} {{\n        todo!()\n    }}\n"))
    .concat();
    format!(
        "use mm_api::{{Frame, FrameAllocator, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order}};\n\
         {before}\n\
         pub struct Pmm {{}}\n\n\
         impl FrameAllocator for Pmm {{\n\
         \x20   fn new(_: &MemoryMap<'_>, _: &mut dyn MetadataLender) -> Result<Self, InitError> {{\n\
         \x20       {new}\n    }}\n{todos}}}\n"
    )
}

/// A check of lab 01 that every kernel has.
const CHECK: &str = "never-twice";

#[test]
fn a_skeleton_scores_nothing_and_is_told_where_to_begin() {
    let copy = Copy::with_student(&student("", "todo!()"));
    let ran = copy.grade(&["01", "--color", "never"]).expect_code(1);
    let ran = ran.says("cargo grade 01").says("write     a todo!()").says("where it is missing");
    let ran = ran.says("0 of 100 points").says("not started").says("labs/01-pmm/src/bitmap.rs").says("cargo grade 01");
    assert!(!ran.stdout.contains("panicked"), "{}", ran.stdout);

    let run = copy.grade(&["01", "--json", "-"]).expect_code(1).json();
    assert_eq!((&run["score"], &run["max_score"]), (&0.into(), &100.into()));
    for check in lab(&run, "01-pmm")["checks"].as_array().unwrap() {
        assert_eq!(check["status"], "not_started", "{check:#}");
        assert_eq!(check["crash"]["location"]["file"], "labs/01-pmm/src/bitmap.rs", "{check:#}");
    }
}

#[test]
fn a_panic_is_shown_with_the_student_s_own_line() {
    let copy = Copy::with_student(&student(
        "",
        "let none: Option<u32> = core::hint::black_box(None);\n        none.unwrap();\n        todo!()",
    ));
    let ran = copy.grade(&["--check", CHECK, "--color", "never"]).expect_code(1);
    let ran = ran.says("called `Option::unwrap()` on a `None` value").says("none.unwrap();").says("━━━━");
    assert!(ran.stdout.contains("labs/01-pmm/src/bitmap.rs:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("from kernel/checks/src/pmm/"), "{}", ran.stdout);
}

#[test]
fn endless_recursion_is_a_stack_overflow_in_the_student_s_file() {
    let before =
        "fn deeper(n: u32) -> u32 {\n    let room = core::hint::black_box([n; 64]);\n    deeper(n + 1) + room[3]\n}\n";
    let copy = Copy::with_student(&student(before, "panic!(\"{}\", deeper(0))"));
    let run = copy.grade(&["--check", CHECK, "--json", "-"]).expect_code(1).json();
    let crash = &check(&run, CHECK)["crash"];
    assert_eq!(crash["kind"], "stack-overflow", "{crash:#}");
    assert_eq!(crash["location"]["file"], "labs/01-pmm/src/bitmap.rs", "{crash:#}");
}

#[test]
fn variables_that_are_too_large_are_shown_where_their_function_begins() {
    let large = "let large = [0_u32; 100_000];\n        core::hint::black_box(&large);\n        todo!()";
    let text = student("", large);
    let copy = Copy::with_student(&text);
    let run = copy.grade(&["--check", CHECK, "--json", "-"]).expect_code(1).json();
    let crash = &check(&run, CHECK)["crash"];
    assert_eq!(crash["kind"], "stack-overflow", "{crash:#}");
    assert_eq!(crash["location"]["file"], "labs/01-pmm/src/bitmap.rs", "{crash:#}");
    let line = text.lines().position(|line| line.contains("fn new(")).unwrap() + 1;
    assert_eq!(crash["location"]["line"], line, "{crash:#}");
}

#[test]
fn an_endless_loop_is_stopped_and_shown_where_it_is() {
    let copy = Copy::with_student(&student("", "loop {}"));
    let run = copy.grade(&["--check", CHECK, "--json", "-"]).expect_code(1).json();
    let check = check(&run, CHECK);
    assert_eq!(check["status"], "hung", "{check:#}");
    assert_eq!(check["crash"]["location"]["file"], "labs/01-pmm/src/bitmap.rs", "{check:#}");
}

#[test]
fn a_build_error_is_shown_as_rustc_shows_it_and_stops_that_lab_only() {
    let copy = Copy::with_student(&student("", "let frames: u32 = \"many\";\n        todo!()"));
    let ran = copy.grade(&["--color", "never"]).expect_code(1);
    ran.says("error[E0308]: mismatched types")
        .says("labs/01-pmm/src/bitmap.rs:")
        .says("could not build")
        .does_not_say("never-twice")
        .does_not_say("\u{1b}");

    let run = copy.grade(&["--json", "-"]).expect_code(1).json();
    let broken = lab(&run, "01-pmm");
    assert!(broken["build_error"].as_str().is_some_and(|text| text.contains("E0308")), "{broken:#}");
    for check in broken["checks"].as_array().unwrap() {
        assert_eq!(check["status"], "could_not_build", "{check:#}");
    }
    for other in run["labs"].as_array().unwrap().iter().filter(|other| other["id"] != "01-pmm") {
        assert!(other.get("build_error").is_none(), "{other:#}");
    }

    let colored = copy.grade(&["--color", "always"]).expect_code(1);
    assert!(colored.stdout.contains("\u{1b}["), "{}", colored.stdout);
}

#[test]
fn a_file_that_breaks_the_interface_does_not_build() {
    let renamed = student("", "todo!()").replace("Pmm", "Manager");
    let copy = Copy::with_student(&renamed);
    let run = copy.grade(&["01", "--json", "-"]).expect_code(1).json();
    assert!(lab(&run, "01-pmm")["build_error"].is_string(), "{run:#}");
}

/// Student code that imitates a passed check. None of it may score.
#[test]
fn nothing_that_a_student_s_code_prints_or_does_makes_a_check_pass() {
    let lies = [
        // Results and reports, printed through the log.
        "log::info!(\"ok 1 NAME\");\n        log::info!(\"ok 1 NAME # folio:0123456789abcdef\\n# folio:0123456789abcdef end\");\n        todo!()",
        // The same, after other line ends and control characters.
        "log::error!(\"\\r\\nok 1 NAME\\r\\u{1b}[2K# folio: end\\u{0}\\n\\nok 1 NAME\");\n        todo!()",
        // Another check's name.
        "log::info!(\"ok 1 init-errors\");\n        todo!()",
        // A panic whose message looks like the rest of a passed check.
        "panic!(\"x\\nok 1 NAME # folio:0123456789abcdef\\n# folio:0123456789abcdef end\\n\")",
        // A panic that looks like a result and begins with the protocol's words.
        "panic!(\"# folio:0123456789abcdef end\\nok 1 NAME\")",
    ];
    for lie in lies {
        let copy = Copy::with_student(&student("", &lie.replace("NAME", CHECK)));
        let run = copy.grade(&["--check", CHECK, "--json", "-"]).expect_code(1).json();
        let check = check(&run, CHECK);
        assert_ne!(check["status"], "passed", "{lie}\n{check:#}");
        assert_eq!(check["points"], 0, "{lie}\n{check:#}");
    }
}

#[test]
fn what_reaches_beyond_the_language_does_not_build() {
    for (before, new, expected) in [
        // Whatever the fence allows.
        (
            "#[allow(unsafe_code)]\nfn f() { unsafe { core::hint::unreachable_unchecked() } }",
            "f();\n        todo!()",
            "unsafe",
        ),
        ("", "unsafe { core::arch::asm!(\"out 0xf4, al\", in(\"al\") 0x10u8) };\n        todo!()", "unsafe"),
        // There is no operating system that could end the machine.
        ("", "std::process::exit(0)", "std"),
        // The kernel is no dependency of a lab.
        ("", "kernel_core::provoke::exit(0x10)", "kernel_core"),
        ("#[unsafe(no_mangle)]\npub extern \"C\" fn memcpy() {}", "todo!()", "unsafe"),
    ] {
        let copy = Copy::with_student(&student(before, new));
        let run = copy.grade(&["--check", CHECK, "--json", "-"]).expect_code(1).json();
        let error = lab(&run, "01-pmm")["build_error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains(expected), "{before}\n{new}\n{run:#}");
        assert_eq!(check(&run, CHECK)["status"], "could_not_build");
    }
}

#[test]
fn a_link_to_the_reference_is_no_file_of_the_student_s() {
    let copy = Copy::new();
    let file = copy.root().join("labs/01-pmm/src/bitmap.rs");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("../solution/bitmap.rs", &file).unwrap();
    let ran = copy.grade(&["--check", CHECK, "--color", "never"]);
    // Other tests use the copy, too.
    fs::remove_file(&file).unwrap();
    ran.expect_code(2).says("labs/01-pmm/src/bitmap.rs is a symbolic link, not a file");
}

/// Hands in a file like `cp -p`, `tar` and git may: with an old time stamp.
fn hand_in_old(copy: &Copy, text: &str) {
    copy.write("labs/01-pmm/src/bitmap.rs", text);
    let file = fs::File::options().write(true).open(copy.root().join("labs/01-pmm/src/bitmap.rs")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
}

#[test]
fn a_submission_that_is_older_than_the_last_build_gets_its_own_verdict() {
    let copy = Copy::new();
    for (text, expected) in [
        (student("", "todo!()"), "not_started"),
        (student("", "panic!(\"no\")"), "panicked"),
        ("This is not Rust.\n".to_owned(), "could_not_build"),
        (student("", "todo!()"), "not_started"),
    ] {
        hand_in_old(&copy, &text);
        let run = copy.grade(&["--check", CHECK, "--json", "-"]).expect_code(1).json();
        assert_eq!(check(&run, CHECK)["status"], expected, "{run:#}");
    }
}

#[test]
fn a_student_s_log_is_shown_where_a_check_fails() {
    let copy = Copy::with_student(&student("", "log::info!(\"I was here\");\n        todo!()"));
    copy.grade(&["--check", CHECK, "-v", "--color", "never"]).expect_code(1).says("I was here");
}

#[test]
fn an_operating_system_ends_where_a_part_is_not_written() {
    let copy = Copy::with_student(&student("", "todo!(\"step {}: which frames are usable?\", map_of_nothing())"));
    let text = copy.read("labs/01-pmm/src/bitmap.rs");
    copy.write("labs/01-pmm/src/bitmap.rs", &format!("{text}\nfn map_of_nothing() -> u32 {{\n    7\n}}\n"));
    let ran = copy.grade(&["run", "01", "--color", "never"]).expect_code(1);
    let line = text.lines().position(|line| line.contains("todo!(\"step")).unwrap() + 1;
    let place = format!("`new` in labs/01-pmm/src/bitmap.rs:{line}, step 7: which frames are usable?");
    ran.says(&format!("not written yet: {place}")).says("`cargo grade 01` shows");
}

/// A check's report of the circumstances, line by line.
fn circumstances(run: &serde_json::Value, name: &str) -> String {
    let lines = check(run, name)["context"].as_array().cloned().unwrap_or_default();
    lines.iter().filter_map(|line| line.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn however_a_call_ends_the_case_and_the_arguments_are_told() {
    let copy = Copy::new();
    let refused = "lender.lend(mm_api::FrameRange::new(2, 11)).map_err(|_| InitError::NoRoomForMetadata)?;";
    for (new, status) in [
        ("loop {}", "hung"),
        ("panic!(\"no\");", "panicked"),
        ("return Err(InitError::NoUsableMemory);", "failed"),
        (refused, "failed"),
    ] {
        let text = student("", &format!("{new}\n        todo!()"));
        let text = text.replace("_: &MemoryMap<'_>, _: &mut dyn", "map: &MemoryMap<'_>, lender: &mut dyn");
        copy.write("labs/01-pmm/src/bitmap.rs", &format!("#![allow(unused, unreachable_code)]\n{text}"));
        let run = copy.grade(&["--check", "runs-whole", "--json", "-"]).expect_code(1).json();
        assert_eq!(check(&run, "runs-whole")["status"], status, "{new}\n{run:#}");
        let told = circumstances(&run, "runs-whole");
        assert!(told.starts_with("a memory map with holes\nregion: base 0x100000, length 0x37000, usable\n"), "{told}");
        assert!(told.contains("reserved: 0x120000 up to, not including, 0x121000"), "{told}");
        let line = "the lender refused lend(frames 0x2 to 0xa): the error NotUsable, frame 0x2 is not usable";
        assert_eq!(told.lines().next_back() == Some(line), new == refused, "{told}");
    }
}

#[test]
fn the_call_that_a_random_check_was_at_is_told() {
    if !has_solutions() {
        return;
    }
    let right = Copy::new().read("labs/01-pmm/alternatives/two_bitmaps.rs");
    let free = "fn free(&mut self, frame: Frame) -> Result<(), FreeError> {";
    assert!(right.contains(free));
    for (body, status) in [("loop {}", "hung"), ("panic!(\"no\")", "panicked"), ("return Ok(())", "failed")] {
        let wrong = right.replacen(free, &format!("{free}\n        if frame.number() % 64 == 5 {{ {body} }}"), 1);
        let run = Copy::with_student(&wrong).grade(&["--check", "random-mix", "--json", "-"]).expect_code(1).json();
        assert_eq!(check(&run, "random-mix")["status"], status, "{run:#}");
        let told = circumstances(&run, "random-mix");
        assert!(told.contains("random calls from seed 1\nround ") && told.contains(" of 600"), "{told}");
        let call = told.lines().next_back().unwrap();
        assert_eq!(call.starts_with("free(frame 0x"), status != "failed", "{told}");
    }
}

/// The output of `cargo test` for the tests of a student's file's own steps.
fn tests_of_steps(copy: &Copy) -> String {
    let mut command = std::process::Command::new(env!("CARGO"));
    command.args(["test", "--package", "pmm", "--lib", "--target-dir"]).arg(target_dir().join("staged"));
    command.current_dir(copy.root());
    let ran = Ran::of(&mut command);
    assert!(ran.stdout.contains("test result: "), "{}", ran.stderr);
    ran.stdout
}

#[test]
fn the_steps_before_the_first_check_have_tests_that_tell_right_from_wrong() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let skeleton = copy.read("labs/01-pmm/src/bitmap.rs");
    let (_, tests) = skeleton.split_once("/// Tests of steps 1 to 3").expect("the skeleton has them");
    let tests = format!("/// Tests of steps 1 to 3{tests}");
    // The skeleton's suggestions, filled in.
    let right = copy.read("labs/01-pmm/alternatives/two_bitmaps.rs");
    copy.write("labs/01-pmm/src/bitmap.rs", &format!("{right}{tests}"));
    let said = tests_of_steps(&copy);
    assert!(said.contains("11 passed; 0 failed"), "{said}");
    for (what, instead, step) in [
        ("taken(map).any(|range| range.start < end && start < range.end)", "false", "step_1"),
        ("range.start <= covered && covered < range.end", "range.start <= start && end <= range.end", "step_1"),
        (".filter(|range| range.start < range.end)", "", "step_1"),
        ("saturating_add(region.length)", "wrapping_add(region.length)", "step_1"),
        ("filter(is_past_usable).max()", "filter(is_past_usable).min()", "step_2"),
        (".min(u64::from(FRAME_COUNT)) as u32);\n    let", " as u32);\n    let", "step_2"),
        ("div_ceil(PAGE_SIZE)", "div_ceil(PAGE_SIZE) + 1", "step_3"),
        ("in reachable.iter()", "in FrameRange::new(reachable.start(), FRAME_COUNT).iter()", "step_3"),
    ] {
        assert!(right.contains(what), "{what}");
        copy.write("labs/01-pmm/src/bitmap.rs", &format!("{}{tests}", right.replacen(what, instead, 1)));
        let said = tests_of_steps(&copy);
        assert!(said.contains(&format!("    bitmap::steps::{step}_")), "{what}\n{said}");
    }
}

#[test]
fn a_hang_is_told_at_once_and_not_tried_on_more_machines() {
    let copy = Copy::with_student(&student("", "loop {}"));
    let ran = copy.grade(&["--check", "managed-count", "--check", CHECK, "--jobs", "1", "--json", "-"]).expect_code(1);
    let told = ran.stderr.matches(" hung: it loops for ever: after each instruction, ").count();
    assert_eq!(told, 1, "{}", ran.stderr);
    let run = ran.json();
    assert_eq!(
        (&check(&run, "managed-count")["status"], &check(&run, CHECK)["status"]),
        (&"hung".into(), &"hung".into())
    );
    assert_eq!(check(&run, "managed-count")["memory"], "16M", "{run:#}");
}

#[test]
fn a_changed_compiler_is_announced_once() {
    let copy = Copy::with_student(&student("", "todo!()"));
    copy.grade(&["--check", CHECK]).expect_code(1).does_not_say("all is built again");
    let file = target_dir().join("staged/kernel/compiler");
    let known = fs::read_to_string(&file).expect("the compiler is written down");
    fs::write(&file, "rustc 1.0.0").unwrap();
    copy.grade(&["--check", CHECK]).expect_code(1).says(&format!("The compiler is {known} now, and was rustc 1.0.0"));
    copy.grade(&["--check", CHECK]).expect_code(1).does_not_say("all is built again");
}

#[test]
fn what_cargo_runs_builds_the_grader_and_becomes_it() {
    let mut command = std::process::Command::new(env!("CARGO"));
    command.args(["grade", "explain", CHECK, "--color", "never"]);
    command.current_dir(course().join("book")).env("CARGO_TARGET_DIR", target_dir());
    let ran = Ran::of(&mut command).expect_code(0).says("never-twice in 01-pmm Frames");
    assert!(!ran.stderr.contains("Finished") && !ran.stderr.contains("Running"), "{}", ran.stderr);
    // Its exit code is the grader's.
    let mut command = std::process::Command::new(env!("CARGO"));
    command.args(["grade", "explain", "no-such-check"]).current_dir(course()).env("CARGO_TARGET_DIR", target_dir());
    Ran::of(&mut command).expect_code(2).says("no-such-check");
}

#[test]
fn ctrl_c_gives_a_line_up_and_the_shell_asks_again() {
    if !has_solutions() {
        return;
    }
    use std::io::{Read, Write};
    let mut command = command(course(), &["run", "--solution"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut grader = command.spawn().unwrap();
    let (mut keys, mut screen) = (grader.stdin.take().unwrap(), grader.stdout.take().unwrap());
    let mut said = String::new();
    // The terminal is read only when the shell asks, so each piece waits for its prompt.
    for (prompts, typed) in [(1, "ech\u{3}"), (2, "echo a\u{3}"), (3, "echo still here\n"), (4, "exit\n")] {
        while said.matches("folio> ").count() < prompts {
            let mut byte = [0];
            assert_eq!(screen.read(&mut byte).unwrap(), 1, "{said}");
            said.push(char::from(byte[0]));
        }
        keys.write_all(typed.as_bytes()).unwrap();
    }
    screen.read_to_string(&mut said).unwrap();
    assert!(grader.wait().unwrap().success(), "{said}");
    let said = said.replace('\r', "");
    let session = "folio> ech^C\nfolio> echo a^C\nfolio> echo still here\nstill here\nfolio> exit\n";
    assert!(said.contains(session), "{said}");
}

/// A file that is removed again, however the test ends.
struct Written(PathBuf);

impl Written {
    fn new(path: PathBuf, text: &str) -> Self {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_user_s_cargo_configuration_takes_no_source_lines_from_the_kernel() {
    let copy = Copy::with_student(&student("", "panic!(\"here\"); todo!()"));
    // Cargo reads it for every package below.
    let above = copy.root().parent().unwrap().join(".cargo/config.toml");
    let _written = Written::new(
        above,
        "[profile.dev]\nstrip = true\ndebug = false\nlto = \"fat\"\nsplit-debuginfo = \"packed\"\ncodegen-units = 1\n",
    );
    let ran = copy.grade(&["--check", CHECK, "--color", "never"]).expect_code(1);
    ran.says("panic!(\"here\")").says("labs/01-pmm/src/bitmap.rs:").says("from kernel/checks/src/pmm/");
}

#[test]
fn two_courses_that_build_in_one_folder_do_not_get_each_other_s_verdicts() {
    let copy = Copy::with_student(&student("", "panic!(\"of one course\"); todo!()"));
    let other = tempfile::tempdir().unwrap();
    let stage = grader::Stage::create(course(), other.path()).unwrap();
    let text = student("", "panic!(\"of the other\"); todo!()");
    stage.replace("labs/01-pmm/src/bitmap.rs", text).unwrap();
    for _ in 0..2 {
        copy.grade(&["--check", CHECK]).expect_code(1).says("of one course").does_not_say("of the other");
        let mut command = command(&stage.root(), &["--check", CHECK]);
        command.env("CARGO_TARGET_DIR", target_dir().join("staged"));
        Ran::of(&mut command).expect_code(1).says("of the other").does_not_say("of one course");
    }
}

#[test]
fn what_is_piped_into_the_shell_arrives_whole() {
    if !has_solutions() {
        return;
    }
    use std::io::Write;
    // More than the terminal and the port can hold, all of it written before the machine runs; the last line has no end.
    let mut file = tempfile::tempfile().unwrap();
    let words: Vec<String> = (0..120).map(|number| format!("word-{number}-of-a-file-that-is-piped-in.")).collect();
    let typed: Vec<String> = words.iter().map(|word| format!("echo {word}")).collect();
    file.write_all(typed.join("\n").as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let ran = Ran::of(command(course(), &["run", "--solution"]).stdin(file)).expect_code(0);
    // Typed characters are echoed at any moment, but not in the middle of a word that a program prints.
    for word in words {
        let mut found = ran.stdout.match_indices(&word).map(|(at, _)| &ran.stdout[..at]);
        assert!(found.any(|before| !before.ends_with("echo ")), "{word} is missing\n{}", ran.stdout);
    }
}
