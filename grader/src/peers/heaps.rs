//! The cost of heaps, and the least memory that they need.

use comfy_table::Table;
use serde::{Deserialize, Serialize};

use crate::host::error::Result;
use crate::host::progress::Progress;

use super::each::{Measured, each};
use super::kernel::{Kernel, read};
use super::table::{align, plain_table};

/// All figures of the heaps.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figures {
    traces: Vec<Trace>,
    heaps: Vec<Summary>,
    heaps_by_trace: Vec<Cost>,
    /// Heaps that panicked or hung, and their output.
    #[serde(rename = "not_measured", skip_serializing_if = "Vec::is_empty")]
    failed: Vec<(String, String)>,
}

impl Figures {
    /// The names of heaps that panicked or hung, and their output.
    pub fn failed(&self) -> &[(String, String)] {
        &self.failed
    }

    /// The cost of every heap that ran, trace by trace.
    pub fn by_trace(&self) -> &[Cost] {
        &self.heaps_by_trace
    }
}

/// A sequence of calls that the heaps are measured with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trace {
    trace: String,
    about: String,
    allocations: u32,
    reallocations: u32,
    /// The most blocks, and the most bytes in them, at a time.
    peak_blocks: u32,
    payload_bytes: u32,
    /// The least memory that any heap needs for them if it keeps lab 03's contract.
    contract_bytes: u32,
}

/// One measurement: a heap on one trace.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cost {
    pub heap: String,
    pub trace: String,
    /// Instructions per call: the mean, the 99th percentile, the most.
    pub mean: f64,
    p99: u32,
    pub worst: u32,
    #[serde(rename(deserialize = "allocate_mean"), skip_serializing_if = "Option::is_none")]
    allocate: Option<f64>,
    #[serde(rename(deserialize = "free_mean"), skip_serializing_if = "Option::is_none")]
    free: Option<f64>,
    #[serde(rename(deserialize = "reallocate_mean"), skip_serializing_if = "Option::is_none")]
    reallocate: Option<f64>,
    #[serde(skip_serializing)]
    payload_bytes: u32,
    /// The smallest region that is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap_bytes: Option<u32>,
    /// The bytes that the heap keeps outside its region.
    bytes_elsewhere: u32,
    /// The most bytes in blocks, in percent of the region and the bytes outside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilization: Option<f64>,
    /// How many calls were refused although there was plenty of memory.
    pub failed: u32,
    /// `ok`, or the mistake of the heap.
    pub verdict: String,
}

impl Cost {
    /// Whether the trace reallocates.
    pub fn reallocates(&self) -> bool {
        self.reallocate.is_some()
    }

    /// Computes the utilization.
    pub fn rate(&mut self) {
        let bytes = self.heap_bytes.map(|bytes| f64::from(bytes + self.bytes_elsewhere));
        self.utilization = bytes.map(|bytes| tenths(100.0 * f64::from(self.payload_bytes) / bytes));
    }
}

/// All traces of one heap, summarized.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Summary {
    pub heap: String,
    /// Instructions per call in traces that do not reallocate: the mean of their
    /// means, the largest of their 99th percentiles, the most.
    pub mean: f64,
    p99: u32,
    pub worst: u32,
    /// Instructions per call in traces that reallocate: the mean of their means.
    reallocating: f64,
    /// The mean over all traces, in percent, and the least of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    least_utilization: Option<f64>,
    failed: u32,
    /// `ok`, or the mistake of the heap in the first trace that it failed.
    pub verdict: String,
}

#[derive(Deserialize)]
struct Name {
    heap: String,
}

/// Measures every heap with the published traces, each in a machine of its own.
///
/// # Errors
/// If the benchmark fails.
pub fn measure(kernel: &Kernel<'_>, progress: &Progress) -> Result<Figures> {
    measure_with(kernel, PUBLISHED, progress)
}

/// The seed of the published traces.
pub const PUBLISHED: u32 = 0;

/// Measures every heap with the traces that a seed draws.
///
/// # Errors
/// If the benchmark fails.
pub fn measure_with(kernel: &Kernel<'_>, seed: u32, progress: &Progress) -> Result<Figures> {
    let traces: Vec<Trace> = read(&kernel.run(&format!("traces seed={seed}"))?)?;
    let Measured { rows, failed } = on_each(kernel, &format!("seed={seed}"), progress)?;
    Ok(Figures { heaps: summaries(&traces, &rows), traces, heaps_by_trace: rows, failed })
}

