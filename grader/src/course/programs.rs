//! The programs that run in ring 3: they are built with the kernel, and a machine
//! that is to run them gets them beside the kernel, as modules.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::error::{Error, Result};
use crate::host::path::is_hidden;

/// The folder in which each program has a source file, or a folder of source files.
const SOURCES: &str = "kernel/user/src/bin";

/// The name of the folder with the built programs, beside the kernels.
pub const FOLDER: &str = "programs";

/// Whether this is the package of the programs.
pub fn is_theirs(package: &Path) -> bool {
    package.ends_with("kernel/user")
}

/// The names of all programs.
///
/// # Errors
/// If the folder of their sources cannot be read.
pub fn names(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(SOURCES);
    let missing = |error| Error::io("cannot read", &folder, &error).advise("restore the folder from the course");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(missing)? {
        let path = entry.map_err(missing)?.path();
        if is_hidden(&path) {
            continue;
        }
        let is_program = path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").is_file();
        if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_program) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// QEMU's arguments for a machine that gets these programs. The paths are
/// relative to the kernel's folder: QEMU takes everything after a space for the
/// module's own text.
pub fn arguments(programs: &[String]) -> Vec<String> {
    let paths: Vec<String> = programs.iter().map(|name| format!("{FOLDER}/{name}")).collect();
    if paths.is_empty() { Vec::new() } else { vec!["-initrd".into(), paths.join(",")] }
}

/// The word on the kernel's command line that runs a program in the place of the shell.
/// `line` is the program's name and its arguments, separated by spaces.
///
/// # Errors
/// If there is no such program.
pub fn word(line: &str, programs: &[String]) -> Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.first() {
        Some(&name) if programs.iter().any(|known| known == name) => Ok(format!("run={}", words.join(","))),
        name => Err(Error::new(format!("there is no program `{}`", name.unwrap_or(&"")))
            .advise(format!("the programs are {}", programs.join(", ")))),
    }
}

/// The folder for the programs, beside the kernels in `images`.
pub fn folder(images: &Path) -> PathBuf {
    images.join(FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_files_or_folders_with_a_main() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join(SOURCES);
        fs::create_dir_all(bin.join("shell")).unwrap();
        fs::create_dir_all(bin.join("empty")).unwrap();
        for file in
            ["hello.rs", "brk-test.rs", "shell/main.rs", "shell/line.rs", "notes.txt", "._hello.rs", ".hidden/main.rs"]
        {
            fs::create_dir_all(bin.join(file).parent().unwrap()).unwrap();
            fs::write(bin.join(file), "").unwrap();
        }
        // An editor's lock is a link to nowhere.
        std::os::unix::fs::symlink("somebody@host.123", bin.join(".#hello.rs")).unwrap();
        assert_eq!(names(root.path()).unwrap(), ["brk-test", "hello", "shell"]);
        assert!(names(&root.path().join("other")).unwrap_err().to_string().contains("restore the folder"));
    }

    #[test]
    fn a_program_may_be_run_in_place_of_the_shell() {
        let programs = ["fuzz".to_owned(), "soak".to_owned()];
        assert_eq!(word(" fuzz  7 10", &programs).unwrap(), "run=fuzz,7,10");
        for wrong in ["", "fuz 7"] {
            assert!(word(wrong, &programs).unwrap_err().to_string().contains("the programs are fuzz, soak"));
        }
    }

    #[test]
    fn a_machine_without_programs_gets_no_modules() {
        assert!(arguments(&[]).is_empty());
        assert_eq!(arguments(&["a".into(), "b".into()]), ["-initrd", "programs/a,programs/b"]);
    }
}
