//! When submissions were handed in, according to the system that collected them: a CSV file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;

use crate::course::workspace::Workspace;
use crate::host::error::{Error, Result};

/// Times by submission, and by lab if the file has that column.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Times {
    all: BTreeMap<(String, Option<String>), Timestamp>,
}

impl Times {
    /// Reads a file with the columns `submission`, `time` and, if wanted, `lab`.
    ///
    /// # Errors
    /// `file:line: what is wrong, what to do`.
    pub fn read(file: &Path, workspace: &Workspace) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|error| Error::io("cannot read", file, &error))?;
        Self::parse(&text, file, workspace)
    }

    fn parse(text: &str, file: &Path, workspace: &Workspace) -> Result<Self> {
        let wrong = |line: u64, what: &str| Error::new(format!("{}:{line}: {what}", file.display()));
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| wrong(1, &error.to_string()))?.clone();
        let column = |name: &str| header.iter().position(|column| column == name);
        if let Some(other) = header.iter().find(|name| !["submission", "time", "lab"].contains(name)) {
            return Err(wrong(
                1,
                &format!("there is no column `{other}`: write submission,time or submission,lab,time"),
            ));
        }
        let (Some(submission), Some(time)) = (column("submission"), column("time")) else {
            return Err(wrong(1, "the first line names the columns: submission,time or submission,lab,time"));
        };
        let mut times = Self::default();
        for record in reader.records() {
            let record = record.map_err(|error| {
                wrong(
                    error.position().map_or(1, csv::Position::line),
                    "this line has another number of columns than the first",
                )
            })?;
            let line = record.position().map_or(1, csv::Position::line);
            let field = |column: usize| record.get(column).unwrap_or_default();
            let lab = match column("lab").map(field).filter(|lab| !lab.is_empty()) {
                None => None,
                Some(name) => {
                    let lab = workspace.select(&[name.to_owned()]).map_err(|error| wrong(line, &error.to_string()))?;
                    lab.first().map(|lab| lab.id.clone())
                }
            };
            let at: Timestamp = field(time).parse().map_err(|_| {
                let words = "is not a time with its zone: write it such as 2026-10-12T23:59:00+02:00";
                wrong(line, &format!("`{}` {words}", field(time)))
            })?;
            if times.all.insert((field(submission).to_owned(), lab), at).is_some() {
                return Err(wrong(line, &format!("`{}` is there twice: leave one out", field(submission))));
            }
        }
        Ok(times)
    }

    /// When a submission's lab was handed in.
    pub fn of(&self, submission: &str, lab: &str) -> Option<Timestamp> {
        let of = |lab: Option<&str>| self.all.get(&(submission.to_owned(), lab.map(str::to_owned)));
        of(Some(lab)).or_else(|| of(None)).copied()
    }

    /// The submissions that the file names.
    pub fn submissions(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Times> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        Times::parse(text, Path::new("times.csv"), &Workspace::open(root).unwrap())
    }

    #[test]
    fn a_line_for_a_lab_counts_before_one_for_all() {
        let times = parse(
            "submission,lab,time\nalice,,2026-10-12T23:59:00+02:00\nalice,02,2026-10-20T00:00:00Z\n\"b, ob\",,2026-10-01T00:00:00Z\n",
        )
        .unwrap();
        let of = |name, lab| times.of(name, lab).map(|at| at.to_string());
        assert_eq!(of("alice", "01-pmm").as_deref(), Some("2026-10-12T21:59:00Z"));
        assert_eq!(of("alice", "02-vmm").as_deref(), Some("2026-10-20T00:00:00Z"));
        assert_eq!(of("b, ob", "02-vmm").as_deref(), Some("2026-10-01T00:00:00Z"));
        assert_eq!(of("carol", "02-vmm"), None);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("name,time\n", "times.csv:1: there is no column `name`"),
            ("submission\n", "times.csv:1: the first line names the columns"),
            (
                "submission,time\na,2026-10-12T23:59:00\n",
                "times.csv:2: `2026-10-12T23:59:00` is not a time with its zone",
            ),
            ("submission,time\na,2026-10-12T23:59:00Z\na,2026-10-12T23:59:00Z\n", "times.csv:3: `a` is there twice"),
            ("submission,time\na\n", "times.csv:2: this line has another number"),
            ("submission,lab,time\na,99,2026-10-12T23:59:00Z\n", "times.csv:2: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
