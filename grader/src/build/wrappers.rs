//! Wrappers around rustc in the user's cargo configuration, such as sccache: kernels are built without them.
//!
//! An empty `RUSTC_WRAPPER` tells cargo to use no wrapper, even if its configuration names one. But
//! then cargo looks for the time of a file without a name, cannot cache rustc's facts about itself,
//! and asks rustc six times in each build. So the variable is set only if there is a wrapper.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The variables to set to an empty text so that a cargo in this folder uses no wrapper.
pub fn kept_out(folder: &Path) -> impl Iterator<Item = &'static str> {
    let named = configurations(folder, cargo_home().as_deref()).into_iter().fold([false; 2], |named, file| {
        let [wrapper, workspace_wrapper] = wrappers(&fs::read_to_string(file).unwrap_or_default());
        [named[0] || wrapper, named[1] || workspace_wrapper]
    });
    ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"].into_iter().zip(named).filter(|(_, named)| *named).map(|(key, _)| key)
}

/// The files of cargo's configuration, as The Cargo Book's chapter "Configuration" lists them.
fn configurations(folder: &Path, cargo_home: Option<&Path>) -> Vec<PathBuf> {
    let folders = folder.ancestors().map(|folder| folder.join(".cargo")).chain(cargo_home.map(Path::to_owned));
    folders.flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name))).collect()
}

fn cargo_home() -> Option<PathBuf> {
    let named = env::var_os("CARGO_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// Whether a configuration names a wrapper for all crates, and one for the workspace's crates.
fn wrappers(text: &str) -> [bool; 2] {
    let Ok(configuration) = text.parse::<toml::Table>() else { return [false; 2] };
    let build = configuration.get("build");
    ["rustc-wrapper", "rustc-workspace-wrapper"].map(|key| build.is_some_and(|build| build.get(key).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wrapper_that_is_named_is_kept_out() {
        for (text, expected) in [
            ("", [false, false]),
            ("[build]\njobs = 1\n", [false, false]),
            ("[build]\nrustc-wrapper = 'sccache'\n", [true, false]),
            ("build.rustc-workspace-wrapper = 'x'\n", [false, true]),
            ("not toml", [false, false]),
        ] {
            assert_eq!(wrappers(text), expected, "{text}");
        }
    }

    #[test]
    fn the_configuration_of_every_folder_above_counts() {
        let course = tempfile::tempdir().unwrap();
        let inner = course.path().join("a/b");
        fs::create_dir_all(course.path().join(".cargo")).unwrap();
        fs::write(course.path().join(".cargo/config.toml"), "[build]\nrustc-wrapper = 'sccache'\n").unwrap();
        assert!(kept_out(&inner).any(|key| key == "RUSTC_WRAPPER"));
        let home = Path::new("/home/somebody/.cargo");
        assert!(configurations(&inner, Some(home)).contains(&home.join("config.toml")));
    }
}
