//! Programs get the answers of Linux: the same program runs there and on Folio.

use std::io;
use std::process::Command;

use crate::course::{course, grade, has_solutions};

/// The beginnings of the first and the last line of the output of `mmap-answers`.
const FIRST: &str = "mmap fixed, 8 pages: ";
const LAST: &str = "it was ";

/// The program's own output, without the kernel's lines before, inside and after it.
fn answers(printed: &str) -> Vec<&str> {
    let lines: Vec<&str> = printed.lines().map(str::trim_end).filter(|line| !line.starts_with("warning: ")).collect();
    let first = lines.iter().position(|line| line.starts_with(FIRST));
    let last = lines.iter().rposition(|line| line.starts_with(LAST));
    let (Some(first), Some(last)) = (first, last) else { panic!("no answers in this:\n{printed}") };
    lines[first..=last].to_vec()
}

#[test]
fn mmap_answers_as_it_does_on_linux() {
    if !has_solutions() {
        return;
    }
    let ran = grade(course(), &["run", "--solution", "--program", "mmap-answers"]).expect_code(0);
    let here = answers(&ran.stdout);
    assert!(here.len() > 40, "{}", ran.stdout);
    let program = crate::course::target_dir().join("kernel/images/programs/mmap-answers");
    let linux = match Command::new(&program).output() {
        Ok(output) if output.status.success() => output,
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            eprintln!("not compared: this system runs no 32-bit programs of Linux's: {error}");
            return;
        }
        other => panic!("{} did not run to its end: {other:?}", program.display()),
    };
    assert_eq!(here, answers(&String::from_utf8_lossy(&linux.stdout)));
}
