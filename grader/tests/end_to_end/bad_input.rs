//! Every mistake before a machine boots: one clear line, exit
//! code 2, and none of the user's files changed.

use std::fs;
use std::path::Path;

use crate::course::{Copy, Ran, command, course, grade};

/// The one line of the error.
#[track_caller]
fn complaint(ran: &Ran) -> &str {
    let mut lines = ran.stderr.lines().filter(|line| line.starts_with("error"));
    let line = lines.next().unwrap_or_else(|| panic!("no complaint\n{}\n{}", ran.stdout, ran.stderr));
    assert!(lines.next().is_none(), "more than one complaint\n{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    line
}

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    for (words, near) in [
        (vec!["01-pnm"], "01-pmm"),
        (vec!["--check", "never-twise"], "never-twice"),
        (vec!["explain", "nevertwice"], "never-twice"),
    ] {
        let ran = grade(course(), &words).expect_code(2);
        assert!(complaint(&ran).contains(&format!("did you mean `{near}`?")), "{}", ran.stderr);
    }
}

#[test]
fn a_broken_lab_toml_is_told_by_file_and_line() {
    let copy = Copy::new();
    let good = copy.read("labs/01-pmm/lab.toml");
    for (from, to, expected) in [
        ("title = ", "title : ", "labs/01-pmm/lab.toml:"),
        ("package = \"pmm\"", "package = \"pmm\"\nshoes = 2", "labs/01-pmm/lab.toml:"),
        ("points = 4", "points = -4", "labs/01-pmm/lab.toml:"),
    ] {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good);
        copy.write("labs/01-pmm/lab.toml", &broken);
        let ran = copy.grade(&[]).expect_code(2);
        let line = complaint(&ran);
        let number = line.split(expected).nth(1).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        let there = good.lines().position(|line| line.starts_with(from.lines().next().unwrap())).unwrap() + 1;
        assert!(number.is_some_and(|number| number.abs_diff(there) <= 1), "line {there}: {line}");
    }
}

#[test]
fn a_missing_student_file_is_named() {
    let copy = Copy::new();
    fs::remove_file(copy.root().join("labs/01-pmm/src/bitmap.rs")).unwrap();
    let ran = copy.grade(&[]).expect_code(2);
    assert!(complaint(&ran).contains("labs/01-pmm/src/bitmap.rs is missing"), "{}", ran.stderr);
}

#[test]
fn outside_of_the_course_there_is_nothing_to_grade() {
    let folder = tempfile::tempdir().unwrap();
    let ran = grade(folder.path(), &[]).expect_code(2);
    assert!(complaint(&ran).contains("not in a copy of the course"), "{}", ran.stderr);
}

#[test]
fn without_an_emulator_the_command_to_install_it_is_told() {
    // Cargo and the compilers stay on PATH, QEMU does not.
    let folder = tempfile::tempdir().unwrap();
    let mut path = vec![folder.path().to_owned()];
    for program in ["rustc", "cargo", "ld.lld", "rustup", "cc", "apt-get"] {
        let found = std::env::var_os("PATH").and_then(|path| {
            std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.exists())
        });
        if let Some(found) = found {
            // A script and not a link: rustup's programs look at their own names.
            let script = format!("#!/bin/sh\nexec {} \"$@\"\n", found.display());
            write_program(&folder.path().join(program), &script);
        }
    }
    path.push("/nonexistent".into());
    let ran =
        Ran::of(command(course(), &["--no-install"]).env("PATH", std::env::join_paths(path).unwrap())).expect_code(2);
    let line = complaint(&ran);
    assert!(line.contains("QEMU"), "{line}");
    assert!(ran.stderr.contains("install"), "{}", ran.stderr);
}

#[test]
fn an_emulator_that_is_none_or_does_not_run_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, script: &str| {
        let path = folder.path().join(name);
        write_program(&path, script);
        path
    };
    for (emulator, expected) in [
        (folder.path().join("missing"), "there is no emulator at"),
        (program("other", "#!/bin/sh\necho Bochs 2.7\n"), "does not look like QEMU"),
        (program("old", "#!/bin/sh\necho QEMU emulator version 2.0.0\n"), "too old"),
        (program("broken", "#!/bin/sh\nexit 3\n"), "does not run"),
    ] {
        let ran = Ran::of(command(course(), &["--no-install"]).env("FOLIO_QEMU", &emulator)).expect_code(2);
        assert!(complaint(&ran).contains(expected), "{}: {}", emulator.display(), ran.stderr);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    // Nobody can create a folder there, not even root.
    let ran = Ran::of(command(course(), &[]).env("CARGO_TARGET_DIR", "/proc/folio")).expect_code(2);
    let line = complaint(&ran);
    assert!(line.contains("/proc/folio"), "{line}");
}

#[test]
fn doctor_shows_what_was_found() {
    let ran = grade(course(), &["doctor", "--color", "never"]);
    assert!(ran.stdout.contains("QEMU") && ran.stdout.contains("rustc"), "{}\n{}", ran.stdout, ran.stderr);
}

/// Writes an executable script.
pub fn write_program(path: &Path, script: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(path).unwrap();
    file.write_all(script.as_bytes()).unwrap();
}
