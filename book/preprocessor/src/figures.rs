//! The measurements of the labs' allocators and their peers, and the book's tables
//! of them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Problem;

/// The figures of a file that `cargo grade dev bench --json` has written.
#[derive(Deserialize, Default, Debug)]
pub struct Figures {
    emulator: String,
    toolchain: String,
    #[serde(default)]
    memory: Vec<Memory>,
    frames: Vec<Frames>,
    traces: Vec<Trace>,
    heaps: Vec<Heap>,
    heaps_by_trace: Vec<HeapOnTrace>,
    policies: Vec<Policy>,
    system: Vec<System>,
    #[serde(default)]
    class: Vec<Class>,
}

/// A function of lab 00, or of its peer, on ranges of one length.
#[derive(Deserialize, Debug)]
struct Memory {
    function: String,
    alignment: String,
    bytes: u32,
    candidate: String,
    /// Ticks for a call in the emulator.
    emulator: f64,
    /// Ticks for a call on the processor itself, where it was measured.
    native: Option<f64>,
}

/// A frame allocator on one size of memory.
#[derive(Deserialize, Debug)]
struct Frames {
    allocator: String,
    memory_mib: u32,
    frames_a_run: u32,
    pattern: String,
    percent_taken: u32,
    allocate: f64,
    free: f64,
    metadata_bytes_per_frame: f64,
    verdict: String,
}

/// A sequence of calls that heaps are measured with.
#[derive(Deserialize, Debug)]
struct Trace {
    trace: String,
    about: String,
    payload_bytes: u32,
    contract_bytes: u32,
}

/// A heap, over all traces.
#[derive(Deserialize, Debug)]
struct Heap {
    heap: String,
    mean: f64,
    p99: u32,
    worst: u32,
    reallocating: f64,
    utilization: Option<f64>,
    least_utilization: Option<f64>,
    failed: u32,
}

/// A heap on one trace.
#[derive(Deserialize, Debug)]
struct HeapOnTrace {
    heap: String,
    trace: String,
    mean: f64,
    utilization: Option<f64>,
    verdict: String,
}

/// The textbook's heap with one thing changed, over all traces.
#[derive(Deserialize, Debug)]
struct Policy {
    heap: String,
    about: String,
    mean: f64,
    worst: u32,
    utilization: Option<f64>,
}

/// An operation of the operating system.
#[derive(Deserialize, Debug)]
struct System {
    what: String,
    instructions: u64,
    per: String,
}

/// A class that was graded with so many jobs at a time.
#[derive(Deserialize, Debug)]
struct Class {
    jobs: usize,
    submissions_a_minute: f64,
    labs_a_minute: f64,
    compiling: f64,
    booting: f64,
    rest: f64,
}

impl Trace {
    /// The utilization of the best heap that keeps lab 03's contract, in percent.
    fn best(&self) -> f64 {
        100.0 * f64::from(self.payload_bytes) / f64::from(self.contract_bytes.max(1))
    }
}

impl Figures {
    /// The names of the tables.
    pub const TABLES: [&'static str; 11] = [
        "memory",
        "memory-unaligned",
        "frames",
        "heaps",
        "heap-traces",
        "heap-instructions",
        "heap-utilization",
        "policies",
        "system",
        "class",
        "measured-with",
    ];

    /// Parses the figures.
    ///
    /// # Errors
    /// If the file cannot be read, or does not have the form that `cargo grade dev bench` writes.
    pub fn read(file: &Path) -> Result<Self, Problem> {
        let text =
            fs::read_to_string(file).map_err(|error| Problem::in_file(file, format!("cannot be read: {error}")))?;
        serde_json::from_str(&text).map_err(|error| Problem::in_file(file, error.to_string()))
    }

    /// The table of this name, as Markdown; `None` if there is none.
    pub fn table(&self, name: &str) -> Option<String> {
        Some(match name {
            "memory" => many_columns(&self.of_memory("aligned")),
            "memory-unaligned" => many_columns(&self.of_memory("unaligned")),
            "frames" => many_columns(&self.of_frames()),
            "heaps" => many_columns(&self.of_heaps()),
            "heap-traces" => many_columns(&self.of_traces()),
            "heap-instructions" => many_columns(&self.by_trace(Best::Least, 0, |cost| Some(cost.mean))),
            "heap-utilization" => many_columns(&self.by_trace(Best::Most, 1, |cost| cost.utilization)),
            "policies" => many_columns(&self.of_policies()),
            "system" => self.of_system(),
            "class" => self.of_class(),
            "measured-with" => format!("Measured with {} and {}.\n", self.emulator, self.toolchain),
            _ => return None,
        })
    }

