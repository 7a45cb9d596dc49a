//! The terms of the book. Italics mark a term and nothing else; for stress there
//! is bold.

use std::collections::BTreeSet;
use std::fs;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::{report, sources};

/// The texts in italics.
fn italics(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Emphasis) => {
                inside = true;
                found.push(String::new());
            }
            Event::End(TagEnd::Emphasis) => inside = false,
            Event::Text(words) | Event::Code(words) if inside => found.last_mut().unwrap().push_str(&words),
            Event::SoftBreak if inside => found.last_mut().unwrap().push(' '),
            _ => {}
        }
    }
    found
}

/// The entries of the glossary `text`, in small letters.
fn entries(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(2).filter(|pair| pair[1].starts_with(": ")).map(|pair| pair[0].to_lowercase()).collect()
}

/// The glossary's entries, and the other names that stand in italics there.
fn glossary() -> BTreeSet<String> {
    let text = fs::read_to_string(sources().join("glossary.md")).unwrap();
    let others = italics(&text).into_iter().map(|term| term.to_lowercase());
    entries(&text).into_iter().chain(others).collect()
}

/// Whether the glossary has the term, in the singular or as it is.
fn has(glossary: &BTreeSet<String>, term: &str) -> bool {
    ["", "s", "es"].iter().filter_map(|ending| term.strip_suffix(ending)).any(|singular| glossary.contains(singular))
}

#[test]
fn the_glossary_has_every_term_in_italics() {
    let glossary = glossary();
    let mut problems = Vec::new();
    for entry in fs::read_dir(sources()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for term in italics(&fs::read_to_string(&file).unwrap()) {
            // The introduction explains italics in italics.
            if term != "italics" && !has(&glossary, &term.to_lowercase()) {
                problems.push(format!("{}: the glossary does not have “{term}”", file.display()));
            }
        }
    }
    report(&problems);
}

#[test]
fn the_glossary_is_in_order_and_has_every_entry_once() {
    let text = fs::read_to_string(sources().join("glossary.md")).unwrap();
    let problems: Vec<String> = entries(&text)
        .windows(2)
        .filter(|pair| pair[0] >= pair[1])
        .map(|pair| format!("“{}” stands before “{}”", pair[0], pair[1]))
        .collect();
    report(&problems);
}
