//! A page as mdBook sees it: with its requests and includes expanded.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use folio_book::{Sources, chapter};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The parts of a page that tests check.
#[derive(Default)]
pub struct Page {
    /// The file's name, such as `setup.md`.
    pub name: String,
    /// All anchors that a link may point to.
    pub anchors: BTreeSet<String>,
    /// The targets of the page's links and images.
    pub links: Vec<String>,
    /// The files that the page includes.
    pub included: Vec<PathBuf>,
    /// The problems found while reading.
    pub problems: Vec<String>,
}

impl Page {
    /// Reads the page in `file`.
    pub fn read(file: &Path, sources: &Sources) -> Self {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut page = Self { name, ..Self::default() };
        let raw = fs::read_to_string(file).unwrap();
        page.look_for_pasted_code(&raw);
        match chapter::expanded(&raw, file, sources) {
            Ok(text) => {
                let text = page.with_includes(&text, file);
                page.read_markdown(&text);
            }
            Err(problem) => page.problems.push(problem.to_string()),
        }
        page
    }

    fn problem(&mut self, what: &str) {
        self.problems.push(format!("{}: {what}", self.name));
    }

    /// Rust code in the book comes from files that are compiled.
    fn look_for_pasted_code(&mut self, raw: &str) {
        let mut in_rust = false;
        for line in raw.lines() {
            if line.starts_with("```") {
                in_rust = line.starts_with("```rust");
            } else if in_rust && !line.trim().is_empty() && !line.starts_with("{{#include ") {
                self.problem(&format!("Rust code that is not included from a file: {line}"));
            }
        }
    }

    /// Expands `{{#include FILE}}` and `{{#include FILE:ANCHOR}}` as mdBook's own preprocessor
    /// does: the two forms that the book uses.
    fn with_includes(&mut self, text: &str, file: &Path) -> String {
        let mut out = String::new();
        for line in text.lines() {
            let request = line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
            match request {
                Some(target) => out += &self.include(target, file),
                None if line.contains("{{#include") => self.problem("{{#include …}} is not on a line of its own"),
                None => out += line,
            }
            out.push('\n');
        }
        out
    }

    fn include(&mut self, target: &str, from: &Path) -> String {
        let (path, anchor) = match target.split_once(':') {
            Some((path, anchor)) => (path, Some(anchor)),
            None => (target, None),
        };
        let path = from.with_file_name(path);
        if path.components().any(|part| part.as_os_str() == "solution") {
            self.problem(&format!("includes a solution: {target}"));
        }
        let Ok(text) = fs::read_to_string(&path) else {
            self.problem(&format!("includes a file that is not there: {target}"));
            return String::new();
        };
        self.included.push(path);
        let Some(anchor) = anchor else { return text.trim_end().to_owned() };
        let ends_with = |line: &str, marker: &str| line.trim_end().ends_with(&format!("{marker}: {anchor}"));
        let part: Vec<&str> = text
            .lines()
            .skip_while(|line| !ends_with(line, "ANCHOR"))
            .skip(1)
            .take_while(|line| !ends_with(line, "ANCHOR_END"))
            .collect();
        if part.is_empty() {
            self.problem(&format!("includes an anchor that is not there: {target}"));
        }
        part.join("\n")
    }

    fn read_markdown(&mut self, text: &str) {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_HEADING_ATTRIBUTES
            | Options::ENABLE_DEFINITION_LIST
            | Options::ENABLE_SMART_PUNCTUATION;
        let mut title: Option<(Option<String>, String)> = None;
        for event in Parser::new_ext(text, options) {
            match event {
                Event::Start(Tag::Heading { id, .. }) => title = Some((id.map(|id| id.to_string()), String::new())),
                Event::Start(Tag::DefinitionListTitle) => title = Some((None, String::new())),
                Event::Text(words) | Event::Code(words) => {
                    if let Some((_, text)) = &mut title {
                        *text += &words;
                    }
                }
                Event::End(TagEnd::Heading(_) | TagEnd::DefinitionListTitle) => {
                    let (id, text) = title.take().unwrap_or_default();
                    let anchor = id.unwrap_or_else(|| anchor(&text));
                    if !self.anchors.insert(anchor.clone()) {
                        self.problem(&format!("two headings with the anchor #{anchor}"));
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.links.push(dest_url.to_string());
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) if language.is_empty() => {
                    self.problem("a code block without a language");
                }
                _ => {}
            }
        }
    }
}

/// The anchor that mdBook gives a heading with this text.
pub fn anchor(text: &str) -> String {
    let keep = |c: char| match c {
        _ if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
        _ if c.is_whitespace() => Some('-'),
        _ => None,
    };
    text.trim().to_lowercase().chars().filter_map(keep).collect()
}