    /// Each function of each candidate on ranges of such an alignment, by their length: ticks in the emulator, and
    /// natively.
    fn of_memory(&self, alignment: &str) -> String {
        let memory: Vec<&Memory> = self.memory.iter().filter(|cost| cost.alignment == alignment).collect();
        let mut lengths: Vec<u32> = memory.iter().map(|cost| cost.bytes).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut out = String::from("| | |");
        for length in &lengths {
            let _ = write!(out, " {length} B |");
        }
        out += "\n|:---|:---|";
        out += &"---:|".repeat(lengths.len());
        out.push('\n');
        for function in names(memory.iter().map(|cost| cost.function.as_str())) {
            for candidate in names(memory.iter().map(|cost| cost.candidate.as_str())) {
                let _ = write!(out, "| {function} | {} |", named(candidate));
                for length in &lengths {
                    let is_meant = |cost: &&&Memory| {
                        cost.function == function && cost.candidate == candidate && cost.bytes == *length
                    };
                    let _ = match memory.iter().find(is_meant).map(|cost| (cost.emulator, cost.native)) {
                        Some((emulator, Some(native))) => write!(out, " {emulator:.0} / {native:.0} |"),
                        Some((emulator, None)) => write!(out, " {emulator:.0} / – |"),
                        None => write!(out, " – |"),
                    };
                }
                out.push('\n');
            }
        }
        out
    }

    /// Single frames, in a memory whose low 99 % are taken.
    fn of_frames(&self) -> String {
        let shown = |cost: &&Frames| (cost.frames_a_run, cost.pattern.as_str(), cost.percent_taken) == (1, "low", 99);
        let costs: Vec<&Frames> = self.frames.iter().filter(shown).collect();
        let mut sizes: Vec<u32> = costs.iter().map(|cost| cost.memory_mib).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut out = String::from("| |");
        for size in &sizes {
            let _ = write!(out, " {size} MiB |");
        }
        out += " records |\n|:---|";
        out += &"---:|".repeat(sizes.len() + 1);
        out.push('\n');
        for allocator in names(costs.iter().map(|cost| cost.allocator.as_str())) {
            let _ = write!(out, "| {} |", named(allocator));
            let at = |size: u32| costs.iter().find(|cost| cost.allocator == allocator && cost.memory_mib == size);
            for &size in &sizes {
                let _ = match at(size) {
                    Some(cost) if cost.verdict == "ok" => write!(out, " {:.0} / {:.0} |", cost.allocate, cost.free),
                    Some(cost) => write!(out, " {} |", cost.verdict),
                    None => write!(out, " – |"),
                };
            }
            let records =
                sizes.iter().rev().find_map(|&size| at(size)).map_or(0.0, |cost| cost.metadata_bytes_per_frame);
            let _ = writeln!(out, " {records:.2} |");
        }
        out
    }

    fn of_heaps(&self) -> String {
        let mut out = String::from(
            "| | a call | 99 % | worst | reallocating | utilization | least | failed |\n\
             |:---|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        for heap in &self.heaps {
            let percent = |number: Option<f64>| number.map_or("–".to_owned(), |number| format!("{number:.1}\u{a0}%"));
            let _ = writeln!(
                out,
                "| {} | {:.0} | {} | {} | {:.0} | {} | {} | {} |",
                named(&heap.heap),
                heap.mean,
                heap.p99,
                heap.worst,
                heap.reallocating,
                percent(heap.utilization),
                percent(heap.least_utilization),
                heap.failed,
            );
        }
        let best: Vec<f64> = self.traces.iter().map(Trace::best).collect();
        let mean = best.iter().sum::<f64>() / best.len().max(1) as f64;
        let least = best.into_iter().fold(100.0, f64::min);
        let _ = writeln!(out, "| at best, any | | | | | {mean:.1}\u{a0}% | {least:.1}\u{a0}% | |");
        out
    }

    fn of_traces(&self) -> String {
        let mut out = String::from("| Trace | What is asked for | At most | At best |\n|:---|:---|---:|---:|\n");
        for trace in &self.traces {
            let kib = trace.payload_bytes.div_ceil(1024);
            let (name, best) = (&trace.trace, trace.best());
            let _ = writeln!(out, "| `{name}` | {} | {kib}\u{a0}KiB | {best:.1}\u{a0}% |", trace.about);
        }
        out
    }

    /// A row per number of jobs.
    fn of_class(&self) -> String {
        let mut out = String::from(
            "| Jobs | Submissions a minute | Labs a minute | Compiling | Booting | The rest |\n\
             |---:|---:|---:|---:|---:|---:|\n",
        );
        for Class { jobs, submissions_a_minute, labs_a_minute, compiling, booting, rest } in &self.class {
            let _ = writeln!(
                out,
                "| {jobs} | {submissions_a_minute:.0} | {labs_a_minute:.0} | {compiling:.0}\u{a0}% | {booting:.0}\u{a0}% | \
                 {rest:.0}\u{a0}% |"
            );
        }
        out
    }

