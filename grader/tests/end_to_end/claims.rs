//! README says what is protected and what is not. Each sentence there is held by tests, or says
//! why none can hold it: a new sentence needs a line here, and a test that goes has to be replaced.

use std::fs;

use crate::course::{course, has_solutions};

/// What holds a sentence.
enum Held {
    /// Tests: the file, from the grader's folder on, and the function.
    By(&'static [(&'static str, &'static str)]),
    /// Nothing can, for this reason.
    Not(&'static str),
}

use Held::{By, Not};

const A_GAP: &str = "a gap that is known, and that nothing closes";
const EXPLAINS: &str = "explains, or gives advice";

const FORGING: (&str, &str) =
    ("tests/end_to_end/forging.rs", "who_owns_the_machine_in_safe_code_finds_nothing_that_makes_a_result");
const FENCE: (&str, &str) =
    ("src/course/fence/scan.rs", "words_that_take_in_what_is_not_the_student_s_are_refused_in_every_lab");
const REFUSED: (&str, &str) =
    ("tests/end_to_end/hostile.rs", "what_reaches_beyond_a_lab_is_refused_with_its_place_before_anything_is_built");
const NOT_BUILT: (&str, &str) =
    ("tests/end_to_end/hostile.rs", "what_cannot_be_built_is_the_lab_s_verdict_and_no_other_s");
const ENDS: (&str, &str) = ("src/judge/verdict.rs", "an_end_that_does_not_fit_is_tampering");
const PROGRAMS: (&str, &str) = ("tests/end_to_end/programs.rs", "what_judges_in_ring_3_is_out_of_a_lab_s_reach");
const MISTAKES: (&str, &str) = ("tests/end_to_end/labs.rs", "the_course_proves_itself");
const GUARDED: (&str, &str) = ("tests/end_to_end/guarded.rs", "what_the_kernel_runs_in_is_out_of_a_manager_s_reach");
const FOREIGN: (&str, &str) = ("src/build/foreign.rs", "every_file_that_is_not_handed_in_is_found");
const UNSAFE: (&str, &str) = ("src/course/fence/mod.rs", "the_frozen_file_says_whether_unsafe_code_is_allowed");
const LIFETIMES: (&str, &str) = ("src/course/fence/audit.rs", "what_lengthens_lifetimes_is_noticed");

/// The beginning of each sentence, in order, and what holds it.
const CLAIMS: &[(&str, Held)] = &[
    ("A student's code runs inside the kernel", Not(EXPLAINS)),
    ("The kernel marks each line of the log", By(&[("src/judge/wire.rs", "what_is_logged_is_never_a_result")])),
    ("A result counts only if the whole report agrees", By(&[ENDS, ("src/judge/wire.rs", "a_result_needs_the_nonce")])),
    (
        "In QEMU the kernel gets that word after the check",
        By(&[
            FORGING,
            ("src/machine/intact.rs", "every_changed_byte_is_found"),
            ("src/machine/intact.rs", "another_place_and_another_caller_are_flaws"),
        ]),
    ),
    ("In Bochs the word is the boot's nonce", Not(A_GAP)),
    (
        "Any other report is *tampered*",
        By(&[
            ENDS,
            ("tests/end_to_end/students.rs", "nothing_that_a_student_s_code_prints_or_does_makes_a_check_pass"),
        ]),
    ),
    ("All labs but 00 and 03 forbid", By(&[UNSAFE, ("src/course/fence/scan.rs", "unsafe_is_seen_wherever_it_stands")])),
    ("Lab 00 introduces `unsafe`", By(&[UNSAFE])),
    ("In every lab the lexer refuses", By(&[FENCE, REFUSED])),
    ("It also refuses `no_mangle`", By(&[FENCE, REFUSED])),
    (
        "The verdict is *could not build*, with file",
        By(&[REFUSED, ("src/build/environment.rs", "it_gets_no_secret_and_nothing_of_the_outer_cargo_s")]),
    ),
    ("The lexer stops accidents, not attackers", Not(A_GAP)),
    // The forged submissions stand on this gap, so the test fails where it is closed.
    ("A known gap in the language", By(&[FORGING])),
    ("No lint finds it", Not(A_GAP)),
    (
        "`cargo grade audit` lists what such code needs",
        By(&[LIFETIMES, ("src/course/fence/audit.rs", "the_rest_of_an_attack_is_noticed")]),
    ),
    (
        "The grader reads the page tables from outside",
        By(&[("tests/end_to_end/proofs.rs", "a_translation_that_lies_is_found_out_in_the_machine_s_memory")]),
    ),
    ("In labs 04 to 07, programs in ring 3", By(&[MISTAKES])),
    ("Such a lab reaches only the part", By(&[PROGRAMS])),
    ("A program has to say which rule", By(&[PROGRAMS])),
    ("In lab 06 the checks try to break each protection", By(&[MISTAKES])),
    (
        "In lab 00 no check passes in which the library",
        By(&[("tests/end_to_end/own_work.rs", "work_that_is_left_to_the_library_counts_in_no_check")]),
    ),
    (
        "Functions that do nothing get no points",
        By(&[
            ("tests/end_to_end/nothing.rs", "who_does_nothing_has_no_points"),
            ("tests/end_to_end/nothing.rs", "who_does_hardly_anything_has_hardly_a_point"),
        ]),
    ),
    (
        "Records that lab 01 or 03 keeps in a `static`",
        By(&[MISTAKES, ("src/contest/statics.rs", "variables_of_the_students_files_are_counted_and_no_others")]),
    ),
    (
        "Only the files that `lab.toml` lists",
        By(&[
            ("src/course/handed_in.rs", "only_a_regular_file_counts"),
            ("tests/end_to_end/students.rs", "a_link_to_the_reference_is_no_file_of_the_student_s"),
        ]),
    ),
    (
        "Their contents decide what is built",
        By(&[
            ("src/build/freshness.rs", "what_is_in_a_file_counts_and_not_its_time"),
            ("tests/end_to_end/students.rs", "a_submission_that_is_older_than_the_last_build_gets_its_own_verdict"),
        ]),
    ),
    ("The checks and the build are the course's own", By(&[FOREIGN])),
    ("Lab 02 cannot change the mappings", By(&[GUARDED])),
    ("The machine refuses changes of the direct map", By(&[GUARDED])),
    ("It does not find a frame", Not(A_GAP)),
    ("So in labs 00 and 03, and with that gap", Not(A_GAP)),
    ("A report that the code prints itself", By(&[FORGING])),
    ("A grader that shares the machine", Not(EXPLAINS)),
    (
        "Compiling a lab may take 30 seconds",
        By(&[NOT_BUILT, ("src/host/launcher.rs", "limits_are_read_as_they_are_written")]),
    ),
    ("The operating system enforces these limits", By(&[NOT_BUILT])),
    (
        "*could not build* is the verdict on a lab",
        By(&[NOT_BUILT, ("tests/end_to_end/hostile.rs", "a_compiler_that_crashes_is_the_lab_s_verdict")]),
    ),
    (
        "Emulators have limits of processor time",
        By(&[("src/machine/qemu/program.rs", "a_machine_is_stopped_before_the_operating_system_ends_it")]),
    ),
    (
        "Compilers and emulators end with the grader",
        By(&[
            ("tests/end_to_end/interrupt.rs", "no_compiler_outlives_an_interrupted_grader"),
            ("tests/end_to_end/interrupt.rs", "no_emulator_outlives_an_interrupted_grader"),
        ]),
    ),
    (
        "Where the system supports it, QEMU runs",
        By(&[("src/machine/qemu/program.rs", "where_there_is_a_sandbox_every_machine_is_in_it")]),
    ),
    ("Run the grader as an ordinary user", Not(EXPLAINS)),
    ("The references lie in the same folders", Not(EXPLAINS)),
    ("So after every build the grader also examines", By(&[FOREIGN])),
    ("`cargo test --package pmm` runs a lab's code", Not(EXPLAINS)),
    (
        "To grade what you do not trust",
        By(&[("tests/end_to_end/batch.rs", "nothing_but_the_course_and_its_tools_is_in_reach_of_a_submission")]),
    ),
];

/// The sentences of the section, without the marks of its list.
fn sentences(readme: &str) -> Vec<String> {
    let (_, section) = readme.split_once("\n## What is protected, and what is not\n").expect("README has the section");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let lines: Vec<_> = section.lines().map(|line| line.strip_prefix("- ").unwrap_or(line).trim()).collect();
    let text = lines.join(" ");
    let mut sentences = vec![String::new()];
    for part in text.split_inclusive(". ") {
        let begins = part.trim_start().starts_with(|letter: char| letter.is_uppercase() || "`*[".contains(letter));
        let ended = sentences.last().is_some_and(|sentence| sentence.ends_with(". "));
        match sentences.last_mut() {
            Some(last) if !(begins && ended) => last.push_str(part.trim_start()),
            _ => sentences.push(part.trim_start().to_owned()),
        }
    }
    sentences
}

#[test]
fn each_sentence_on_what_is_protected_is_held_by_a_test_or_says_why_not() {
    if !has_solutions() {
        return;
    }
    let readme = fs::read_to_string(course().join("README.md")).unwrap();
    let sentences = sentences(&readme);
    for (sentence, (begins, _)) in sentences.iter().zip(CLAIMS) {
        assert!(sentence.starts_with(begins), "README says: {sentence}\nthe next line here is about: {begins}");
    }
    assert_eq!(sentences.len(), CLAIMS.len(), "README has sentences that are not here, or fewer: {sentences:#?}");
    for (begins, held) in CLAIMS {
        match held {
            By(tests) => {
                for (file, name) in *tests {
                    let text = fs::read_to_string(course().join("grader").join(file)).unwrap();
                    assert!(text.contains(&format!("fn {name}(")), "{begins} …: {file} has no test {name}");
                }
            }
            Not(reason) => assert!(!reason.is_empty(), "{begins} …"),
        }
    }
}
