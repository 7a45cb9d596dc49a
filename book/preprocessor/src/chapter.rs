//! Replaces the requests in a chapter.

use std::path::Path;

use crate::figures::Figures;
use crate::lab::Lab;
use crate::{Problem, Sources, live, markdown};

/// The chapter's text with every request replaced. `file` is the name in problems.
///
/// # Errors
/// A request that is unknown, with its line.
pub fn expanded(text: &str, file: &Path, sources: &Sources) -> Result<String, Problem> {
    let Sources { labs, figures, c_names } = sources;
    let mut out = String::with_capacity(text.len());
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        match request(line) {
            None => out += line,
            Some(Request::Checks(id)) => {
                let lab = lab_of(id, labs).map_err(|what| Problem::at(file, text, offset, what))?;
                out += &markdown::section(lab);
            }
            Some(Request::Live(id)) => {
                let lab = lab_of(id, labs).map_err(|what| Problem::at(file, text, offset, what))?;
                out += &live::section(lab);
            }
            Some(Request::AllChecks) => out += &markdown::overview(labs),
            Some(Request::Bench(table)) => {
                out += &figures.table(table).ok_or_else(|| {
                    let what = format!("there is no table `{table}`; there is: {}", Figures::TABLES.join(", "));
                    Problem::at(file, text, offset, what)
                })?;
            }
            Some(Request::CNames(of)) => {
                out += &c_names.table(of).ok_or_else(|| {
                    let what =
                        format!("no trait in `{of}.rs` has names in C; these do: {}", c_names.files().join(", "));
                    Problem::at(file, text, offset, what)
                })?;
            }
            Some(Request::Unknown) => {
                let what = "write {{#checks LAB}}, {{#live LAB}}, {{#all-checks}}, {{#bench TABLE}} or {{#c-names FILE}}, on a line of its own";
                return Err(Problem::at(file, text, offset, what));
            }
        }
        offset += line.len();
    }
    Ok(out)
}

/// The lab of this name, or the problem with the name.
fn lab_of<'a>(id: &str, labs: &'a [Lab]) -> Result<&'a Lab, String> {
    labs.iter().find(|lab| lab.id == id).ok_or_else(|| {
        let known: Vec<&str> = labs.iter().map(|lab| lab.id.as_str()).collect();
        format!("there is no lab `{id}` with a lab.toml; there is: {}", known.join(", "))
    })
}

enum Request<'a> {
    Checks(&'a str),
    Live(&'a str),
    AllChecks,
    Bench(&'a str),
    CNames(&'a str),
    Unknown,
}

fn request(line: &str) -> Option<Request<'_>> {
    let requests = ["{{#checks", "{{#live", "{{#all-checks", "{{#bench", "{{#c-names"];
    if !requests.iter().any(|request| line.contains(request)) {
        return None;
    }
    let inside = line.trim().strip_prefix("{{#").and_then(|rest| rest.strip_suffix("}}"));
    let words: Vec<&str> = inside.unwrap_or_default().split_whitespace().collect();
    Some(match words[..] {
        ["checks", id] => Request::Checks(id),
        ["live", id] => Request::Live(id),
        ["all-checks"] => Request::AllChecks,
        ["bench", table] => Request::Bench(table),
        ["c-names", file] => Request::CNames(file),
        _ => Request::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Lab;

    fn sources() -> Sources {
        let lab = Lab {
            id: "01-pmm".to_owned(),
            title: "Frames".to_owned(),
            chapter: "lab-01-frames.html".to_owned(),
            checks: Vec::new(),
        };
        Sources { labs: vec![lab], ..Sources::default() }
    }

    fn expand(text: &str) -> Result<String, String> {
        expanded(text, Path::new("a.md"), &sources()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn what_is_no_request_stays() {
        let text = "# Title\n\n{{#include ../code.rs:anchor}}\nno newline at the end";
        assert_eq!(expand(text).unwrap(), text);
    }

    #[test]
    fn requests_are_replaced() {
        let text = expand("before\n{{#checks 01-pmm}}\nafter\n").unwrap();
        assert!(text.starts_with("before\n| Check |") && text.ends_with("\nafter\n"), "{text}");
        assert!(expand("{{#live 01-pmm}}\n").unwrap().contains("data-lab=\"01-pmm\""));
        assert!(expand("{{#all-checks}}\n").unwrap().contains("## Lab 01-pmm: Frames"));
    }

    #[test]
    fn a_wrong_request_is_named_with_its_line() {
        assert_eq!(
            expand("one\n\n{{#checks 07-gone}}\n").unwrap_err(),
            "a.md:3: there is no lab `07-gone` with a lab.toml; there is: 01-pmm"
        );
        assert!(expand("{{#live 07-gone}}\n").unwrap_err().starts_with("a.md:1: there is no lab"));
        assert!(expand("{{#bench speed}}\n").unwrap_err().starts_with("a.md:1: there is no table `speed`; there is: "));
        assert!(expand("{{#c-names gone}}\n").unwrap_err().starts_with("a.md:1: no trait in `gone.rs` "));
        for wrong in
            ["{{#bench}}", "{{#checks}}", "see {{#checks 01-pmm}}", "{{#checks 01-pmm", "{{#checks a b}}", "{{#live}}"]
        {
            assert!(expand(wrong).unwrap_err().starts_with("a.md:1: write "), "{wrong}");
        }
    }
}
