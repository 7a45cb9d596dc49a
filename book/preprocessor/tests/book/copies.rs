//! Printed reports in the book: the rules and hints in them must be
//! those that the labs have now.

use std::fs;
use std::path::{Path, PathBuf};

use folio_book::lab::{self, Check};

use crate::{report, root};

/// The texts and pictures of reports.
fn reports() -> Vec<PathBuf> {
    let folders =
        ["book/examples/reports", "book/src/pictures"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "txt" || extension == "svg")).collect()
}

/// The text of a report; of a picture, the text outside its tags.
fn words_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    if file.extension().is_some_and(|extension| extension == "txt") {
        return text;
    }
    let words: String = text.split('<').map(|part| part.split_once('>').map_or(part, |(_, words)| words)).collect();
    words.replace("&apos;", "'").replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The fields of the reports in a text: the check, `rule` or `hint`, and the field's text.
fn fields(text: &str) -> Vec<(String, &'static str, String)> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut check = "";
    let mut fields = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some((name, _)) = line.trim_start().strip_prefix("✘ ").and_then(|rest| rest.split_once(':')) {
            check = name;
        }
        for field in ["rule", "hint"] {
            let Some(first) = line.trim_start().strip_prefix(field).filter(|rest| rest.starts_with("   ")) else {
                continue;
            };
            let more = lines[index + 1..].iter().take_while(|next| indent(next) > indent(line) + 4);
            let words: Vec<&str> = more.fold(first.split_whitespace().collect(), |mut words, next| {
                words.extend(next.split_whitespace());
                words
            });
            fields.push((check.to_owned(), field, words.join(" ")));
        }
    }
    fields
}

/// The lab's text as a terminal shows it: without the marks of code.
fn is_said_by(check: &Check, field: &str, shown: &str) -> bool {
    let said = if field == "rule" { &check.rule } else { &check.hint };
    said == shown || said.replace('`', "") == shown
}

#[test]
fn reports_have_the_rules_and_hints_of_the_labs() {
    let labs = lab::read_all(&root().join("labs")).unwrap_or_else(|problem| panic!("{problem}"));
    let mut problems = Vec::new();
    let mut seen = 0;
    for file in reports() {
        for (name, field, shown) in fields(&words_of(&file)) {
            seen += 1;
            match labs.iter().flat_map(|lab| &lab.checks).find(|check| check.name == name) {
                Some(check) if is_said_by(check, field, &shown) => {}
                Some(_) => {
                    problems.push(format!("{}: the {field} of {name} is another one now: {shown}", file.display()))
                }
                None => problems.push(format!("{}: there is no check {name:?}", file.display())),
            }
        }
    }
    assert!(seen > 10, "only {seen} rules and hints were found in the reports");
    report(&problems);
}

/// The example in the description of the report.
#[test]
fn the_example_in_json_has_the_rule_and_the_hint_of_a_lab() {
    let labs = lab::read_all(&root().join("labs")).unwrap_or_else(|problem| panic!("{problem}"));
    let text = fs::read_to_string(root().join("grader/JSON.md")).unwrap();
    let mut problems = Vec::new();
    for field in ["rule", "hint"] {
        let start = format!("\"{field}\": \"");
        for shown in text.lines().filter_map(|line| line.trim().strip_prefix(&start)?.strip_suffix("\",")) {
            if !labs.iter().flat_map(|lab| &lab.checks).any(|check| is_said_by(check, field, shown)) {
                problems.push(format!("grader/JSON.md: no check has the {field} {shown:?}"));
            }
        }
    }
    report(&problems);
}
