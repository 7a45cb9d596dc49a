//! The limits of the checks on cost: the labs' rules and chapters must name the numbers that the
//! kernel uses.

use std::fs;

use folio_book::lab;

use crate::{report, root, sources};

/// The constants in a file of checks that are limits, by name.
fn constants(text: &str) -> Vec<(&str, &str)> {
    let limits = text.lines().filter_map(|line| line.strip_prefix("const ")?.strip_suffix(';')?.split_once(" = "));
    let limits = limits.filter_map(|(name, value)| Some((name.split_once(':')?.0, value)));
    limits.filter(|(name, _)| name.ends_with("BAR") || *name == "OWN_BYTES").collect()
}

/// Whether the text has this number, and not only a longer one with these digits.
fn names(text: &str, number: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_digit()).any(|word| word == number)
}

#[test]
fn rules_and_chapters_name_the_limits_on_cost() {
    let labs = lab::read_all(&root().join("labs")).unwrap_or_else(|problem| panic!("{problem}"));
    let mut problems = Vec::new();
    for (id, checks) in [("01-pmm", "pmm"), ("03-heap", "heap")] {
        let lab = labs.iter().find(|lab| lab.id == id).unwrap();
        let rules: String =
            lab.checks.iter().filter(|check| check.cost).map(|check| check.rule.clone() + "\n").collect();
        let chapter = fs::read_to_string(sources().join(lab.chapter.replace(".html", ".md"))).unwrap();
        let source = fs::read_to_string(root().join(format!("kernel/checks/src/{checks}/cost.rs"))).unwrap();
        let limits = constants(&source);
        assert!(!limits.is_empty(), "{checks}/cost.rs has no limits that this test finds");
        for (name, limit) in limits {
            for (text, place) in [(&rules, "no rule"), (&chapter, "not the chapter")] {
                if !names(text, limit) {
                    problems.push(format!("{id}: {place} says {limit}, which is {name} in {checks}/cost.rs"));
                }
            }
        }
    }
    report(&problems);
}
