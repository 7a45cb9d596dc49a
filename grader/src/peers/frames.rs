//! The cost of frame allocators.

use comfy_table::Table;
use serde::{Deserialize, Serialize};

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

use super::each::{Measured, each};
use super::kernel::{Kernel, read};
use super::table::{align, plain_table};

/// One measurement: an allocator on one size of memory, of which a share is taken in one pattern.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cost {
    pub allocator: String,
    pub memory_mib: u32,
    pub frames_a_run: u32,
    pub pattern: String,
    pub percent_taken: u32,
    /// Instructions for one allocation.
    #[serde(rename(deserialize = "allocate_mean"))]
    pub allocate: f64,
    /// Instructions for one free.
    #[serde(rename(deserialize = "free_mean"))]
    pub free: f64,
    pub metadata_bytes_per_frame: f64,
    /// `ok`, or the mistake of the allocator.
    pub verdict: String,
}

/// Measures every frame allocator.
///
/// # Errors
/// If the benchmark fails.
pub fn measure(kernel: &Kernel<'_>, progress: &Progress) -> Result<Vec<Cost>> {
    progress.start("Counting instructions: frame allocators");
    let text = kernel.run("frames").map_err(|error| {
        let what = Error::new(format!("the frame allocators were not measured: {error}"));
        what.output(error.tool_output().unwrap_or_default())
    })?;
    read(&text)
}

#[derive(Deserialize)]
struct Name {
    allocator: String,
}

/// Measures every frame allocator with the frames that a seed chooses, each in a machine of its own.
///
/// # Errors
/// If the benchmark fails.
pub fn measure_each(kernel: &Kernel<'_>, seed: u32, progress: &Progress) -> Result<Measured<Cost>> {
    let names: Vec<Name> = read(&kernel.run("allocators")?)?;
    let names: Vec<String> = names.into_iter().map(|Name { allocator }| allocator).collect();
    each(kernel, &names, &|allocator| format!("frames {allocator} seed={seed}"), progress)
}

/// The settings that are shown: the share that is taken, and the pattern.
const SHOWN: (&str, u32) = ("low", 99);

/// Two tables, for single frames and for runs: a row per allocator, a column per size of memory.
pub fn tables(costs: &[Cost]) -> Vec<(String, Table)> {
    let shown: Vec<&Cost> = costs.iter().filter(|cost| (cost.pattern.as_str(), cost.percent_taken) == SHOWN).collect();
    let mut sizes: Vec<u32> = shown.iter().map(|cost| cost.memory_mib).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut runs: Vec<u32> = shown.iter().map(|cost| cost.frames_a_run).collect();
    runs.sort_unstable();
    runs.dedup();
    let mut allocators: Vec<&str> = Vec::new();
    for cost in &shown {
        if !allocators.contains(&cost.allocator.as_str()) {
            allocators.push(&cost.allocator);
        }
    }
    runs.into_iter()
        .map(|run| {
            let what = if run == 1 { "One frame".to_owned() } else { format!("A run of {run} frames") };
            let title = format!(
                "{what}: instructions to allocate / to free, the {} {} % taken; bytes of records a frame",
                SHOWN.0, SHOWN.1,
            );
            let headings: Vec<String> = sizes.iter().map(|size| format!("{size} MiB")).collect();
            let mut header = vec![""];
            header.extend(headings.iter().map(String::as_str));
            header.push("records");
            let mut table = plain_table(&header);
            for allocator in &allocators {
                let cost_at = |size: u32| {
                    shown.iter().find(|cost| {
                        cost.allocator == *allocator && cost.frames_a_run == run && cost.memory_mib == size
                    })
                };
                if !sizes.iter().any(|size| cost_at(*size).is_some()) {
                    continue;
                }
                let mut row = vec![(*allocator).to_owned()];
                row.extend(sizes.iter().map(|size| cost_at(*size).map_or_else(|| "–".to_owned(), |cost| cell(cost))));
                let records = sizes.iter().rev().find_map(|size| cost_at(*size));
                row.push(records.map_or_else(String::new, |cost| format!("{:.3}", cost.metadata_bytes_per_frame)));
                table.add_row(row);
            }
            align(&mut table, sizes.len() + 1);
            (title, table)
        })
        .collect()
}

fn cell(cost: &Cost) -> String {
    if cost.verdict == "ok" { format!("{:.0} / {:.0}", cost.allocate, cost.free) } else { cost.verdict.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
allocator,memory_mib,frames_a_run,pattern,percent_taken,calls,allocate_mean,allocate_worst,free_mean,free_worst,metadata_bytes,metadata_bytes_per_frame,verdict
folio pmm,32,1,low,99,1024,73.5,242,55.7,198,36936,0.140,ok
folio pmm,1024,1,low,99,1024,80.4,242,55.7,198,36936,0.141,ok
folio pmm,1024,1,low,10,1024,99.9,242,55.7,198,36936,0.141,ok
(free list),32,1,low,99,1024,18.0,18,22.0,22,16,0.000,frame handed out twice
folio pmm,1024,16,low,99,1024,84.1,318,56.6,205,36936,0.141,ok
";

    #[test]
    fn the_figures_are_read_by_the_names_of_their_columns() {
        let costs: Vec<Cost> = read(TEXT).unwrap();
        assert_eq!(costs.len(), 5);
        assert!((costs[0].allocate - 73.5).abs() < 1e-9 && costs[0].memory_mib == 32);
        assert!(read::<Cost>("allocator,memory_mib\nx,y\n").is_err());
    }

    #[test]
    fn there_is_a_table_for_frames_and_one_for_runs() {
        let tables = tables(&read(TEXT).unwrap());
        assert_eq!(tables.len(), 2);
        let frames = tables[0].1.to_string();
        for part in ["32 MiB", "1024 MiB", "74 / 56", "80 / 56", "0.141", "frame handed out twice", "–"] {
            assert!(frames.contains(part), "{part}\n{frames}");
        }
        assert!(!frames.contains("100 / 56"), "{frames}");
        assert!(!tables[1].1.to_string().contains("free list"));
    }
}
