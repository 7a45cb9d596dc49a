//! The effect of each policy of a heap: the textbook's heap, with one thing changed at a time.

use comfy_table::Table;
use serde::{Deserialize, Serialize};

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

use super::heaps::{Summary, Trace, on_each_of, summaries};
use super::kernel::{Kernel, read};
use super::table::{align, plain_table};

/// A variant, and its summary of all traces.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Policy {
    about: String,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Deserialize)]
struct Variant {
    heap: String,
    about: String,
}

/// The names of all variants.
///
/// # Errors
/// If the benchmark fails.
pub fn names(kernel: &Kernel<'_>) -> Result<Vec<String>> {
    let variants: Vec<Variant> = read(&kernel.run("policies")?)?;
    Ok(variants.into_iter().map(|variant| variant.heap).collect())
}

/// Measures every variant with the published traces.
///
/// # Errors
/// If one of them panics or hangs: they are the course's own.
pub fn measure(kernel: &Kernel<'_>, progress: &Progress) -> Result<Vec<Policy>> {
    let traces: Vec<Trace> = read(&kernel.run("traces")?)?;
    let variants: Vec<Variant> = read(&kernel.run("policies")?)?;
    let names: Vec<String> = variants.iter().map(|variant| variant.heap.clone()).collect();
    let measured = on_each_of(kernel, &names, "", progress)?;
    if let Some((name, said)) = measured.failed.first() {
        return Err(Error::new(format!("the policy {name} was not measured: {said}")));
    }
    let summaries = summaries(&traces, &measured.rows);
    Ok(variants.into_iter().zip(summaries).map(|(Variant { about, .. }, summary)| Policy { about, summary }).collect())
}

/// A row per variant.
pub fn table(policies: &[Policy]) -> Option<(String, Table)> {
    if policies.is_empty() {
        return None;
    }
    let mut table = plain_table(&["", "utilization", "a call", "worst", "", ""]);
    for Policy { about, summary } in policies {
        table.add_row([
            summary.heap.clone(),
            summary.utilization.map_or_else(|| "–".to_owned(), |percent| format!("{percent:.1}")),
            format!("{:.0}", summary.mean),
            summary.worst.to_string(),
            about.clone(),
            summary.verdict.clone(),
        ]);
    }
    align(&mut table, 3);
    Some((
        "Policies: payload in percent of the smallest heap that is enough, and instructions a call".to_owned(),
        table,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_table_where_there_are_policies() {
        assert!(table(&[]).is_none());
    }
}
