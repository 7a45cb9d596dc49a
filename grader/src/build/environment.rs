//! The environment of cargo and rustc: only the part of the user's that they need.
//!
//! Code that is compiled can read the environment (`env!`), and rustc's messages are shown, so it
//! must hold no secrets. And the cargo that runs the grader does not influence the cargo that the
//! grader runs.

use std::env;
use std::ffi::{OsStr, OsString};

/// Variables with the places of programs and folders, and with the language.
const NEEDED: [&str; 15] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_AUTO_INSTALL",
    // Build scripts are programs of the host: its linker may need to be told where its system is.
    "DEVELOPER_DIR",
    "SDKROOT",
    // Packages are fetched once, perhaps through a proxy.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Prefixes of such variables: for the downloads of cargo and rustup, the language, and NixOS's linker.
const FAMILIES: [&str; 9] = [
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTR",
    "RUSTUP_DIST_",
    "RUSTUP_UPDATE_",
    "LC_",
    "NIX_CC_WRAPPER",
    "NIX_BINTOOLS_WRAPPER",
    "NIX_LDFLAGS",
];

/// The user's variables that a build gets.
pub fn kept() -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os().filter(|(name, _)| is_needed(name))
}

fn is_needed(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    // The variables of proxies often have names in small letters.
    let named = NEEDED.contains(&name) || name.ends_with("_proxy") && NEEDED.contains(&name.to_uppercase().as_str());
    // A registry's token is for publishing.
    named || FAMILIES.iter().any(|family| name.starts_with(family)) && !name.ends_with("TOKEN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_gets_what_it_needs() {
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_AUTO_INSTALL",
            "CARGO_NET_OFFLINE",
            "CARGO_HTTP_PROXY",
            "CARGO_REGISTRIES_X_INDEX",
            "RUSTUP_DIST_SERVER",
            "https_proxy",
            "LC_ALL",
        ] {
            assert!(is_needed(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn it_gets_no_secret_and_nothing_of_the_outer_cargo_s() {
        for name in [
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_X_TOKEN",
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "SSH_AUTH_SOCK",
            "path",
            "RUSTC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "RUSTC_WRAPPER",
            "RUSTC_LOG",
            "LD_LIBRARY_PATH",
            "CARGO_PROFILE_DEV_OPT_LEVEL",
        ] {
            assert!(!is_needed(name.as_ref()), "{name}");
        }
    }
}
