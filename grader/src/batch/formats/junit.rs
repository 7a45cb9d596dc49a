//! JUnit XML. For the class, one suite per student and lab, with everything; for a student, one suite per lab,
//! with what the policy shows students.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::batch::policy::Mark;
use crate::batch::sheet::{LabResult, Sheet, Student};
use crate::host::style::printable;

use super::{Ending, Line, all_lines};

/// A file for the class, and one for each student.
pub fn files(sheet: &Sheet) -> Vec<(String, String)> {
    let class = sheet.students.iter().flat_map(|student| suites(sheet, student, Reader::Teacher));
    let mut files = vec![("junit/class.xml".to_owned(), xml(&sheet.title, class))];
    for student in &sheet.students {
        let text = xml(&sheet.title, suites(sheet, student, Reader::Student));
        files.push((format!("junit/students/{}.xml", student.key), text));
    }
    files
}

/// The reader of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Teacher,
    Student,
}

fn xml(title: &str, suites: impl IntoIterator<Item = TestSuite>) -> String {
    let mut report = Report::new(printable(title));
    report.add_test_suites(suites);
    let mut text = report.to_string().unwrap_or_default();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn suites(sheet: &Sheet, student: &Student, reader: Reader) -> Vec<TestSuite> {
    let name = printable(&student.name);
    all_lines(sheet, student)
        .zip(&student.labs)
        .map(|((lab, lines), result)| {
            let class = match reader {
                Reader::Teacher => format!("{name}.{}", lab.id),
                Reader::Student => lab.id.clone(),
            };
            suite(&class, lines.iter().filter(|line| reader == Reader::Teacher || !line.is_hidden), result)
        })
        .collect()
}

fn suite<'a>(class: &str, lines: impl Iterator<Item = &'a Line>, result: &LabResult) -> TestSuite {
    let mut suite = TestSuite::new(class);
    suite.set_time(Duration::from_millis(result.took_ms));
    suite.add_property(("score", number(result.mark).as_str()));
    for line in lines {
        let mut status = match line.ending {
            Ending::Passed => TestCaseStatus::success(),
            Ending::Skipped => TestCaseStatus::skipped(),
            Ending::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Ending::Broken => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        if line.ending != Ending::Passed {
            status.set_message(line.text.lines().next().unwrap_or_default());
            status.set_description(line.text.as_str());
        }
        let mut case = TestCase::new(printable(&line.name), status);
        case.set_classname(class);
        case.add_property(("points", number(line.score).as_str()));
        case.add_property(("max_points", number(line.max).as_str()));
        suite.add_test_case(case);
    }
    suite
}

fn number(mark: Mark) -> String {
    mark.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::sheet::samples::sheet;
    use crate::host::style::is_printable;

    #[test]
    fn the_class_has_everything_and_a_student_what_is_shown() {
        let sheet = sheet("hidden = [\"managed-count\"]");
        let files = files(&sheet);
        assert_eq!(files.len(), 1 + sheet.students.len());
        for (name, text) in &files {
            let report = Report::deserialize_from_str(text).unwrap();
            let suites = if name == "junit/class.xml" { 2 * sheet.students.len() } else { 2 };
            assert_eq!(report.test_suites.len(), suites, "{name}");
            assert!(text.chars().all(is_printable), "{name}");
        }
        assert!(files[0].1.contains("managed-count") && files[0].1.contains("alice.01-pmm"));
        assert!(!files[1].1.contains("managed-count") && files[1].1.contains("whole-frames"));
        assert!(files[2].1.contains("E0425") && files[3].1.contains("Nothing was handed in."));
    }
}
