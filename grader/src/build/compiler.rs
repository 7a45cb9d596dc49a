//! The wrapper between cargo and rustc, which limits the cost of compiling a student's code.
//!
//! cargo runs this program in rustc's place (`RUSTC_WRAPPER`). It sets limits and becomes rustc.
//! The limits count processor time, not seconds on a clock, so a busy computer changes no
//! verdict. They hold for the course's packages and the student's; crates of the toolchain and of
//! crates.io, such as `core`, have none. Each process has the limits for itself, a linker too.
//! And a rustc ends with its cargo, which ends with the grader.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::launcher::{self, Limits};

/// The variable that tells this program in rustc's place the grader's process and the course's folder.
const VARIABLE: &str = "FOLIO_COMPILES_FOR";

/// The limits for compiling a lab. It usually takes less than a second and a fraction of a GiB, and
/// writes less than a MiB.
pub const FOR_LAB: Limits = Limits { processor: Some(30), memory: Some(4 << 30), file: Some(256 << 20) };

/// The limits for compiling another package of the course, and for linking the kernel. Both
/// usually take a few seconds.
pub const FOR_COURSE: Limits = Limits { processor: Some(150), ..FOR_LAB };

/// Makes a cargo that builds the course in `root` run rustc within limits.
pub fn limit(cargo: &mut Command, launcher: &Path, root: &Path) {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut who = OsString::from(format!("{} ", std::process::id()));
    who.push(root);
    cargo.env("RUSTC_WRAPPER", launcher).env(VARIABLE, who);
}

/// Becomes the compiler, if cargo asks for it. Returns `None` if it does not, and the exit status
/// if the compiler cannot be started.
pub fn become_one(mut arguments: impl Iterator<Item = OsString>) -> Option<u8> {
    let (grader, root) = parse(&env::var_os(VARIABLE)?)?;
    let rustc = arguments.next()?;
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let limits = package.map_or_else(Limits::default, |package| limits(&package, &root));
    Some(launcher::become_program(&rustc, arguments, limits, || launcher::is_there(grader)))
}

/// The limits for compiling the package in this folder.
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
