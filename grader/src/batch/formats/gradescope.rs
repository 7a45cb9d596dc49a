//! Gradescope's `results.json`: <https://gradescope-autograders.readthedocs.io/en/latest/specs/>.

use serde::Serialize;

use crate::batch::policy::Mark;
use crate::batch::sheet::{Sheet, Student};
use crate::batch::store::json;

use super::{about, all_lines};

#[derive(Serialize)]
struct Results {
    score: Mark,
    execution_time: u64,
    output: String,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    score: Mark,
    max_score: Mark,
    name: String,
    number: String,
    output: String,
    visibility: &'static str,
}

/// A file for each student.
pub fn files(sheet: &Sheet) -> Vec<(String, String)> {
    let students = sheet.students.iter();
    students.map(|student| (format!("gradescope/{}.json", student.key), results(sheet, student))).collect()
}

/// A student's `results.json`.
pub fn results(sheet: &Sheet, student: &Student) -> String {
    let mut tests = Vec::new();
    for (lab, lines) in all_lines(sheet, student) {
        for (at, line) in lines.into_iter().enumerate() {
            tests.push(Test {
                score: line.score,
                max_score: line.max,
                name: format!("{}: {}", lab.title, line.name),
                number: format!("{}.{}", lab.number(), at + 1),
                output: line.text,
                visibility: if line.is_hidden { "hidden" } else { "visible" },
            });
        }
    }
    json(&Results {
        // Replaces the sum of the tests, since it includes the deduction for lateness.
        score: student.mark,
        execution_time: student.labs.iter().map(|lab| lab.took_ms).sum::<u64>() / 1000,
        output: about(sheet, student),
        tests,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::batch::sheet::samples::sheet;

    /// A field's name, and a test of its type.
    type Field = (&'static str, fn(&Value) -> bool);

    /// The fields that the page above documents, with their types: for the whole result, and for a test.
    const WHOLE: [Field; 7] = [
        ("score", Value::is_number),
        ("execution_time", Value::is_number),
        ("output", Value::is_string),
        ("visibility", is_visibility),
        ("stdout_visibility", is_visibility),
        ("extra_data", Value::is_object),
        ("tests", Value::is_array),
    ];
    const TEST: [Field; 8] = [
        ("score", Value::is_number),
        ("max_score", Value::is_number),
        ("name", Value::is_string),
        ("number", Value::is_string),
        ("output", Value::is_string),
        ("tags", Value::is_array),
        ("visibility", is_visibility),
        ("extra_data", Value::is_object),
    ];

    fn is_visibility(value: &Value) -> bool {
        ["hidden", "after_due_date", "after_published", "visible"].iter().any(|word| value == word)
    }

    fn assert_fields(value: &Value, fields: &[Field]) {
        for (name, value) in value.as_object().expect("an object") {
            let field = fields.iter().find(|(field, _)| field == name);
            assert!(field.is_some_and(|(_, is_right)| is_right(value)), "{name}: {value}");
        }
    }

    #[test]
    fn the_file_has_the_published_fields_and_no_others() {
        let sheet = sheet("");
        let files = files(&sheet);
        assert_eq!(files.len(), sheet.students.len());
        for (name, text) in files {
            let results: Value = serde_json::from_str(&text).unwrap();
            assert_fields(&results, &WHOLE);
            let tests = results["tests"].as_array().unwrap();
            assert!(!tests.is_empty(), "{name}");
            tests.iter().for_each(|test| assert_fields(test, &TEST));
        }
    }

    #[test]
    fn hidden_checks_are_hidden_and_what_is_late_is_in_the_score() {
        let policy = "hidden = [\"managed-count\"]\n[late]\nper_day = 10\n[[lab]]\nlab = \"01\"\npoints = 20\n\
                      deadline = 2026-10-12T23:59:59Z\n";
        let sheet = sheet(policy);
        let alice: Value = serde_json::from_str(&results(&sheet, &sheet.students[0])).unwrap();
        let hidden: Vec<&Value> =
            alice["tests"].as_array().unwrap().iter().filter(|test| test["visibility"] == "hidden").collect();
        assert_eq!(hidden.len(), 1);
        assert_eq!(hidden[0]["name"], "Frames: managed-count");
        let sum: f64 = alice["tests"].as_array().unwrap().iter().map(|test| test["score"].as_f64().unwrap()).sum();
        let score = alice["score"].as_f64().unwrap();
        assert!((score - sum * 0.8).abs() < 0.01, "{score} of {sum}");
        assert!(alice["output"].as_str().unwrap().contains("80 % of the points count"));
    }
}