/// Runs one trace on every heap, and returns the names of the heaps that failed it.
///
/// # Errors
/// If the benchmark fails.
pub fn smoke(kernel: &Kernel<'_>, progress: &Progress) -> Result<(usize, Vec<String>)> {
    let Measured { rows, failed } = on_each(kernel, SMOKE, progress)?;
    let heaps = rows.len() + failed.len();
    let mut wrong: Vec<String> = failed.into_iter().map(|(heap, said)| format!("{heap}: {said}")).collect();
    let not_right = rows.iter().filter(|cost| cost.verdict != "ok" || cost.failed > 0);
    wrong.extend(not_right.map(|cost| format!("{}: {}", cost.heap, cost.verdict)));
    Ok((heaps, wrong))
}

/// The shortest trace.
const SMOKE: &str = "short-lived";

/// Measures every heap, with more arguments on each command line: a trace, a seed.
fn on_each(kernel: &Kernel<'_>, more: &str, progress: &Progress) -> Result<Measured<Cost>> {
    let names: Vec<Name> = read(&kernel.run("heaps")?)?;
    let names: Vec<String> = names.into_iter().map(|Name { heap }| heap).collect();
    on_each_of(kernel, &names, more, progress)
}

/// Measures the heaps with these names.
///
/// # Errors
/// If the benchmark fails.
pub fn on_each_of(kernel: &Kernel<'_>, names: &[String], more: &str, progress: &Progress) -> Result<Measured<Cost>> {
    let mut measured = each(kernel, names, &|heap| format!("heap {heap} {more}"), progress)?;
    measured.rows.iter_mut().for_each(Cost::rate);
    Ok(measured)
}

/// Summarizes the traces of each heap.
pub fn summaries(traces: &[Trace], costs: &[Cost]) -> Vec<Summary> {
    let reallocates = |cost: &&Cost| traces.iter().any(|trace| trace.trace == cost.trace && trace.reallocations > 0);
    let each = |heap: &str| -> Summary {
        let own: Vec<&Cost> = costs.iter().filter(|cost| cost.heap == heap).collect();
        let (with, without): (Vec<&Cost>, Vec<&Cost>) = own.iter().partition(|cost| reallocates(cost));
        let used: Option<Vec<f64>> = own.iter().map(|cost| cost.utilization).collect();
        let wrong = own.iter().find(|cost| cost.verdict != "ok");
        Summary {
            heap: heap.to_owned(),
            mean: mean(without.iter().map(|cost| cost.mean)),
            p99: without.iter().map(|cost| cost.p99).max().unwrap_or(0),
            worst: without.iter().map(|cost| cost.worst).max().unwrap_or(0),
            reallocating: mean(with.iter().map(|cost| cost.mean)),
            utilization: used.as_ref().map(|used| mean(used.iter().copied())),
            least_utilization: used.map(|used| used.into_iter().fold(f64::INFINITY, f64::min)),
            failed: own.iter().map(|cost| cost.failed).sum(),
            verdict: wrong.map_or_else(|| "ok".to_owned(), |cost| format!("{}: {}", cost.trace, cost.verdict)),
        }
    };
    names(costs, |cost| &cost.heap).into_iter().map(each).collect()
}

/// All names of a kind, each once, in the order in which they occur.
fn names<'a>(costs: &'a [Cost], name: impl Fn(&'a Cost) -> &'a String) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for cost in costs {
        if !names.contains(&name(cost).as_str()) {
            names.push(name(cost));
        }
    }
    names
}

/// The mean, with one decimal; 0 if there are no numbers.
fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let numbers: Vec<f64> = numbers.collect();
    tenths(numbers.iter().sum::<f64>() / numbers.len().max(1) as f64)
}

