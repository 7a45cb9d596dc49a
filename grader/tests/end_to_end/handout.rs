//! The hand-out: it grades and boots like the whole course, contains no answer, and can be
//! updated.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::course::{Copy, Ran, command, course, has_solutions, lab, target_dir};

/// A hand-out, together with the copy of the course that it was made from.
struct HandOut {
    copy: Copy,
    folder: PathBuf,
}

impl HandOut {
    /// The hand-out, made once for all tests. Each test leaves it as it found it.
    fn get() -> Self {
        static MADE: OnceLock<TempDir> = OnceLock::new();
        let copy = Copy::new();
        let made = MADE.get_or_init(|| {
            let outside = tempfile::tempdir().expect("there is room for a folder");
            let folder = outside.path().join("folio");
            let words = ["handout", folder.to_str().expect("a plain name")];
            copy.grade(&words).expect_code(0).says("references compiled with rustc");
            outside
        });
        Self { folder: made.path().join("folio"), copy }
    }

    /// Runs the grader in it, like a student.
    fn grade(&self, words: &[&str]) -> Ran {
        Ran::of(command(&self.folder, words).env("CARGO_TARGET_DIR", target_dir().join("staged")))
    }

    /// Runs a test with another text in a file, and restores the file afterwards.
    fn with<R>(&self, name: &str, text: &str, test: impl FnOnce() -> R) -> R {
        let path = self.folder.join(name);
        let old = fs::read(&path).expect("the file is in the hand-out");
        fs::write(&path, text).expect("the hand-out can be written to");
        let answer = test();
        fs::write(&path, old).expect("the hand-out can be written to");
        answer
    }
}

/// All files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn labs() -> impl Iterator<Item = PathBuf> {
    fs::read_dir(course().join("labs")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
}

/// Lines that students' copies and the answers have in common: of the contract, of given code, and of reports in
/// the book.
fn given() -> String {
    let folders = ["kernel/mm-api", "kernel/mm-oracle", "kernel/mm-host", "kernel/bench", "book/src", "book/examples"];
    let in_labs = labs().flat_map(|lab| [lab.join("src"), lab.join("tests")]);
    let sources = folders.iter().map(|folder| course().join(folder)).chain(in_labs).flat_map(|folder| files(&folder));
    sources.filter_map(|file| fs::read_to_string(file).ok()).collect()
}

#[test]
fn a_hand_out_holds_no_answer() {
    if !has_solutions() {
        return;
    }
    let hand_out = HandOut::get();
    let given = given();
    let answers = labs().flat_map(|lab| ["solution", "champion"].map(|folder| lab.join(folder)));
    let mut lines: Vec<String> = answers
        .flat_map(|folder| files(&folder))
        .flat_map(|file| {
            fs::read_to_string(file).unwrap().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        })
        .filter(|line| line.len() >= 48 && !line.starts_with("use ") && !given.contains(line.as_str()))
        .collect();
    lines.sort();
    lines.dedup();
    assert!(lines.len() > 200, "{} lines tell an answer from what is given", lines.len());

    for file in files(&hand_out.folder) {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let name = file.strip_prefix(&hand_out.folder).unwrap().display();
        let told: Vec<&String> = lines.iter().filter(|line| text.contains(line.as_str())).collect();
        // The kernel's own code may contain some of the same lines.
        let by_chance = if file.extension().is_some_and(|extension| extension == "a") { 0 } else { 3 };
        assert!(told.len() <= by_chance, "{name} contains lines of an answer: {told:#?}");
        // Nor the path of the course that it was made from, or a home folder.
        for path in [course(), hand_out.folder.as_path()] {
            assert!(!text.contains(path.to_str().unwrap()), "{name} names {}", path.display());
        }
    }
    for lab in labs() {
        let here = hand_out.folder.join("labs").join(lab.file_name().unwrap());
        assert!(here.is_dir());
        for folder in ["solution", "champion", "mistakes", "alternatives"] {
            assert!(!here.join(folder).exists(), "{}/{folder}", here.display());
        }
    }
}

#[test]
fn a_hand_out_grades_and_boots_beside_compiled_references() {
    if !has_solutions() {
        return;
    }
    let hand_out = HandOut::get();
    let skeleton = hand_out.grade(&["04", "--json", "-"]).expect_code(1);
    assert!(!skeleton.stderr.contains("No reference is here"), "{}", skeleton.stderr);
    assert_eq!(lab(&skeleton.json(), "04-process-heap")["score"], 0);

    let work = fs::read_to_string(course().join("labs/04-process-heap/alternatives/asking.rs")).unwrap();
    hand_out.with("labs/04-process-heap/src/program_break.rs", &work, || {
        // All other labs are not begun.
        let graded = hand_out.grade(&["04"]).expect_code(0);
        graded.says("100 of 100 points");
        hand_out.grade(&["run", "04", "--program", "hello"]).expect_code(0);
        let own = hand_out.grade(&["04", "--own", "--check", "program-heap", "--json", "-"]).expect_code(1).json();
        assert_eq!(lab(&own, "04-process-heap")["score"], 0);
    });
    // A lab that does not compile costs the other labs nothing.
    hand_out.with("labs/01-pmm/src/bitmap.rs", "pub struct Pmm;", || {
        hand_out.grade(&["run", "--solution", "--program", "hello"]).expect_code(0);
        hand_out.grade(&["--solution", "--check", "never-twice", "--check", "heap-mix"]).expect_code(0);
    });
    for words in [&["dev", "check"][..], &["dev", "miri"], &["dev", "class", "class"]] {
        hand_out.grade(words).expect_code(2).says("has no reference here");
    }
}

