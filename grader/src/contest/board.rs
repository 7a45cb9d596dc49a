//! The table of ranks, as text and as JSON.

use std::fmt::Write as _;

use comfy_table::Table;
use serde::Serialize;

use crate::host::error::{Error, Result};
use crate::host::style::{FAINT, GOOD, STRONG, View, printable, wrap};
use crate::peers::table::{align, plain_table};

use super::entrant::{Entrant, Kind, Score};

/// The ranks of a contest.
pub struct Board {
    title: String,
    /// The unit of waste, as the heading of a column.
    waste: &'static str,
    seed: u32,
    /// In the order of their points.
    entrants: Vec<Entrant>,
    /// More tables, with their titles.
    details: Vec<(String, Table)>,
}

impl Board {
    /// Ranks the entrants.
    pub fn new(title: String, waste: &'static str, seed: u32, mut entrants: Vec<Entrant>) -> Self {
        let points = |entrant: &Entrant| entrant.outcome.as_ref().map_or(f64::NEG_INFINITY, |score| score.points);
        entrants.sort_by(|one, other| points(other).total_cmp(&points(one)));
        Self { title, waste, seed, entrants, details: Vec::new() }
    }

    /// Adds a table.
    pub fn add(&mut self, title: String, table: Table) {
        self.details.push((title, table));
    }

    /// The entrant in the student's place.
    pub fn own(&self) -> Option<&Entrant> {
        self.entrants.iter().find(|entrant| entrant.kind == Kind::Own)
    }

    /// All tables as text.
    pub fn text(&self, view: &View) -> String {
        let mut out = format!("{}\n", view.paint(STRONG, &self.title));
        let own = self.own().map(|own| own.name.as_str());
        for line in self.standings().to_string().lines() {
            let is_own = own.is_some_and(|own| line.trim_start().starts_with(own));
            let _ = writeln!(out, "{}", if is_own { view.paint(GOOD, line) } else { line.to_owned() });
        }
        let rule = "Points are 100 000 / (what is lost × instructions a call): half of either is twice the points. \
                    There is no upper bound.";
        for line in wrap(rule, view.columns()) {
            let _ = writeln!(out, "{}", view.paint(FAINT, &line));
        }
        for (title, table) in &self.details {
            let _ = writeln!(out, "\n{}\n{table}", view.paint(STRONG, title));
        }
        out
    }

    fn standings(&self) -> Table {
        let mut table = plain_table(&["", "points", self.waste, "instructions a call", "worst call"]);
        for Entrant { name, outcome, .. } in &self.entrants {
            table.add_row(match outcome {
                Ok(Score { points, waste, instructions, worst }) => [
                    name.clone(),
                    format!("{points:.1}"),
                    format!("{waste:.2}"),
                    format!("{instructions:.1}"),
                    worst.map_or_else(|| "–".to_owned(), |worst| worst.to_string()),
                ],
                Err(why) => [name.clone(), printable(why.in_short()), "–".to_owned(), "–".to_owned(), "–".to_owned()],
            });
        }
        align(&mut table, 4);
        table
    }

    /// All tables for a program.
    ///
    /// # Errors
    /// If they cannot be written as JSON.
    pub fn json(&self) -> Result<String> {
        let rows = self.entrants.iter().map(|Entrant { name, kind, outcome }| Row {
            name,
            kind: *kind,
            score: outcome.as_ref().ok().copied(),
            problem: outcome.as_ref().err().map(ToString::to_string),
        });
        let all = All { title: &self.title, seed: self.seed, waste_unit: self.waste, entrants: rows.collect() };
        let text = serde_json::to_string_pretty(&all).map_err(|error| Error::new(error.to_string()))?;
        Ok(text + "\n")
    }
}

#[derive(Serialize)]
struct All<'a> {
    title: &'a str,
    seed: u32,
    waste_unit: &'static str,
    entrants: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    kind: Kind,
    #[serde(flatten)]
    score: Option<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::entrant::NoPoints;
    use super::*;

    fn board() -> Board {
        let entrant = |name: &str, kind, outcome| Entrant { name: name.to_owned(), kind, outcome };
        let panics = NoPoints::Ended("it panicked at \u{1b}[2J".into());
        Board::new(
            "The heaps".into(),
            "lost, in percent",
            7,
            vec![
                entrant("broken", Kind::Peer, Err(panics)),
                entrant("talc", Kind::Peer, Ok(Score::new(20.0, 100.0, Some(900)))),
                entrant("yours", Kind::Own, Ok(Score::new(10.0, 100.0, Some(300)))),
            ],
        )
    }

    #[test]
    fn the_most_points_come_first_and_none_last() {
        let text = board().text(&View::default());
        let place = |name| text.find(name).unwrap();
        assert!(place("yours") < place("talc") && place("talc") < place("broken"), "{text}");
        assert!(text.contains("panics") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn one_s_own_line_stands_out_where_there_is_colour() {
        let text = board().text(&View { color: true, ..View::default() });
        let line = text.lines().find(|line| line.contains("yours")).unwrap();
        assert!(line.starts_with('\u{1b}'), "{line:?}");
    }

    #[test]
    fn a_program_reads_the_same() {
        let json: serde_json::Value = serde_json::from_str(&board().json().unwrap()).unwrap();
        assert_eq!((&json["seed"], &json["entrants"][0]["name"]), (&7.into(), &"yours".into()));
        assert_eq!(json["entrants"][0]["kind"], "own");
        assert!(json["entrants"][0]["points"].as_f64().is_some_and(|points| (points - 100.0).abs() < 1e-9));
        assert!(json["entrants"][2]["points"].is_null() && json["entrants"][2]["problem"].is_string());
    }
}
