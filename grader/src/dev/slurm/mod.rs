//! `cargo grade dev slurm`: a small class, graded on this computer and by Slurm on a cluster that is started for it. If
//! the cluster has several nodes, one dies meanwhile. Both must give the same results.
//!
//! If Slurm is not installed, nothing is compared, and a message says so.

mod cluster;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::course::workspace::Workspace;
use crate::host::error::{Error, Result};
use crate::host::process;
use crate::host::progress::Progress;
use crate::host::style::{plural, say};

use super::{batches, class};
use cluster::{Cluster, Programs};

/// The options of a comparison.
pub struct Options {
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// How many submissions.
    pub submissions: u32,
    /// How many nodes the cluster has.
    pub nodes: usize,
}

/// The task of an array that has most to grade: work is dealt out from it on. Its node dies.
const FULLEST: usize = 0;

/// The time between two looks for the first result.
const LOOK: Duration = Duration::from_millis(50);

/// What the batch says when a node took work with it.
const AGAIN: &str = "submitted again";

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
    progress.start(&format!("Starting a cluster of {}", plural(options.nodes, "node")));
    let mut cluster = Cluster::start(programs, &place("cluster"), options.nodes)?;
    progress.start("Grading, --engine local");
    let mut local = batch(&place("class"), &place("by-this-computer"), options)?;
    is_graded("local", &output(local.args(["--engine", "local"]))?)?;
    progress.start("Grading, --engine slurm");
    let mut slurm = batch(&place("class"), &place("by-slurm"), options)?;
    slurm.args(["--engine", "slurm"]).env("SLURM_CONF", cluster.configuration());
    let died = if options.nodes > 1 {
        let (said, died) = while_a_node_dies(&mut slurm, &place("by-slurm"), &mut cluster)?;
        is_graded("slurm", &said)?;
        let Some(node) = died.filter(|_| text(&said.stderr).contains(AGAIN)) else {
            return Err(Error::new("no node died while it had work, so nothing was tried")
                .advise("grade more with --submissions"));
        };
        format!("; {node} died, and its work was {AGAIN}")
    } else {
        is_graded("slurm", &output(&mut slurm)?)?;
        String::new()
    };
    progress.finish();
    let different = compared(&place("by-this-computer"), &place("by-slurm"))?;
    let table = fs::read_to_string(place("by-slurm/results.csv")).unwrap_or_default();
    let said = match &different[..] {
        [] => format!("{table}\nthe same, by this computer and by Slurm{died}\n"),
        names => format!("not the same, by this computer and by Slurm{died}: {}\n", names.join(", ")),
    };
    // The exit code says it, too.
    let _ = say(&said);
    Ok(different.is_empty())
}

fn output(command: &mut Command) -> Result<Output> {
    process::output(command).map_err(|error| Error::new(format!("cannot grade: {error}")))
}

fn is_graded(engine: &str, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let words = format!("{}{}", text(&output.stdout), text(&output.stderr));
    Err(Error::new(format!("`batch --engine {engine}` did not grade the class; it said"))
        .advise("the same can be tried on a class of `cargo grade dev class`")
        .output(words))
}

/// Runs the batch, and kills the node of a task as soon as the task has its first result: what the batch said, and the
/// node, if that came to pass.
fn while_a_node_dies(batch: &mut Command, out: &Path, cluster: &mut Cluster) -> Result<(Output, Option<String>)> {
    let first = out.join(format!("slurm/1/{FULLEST}/graded"));
    let has_result = || {
        fs::read_dir(&first)
            .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| is_whole(&entry.path()))))
    };
    thread::scope(|scope| {
        let batch = scope.spawn(|| output(batch));
        let mut died = None;
        while died.is_none() && !batch.is_finished() {
            thread::sleep(LOOK);
            if has_result() {
                died = cluster.node_of(FULLEST)?;
                died.iter().try_for_each(|node| cluster.kill(node))?;
            }
        }
        let said = batch.join().map_err(|_| Error::new("the batch cannot be waited for"))??;
        Ok((said, died))
    })
}

/// Whether a file is a result, and not one that is being written.
fn is_whole(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json")
}

/// The grader, to be run on the class.
fn batch(class: &Path, out: &Path, options: &Options) -> Result<Command> {
    let mut command = batches::command(class, out, options.nodes)?;
    command.args(options.labs.iter().flat_map(|lab| ["--lab", lab]));
    Ok(command)
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
