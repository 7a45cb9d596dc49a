//! Wrappers around rustc in the user's cargo configuration, such as sccache: a kernel is built without.
//!
//! An empty `RUSTC_WRAPPER` tells cargo to use none, whatever its configuration says. But cargo
//! then looks for the time of a file without a name, cannot keep what rustc says about itself, and
//! asks rustc six times in each build. So the variable is set only where there is one to keep out.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The variables that keep wrappers out, each empty, of a cargo that runs in this folder.
pub fn kept_out(folder: &Path) -> impl Iterator<Item = &'static str> {
    let named = configurations(folder, cargo_home().as_deref()).into_iter().fold([false; 2], |named, file| {
        let [wrapper, workspace_wrapper] = wrappers(&fs::read_to_string(file).unwrap_or_default());
        [named[0] || wrapper, named[1] || workspace_wrapper]
    });
    ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"].into_iter().zip(named).filter(|(_, named)| *named).map(|(key, _)| key)
}

/// Where cargo reads its configuration, as The Cargo Book's chapter "Configuration" has it.
fn configurations(folder: &Path, cargo_home: Option<&Path>) -> Vec<PathBuf> {
    let folders = folder.ancestors().map(|folder| folder.join(".cargo")).chain(cargo_home.map(Path::to_owned));
    folders.flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name))).collect()
}

fn cargo_home() -> Option<PathBuf> {
    let named = env::var_os("CARGO_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// Whether a configuration names a wrapper of all crates, and one of the workspace's.
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
