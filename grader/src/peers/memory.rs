//! What lab 00's functions take, beside those of the compiler's own library and the processor's string
//! instructions: in the emulator, and on the computer's own processor.

use comfy_table::Table;
use serde::{Deserialize, Serialize};

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

use super::kernel::{Kernel, Native, read};
use super::table::{align, plain_table};

/// Everything that was measured of them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figures {
    #[serde(rename = "memory")]
    costs: Vec<Cost>,
    /// Why there are no native figures, where there are none.
    #[serde(rename = "memory_not_native", skip_serializing_if = "Option::is_none")]
    not_native: Option<String>,
}

/// One measurement: a function of somebody's, on ranges of one length.
#[derive(Clone, PartialEq, Debug, Serialize)]
struct Cost {
    #[serde(flatten)]
    case: Case,
    /// Ticks of the computer's time stamp counter for a call, in the emulator.
    emulator: f64,
    /// The same of the same code, on the computer's own processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    native: Option<f64>,
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Case {
    function: String,
    /// `aligned` or `unaligned`: whether the ranges begin at words.
    alignment: String,
    bytes: u32,
    candidate: String,
}

/// A line that the benchmark writes.
#[derive(Deserialize)]
struct Line {
    function: String,
    alignment: String,
    bytes: u32,
    candidate: String,
    ticks: f64,
}

impl Line {
    fn case(self) -> (Case, f64) {
        let Self { function, alignment, bytes, candidate, ticks } = self;
        (Case { function, alignment, bytes, candidate }, ticks)
    }
}

/// Measures every function of everybody's, in the emulator and natively.
///
/// # Errors
/// If the benchmark does not end well.
pub fn measure(kernel: &Kernel<'_>, progress: &Progress) -> Result<Figures> {
    progress.start("Timing memcpy and its neighbours on this processor");
    let native = kernel.run_natively()?;
    progress.start("Timing memcpy and its neighbours in the emulator");
    let text = kernel.run_timed("memory").map_err(|error| {
        let what = Error::new(format!("memcpy and its neighbours were not measured: {error}"));
        what.output(error.tool_output().unwrap_or_default())
    })?;
    figures(&text, &native)
}

/// Runs them natively, and says how that went.
///
/// # Errors
/// If the benchmark does not end well.
pub fn smoke(kernel: &Kernel<'_>) -> Result<String> {
    Ok(match kernel.run_natively()? {
        Native::Wrote(text) => format!("{} measurements of memory functions ran natively", read::<Line>(&text)?.len()),
        Native::NotHere(why) => format!("no memory function ran natively: {why}"),
    })
}

/// Both runs, measurement by measurement.
fn figures(emulator: &str, native: &Native) -> Result<Figures> {
    let (native, not_native) = match native {
        Native::Wrote(text) => (read::<Line>(text)?, None),
        Native::NotHere(why) => (Vec::new(), Some(why.clone())),
    };
    let native: Vec<(Case, f64)> = native.into_iter().map(Line::case).collect();
    let costs = read::<Line>(emulator)?.into_iter().map(|line| {
        let (case, emulator) = line.case();
        let native = native.iter().find(|(same, _)| *same == case).map(|(_, ticks)| *ticks);
        Cost { case, emulator, native }
    });
    Ok(Figures { costs: costs.collect(), not_native })
}

/// A table for each function and alignment: a row for whose it is, a column for a length.
pub fn tables(figures: &Figures) -> Vec<(String, Table)> {
    let functions = distinct(figures.costs.iter().map(|Cost { case, .. }| (&*case.function, &*case.alignment)));
    let where_to = match &figures.not_native {
        None => "in the emulator / natively".to_owned(),
        Some(why) => format!("in the emulator; not natively: {why}"),
    };
    let title = |function: &str, alignment: &str| format!("{function}, {alignment}: ticks for a call, {where_to}");
    let table = |(function, alignment)| (title(function, alignment), table(&figures.costs, function, alignment));
    functions.into_iter().map(table).collect()
}

/// The table for a function and an alignment.
fn table(costs: &[Cost], function: &str, alignment: &str) -> Table {
    let is_shown = |cost: &&Cost| (&*cost.case.function, &*cost.case.alignment) == (function, alignment);
    let shown: Vec<&Cost> = costs.iter().filter(is_shown).collect();
    let lengths = distinct(shown.iter().map(|cost| cost.case.bytes));
    let headings: Vec<String> = lengths.iter().map(|bytes| format!("{bytes} B")).collect();
    let mut table = plain_table(&[""].into_iter().chain(headings.iter().map(String::as_str)).collect::<Vec<_>>());
    for candidate in distinct(shown.iter().map(|cost| &*cost.case.candidate)) {
        let at =
            |bytes: &u32| shown.iter().find(|cost| (cost.case.bytes, &*cost.case.candidate) == (*bytes, candidate));
        let cells = lengths.iter().map(|bytes| at(bytes).map_or_else(|| "–".to_owned(), |cost| cell(cost)));
        table.add_row([candidate.to_owned()].into_iter().chain(cells));
    }
    align(&mut table, lengths.len());
    table
}

fn cell(cost: &Cost) -> String {
    match cost.native {
        Some(native) => format!("{:.0} / {native:.0}", cost.emulator),
        None => format!("{:.0}", cost.emulator),
    }
}

/// Each of them once, in the order in which they come.
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

    const TEXT: &str = "\
function,alignment,bytes,candidate,ticks
memcpy,aligned,1,a,90.5
memcpy,aligned,64,a,140.2
memcpy,aligned,1,b,81.4
memcpy,unaligned,1,a,91.0
memcmp,aligned,1,a,7.0
";

    #[test]
    fn each_function_and_alignment_has_a_table_of_whose_by_length() {
        let native = Native::Wrote(TEXT.replace("140.2", "12.3"));
        let tables = tables(&figures(TEXT, &native).unwrap());
        assert_eq!(tables.len(), 3);
        let first = tables[0].1.to_string();
        for part in ["64 B", "140 / 12", "81 / 81", "–"] {
            assert!(first.contains(part), "{part}\n{first}");
        }
        assert!(tables[1].0.starts_with("memcpy, unaligned: "));
        assert!(tables[2].0.starts_with("memcmp, aligned: ") && tables[2].0.ends_with("in the emulator / natively"));
    }

    #[test]
    fn a_computer_without_native_figures_says_why() {
        let figures = figures(TEXT, &Native::NotHere("it is a toaster".to_owned())).unwrap();
        let tables = tables(&figures);
        assert!(tables[0].0.ends_with("in the emulator; not natively: it is a toaster"), "{}", tables[0].0);
        assert!(tables[0].1.to_string().contains(" 140 "));
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!(json["memory_not_native"], "it is a toaster");
        assert_eq!(json["memory"][0].get("native"), None);
    }
}
