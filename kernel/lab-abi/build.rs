//! Links the compiled references that this crate calls, if they have the crate's version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The sources that decide whether kernel and reference understand each other.
const SOURCES: [&str; 2] = ["../mm-api/src", "src"];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let version =
        format!("folio-lab-abi {:016x}", SOURCES.iter().fold(START, |hash, folder| add(hash, &here.join(folder))));
    println!("cargo::rustc-env=FOLIO_LAB_ABI={version}");
    let labs = here.join("../../labs");
    for lab in children(&labs) {
        for archive in children(&lab.join("compiled")) {
            link(&archive, &version);
        }
    }
}

/// Links a compiled reference if its feature is on.
fn link(archive: &Path, version: &str) {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(package) = name.strip_prefix("lib").and_then(|name| name.strip_suffix(".a")) else { return };
    if env::var_os(format!("CARGO_FEATURE_{}", package.replace('-', "_").to_uppercase())).is_none() {
        return;
    }
    println!("cargo::rerun-if-changed={}", archive.display());
    let bytes = fs::read(archive).unwrap_or_default();
    if !bytes.windows(version.len()).any(|window| window == version.as_bytes()) {
        println!(
            "cargo::error=the reference of `{package}` was compiled for other versions of kernel/mm-api and \
             kernel/lab-abi: restore these folders, or update the whole course"
        );
        return;
    }
    let folder = archive.parent().unwrap_or(Path::new("."));
    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::rustc-link-lib=static={package}");
}

/// The entries of a folder, sorted; none if the folder does not exist.
fn children(folder: &Path) -> Vec<PathBuf> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    found.sort();
    found
}

// FNV-1a gives the same hash with every compiler, which the standard library's hasher does not
// promise.
const START: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0100_0000_01B3;

/// Hashes the code in a folder. Comments and indentation make no difference.
fn add(hash: u64, folder: &Path) -> u64 {
    children(folder).iter().fold(hash, |hash, path| {
        if path.is_dir() {
            return add(hash, path);
        }
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(path).unwrap_or_default();
        let code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        code.flat_map(|line| line.bytes().chain([b'\n']))
            .fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
    })
}
