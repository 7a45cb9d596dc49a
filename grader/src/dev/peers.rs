//! What frame allocators cost in guest instructions: the lab's beside its
//! peers, as the kernel in `kernel/bench` counts them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use comfy_table::Table;
use serde::Serialize;

use crate::compile::Builder;
use crate::error::{Error, Result};
use crate::grade::Engine;
use crate::progress::Progress;

use super::bench::{align, plain_table};

const PACKAGE: &str = "kernel-bench";
const TARGET_FILE: &str = "kernel/bench/i686-bench.json";
const TARGET: &str = "i686-bench";

/// The machine holds the benchmark's own heap; the memory that is managed in it is only described.
const MEMORY: &str = "256M";

/// QEMU's exit status after the benchmark ended well.
const EXIT_WELL: i32 = 33;

/// One measurement: an allocator on one size of memory, taken so far in one way.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Cost {
    allocator: String,
    memory_mib: u32,
    frames_a_run: u32,
    pattern: String,
    percent_taken: u32,
    /// Instructions for one allocation.
    allocate: f64,
    /// Instructions for taking it back.
    free: f64,
    metadata_bytes_per_frame: f64,
    /// `ok`, or what the allocator did wrong.
    verdict: String,
}

/// Builds and boots the benchmark. `None` if it is not in this copy of the course.
///
/// # Errors
/// If it cannot be built or does not end well.
pub fn measure(engine: &Engine, progress: &Progress) -> Result<Option<Vec<Cost>>> {
    if !engine.workspace.root.join(TARGET_FILE).is_file() {
        return Ok(None);
    }
    progress.start("Building the frame allocators");
    let image = build(engine)?;
    progress.start("Counting instructions");
    let mut command = Command::new(&engine.emulator.program);
    command
        .args(["-nodefaults", "-nic", "none", "-vga", "none", "-display", "none", "-no-reboot", "-accel", "tcg"])
        // One nanosecond of guest time an instruction: the time stamp counter counts them.
        .args(["-icount", "shift=0,sleep=off", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
        .args(["-m", MEMORY, "-serial", "stdio", "-kernel"])
        .arg(&image)
        .stdin(Stdio::null());
    let output = command.output().map_err(|error| Error::io("cannot start", &engine.emulator.program, &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() != Some(EXIT_WELL) {
        return Err(Error::new("the benchmark of the frame allocators did not end well")
            .advise("this is what it said last:")
            .output(format!(
                "{}\n{}",
                text.lines().last().unwrap_or_default(),
                String::from_utf8_lossy(&output.stderr)
            )));
    }
    read(&text).map(Some)
}

fn build(engine: &Engine) -> Result<PathBuf> {
    let target_dir = &engine.target_dir;
    let builder = Builder { toolchain: &engine.toolchain, root: &engine.workspace.root, target_dir };
    let mut command = builder.program(&engine.toolchain.cargo);
    command
        .env("CARGO_TARGET_I686_BENCH_LINKER", &engine.toolchain.linker)
        .args(["build", "--quiet", "--package", PACKAGE, "--profile", PACKAGE, "--target", TARGET_FILE])
        .args(["-Zbuild-std=core,alloc", "-Zbuild-std-features=compiler-builtins-mem", "-Zjson-target-spec"])
        .arg("--target-dir")
        .arg(target_dir)
        .stdin(Stdio::null());
    let solutions = engine.mix(&[]).solutions;
    if !solutions.is_empty() {
        let features: Vec<String> = solutions.iter().map(|package| format!("{package}/solution")).collect();
        command.arg("--features").arg(features.join(","));
    }
    let output = command.output().map_err(|error| Error::io("cannot start", &engine.toolchain.cargo, &error))?;
    if !output.status.success() {
        return Err(Error::new("the benchmark of the frame allocators does not compile")
            .advise("this is what cargo said:")
            .output(String::from_utf8_lossy(&output.stderr)));
    }
    Ok(target_dir.join(TARGET).join(PACKAGE).join(PACKAGE))
}

/// Reads the comma-separated values that the benchmark writes, by the names in their first line.
fn read(text: &str) -> Result<Vec<Cost>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let mut costs = Vec::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let values: Vec<&str> = line.split(',').collect();
        let text = |name: &str| {
            let at = names.iter().position(|other| *other == name);
            at.and_then(|at| values.get(at)).map(|value| (*value).trim().to_owned())
        };
        let number = |name: &str| text(name)?.parse::<f64>().ok();
        let whole = |name: &str| text(name)?.parse::<u32>().ok();
        let cost = (|| {
            Some(Cost {
                allocator: text("allocator")?,
                memory_mib: whole("memory_mib")?,
                frames_a_run: whole("frames_a_run")?,
                pattern: text("pattern")?,
                percent_taken: whole("percent_taken")?,
                allocate: number("allocate_mean")?,
                free: number("free_mean")?,
                metadata_bytes_per_frame: number("metadata_bytes_per_frame")?,
                verdict: text("verdict")?,
            })
        })();
        costs.push(cost.ok_or_else(|| {
            Error::new("the benchmark of the frame allocators said something unexpected").output(line.to_owned())
        })?);
    }
    Ok(costs)
}

/// What is shown: how much is taken, in which pattern.
const SHOWN: (&str, u32) = ("low", 99);

/// Two tables, for single frames and for runs: a row an allocator, a column a size of memory.
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
        let costs = read(TEXT).unwrap();
        assert_eq!(costs.len(), 5);
        assert!((costs[0].allocate - 73.5).abs() < 1e-9 && costs[0].memory_mib == 32);
        assert!(read("allocator,memory_mib\nx,y\n").is_err());
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
