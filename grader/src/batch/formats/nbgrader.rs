//! A CSV with the columns of nbgrader's export, a line for each lab and student:
//! <https://nbgrader.readthedocs.io/en/stable/plugins/export-plugin.html>, `CsvExportPlugin`.

use jiff::Timestamp;

use crate::batch::sheet::Sheet;
use crate::batch::tables::cell;
use crate::host::error::{Error, Result};

/// The columns. The grader knows no names and addresses: those are empty, as nbgrader leaves unknown values.
const COLUMNS: [&str; 11] = [
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
];

/// The file.
///
/// # Errors
/// If a line cannot be written as CSV.
pub fn files(sheet: &Sheet) -> Result<Vec<(String, String)>> {
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("cannot write CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| failed(&error))?;
    for (number, lab) in sheet.labs.iter().enumerate() {
        for (student, result) in sheet.of_lab(number) {
            let penalty = result.raw.number() - result.mark.number();
            let fields = [
                lab.id.clone(),
                lab.deadline.map(time).unwrap_or_default(),
                result.handed_in.map(time).unwrap_or_default(),
                cell(&student.name),
                String::new(),
                String::new(),
                String::new(),
                decimal(result.raw.number()),
                decimal(penalty),
                decimal(result.mark.number()),
                decimal(lab.worth.number()),
            ];
            writer.write_record(&fields).map_err(|error| failed(&error))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(&error))?;
    Ok(vec![("nbgrader.csv".to_owned(), text)])
}

/// A time in nbgrader's format: in UTC, without a zone.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A number in Python's format: rounded to hundredths, with at least one digit after the point.
fn decimal(number: f64) -> String {
    let rounded = (number * 100.0).round() / 100.0;
    format!("{rounded:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::sheet::samples::sheet;

    #[test]
    fn the_columns_are_nbgrader_s_and_the_numbers_fit_together() {
        let policy = "[late]\nper_day = 10\n[[lab]]\nlab = \"01\"\npoints = 20\ndeadline = 2026-10-12T23:59:59Z\n";
        let sheet = sheet(policy);
        let (name, text) = files(&sheet).unwrap().remove(0);
        assert_eq!(name, "nbgrader.csv");
        // Written by hand from `keys` in nbgrader/plugins/export.py.
        let published = "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score,\
                         late_submission_penalty,score,max_score";
        assert_eq!(text.lines().next(), Some(published));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
        assert_eq!(records.len(), sheet.labs.len() * sheet.students.len());
        for record in &records {
            let number = |column: usize| record[column].parse::<f64>().unwrap();
            assert!((number(7) - number(8) - number(9)).abs() < 0.001, "{record:?}");
            assert!(number(9) <= number(10));
        }
        assert_eq!(&records[0][1], "2026-10-12 23:59:59");
        assert_eq!(&records[0][2], "2026-10-14 00:00:00");
        assert_eq!((&records[0][3], &records[0][10]), ("alice", "20.0"));
    }
}