#[test]
fn every_lab_is_graded_in_a_hand_out_that_is_an_autograder() {
    if !has_solutions() {
        return;
    }
    // What an autograder's `setup.sh` does: all labs, as they were handed out.
    let words = ["submission", "labs", "--unsafe-no-sandbox", "--format", "autolab"];
    let ran = HandOut::get().grade(&words).expect_code(0);
    let scores: serde_json::Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    for lab in labs() {
        let name = lab.file_name().unwrap().to_str().unwrap();
        assert_eq!(scores["scores"][name], 0, "{name}: {scores}");
    }
}

#[test]
fn the_book_of_a_hand_out_shows_the_references_at_work() {
    if !has_solutions() {
        return;
    }
    let hand_out = HandOut::get();
    let carried = fs::read(hand_out.folder.join("book/pictures-live/compiled/pictures.wasm")).unwrap();
    assert!(carried.starts_with(b"\0asm"));
    // The section of WebAssembly that would name the references' functions.
    assert!(!carried.windows(5).any(|bytes| bytes == b"\x04name"), "the functions have names");
    // As `cargo grade book` does.
    let told = hand_out.grade(&["dev", "pictures"]).expect_code(0).stdout;
    assert_eq!(fs::read(told.trim()).unwrap(), carried);
}

#[test]
fn a_reference_of_another_version_is_not_linked() {
    if !has_solutions() {
        return;
    }
    let hand_out = HandOut::get();
    let file = "kernel/lab-abi/src/lib.rs";
    let text = fs::read_to_string(hand_out.folder.join(file)).unwrap();
    hand_out.with(file, &format!("// A remark changes nothing.\n{text}"), || {
        hand_out.grade(&["--solution", "--check", "never-twice"]).expect_code(0);
    });
    hand_out.with(file, &format!("{text}\n/// Something new.\npub const NEW: u32 = 1;\n"), || {
        let ran = hand_out.grade(&["--solution", "--check", "never-twice"]).expect_code(2);
        ran.says("was compiled for other versions of kernel/mm-api and kernel/lab-abi: restore these folders");
    });
}

#[test]
fn an_update_keeps_what_is_the_student_s() {
    if !has_solutions() {
        return;
    }
    let hand_out = HandOut::get();
    let folder = hand_out.folder.to_str().unwrap();
    let work = "pub struct Pmm; // Half done.";
    let frozen = "kernel/user/src/bin/hello.rs";
    hand_out.copy.write(frozen, "//! Another hello.\n");
    hand_out.with("labs/01-pmm/src/bitmap.rs", work, || {
        let ran = hand_out.copy.grade(&["handout", folder, "--update"]).expect_code(0);
        ran.says("kept      labs/01-pmm/src/bitmap.rs")
            .says(&format!("updated   {frozen}"))
            .says("1 updated, 0 removed");
        assert_eq!(fs::read_to_string(hand_out.folder.join("labs/01-pmm/src/bitmap.rs")).unwrap(), work);
        assert_eq!(fs::read_to_string(hand_out.folder.join(frozen)).unwrap(), "//! Another hello.\n");
    });
    hand_out.copy.write(frozen, &fs::read_to_string(course().join(frozen)).unwrap());
    hand_out.copy.grade(&["handout", folder, "--update"]).expect_code(0).says("1 updated, 0 removed");
}

#[test]
fn what_cannot_be_a_hand_out_is_refused() {
    if !has_solutions() {
        return;
    }
    let hand_out = HandOut::get();
    let folder = hand_out.folder.to_str().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let full = outside.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("file"), "").unwrap();
    let (full, new) = (full.to_str().unwrap(), outside.path().join("new"));
    let new = new.to_str().unwrap();
    for (words, reason) in [
        (&["handout", full][..], "is not empty; name a new folder"),
        (&["handout", full, "--update"], "is no hand-out that could be updated"),
        (&["handout", new, "--update"], "is no hand-out that could be updated"),
        (&["handout", folder], "is a hand-out already; `--update`"),
        (&["handout", "labs/out"], "is in the course itself"),
        (&["handout", "."], "is in the course itself"),
    ] {
        hand_out.copy.grade(words).expect_code(2).says(reason);
    }
    hand_out.grade(&["handout", new]).expect_code(2).says("a hand-out is made from the whole course");
    assert!(!Path::new(new).exists());
}
