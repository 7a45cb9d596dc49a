//! The documents beside the book.

use std::fs;
use std::path::PathBuf;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::{report, root};

fn documents() -> Vec<PathBuf> {
    let in_labs = fs::read_dir(root().join("labs")).unwrap().map(|entry| entry.unwrap().path().join("README.md"));
    let names = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "grader/JSON.md"];
    names.iter().map(|name| root().join(name)).chain(in_labs).filter(|file| file.is_file()).collect()
}

#[test]
fn every_file_that_a_document_links_to_is_there() {
    let mut problems = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else { continue };
            let path = dest_url.split('#').next().unwrap_or_default();
            if path.is_empty() || path.starts_with("https://") {
                continue;
            }
            if !file.with_file_name(path).exists() {
                problems.push(format!("{}: there is no {path}", file.display()));
            }
        }
    }
    report(&problems);
}
