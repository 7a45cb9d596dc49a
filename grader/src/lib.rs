//! The program behind `cargo grade`: builds the kernel, runs each check on a freshly booted
//! machine, and turns the machine's output into scores.
//!
//! Each folder is a room that may use those to its right, and none to its left:
//!
//! ```text
//! commands -> batch, contest, debug, dev, watch -> book, peers -> report -> judge -> build, machine -> course -> host
//! ```
//!
//! - `commands`: the command line, and the work of each command;
//! - `batch`: a class's submissions, graded one by one;
//! - `contest`: a student's allocator beside all others;
//! - `contest`: a student's allocator compared with others;
//! - `dev`: proofs and measurements for those who write the course;
//! - `watch`: grading at each save, on a terminal;
//! - `book`: the reader's pages, and the kernels that boot in them;
//! - `peers`: what allocators cost, the labs' and their peers from crates.io;
//! - `report`: the results, for people and for programs;
//! - `judge`: a run, and how a machine's output becomes a verdict;
//! - `build`: from the course's files to a kernel;
//! - `machine`: emulators, and a machine from its start to its end;
//! - `course`: labs, checks and programs as they lie on the disk;
//! - `host`: processes, exit statuses, the terminal, packages, errors.
//!
//! Only what the program and its end-to-end tests need is public.
#![forbid(unsafe_code)]

mod batch;
mod book;
mod build;
mod commands;
mod contest;
mod course;
mod debug;
mod dev;
mod host;
mod judge;
mod machine;
mod peers;
mod report;
mod watch;

pub use commands::main;
pub use course::stage::Stage;
pub use host::error::Error;

use std::ffi::OsString;

/// Becomes another program under limits, if this one was started for that purpose: by
/// the grader, with arguments for it, or by cargo in the compiler's place. Returns only if it was not,
/// or if the other program cannot be started: then with the exit status.
pub fn become_one(arguments: impl Iterator<Item = OsString> + Clone) -> Option<u8> {
    host::launcher::become_one(arguments.clone()).or_else(|| build::compiler::become_one(arguments))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The rooms in the order of the crate's documentation; those in one string do not use each other.
    const ORDER: [&[&str]; 8] = [
        &["commands"],
        &["batch", "contest", "debug", "dev", "watch"],
        &["book", "peers"],
        &["report"],
        &["judge"],
        &["build", "machine"],
        &["course"],
        &["host"],
    ];

    fn rank(room: &str) -> Option<usize> {
        ORDER.iter().position(|rooms| rooms.contains(&room))
    }

    fn visit(folder: &Path, file: &mut dyn FnMut(&Path)) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { visit(&path, file) } else { file(&path) }
        }
    }

    #[test]
    fn a_room_knows_none_to_its_left() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut wrong = Vec::new();
        let mut uses = 0;
        visit(&source, &mut |path| {
            let name = path.strip_prefix(&source).unwrap();
            let own = name.components().next().unwrap().as_os_str().to_str().unwrap();
            let Some(own_rank) = rank(own) else {
                assert!(["lib.rs", "main.rs"].contains(&own), "{} is in no known room", name.display());
                return;
            };
            let text = fs::read_to_string(path).unwrap();
            for (at, _) in text.match_indices("crate::") {
                let other = text[at + "crate::".len()..].split(|c: char| !c.is_alphanumeric()).next().unwrap();
                uses += 1;
                // A type of another crate, in a string, is no room.
                let is_room = other.starts_with(char::is_lowercase);
                if is_room && other != own && rank(other).is_none_or(|rank| rank <= own_rank) {
                    wrong.push(format!("{} uses crate::{other}", name.display()));
                }
            }
        });
        assert!(uses > 100, "the sources are not where they were");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