    /// A row per variant, with its gain or loss compared with the first.
    fn of_policies(&self) -> String {
        let mut out =
            String::from("| | What is different | Utilization | | A call | Worst |\n|:---|:---|---:|---:|---:|---:|\n");
        let first = self.policies.first().and_then(|policy| policy.utilization);
        for (number, Policy { heap, about, mean, worst, utilization }) in self.policies.iter().enumerate() {
            let percent = utilization.map_or("–".to_owned(), |percent| format!("{percent:.1}\u{a0}%"));
            let gain = match (utilization, first) {
                (Some(percent), Some(first)) if number > 0 => format!("{:+.1}", percent - first).replace('-', "−"),
                _ => String::new(),
            };
            let _ = writeln!(out, "| `{heap}` | {about} | {percent} | {gain} | {mean:.0} | {worst} |");
        }
        out
    }

    fn of_system(&self) -> String {
        let mut out = String::from("| | Instructions | |\n|:---|---:|:---|\n");
        for System { what, instructions, per } in &self.system {
            let _ = writeln!(out, "| {what} | {instructions} | {per} |");
        }
        out
    }

    /// A row per trace, a column per heap, the best of each row in bold. Names in brackets are for scale only.
    fn by_trace(&self, best: Best, decimals: usize, number: impl Fn(&HeapOnTrace) -> Option<f64>) -> String {
        let costs: Vec<&HeapOnTrace> = self.heaps_by_trace.iter().filter(|cost| !is_for_scale(&cost.heap)).collect();
        let heaps = names(costs.iter().map(|cost| cost.heap.as_str()));
        let mut out = String::from("| |");
        for heap in &heaps {
            let name = heap.trim_end_matches("_allocator");
            let _ = write!(out, " {} |", if is_ours(name) { named(name) } else { name.replace('_', "\\_") });
        }
        out += "\n|:---|";
        out += &"---:|".repeat(heaps.len());
        out.push('\n');
        for trace in names(costs.iter().map(|cost| cost.trace.as_str())) {
            let row: Vec<(f64, bool)> = heaps
                .iter()
                .map(|heap| {
                    let cost = costs.iter().find(|cost| cost.trace == trace && cost.heap == *heap);
                    let sound = cost.filter(|cost| cost.verdict == "ok");
                    sound.and_then(|cost| number(cost)).map_or((0.0, false), |number| (number, true))
                })
                .collect();
            let sound = row.iter().filter(|(_, sound)| *sound).map(|(number, _)| *number);
            let first = match best {
                Best::Least => sound.fold(f64::INFINITY, f64::min),
                Best::Most => sound.fold(0.0, f64::max),
            };
            let _ = write!(out, "| `{trace}` |");
            for (number, sound) in row {
                let _ = match sound {
                    false => write!(out, " – |"),
                    true if format!("{number:.decimals$}") == format!("{first:.decimals$}") => {
                        write!(out, " **{number:.decimals$}** |")
                    }
                    true => write!(out, " {number:.decimals$} |"),
                };
            }
            out.push('\n');
        }
        out
    }
}

/// A table that is allowed more width: see `style.css`.
fn many_columns(table: &str) -> String {
    format!("<div class=\"figures\">\n\n{table}\n</div>\n")
}

/// The index of the best number of a row.
enum Best {
    Least,
    Most,
}

/// All names, each once, in the order in which they occur.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn is_for_scale(name: &str) -> bool {
    name.starts_with('(')
}

fn is_ours(name: &str) -> bool {
    name.starts_with("folio")
}

