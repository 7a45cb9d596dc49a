//! Autolab's autoresult, the last line that an autograder prints: <https://docs.autolabproject.com/lab/>.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::batch::policy::Mark;
use crate::batch::sheet::{Sheet, Student};
use crate::report::escaped;

#[derive(Serialize)]
struct Autoresult<'a> {
    scores: BTreeMap<&'a str, Mark>,
    scoreboard: Vec<Mark>,
}

/// A file with the line for each student.
pub fn files(sheet: &Sheet) -> Vec<(String, String)> {
    sheet.students.iter().map(|student| (format!("autolab/{}.txt", student.key), line(sheet, student))).collect()
}

/// A student's line: one problem per lab, named like the lab, and on the scoreboard the total after them.
pub fn line(sheet: &Sheet, student: &Student) -> String {
    let labs = || sheet.labs.iter().zip(&student.labs);
    let result = Autoresult {
        scores: labs().map(|(lab, result)| (lab.id.as_str(), result.mark)).collect(),
        scoreboard: labs().map(|(_, result)| result.mark).chain([student.mark]).collect(),
    };
    // It has only numbers and the labs' names.
    let mut text = escaped(&serde_json::to_string(&result).unwrap_or_default());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::batch::sheet::samples::sheet;

    #[test]
    fn the_line_is_an_autoresult() {
        let sheet = sheet("");
        for (student, (name, text)) in sheet.students.iter().zip(files(&sheet)) {
            assert_eq!(text.lines().count(), 1, "{name}");
            let result: Value = serde_json::from_str(&text).unwrap();
            // The page above documents a number for each problem, and the scoreboard's entries.
            let fields: Vec<&String> = result.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["scoreboard", "scores"]);
            assert!(result["scores"].as_object().unwrap().values().all(Value::is_number));
            let board = result["scoreboard"].as_array().unwrap();
            assert_eq!(board.len(), sheet.labs.len() + 1);
            assert_eq!(board[sheet.labs.len()].as_f64(), Some(student.mark.number()));
        }
    }
}
