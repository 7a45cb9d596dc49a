//! The parts that every lab's chapter must have.

use std::fs;

use folio_book::lab;

use crate::{report, root, sources};

/// The sections that every chapter has, in this order.
const SECTIONS: [&str; 5] =
    ["An order that works", "Mistakes that everybody makes", "Questions", "Further reading", "The checks"];

/// The text under a heading, up to the next heading of its level.
fn section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let start = text.find(&format!("\n## {title}\n"))? + 1;
    let rest = &text[start..];
    Some(rest.find("\n## ").map_or(rest, |end| &rest[..end]))
}

/// The parts that a chapter lacks.
fn lacking(text: &str) -> Vec<String> {
    let mut lacks = Vec::new();
    let found: Vec<Option<usize>> = SECTIONS.iter().map(|title| text.find(&format!("\n## {title}\n"))).collect();
    for (title, place) in SECTIONS.iter().zip(&found) {
        if place.is_none() {
            lacks.push(format!("a section “{title}”"));
        }
    }
    if !found.iter().flatten().is_sorted() {
        lacks.push("the order of the sections".to_owned());
    }
    let has = |title, wanted: &str, least| section(text, title).is_none_or(|it| it.matches(wanted).count() >= least);
    if !text.contains("{{#include ../../kernel/mm-api/") {
        lacks.push("the contract".to_owned());
    }
    if !has(SECTIONS[0], "| What you should see |", 1) {
        lacks.push("what to see after each step".to_owned());
    }
    if !has(SECTIONS[1], "\n- ", 5) {
        lacks.push("five mistakes".to_owned());
    }
    if !has(SECTIONS[2], "<details><summary>", 4) {
        lacks.push("four questions with folded answers".to_owned());
    }
    if !has(SECTIONS[3], "\n- ", 3) {
        lacks.push("three sources".to_owned());
    }
    lacks
}

#[test]
fn every_lab_s_chapter_is_whole() {
    let labs = lab::read_all(&root().join("labs")).unwrap_or_else(|problem| panic!("{problem}"));
    let mut problems = Vec::new();
    for lab in labs {
        let name = lab.chapter.replace(".html", ".md");
        let text = fs::read_to_string(sources().join(&name)).unwrap();
        problems.extend(lacking(&text).into_iter().map(|what| format!("{name} lacks {what}")));
    }
    report(&problems);
}

#[test]
fn what_a_chapter_lacks_is_named() {
    let all = lacking("# Lab 09\n\n## Questions\n\n<details><summary>One?</summary>\n");
    for part in ["“An order that works”", "“Further reading”", "the contract", "four questions"] {
        assert!(all.iter().any(|what| what.contains(part)), "{part} in {all:?}");
    }
}

/// A hand-out does not have them.
#[test]
fn the_exam_has_five_questions_on_every_lab() {
    let Ok(text) = fs::read_to_string(root().join("teaching/exam-questions.md")) else { return };
    let labs = lab::read_all(&root().join("labs")).unwrap_or_else(|problem| panic!("{problem}"));
    let mut problems = Vec::new();
    for number in labs.iter().map(|lab| &lab.id[..2]) {
        let questions = text.lines().filter(|line| line.starts_with(&format!("**{number}."))).count();
        let headings = text.lines().filter(|line| line.starts_with(&format!("## Lab {number}: "))).count();
        if (headings, questions) != (1, 5) {
            problems.push(format!("lab {number} has {questions} exam questions under {headings} headings"));
        }
    }
    report(&problems);
}
