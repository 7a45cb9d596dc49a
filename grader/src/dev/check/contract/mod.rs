//! Whether each sentence of a lab's contract has a check that fails when the sentence is broken. The lab's page
//! `CONTRACT.md` claims so, sentence by sentence; this module verifies the claims.
//!
//! A row's mistakes are the proof. That the check named in its patch catches each mistake is proved by
//! building and booting it, as for all mistakes.

mod page;
mod sentences;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::course::workspace::Lab;

use super::patch::Mistake;
use super::variant::{Kind, Variant};
use page::{Row, Section};
use sentences::Sentence;

/// The page's name, in a lab's folder.
pub const PAGE: &str = "CONTRACT.md";

/// The mistakes of the lab's page: one sentence each.
pub fn complaints(lab: &Lab, variants: &[Variant]) -> Vec<String> {
    let place = format!("labs/{}/{PAGE}", lab.id);
    let Ok(text) = fs::read_to_string(lab.folder.join(PAGE)) else {
        return vec![format!("{place} cannot be read: write it, with a row for each sentence of the contract")];
    };
    let sections = page::read(&text);
    let mut wrong = Vec::new();
    for section in &sections {
        wrong.extend(against_source(&lab.folder, section));
        wrong.extend(section.rows.iter().flat_map(|row| against_lab(lab, variants, row)));
    }
    wrong.extend(unfounded(lab, &sections));
    wrong.iter().map(|wrong| format!("{place}: {wrong}")).collect()
}

/// Whether the page has all sentences of the contract, and no others.
fn against_source(folder: &Path, section: &Section) -> Vec<String> {
    let Ok(source) = fs::read_to_string(folder.join(&section.file)) else {
        return vec![format!("{} cannot be read: name a file of the contract", section.file)];
    };
    let said = sentences::of_source(&source);
    let all: Vec<&Sentence> = section.rows.iter().map(|row| &row.sentence).chain(&section.listed).collect();
    let mut wrong = Vec::new();
    for sentence in said.iter().filter(|sentence| !all.contains(sentence)) {
        wrong.push(format!("no row for `{}`: \"{}\": add one", sentence.of, sentence.text));
    }
    let mut seen = BTreeSet::new();
    for sentence in all {
        if !said.contains(sentence) {
            wrong.push(format!("the contract does not say of `{}`: \"{}\"", sentence.of, sentence.text));
        } else if !seen.insert(sentence) {
            wrong.push(format!("`{}`: \"{}\" stands there twice", sentence.of, sentence.text));
        }
    }
    wrong
}

/// Whether a row names existing checks and mistakes, and these belong together.
fn against_lab(lab: &Lab, variants: &[Variant], row: &Row) -> Vec<String> {
    let of = format!("`{}`, \"{}\"", row.sentence.of, row.sentence.text);
    let mut wrong = Vec::new();
    let mut caught = BTreeSet::new();
    for name in &row.mistakes {
        match mistake(variants, name) {
            Some(mistake) if row.checks.contains(&mistake.caught_by) => {
                caught.insert(mistake.caught_by.as_str());
            }
            Some(mistake) => wrong.push(format!(
                "{of}: the mistake `{name}` is caught by `{}`: name that check, or another mistake",
                mistake.caught_by
            )),
            None => wrong.push(format!("{of}: there is no mistake `{name}`")),
        }
    }
    for check in &row.checks {
        if !lab.toml.checks.iter().any(|known| known.name == *check) {
            wrong.push(format!("{of}: there is no check `{check}`"));
        } else if !caught.contains(check.as_str()) {
            wrong.push(format!("{of}: no mistake of this row shows that `{check}` fails: name one, or write one"));
        }
    }
    if row.checks.is_empty() {
        wrong.push(format!("{of}: no check is named"));
    }
    wrong
}

fn mistake<'v>(variants: &'v [Variant], name: &str) -> Option<&'v Mistake> {
    variants.iter().find_map(|variant| match &variant.kind {
        Kind::Mistake(mistake) if variant.origin.file_stem().is_some_and(|stem| stem == name) => Some(mistake),
        _ => None,
    })
}

/// Checks that prove no sentence, though they judge neither cost nor the whole system.
fn unfounded(lab: &Lab, sections: &[Section]) -> Vec<String> {
    let named: BTreeSet<&str> =
        sections.iter().flat_map(|section| &section.rows).flat_map(|row| &row.checks).map(String::as_str).collect();
    let checks = lab.toml.checks.iter().filter(|check| !check.cost && !check.programs);
    checks
        .filter(|check| !named.contains(check.name.as_str()))
        .map(|check| format!("`{}` stands on no sentence of the contract: name it in a row", check.name))
        .collect()
}

#[cfg(test)]
mod tests;
