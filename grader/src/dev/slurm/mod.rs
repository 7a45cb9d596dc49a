//! `cargo grade dev slurm`: a small class, graded on this computer and by Slurm on a cluster of one node, which is started
//! for it. Both must give the same results.
//!
//! If Slurm is not installed, nothing is compared, and a message says so.

mod cluster;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::course::workspace::Workspace;
use crate::host::error::{Error, Result};
use crate::host::process;
use crate::host::progress::Progress;
use crate::host::style::say;

use super::{batches, class};
use cluster::{Cluster, Programs};

/// The options of a comparison.
pub struct Options {
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// How many submissions.
    pub submissions: u32,
}

/// Grades a class both ways, and compares; returns whether the results are the same.
///
/// # Errors
/// If the cluster cannot be started, or the class not be graded.
pub fn run(workspace: &Workspace, options: &Options, progress: &Progress) -> Result<bool> {
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(why) => {
            // Nobody reads it: it is no failure either way.
            let _ = say(&format!("skipped, nothing was graded by Slurm: {why}\n"));
            return Ok(true);
        }
    };
    let folder = tempfile::tempdir().map_err(|error| Error::new(format!("cannot create a folder: {error}")))?;
    let place = |name: &str| folder.path().join(name);
    let labs = workspace.select(&options.labs)?.into_iter().map(|lab| lab.id.clone()).collect();
    let (submissions, each) = (options.submissions, class::Each::AllLabs);
    class::write(workspace, &class::Options { folder: place("class"), labs, submissions, each })?;
    progress.start("Starting a cluster of one node");
    let cluster = Cluster::start(&programs, &place("cluster"))?;
    for (engine, out) in [("local", "by-this-computer"), ("slurm", "by-slurm")] {
        progress.start(&format!("Grading, --engine {engine}"));
        let mut command = batches::command(&place("class"), &place(out), 2)?;
        command.args(options.labs.iter().flat_map(|lab| ["--lab", lab]));
        command.args(["--engine", engine]).env("SLURM_CONF", cluster.configuration());
        let output = process::output(&mut command).map_err(|error| Error::new(format!("cannot grade: {error}")))?;
        if !output.status.success() {
            let words = format!("{}{}", text(&output.stdout), text(&output.stderr));
            return Err(Error::new(format!("`batch --engine {engine}` did not grade the class; it said"))
                .advise("the same can be tried on a class of `cargo grade dev class`")
                .output(words));
        }
    }
    progress.finish();
    let different = compared(&place("by-this-computer"), &place("by-slurm"))?;
    let table = fs::read_to_string(place("by-slurm/results.csv")).unwrap_or_default();
    let said = match &different[..] {
        [] => format!("{table}\nthe same, by this computer and by Slurm\n"),
        names => format!("not the same, by this computer and by Slurm: {}\n", names.join(", ")),
    };
    // The exit code says it, too.
    let _ = say(&said);
    Ok(different.is_empty())
}

/// The names of the files that differ between two folders with results, times apart.
fn compared(one: &Path, other: &Path) -> Result<Vec<String>> {
    let mut names = vec!["results.csv".to_owned(), "results.json".to_owned()];
    for folder in ["graded", "submissions"] {
        for results in [one, other] {
            let path = results.join(folder);
            let entries = fs::read_dir(&path).map_err(|error| Error::io("cannot read", &path, &error))?;
            names.extend(entries.flatten().map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy())));
        }
    }
    names.sort();
    names.dedup();
    let is_same =
        |name: &String| timeless(&one.join(name)).is_some_and(|text| Some(text) == timeless(&other.join(name)));
    Ok(names.into_iter().filter(|name| !is_same(name)).collect())
}

/// A file without the times in it, if it exists.
fn timeless(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    if path.extension().is_none_or(|ending| ending != "json") {
        return Some(text);
    }
    let mut value: Value = serde_json::from_str(&text).ok()?;
    forget_times(&mut value);
    Some(value.to_string())
}

/// Times are numbers of milliseconds, which their names tell.
fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("_ms"));
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_times),
        _ => {}
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_differ_in_times_alone_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let write = |out: &str, name: &str, text: &str| {
            let path = folder.path().join(out).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let differ = || compared(&folder.path().join("a"), &folder.path().join("b")).unwrap();
        for (out, took) in [("a", 1), ("b", 2)] {
            write(out, "results.csv", "x");
            write(out, "results.json", "{}");
            write(out, "submissions/s.json", &format!(r#"{{"labs":[{{"score":1,"took_ms":{took}}}]}}"#));
            write(out, "graded/g.json", "7");
        }
        assert!(differ().is_empty());
        write("b", "submissions/s.json", r#"{"labs":[{"score":2,"took_ms":1}]}"#);
        write("b", "results.csv", "y");
        write("a", "graded/h.json", "7");
        assert_eq!(differ(), ["graded/h.json", "results.csv", "submissions/s.json"]);
    }
}
