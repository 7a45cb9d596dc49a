//! `cargo grade gradescope`: makes the zip that Gradescope takes as an autograder:
//! <https://gradescope-autograders.readthedocs.io/en/latest/specs/>.
//!
//! It holds the course as students get it, with the references compiled: there is nothing that a submission could copy.

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::batch;
use crate::course::handout;
use crate::host::error::{Error, Result};
use crate::host::style::plural;

use super::arguments::{CommonArgs, GradescopeArgs};
use super::handout::{add_references, ready};
use super::output::print;
use super::place::Place;

/// The script that Gradescope runs once, when it makes the image.
const SETUP: &str = include_str!("setup.sh");

/// The script that Gradescope runs for each submission.
const RUN: &str = include_str!("run_autograder");

/// The files of the zip, by their names.
type Files = BTreeMap<String, Vec<u8>>;

/// Makes the zip.
///
/// # Errors
/// If the course cannot be handed out as it is, or the file cannot be written.
pub fn gradescope(arguments: &GradescopeArgs, common: &CommonArgs) -> Result<()> {
    let place = Place::find()?;
    // Mistakes are reported before anything is installed or compiled.
    let policy = batch::policy_files(arguments.policy.as_deref(), &arguments.labs, &place.workspace)?;
    let labs: Vec<String> = place.workspace.select(&arguments.labs)?.into_iter().map(|lab| lab.id.clone()).collect();
    ready(&place.workspace)?;
    let mut contents = handout::contents(&place.workspace)?;
    let site = place.engine(common)?.site;
    if let Some(lab) = add_references(&site, &mut contents)?.first() {
        return Err(Error::new(format!("labs/{} has no feature `compiled`", lab.id))
            .advise("without it an autograder cannot grade the other labs beside its reference"));
    }
    let mut files = Files::new();
    for (name, content) in &contents {
        files.insert(format!("course/{name}"), content.bytes()?);
    }
    files.extend(policy.into_iter().map(|(name, bytes)| (format!("policy/{name}"), bytes)));
    files.extend(scripts(if arguments.labs.is_empty() { &[] } else { &labs }));
    write(&arguments.out, &files)?;
    print(&format!(
        "{} has {} for Gradescope: upload it as the autograder of a programming assignment.\n",
        arguments.out.display(),
        plural(files.len(), "file"),
    ))
}

/// The scripts that Gradescope runs, and the labs that they grade.
fn scripts(labs: &[String]) -> Files {
    let options: String = labs.iter().map(|lab| format!("--lab\n{lab}\n")).collect();
    Files::from([
        ("setup.sh".to_owned(), SETUP.into()),
        ("run_autograder".to_owned(), RUN.into()),
        ("options".to_owned(), options.into()),
    ])
}

/// Writes the zip beside its destination, and moves it there when it is complete.
fn write(path: &Path, files: &Files) -> Result<()> {
    let failed = |error: &io::Error| Error::io("cannot write", path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    pack(file.as_file_mut(), files).map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}

fn pack(to: impl Write + Seek, files: &Files) -> io::Result<()> {
    let mut zip = ZipWriter::new(to);
    for (name, bytes) in files {
        let is_script = ["setup.sh", "run_autograder"].contains(&name.as_str());
        let mode = if is_script { 0o755 } else { 0o644 };
        zip.start_file(name.as_str(), SimpleFileOptions::default().unix_permissions(mode))?;
        zip.write_all(bytes)?;
    }
    zip.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::process::Command;

    use zip::ZipArchive;

    use super::*;
    use crate::host::process;

    #[test]
    fn gradescope_s_two_files_are_at_the_root_and_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("autograder.zip");
        let mut files = scripts(&["01-pmm".to_owned()]);
        files.insert("course/Cargo.toml".to_owned(), b"[workspace]".to_vec());
        write(&path, &files).unwrap();
        let mut zip = ZipArchive::new(File::open(&path).unwrap()).unwrap();
        for name in ["setup.sh", "run_autograder"] {
            let entry = zip.by_name(name).unwrap();
            assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o755, "{name}");
        }
        assert!(zip.by_name("course/Cargo.toml").is_ok());
        assert!(write(&folder.path().join("none/autograder.zip"), &files).is_err());
    }

    /// Runs the script in a folder laid out like Gradescope's container, with a `cargo` that prints its arguments.
    #[test]
    fn a_submission_is_graded_where_gradescope_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["bin", "source/course", "source/policy", "submission", "results"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for (name, bytes) in scripts(&["01-pmm".to_owned()]) {
            fs::write(root.join("source").join(name), bytes).unwrap();
        }
        fs::write(root.join("source/policy/course.toml"), "").unwrap();
        let cargo = root.join("bin/cargo");
        fs::write(&cargo, "#!/bin/sh\npwd\nprintf '%s\\n' \"$@\"\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&cargo, mode).unwrap();
        let mut command = Command::new("bash");
        command.arg(root.join("source/run_autograder")).env("AUTOGRADER_ROOT", root).env("CARGO_HOME", root);
        let output = process::output(&mut command).unwrap();
        let words = String::from_utf8_lossy(&output.stdout).replace(&root.display().to_string(), "/autograder");
        let expected = "/autograder/source/course\ngrade\nsubmission\n/autograder/submission\n--metadata\n\
                        /autograder/submission_metadata.json\n--format\ngradescope\n--to\n\
                        /autograder/results/results.json\n--lab\n01-pmm\n--policy\n/autograder/source/policy/course.toml\n";
        assert!(words.starts_with(expected), "{words}");
    }

    #[test]
    fn the_scripts_are_ones_that_bash_can_read() {
        for script in [SETUP, RUN] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("script");
            fs::write(&path, script).unwrap();
            assert!(script.starts_with("#!") && script.contains("set -euo pipefail"));
            let output = process::output(Command::new("bash").arg("-n").arg(&path)).unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    }
}
