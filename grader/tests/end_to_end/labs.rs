//! The labs themselves: the references, the proofs of `dev check`, the host tests.

use std::process::Command;

use crate::course::{Copy, course, grade, has_solutions, lab};

/// The labs' folders, by name.
fn labs() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(course().join("labs"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("lab.toml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether somebody does this lab in this very copy of the course. Then its
/// student's file is no skeleton, and proves nothing about the course.
fn is_worked_on(lab: &str) -> bool {
    let folder = course().join("labs").join(lab).join("src");
    let changed =
        Command::new("git").args(["diff", "--quiet", "HEAD", "--"]).arg(&folder).current_dir(course()).status();
    let is_done = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .all(|text| !text.contains("todo!("));
    is_done || changed.is_ok_and(|status| status.code() == Some(1))
}

#[test]
fn the_references_score_everything() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let run = copy.grade(&["--solution", "--json", "-"]).expect_code(0).json();
    assert_eq!(run["score"], run["max_score"]);
    for name in labs() {
        let lab = lab(&run, &name);
        assert_eq!(lab["graded"], "solution");
        for check in lab["checks"].as_array().unwrap() {
            assert_eq!(check["status"], "passed", "{check:#}");
        }
    }
}

#[test]
fn the_course_proves_itself() {
    // A hand-out has neither references nor mistakes.
    if !has_solutions() {
        return;
    }
    // A few mistakes of each lab. All of them take too long for every
    // change: after a change of a lab, its author tries all of that lab's, as CONTRIBUTING.md says.
    let mut words = vec!["dev", "check", "--mistakes", "3", "--color", "never"];
    if labs().iter().any(|lab| is_worked_on(lab)) {
        words.push("--no-skeleton");
    }
    let ran = grade(course(), &words).expect_code(0);
    for word in ["reference", "mistake", "alternative", "host tests", "hold."] {
        assert!(ran.stdout.contains(word), "`{word}` is missing\n{}", ran.stdout);
    }
}

#[test]
fn what_students_get_grades_without_the_references() {
    let copy = Copy::new();
    for name in labs() {
        for folder in ["solution", "champion", "mistakes", "alternatives", "compiled"] {
            let _ = std::fs::remove_dir_all(copy.root().join("labs").join(&name).join(folder));
        }
    }
    let run = copy.grade(&["--json", "-"]);
    assert!(run.code == 0 || run.code == 1, "{}\n{}", run.stdout, run.stderr);
    assert_eq!(run.json()["labs"].as_array().unwrap().len(), labs().len());
    copy.grade(&["--solution"]).expect_code(2).says("has no reference here");
    copy.grade(&["dev", "check"]).expect_code(2).says("has no reference here");
}

#[test]
fn what_editors_leave_beside_a_program_is_none() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let programs = copy.root().join("kernel/user/src/bin");
    std::fs::write(programs.join("._hello.rs"), [0, 5, 22, 7]).unwrap();
    std::os::unix::fs::symlink("somebody@host.123", programs.join(".#hello.rs")).unwrap();
    copy.grade(&["--solution", "--check", "program-heap"]).expect_code(0);
}

#[test]
fn a_fork_copies_no_page_of_a_deep_stack() {
    if !has_solutions() {
        return;
    }
    for rule in ["fork-stack", "fork-full"] {
        let program = format!("mmap-test {rule}");
        let ran = grade(course(), &["run", "--solution", "--program", &program]).expect_code(0);
        ran.says(&format!("ok {rule}: ")).says("Everything that processes had was given back.");
    }
}

#[test]
fn the_heaps_that_are_measured_run() {
    if has_solutions() {
        let smoke = Copy::new().grade(&["dev", "bench", "smoke"]).expect_code(0);
        let smoke = smoke.says("9 of 9 heaps ran a trace without a fault");
        // Two alignments of nine lengths, five functions, and four candidates.
        let natively = ["360 measurements of memory functions ran natively", "no memory function ran natively: "];
        assert!(natively.iter().any(|line| smoke.stdout.contains(line)), "{}", smoke.stdout);
    }
}

#[test]
fn every_check_can_be_explained() {
    let all = grade(course(), &["explain", "--color", "never"]).expect_code(0);
    for name in labs() {
        assert!(all.stdout.contains(&name), "{}", all.stdout);
    }
    let one = grade(course(), &["explain", "never-twice", "--color", "never"]).expect_code(0);
    one.says("rule").says("hint").says("cargo grade --check never-twice").says("labs/01-pmm/src/bitmap.rs");
}