/// Rounds to one decimal.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Three tables: all traces summarized; then instructions and utilization, trace by trace.
pub fn tables(figures: &Figures) -> Vec<(String, Table)> {
    let header = ["", "a call", "99 % of calls", "worst", "reallocating", "utilization", "least", "failed", ""];
    let mut summary = plain_table(&header);
    for heap in &figures.heaps {
        summary.add_row([
            heap.heap.clone(),
            format!("{:.0}", heap.mean),
            heap.p99.to_string(),
            heap.worst.to_string(),
            format!("{:.0}", heap.reallocating),
            percent(heap.utilization),
            percent(heap.least_utilization),
            heap.failed.to_string(),
            heap.verdict.clone(),
        ]);
    }
    align(&mut summary, header.len() - 2);

    let costs = &figures.heaps_by_trace;
    let heaps = names(costs, |cost| &cost.heap);
    let by_trace = |cell: &dyn Fn(&Cost) -> String| {
        let mut header = vec![""];
        header.extend(&heaps);
        let mut table = plain_table(&header);
        for trace in names(costs, |cost| &cost.trace) {
            let mut row = vec![trace.to_owned()];
            row.extend(heaps.iter().map(|heap| {
                let cost = costs.iter().find(|cost| cost.heap == *heap && cost.trace == trace);
                cost.map_or_else(
                    || "–".to_owned(),
                    |cost| if cost.verdict == "ok" { cell(cost) } else { cost.verdict.clone() },
                )
            }));
            table.add_row(row);
        }
        align(&mut table, heaps.len());
        table
    };
    vec![
        ("Heaps: instructions a call, and payload in percent of the smallest heap that is enough".to_owned(), summary),
        (
            "Instructions a call: mean / worst".to_owned(),
            by_trace(&|cost| format!("{:.0} / {}", cost.mean, cost.worst)),
        ),
        ("Utilization in percent".to_owned(), by_trace(&|cost| percent(cost.utilization))),
    ]
}

fn percent(number: Option<f64>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACES: &str = "\
trace,allocations,reallocations,peak_blocks,payload_bytes,contract_bytes,about
queue,10,0,5,900,940,\"Messages, one after the other.\"
text,10,7,5,900,940,\"A text that grows.\"
";

    const COSTS: &str = "\
heap,trace,calls,mean,p99,worst,allocate_mean,free_mean,reallocate_mean,payload_bytes,heap_bytes,bytes_elsewhere,failed,verdict
(empty-call),queue,20,9.0,9,9,9.0,9.0,,900,,4,0,ok
(empty-call),text,27,9.0,9,9,9.0,9.0,9.0,900,,4,0,ok
good,queue,20,100.4,150,160,100.4,100.4,,900,980,20,0,ok
good,text,27,700.0,900,1000,100.0,100.0,900.0,900,1480,20,0,ok
bad,queue,20,50.0,60,70,50.0,50.0,,900,,20,3,overwritten
";

    fn figures() -> Figures {
        let traces: Vec<Trace> = read(TRACES).unwrap();
        let mut costs: Vec<Cost> = read(COSTS).unwrap();
        costs.iter_mut().for_each(Cost::rate);
        Figures { heaps: summaries(&traces, &costs), traces, heaps_by_trace: costs, failed: Vec::new() }
    }

    #[test]
    fn utilization_counts_what_is_kept_elsewhere() {
        let used: Vec<Option<f64>> = figures().heaps_by_trace.iter().map(|cost| cost.utilization).collect();
        assert_eq!(used, [None, None, Some(90.0), Some(60.0), None]);
    }

    #[test]
    fn a_summary_keeps_reallocating_apart() {
        let heaps = figures().heaps;
        let good = &heaps[1];
        assert_eq!((good.p99, good.worst, good.failed, good.verdict.as_str()), (150, 160, 0, "ok"));
        assert_eq!((good.utilization, good.least_utilization), (Some(75.0), Some(60.0)));
        assert!((good.mean - 100.4).abs() < 1e-9 && (good.reallocating - 700.0).abs() < 1e-9);
    }

    #[test]
    fn what_went_wrong_is_said_instead_of_figures() {
        let figures = figures();
        let bad = &figures.heaps[2];
        assert_eq!((bad.failed, bad.verdict.as_str(), bad.utilization), (3, "queue: overwritten", None));
        let tables = tables(&figures);
        assert!(tables[1].1.to_string().contains("100 / 160"));
        for (_, table) in &tables {
            assert!(table.to_string().contains("overwritten"));
        }
    }
}