/// A name as the book shows it: a package's as code, an entry for scale only in words, ours in bold.
fn named(name: &str) -> String {
    match name {
        _ if name.ends_with("-champion-thrifty") => "**thrifty champion**".to_owned(),
        _ if is_ours(name) && name.ends_with("champion") => "**champion**".to_owned(),
        _ if is_ours(name) => "**reference**".to_owned(),
        _ if is_for_scale(name) => name.replace('-', " "),
        _ => format!("`{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let text = r#"{
            "emulator": "QEMU 1", "toolchain": "rustc 1",
            "memory": [
                {"function": "memcpy", "alignment": "aligned", "bytes": 64, "candidate": "folio memory",
                 "emulator": 140.2, "native": 12.3},
                {"function": "memcpy", "alignment": "unaligned", "bytes": 64, "candidate": "x", "emulator": 150.0}
            ],
            "frames": [
                {"allocator": "folio pmm", "memory_mib": 32, "frames_a_run": 1, "pattern": "low", "percent_taken": 99,
                 "allocate": 90.4, "free": 60.6, "metadata_bytes_per_frame": 0.141, "verdict": "ok"},
                {"allocator": "folio pmm", "memory_mib": 32, "frames_a_run": 16, "pattern": "low", "percent_taken": 99,
                 "allocate": 7.0, "free": 7.0, "metadata_bytes_per_frame": 0.141, "verdict": "ok"},
                {"allocator": "x", "memory_mib": 64, "frames_a_run": 1, "pattern": "low", "percent_taken": 99,
                 "allocate": 1.0, "free": 1.0, "metadata_bytes_per_frame": 2.0, "verdict": "wrong"}
            ],
            "traces": [{"trace": "queue", "about": "Messages.", "payload_bytes": 2049, "contract_bytes": 2400}],
            "heaps": [{"heap": "talc", "mean": 110.4, "p99": 200, "worst": 300, "reallocating": 700.0,
                "utilization": 75.0, "least_utilization": 41.5, "failed": 0}],
            "heaps_by_trace": [
                {"heap": "(empty-call)", "trace": "queue", "mean": 9.0, "verdict": "ok"},
                {"heap": "folio-heap", "trace": "queue", "mean": 120.0, "utilization": 90.0, "verdict": "ok"},
                {"heap": "a_allocator", "trace": "queue", "mean": 110.0, "utilization": 80.0, "verdict": "ok"},
                {"heap": "b", "trace": "queue", "mean": 1.0, "verdict": "overwritten"}
            ],
            "policies": [
                {"heap": "first-fit", "about": "First fit.", "mean": 870.4, "worst": 9000, "utilization": 61.9},
                {"heap": "header-8", "about": "A header of 8 bytes.", "mean": 900.0, "worst": 9100, "utilization": 60.4}
            ],
            "system": [{"what": "System call (`getpid`)", "instructions": 488, "per": "a call"}],
            "class": [{"each": "one lab", "jobs": 2, "submissions": 200, "labs": 180, "seconds": 240.0,
                "submissions_a_minute": 50.0, "labs_a_minute": 45.0, "compiling": 28.0, "booting": 69.0, "rest": 3.0}]
        }"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_table_has_a_name() {
        for name in Figures::TABLES {
            assert!(figures().table(name).is_some_and(|text| text.ends_with('\n')), "{name}");
        }
        assert!(figures().table("speed").is_none());
    }

    #[test]
    fn of_memory_each_function_has_a_row_for_each_candidate() {
        let head = "| | | 64 B |\n|:---|:---|---:|\n";
        assert_eq!(figures().of_memory("aligned"), format!("{head}| memcpy | **reference** | 140 / 12 |\n"));
        assert_eq!(figures().of_memory("unaligned"), format!("{head}| memcpy | `x` | 150 / – |\n"));
    }

    #[test]
    fn of_frames_the_full_memory_is_shown() {
        assert_eq!(
            figures().of_frames(),
            "| | 32 MiB | 64 MiB | records |\n|:---|---:|---:|---:|\n\
             | **reference** | 90 / 61 | – | 0.14 |\n| `x` | – | wrong | 2.00 |\n"
        );
    }

    #[test]
    fn the_best_of_a_row_is_bold_if_it_is_right() {
        let header = "| | **reference** | a | b |\n|:---|---:|---:|---:|\n";
        let table = |name| figures().table(name).unwrap();
        assert!(table("heap-instructions").contains(&format!("{header}| `queue` | 120 | **110** | – |\n")));
        assert!(table("heap-utilization").contains(&format!("{header}| `queue` | **90.0** | 80.0 | – |\n")));
    }

    #[test]
    fn heaps_traces_and_the_system_have_a_row_each() {
        let table = |name| figures().table(name).unwrap();
        assert!(table("heaps").contains("\n| `talc` | 110 | 200 | 300 | 700 | 75.0\u{a0}% | 41.5\u{a0}% | 0 |\n"));
        assert!(table("heaps").contains("\n| at best, any | | | | | 85.4\u{a0}% | 85.4\u{a0}% | |\n"));
        let policies = table("policies");
        assert!(policies.contains("\n| `first-fit` | First fit. | 61.9\u{a0}% |  | 870 | 9000 |\n"), "{policies}");
        assert!(policies.contains("| 60.4\u{a0}% | −1.5 | 900 | 9100 |\n"), "{policies}");
        assert!(table("heap-traces").contains("\n| `queue` | Messages. | 3\u{a0}KiB | 85.4\u{a0}% |\n"));
        assert_eq!(
            table("system"),
            "| | Instructions | |\n|:---|---:|:---|\n| System call (`getpid`) | 488 | a call |\n"
        );
        assert!(
            table("class").ends_with("\n| 2 | 50 | 45 | 28\u{a0}% | 69\u{a0}% | 3\u{a0}% |\n"),
            "{}",
            table("class")
        );
        assert_eq!(table("measured-with"), "Measured with QEMU 1 and rustc 1.\n");
    }
}
