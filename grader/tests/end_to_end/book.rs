//! `cargo grade book` with tools missing. `cargo grade dev browser` tests the book that it builds.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::course::{Copy, Ran};

/// Puts a folder before all others on the command's `PATH`.
fn with_path<'a>(command: &'a mut Command, first: &Path) -> &'a mut Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [first.to_owned()].into_iter().chain(env::split_paths(&path));
    command.env("PATH", env::join_paths(folders).unwrap())
}

/// A program that prints mdBook's version, and writes a page with its own arguments.
fn pretend_mdbook(folder: &Path, version: &str) {
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'mdbook v{version}' && exit\nmkdir -p book && echo \"$1\" > book/index.html\n"
    );
    let program = folder.join("mdbook");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn without_packages_the_book_is_built_and_what_is_missing_is_said() {
    let (copy, folder) = (Copy::new(), tempfile::tempdir().unwrap());
    pretend_mdbook(folder.path(), "0.5.9");
    // Without it the pictures are not built, as in a hand-out.
    let reference = copy.root().join("labs/01-pmm/solution");
    if reference.is_dir() {
        fs::remove_dir_all(&reference).unwrap();
    }
    let built = copy.root().join("book/src/live/built");
    fs::create_dir_all(&built).unwrap();
    fs::write(built.join("machine.json"), "of an earlier time").unwrap();
    Ran::of(with_path(&mut copy.command(&["book", "--no-install"]), folder.path()))
        .expect_code(0)
        .says("The book: book/book/index.html")
        .says("note: no kernel boots in its pages: packages from npm are missing, and --no-install was given");
    assert_eq!(copy.read("book/book/index.html"), "build\n");
    assert!(!built.exists(), "what no longer fits would boot in the pages");
}

#[test]
fn without_mdbook_it_says_how_to_install_it() {
    let (copy, folder) = (Copy::new(), tempfile::tempdir().unwrap());
    pretend_mdbook(folder.path(), "0.4.52");
    Ran::of(with_path(&mut copy.command(&["book", "--no-install"]), folder.path()))
        .expect_code(2)
        .says("mdBook is missing, and --no-install was given")
        .says("cargo install mdbook --version 0.5.");
}

/// mdBook leaves out a preprocessor that it cannot start, and says so in a line among others.
#[test]
fn a_book_whose_preprocessor_does_not_compile_is_not_built() {
    let (copy, folder) = (Copy::new(), tempfile::tempdir().unwrap());
    pretend_mdbook(folder.path(), "0.5.9");
    copy.write("book/preprocessor/src/main.rs", "fn main() { let () = 1; }\n");
    Ran::of(with_path(&mut copy.command(&["book", "--no-install"]), folder.path()))
        .expect_code(2)
        .says("the book's preprocessor does not compile")
        .says("let () = 1;");
    assert!(!copy.root().join("book/book/index.html").exists());
}
