//! Rustup's proxies: how to tell that a proxy starts the same toolchain as before.
//!
//! The proxy's own file does not show which toolchain it starts. According to The rustup
//! Book's chapter "Overrides", a variable, rustup's settings, and the files
//! `rust-toolchain.toml` above the current folder decide; and the toolchain itself may be updated.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::host::probe::stamp_of;

/// The variables that decide which toolchain a proxy starts.
const VARIABLES: [&str; 2] = ["RUSTUP_TOOLCHAIN", "RUSTUP_HOME"];

/// Whether a program is rustup under another name.
pub fn is_proxy(program: &Path) -> bool {
    let identity = |file: &Path| fs::metadata(file).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    identity(program).is_some_and(|own| Some(own) == identity(&program.with_file_name("rustup")))
}

/// Everything that decides which toolchain a proxy starts in this folder, as a text. If the text
/// is the same as before, the proxy starts the same toolchain; that may have been updated itself.
pub fn circumstances(folder: &Path) -> String {
    let variables = VARIABLES.map(|name| (name, env::var_os(name)));
    let home = variables[1].1.clone().filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".rustup"))).unwrap_or_default();
    describe(folder, &home, &variables)
}

fn describe(folder: &Path, home: &Path, variables: &[(&str, Option<OsString>)]) -> String {
    let above =
        folder.ancestors().flat_map(|folder| ["rust-toolchain.toml", "rust-toolchain"].map(|name| folder.join(name)));
    let files = [home.join("settings.toml"), home.join("toolchains")].into_iter().chain(above);
    let stamps: Vec<String> =
        files.filter_map(|file| Some(format!("{} {}", file.display(), stamp_of(&file)?))).collect();
    format!("{} {variables:?} {}", folder.display(), stamps.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustup_is_known_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["rustup", "other"] {
            fs::write(path(name), name).unwrap();
        }
        fs::hard_link(path("rustup"), path("rustc")).unwrap();
        std::os::unix::fs::symlink("rustup", path("cargo")).unwrap();
        assert!(is_proxy(&path("rustc")) && is_proxy(&path("cargo")));
        assert!(!is_proxy(&path("other")) && !is_proxy(&path("missing")));
    }

    #[test]
    fn everything_that_chooses_a_toolchain_counts() {
        let root = tempfile::tempdir().unwrap();
        let (home, folder) = (root.path().join("home"), root.path().join("a/b"));
        fs::create_dir_all(home.join("toolchains")).unwrap();
        fs::create_dir_all(&folder).unwrap();
        let now = || describe(&folder, &home, &[("RUSTUP_TOOLCHAIN", None)]);
        let mut seen = vec![now()];
        assert_eq!(now(), seen[0]);
        fs::write(home.join("settings.toml"), "").unwrap();
        seen.push(now());
        fs::write(root.path().join("a/rust-toolchain.toml"), "[toolchain]").unwrap();
        seen.push(now());
        fs::write(folder.join("rust-toolchain"), "1.95").unwrap();
        seen.push(now());
        seen.push(describe(&folder, &home, &[("RUSTUP_TOOLCHAIN", Some("stable".into()))]));
        seen.push(describe(root.path(), &home, &[("RUSTUP_TOOLCHAIN", None)]));
        let distinct: std::collections::HashSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{seen:#?}");
    }
}
