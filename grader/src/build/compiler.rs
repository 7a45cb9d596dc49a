//! What stands between cargo and rustc, so that a student's code costs only so much to compile.
//!
//! cargo runs this program in rustc's place (`RUSTC_WRAPPER`), which sets limits and becomes
//! rustc. They are limits of processor time and not of seconds on a clock, so a busy computer
//! changes no verdict. The course's own packages and the student's have them; what the toolchain
//! and crates.io bring, such as `core`, has none. Each process has them for itself; a linker is
//! one, too. And a rustc ends with its cargo, which ends with the grader.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::launcher::{self, Limits};

/// Names the grader's process and the course's folder to this program in rustc's place.
const VARIABLE: &str = "FOLIO_COMPILES_FOR";

/// What compiling a lab may take. It takes less than a second, and a fraction of a GiB; what is
/// written is smaller than a MiB.
pub const FOR_LAB: Limits = Limits { processor: Some(30), memory: Some(4 << 30), file: Some(256 << 20) };

/// What compiling another package of the course's may take, and linking the kernel: they take
/// a few seconds.
pub const FOR_COURSE: Limits = Limits { processor: Some(150), ..FOR_LAB };

/// Makes a cargo that builds the course in `root` run rustc within limits.
pub fn limit(cargo: &mut Command, launcher: &Path, root: &Path) {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut who = OsString::from(format!("{} ", std::process::id()));
    who.push(root);
    cargo.env("RUSTC_WRAPPER", launcher).env(VARIABLE, who);
}

/// Becomes the compiler, if cargo asks for it. Returns only if it does not, or if the compiler
/// cannot be started: then with the exit status.
pub fn become_one(mut arguments: impl Iterator<Item = OsString>) -> Option<u8> {
    let (grader, root) = parse(&env::var_os(VARIABLE)?)?;
    let rustc = arguments.next()?;
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let limits = package.map_or_else(Limits::default, |package| limits(&package, &root));
    Some(launcher::become_program(&rustc, arguments, limits, || launcher::is_there(grader)))
}

/// What compiling the package in this folder may take.
fn limits(package: &Path, root: &Path) -> Limits {
    match package.strip_prefix(root) {
        Ok(inside) if inside.starts_with("labs") => FOR_LAB,
        Ok(_) => FOR_COURSE,
        Err(_) => Limits::default(),
    }
}

fn parse(value: &OsStr) -> Option<(u32, PathBuf)> {
    let value = value.as_bytes();
    let (number, root) = value.split_at_checked(value.iter().position(|byte| *byte == b' ')?)?;
    Some((str::from_utf8(number).ok()?.parse().ok()?, PathBuf::from(OsStr::from_bytes(&root[1..]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_told_for_whom_it_compiles() {
        let mut cargo = Command::new("cargo");
        let folder = tempfile::tempdir().unwrap();
        limit(&mut cargo, Path::new("/grade"), folder.path());
        let value = cargo.get_envs().find(|(name, _)| *name == VARIABLE).and_then(|(_, value)| value).unwrap();
        let (number, root) = parse(value).unwrap();
        assert_eq!((number, root), (std::process::id(), folder.path().canonicalize().unwrap()));
        assert_eq!(parse("no number".as_ref()), None);
    }

    #[test]
    fn the_toolchain_s_own_code_has_no_limits() {
        let of = |package: &str| limits(Path::new(package), Path::new("/c"));
        assert_eq!((of("/c/labs/01-pmm"), of("/c/kernel/core")), (FOR_LAB, FOR_COURSE));
        assert_eq!((of("/home/.cargo/registry/src/x"), of("/cc")), (Limits::default(), Limits::default()));
    }
}
