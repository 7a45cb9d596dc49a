//! The documents beside the book.

use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::page::anchor;
use crate::{report, root};

fn documents() -> Vec<PathBuf> {
    let in_labs = fs::read_dir(root().join("labs")).unwrap().map(|entry| entry.unwrap().path().join("README.md"));
    let names = [
        "README.md",
        "README-student.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "grader/BATCH.md",
        "grader/BOCHS.md",
        "grader/JSON.md",
        "grader/WIRE.md",
        "kernel/bench/README.md",
        "teaching/README.md",
        "teaching/exam-questions.md",
        "book/examples/maps/README.md",
        "book/examples/reports/README.md",
    ];
    names.iter().map(|name| root().join(name)).chain(in_labs).filter(|file| file.is_file()).collect()
}

/// The targets of a document's links and pictures.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Html(html) | Event::InlineHtml(html) => {
                let sources = html.split(" src=\"").skip(1).filter_map(|rest| rest.split('"').next());
                links.extend(sources.map(str::to_owned));
            }
            _ => {}
        }
    }
    links
}

/// Whether the document has a heading with this anchor.
fn has_heading(document: &Path, wanted: &str) -> bool {
    let text = fs::read_to_string(document).unwrap();
    let mut title: Option<String> = None;
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => title = Some(String::new()),
            Event::Text(words) | Event::Code(words) => {
                if let Some(title) = &mut title {
                    *title += &words;
                }
            }
            Event::End(TagEnd::Heading(_)) if title.take().is_some_and(|title| anchor(&title) == wanted) => {
                return true;
            }
            _ => {}
        }
    }
    false
}

#[test]
fn every_place_that_a_document_links_to_is_there() {
    let mut problems = Vec::new();
    for file in documents() {
        for link in links(&fs::read_to_string(&file).unwrap()) {
            if link.starts_with("https://") {
                continue;
            }
            let (path, place) = link.split_once('#').map_or((link.as_str(), None), |(path, place)| (path, Some(place)));
            let target = if path.is_empty() { file.clone() } else { file.with_file_name(path) };
            if !target.exists() {
                problems.push(format!("{}: there is no {path}", file.display()));
            } else if let Some(place) = place
                && !has_heading(&target, place)
            {
                problems.push(format!("{}: there is no #{place} in {}", file.display(), target.display()));
            }
        }
    }
    report(&problems);
}

/// The course's README, and the student's, which takes its place in a hand-out.
const README: &str = "README.md";
const STUDENTS_README: &str = "README-student.md";

/// Whether a document is handed out.
fn is_for_students(name: &str) -> bool {
    ![README, "CONTRIBUTING.md"].contains(&name) && !name.starts_with("teaching/")
}

#[test]
fn a_document_that_students_get_links_to_no_place_that_only_the_course_s_readme_has() {
    let students = root().join(STUDENTS_README);
    if !students.is_file() {
        return;
    }
    let mut problems = Vec::new();
    for file in documents()
        .iter()
        .filter(|file| file.strip_prefix(root()).is_ok_and(|name| is_for_students(&name.to_string_lossy())))
    {
        for link in links(&fs::read_to_string(file).unwrap()) {
            let Some((path, place)) = link.split_once('#') else { continue };
            let is_readme = file.with_file_name(path).canonicalize().ok() == root().join(README).canonicalize().ok();
            if !path.is_empty() && is_readme && !has_heading(&students, place) {
                problems.push(format!("{}: there is no #{place} in {STUDENTS_README}", file.display()));
            }
        }
    }
    report(&problems);
}
