//! The cost of lab 00's functions, compared with those of the compiler's own library.

use comfy_table::Table;
use serde::{Deserialize, Serialize};

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

use super::kernel::{Kernel, read};
use super::table::{align, plain_table};

/// One measurement: a function of one implementation, on ranges of one length.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cost {
    function: String,
    bytes: u32,
    candidate: String,
    /// Ticks of the computer's time stamp counter for a call, in the emulator.
    ticks: f64,
}

/// Measures every function of every implementation.
///
/// # Errors
/// If the benchmark fails.
pub fn measure(kernel: &Kernel<'_>, progress: &Progress) -> Result<Vec<Cost>> {
    progress.start("Timing memcpy and its neighbours in the emulator");
    let text = kernel.run_timed("memory").map_err(|error| {
        let what = Error::new(format!("memcpy and its neighbours were not measured: {error}"));
        what.output(error.tool_output().unwrap_or_default())
    })?;
    read(&text)
}

/// A table per function: a row per implementation, a column per length.
pub fn tables(costs: &[Cost]) -> Vec<(String, Table)> {
    let lengths = distinct(costs.iter().map(|cost| cost.bytes));
    let candidates = distinct(costs.iter().map(|cost| cost.candidate.as_str()));
    let functions = distinct(costs.iter().map(|cost| cost.function.as_str()));
    let table = |function: &str| {
        let headings: Vec<String> = lengths.iter().map(|bytes| format!("{bytes} B")).collect();
        let mut header = vec![""];
        header.extend(headings.iter().map(String::as_str));
        let mut table = plain_table(&header);
        for candidate in &candidates {
            let cell = |bytes: &u32| {
                let is_meant = |cost: &&Cost| {
                    (cost.function.as_str(), cost.bytes, cost.candidate.as_str()) == (function, *bytes, *candidate)
                };
                costs.iter().find(is_meant).map_or_else(|| "–".to_owned(), |cost| format!("{:.0}", cost.ticks))
            };
            let mut row = vec![(*candidate).to_owned()];
            row.extend(lengths.iter().map(cell));
            table.add_row(row);
        }
        align(&mut table, lengths.len());
        (format!("{function}: ticks of the computer's clock for a call, in the emulator"), table)
    };
    functions.into_iter().map(table).collect()
}

/// Each name once, in the order in which they occur.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_a_table_of_whose_by_length() {
        let text =
            "function,bytes,candidate,ticks\nmemcpy,1,a,90.5\nmemcpy,64,a,140.2\nmemcpy,1,b,81.4\nmemcmp,1,a,7.0\n";
        let tables = tables(&read(text).unwrap());
        assert_eq!(tables.len(), 2);
        let first = tables[0].1.to_string();
        for part in ["64 B", "140", "81", "–"] {
            assert!(first.contains(part), "{part}\n{first}");
        }
        assert!(tables[1].0.starts_with("memcmp"));
    }
}
