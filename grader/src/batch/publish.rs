//! Writes the results at the end: the facts about each submission, the tables, and the reports in
//! the requested formats.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Deserialize;

use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};

use super::policy::Policy;
use super::row::Row;
use super::sheet::{Facts, GradedWith, Sheet};
use super::store::{Store, json};
use super::{formats, html, tables};

/// A format for people or for other programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// A page for the class, and one for each student
    Html,
    /// JUnit: one file for the class, and one for each student
    Junit,
    /// Gradescope's `results.json` for each student
    Gradescope,
    /// Autolab's last line for each student
    Autolab,
    /// One CSV with the columns of nbgrader's export
    Nbgrader,
}

/// Writes everything. `facts` come with their files' names.
///
/// # Errors
/// If something cannot be written.
pub fn write(
    store: &Store,
    policy: &Policy,
    labs: &[&Lab],
    with: GradedWith,
    facts: &[(String, Facts)],
    wanted: &[Format],
) -> Result<Sheet> {
    for (key, facts) in facts {
        store.write(&format!("submissions/{key}.json"), &json(facts))?;
    }
    let rows: Vec<&Row> = facts.iter().map(|(_, facts)| &facts.row).collect();
    store.write("results.json", &json(&tables::Results::new(&with, &rows)))?;
    store.write("results.csv", &tables::csv(&rows, labs)?)?;
    let sheet = Sheet::new(policy, labs, with, facts);
    reports(store, &sheet, wanted)?;
    Ok(sheet)
}

/// Writes the reports in these formats.
fn reports(store: &Store, sheet: &Sheet, wanted: &[Format]) -> Result<()> {
    for format in wanted {
        let files = match format {
            Format::Html => html::files(sheet),
            Format::Junit => formats::junit::files(sheet),
            Format::Gradescope => formats::gradescope::files(sheet),
            Format::Autolab => formats::autolab::files(sheet),
            Format::Nbgrader => formats::nbgrader::files(sheet)?,
        };
        for (name, text) in files {
            store.write(&name, &text)?;
        }
    }
    Ok(())
}

/// Writes the reports once more, from earlier results.
///
/// # Errors
/// If there are no results, or not for all labs that count in the policy, or a report cannot be written.
pub fn again(
    store: &Store,
    policy: &Policy,
    workspace: &Workspace,
    names: &[String],
    wanted: &[Format],
) -> Result<Sheet> {
    let unlike = |error: serde_json::Error| {
        Error::new(format!("results.json is not as a batch writes it: {error}"))
            .advise("grade again, with --regrade all")
    };
    let results: Results = serde_json::from_str(&store.read("results.json")?).map_err(unlike)?;
    let mut facts = BTreeMap::new();
    for file in store.list("submissions")? {
        let Some(key) = file.strip_suffix(".json") else { continue };
        let read: Facts = serde_json::from_str(&store.read(&format!("submissions/{file}"))?).map_err(unlike)?;
        facts.insert(read.row.name.clone(), (key.to_owned(), read));
    }
    // A submission that is not in the table any more gets no report.
    let facts: Vec<(String, Facts)> = results.submissions.iter().filter_map(|row| facts.remove(&row.name)).collect();
    let labs = policy.labs(workspace, names)?;
    let graded = |lab: &&&Lab| facts.iter().any(|(_, facts)| facts.row.labs.iter().any(|row| row.id == lab.id));
    let labs: Vec<&Lab> = match labs.iter().find(|lab| !graded(lab)) {
        Some(lab) if !names.is_empty() || !policy.counts_all() => {
            return Err(Error::new(format!("{} was not graded there", lab.id))
                .advise("grade it first, with --resume, or name other labs with --lab"));
        }
        _ => labs.iter().filter(graded).copied().collect(),
    };
    let sheet = Sheet::new(policy, &labs, results.with, &facts);
    reports(store, &sheet, wanted)?;
    Ok(sheet)
}

/// The contents of `results.json`.
#[derive(Deserialize)]
struct Results {
    #[serde(flatten)]
    with: GradedWith,
    submissions: Vec<Row>,
}
