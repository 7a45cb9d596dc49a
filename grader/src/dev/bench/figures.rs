//! All figures, and their layout.

use std::fmt::Write as _;

use serde::Serialize;

use crate::host::style::{BAD, FAINT, STRONG, View, printable, wrap};
use crate::peers::table::{align, plain_table};
use crate::peers::{frames, heaps, memory, policies};

use super::class;
use super::spent::Row;
use super::system;
use super::time::CheckRow;

/// All figures.
#[derive(Serialize)]
pub struct Figures {
    /// The computer on which time was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processors: Option<usize>,
    pub emulator: String,
    pub toolchain: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckRow>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub memory: Option<memory::Figures>,
    /// Why lab 00 is not among the memory functions, if it is not.
    #[serde(skip)]
    pub without_lab: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<frames::Cost>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<system::Cost>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub heaps: Option<heaps::Figures>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<policies::Policy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<class::Rate>,
}

/// The figures as tables.
pub fn tables(figures: &Figures, view: &View) -> String {
    let mut out = String::new();
    let processors = figures.processors.map(|count| format!("{count} processors, ")).unwrap_or_default();
    let machine = format!("{processors}{}, {}", figures.emulator, figures.toolchain);
    let _ = writeln!(out, "{}", view.paint(FAINT, &machine));
    if !figures.rows.is_empty() {
        let mut table = plain_table(&["", "median", "least", "most", "processor time", "runs"]);
        for row in &figures.rows {
            let number = |number: f64| match row.unit {
                "s" => format!("{number:.2} s"),
                unit => format!("{number:.0} {unit}"),
            };
            table.add_row([
                row.what.clone(),
                number(row.median),
                number(row.least),
                number(row.most),
                row.processor_time.map(|time| format!("{time:.2} s")).unwrap_or_default(),
                row.runs.to_string(),
            ]);
        }
        align(&mut table, 5);
        let _ = writeln!(out, "{table}");
        let note = "From save to score is without what cargo takes to see that the grader is up to date, which `cargo grade` adds.";
        for line in wrap(note, view.columns()) {
            let _ = writeln!(out, "{}", view.paint(FAINT, &line));
        }
    }
    if !figures.checks.is_empty() {
        let title = "Each check's machines, one after the other";
        let _ = writeln!(out, "\n{}", view.paint(STRONG, title));
        let mut table = plain_table(&["check", "boots", "time"]);
        for row in &figures.checks {
            let name = format!("{} {}", row.lab, row.check);
            table.add_row([name, row.boots.to_string(), format!("{:.0} ms", 1000.0 * row.seconds)]);
        }
        align(&mut table, 2);
        let _ = writeln!(out, "{table}");
    }
    let of_memory = figures.memory.as_ref().map(memory::tables).unwrap_or_default();
    let of_frames = frames::tables(&figures.frames);
    let of_heaps = figures.heaps.as_ref().map(heaps::tables).unwrap_or_default();
    let of_system = system::table(&figures.system);
    let of_policies = policies::table(&figures.policies);
    let of_class = class::table(&figures.class);
    let all =
        of_memory.into_iter().chain(of_frames).chain(of_heaps).chain(of_policies).chain(of_system).chain(of_class);
    for (title, table) in all {
        let _ = writeln!(out, "\n{}\n{table}", view.paint(STRONG, &title));
    }
    for line in figures.without_lab.iter().flat_map(|why| wrap(why, view.columns())) {
        let _ = writeln!(out, "{}", view.paint(FAINT, &line));
    }
    for (heap, said) in figures.heaps.iter().flat_map(heaps::Figures::failed) {
        let _ = writeln!(out, "\n{}\n{}", view.paint(BAD, "Not measured"), printable(&format!("{heap}: {said}")));
    }
    out
}
