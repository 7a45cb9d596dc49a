//! The tables of a class: on the terminal, as CSV, and as JSON.

use comfy_table::{CellAlignment, LineStyle, Table, presets};
use serde::Serialize;

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::style::{plural, printable};

use super::row::{Row, Standing};
use super::sheet::{GradedWith, Sheet};

/// Raised when a field changes its meaning or is removed.
const FORMAT: u32 = 1;

/// `results.json`.
#[derive(Serialize)]
pub struct Results<'a> {
    format: u32,
    #[serde(flatten)]
    with: &'a GradedWith,
    submissions: &'a [&'a Row],
}

impl<'a> Results<'a> {
    /// The rows, and the tools that they were graded with.
    pub fn new(with: &'a GradedWith, submissions: &'a [&'a Row]) -> Self {
        Self { format: FORMAT, with, submissions }
    }
}

/// A line for each submission, with a column for each lab.
///
/// # Errors
/// If a row cannot be written as CSV.
pub fn csv(rows: &[&Row], labs: &[&Lab]) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("cannot write CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["submission".to_owned(), "status".to_owned(), "score".to_owned(), "max_score".to_owned()];
    header.extend(labs.iter().map(|lab| lab.id.clone()));
    header.push("message".to_owned());
    writer.write_record(&header).map_err(|error| failed(&error))?;
    for row in rows {
        let mut fields = vec![cell(&row.name), row.status.words().to_owned()];
        fields.extend([row.score, row.max_score].map(|points| points.to_string()));
        fields.extend(row.labs.iter().map(|lab| lab.score.to_string()));
        fields.push(cell(row.message.as_deref().unwrap_or_default()));
        writer.write_record(&fields).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// Text that no spreadsheet takes for a formula.
pub fn cell(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

/// The table for a person, with the points under the policy, and how many submissions have each outcome.
pub fn text(sheet: &Sheet) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).force_no_tty();
    table.style_mut().row_separator = LineStyle::none();
    let mut header = vec!["Submission".to_owned(), "Status".to_owned(), "Points".to_owned()];
    header.extend(sheet.labs.iter().map(|lab| lab.id.clone()));
    table.set_header(header);
    for student in &sheet.students {
        let mut cells = vec![printable(&student.name), student.status.words().to_owned(), student.mark.to_string()];
        cells.extend(student.labs.iter().map(|lab| match lab.status {
            Standing::Graded => lab.mark.to_string(),
            Standing::Empty => "–".to_owned(),
            other => other.words().to_owned(),
        }));
        table.add_row(cells);
    }
    for column in 2..sheet.labs.len() + 3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n\n{}", closing(sheet))
}

/// How many submissions have each outcome, why some were not graded, and the notes for the teacher.
fn closing(sheet: &Sheet) -> String {
    let count = |kind| sheet.students.iter().filter(|student| student.status == kind).count();
    let counts: Vec<String> = Standing::ALL
        .into_iter()
        .filter(|kind| count(*kind) > 0)
        .map(|kind| format!("{} {}", count(kind), kind.words()))
        .collect();
    let mut text = format!("{}: {}\n", plural(sheet.students.len(), "submission"), counts.join(", "));
    for student in sheet.students.iter().filter(|student| student.status != Standing::Graded) {
        if let Some(message) = &student.message {
            text.push_str(&format!("  {}: {}\n", printable(&student.name), printable(message)));
        }
    }
    for note in &sheet.notes {
        text.push_str(&format!("  {}\n", printable(note)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::gather::Trouble;
    use crate::batch::sheet::samples;

    #[test]
    fn every_submission_has_its_line() {
        let rows = [
            Row::without("=alice, \"A\"", &Trouble::Hostile("has\u{1b} a link".to_owned()), &[]),
            Row::without("bob", &Trouble::Empty("has none".to_owned()), &[]),
        ];
        let text = csv(&rows.iter().collect::<Vec<_>>(), &[]).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
        assert_eq!(records.iter().map(|record| &record[0]).collect::<Vec<_>>(), ["'=alice, \"A\"", "bob"]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let text = super::text(&samples::sheet(""));
        assert!(text.contains("4 submissions: 2 graded, 1 could not build, 1 empty"), "{text}");
        assert!(text.contains("carol: has none") && !text.contains('\u{1b}'), "{text}");
    }
}
