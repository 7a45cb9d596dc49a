//! The sentences of a contract: of the documentation in a file of `kernel/mm-api`.

/// A sentence, and the item that it describes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sentence {
    /// A trait, a type, or a part of one: `FrameAllocator`, `FrameAllocator::free`.
    pub of: String,
    /// The sentence, without links and bold type.
    pub text: String,
}

/// All sentences in a source file's documentation of its items, each once, in the order of the file.
pub fn of_source(source: &str) -> Vec<Sentence> {
    let mut found = Vec::new();
    let mut documentation = Vec::new();
    let mut item = String::new();
    for line in source.lines() {
        let code = line.trim();
        if let Some(text) = code.strip_prefix("///") {
            documentation.push(text.trim());
            continue;
        }
        if code.is_empty() || code.starts_with("//") || code.starts_with("#[") {
            continue;
        }
        let part = line.starts_with(' ');
        if !part && let Some(name) = name_of(code) {
            item = name;
        }
        let of = match name_of(code) {
            Some(name) if part => format!("{item}::{name}"),
            _ => item.clone(),
        };
        for text in paragraphs(&documentation).iter().flat_map(|paragraph| split(paragraph)) {
            let sentence = Sentence { of: of.clone(), text };
            if !found.contains(&sentence) {
                found.push(sentence);
            }
        }
        documentation.clear();
    }
    found
}

/// The name of the item that a line of code declares.
fn name_of(code: &str) -> Option<String> {
    let declared = match code.strip_prefix("impl") {
        Some(rest) => rest.split_once(" for ").map_or(rest, |(_, what)| what),
        None => code,
    };
    let words = declared.split(|c: char| !c.is_alphanumeric() && c != '_');
    let keywords = ["pub", "const", "fn", "trait", "struct", "enum", "type", "mod", "use"];
    words.filter(|word| !word.is_empty()).find(|word| !keywords.contains(word)).map(str::to_owned)
}

/// The paragraphs of a documentation. Headings and the targets of links belong to no sentence.
fn paragraphs(lines: &[&str]) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in lines {
        let (text, begins) = match line.strip_prefix("- ") {
            Some(text) => (text, true),
            None => (*line, line.is_empty() || line.starts_with('#')),
        };
        if begins {
            paragraphs.push(String::new());
        }
        let is_target = line.starts_with('[') && line.contains("]: ");
        if let Some(last) = paragraphs.last_mut()
            && !is_target
            && !line.starts_with('#')
        {
            last.push_str(text);
            last.push(' ');
        }
    }
    paragraphs
}

/// A paragraph's sentences. A bold beginning that ends with a full stop is a title.
fn split(paragraph: &str) -> Vec<String> {
    let paragraph = paragraph.trim();
    let title = paragraph.strip_prefix("**").and_then(|rest| rest.split_once("**"));
    let text = match title {
        Some((title, rest)) if title.ends_with('.') => plain(rest),
        _ => plain(paragraph),
    };
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(' ') {
        let ends = text[start..at].trim_end_matches(')').ends_with(['.', '!', '?']);
        let begins = text[at + 1..].starts_with(|c: char| c.is_uppercase() || ['`', '(', '['].contains(&c));
        if ends && begins {
            sentences.push(text[start..at].to_owned());
            start = at + 1;
        }
    }
    if !text[start..].is_empty() {
        sentences.push(text[start..].to_owned());
    }
    sentences
}

/// The plain text: links are replaced by their words, and bold type is removed.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, link) = rest.split_at(open);
        plain.push_str(before);
        let Some(close) = link.find(']') else {
            rest = link;
            break;
        };
        let (words, after) = (&link[1..close], &link[close + 1..]);
        let target = after.strip_prefix('(').and_then(|target| target.find(')'));
        match target {
            Some(end) => {
                plain.push_str(words);
                rest = &after[end + 2..];
            }
            None => {
                let is_name = words.starts_with('`');
                plain.push_str(if is_name { words } else { &link[..=close] });
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    let plain = plain.replace("**", "").replace("``", "");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! About the file.

use core::fmt;

// ANCHOR: heap
/// A heap. It **never** shrinks, see [`Heap`] (SDM vol. 3, section 4.2). (Nor does
/// it [grow](Self::grow).)
///
/// # The contract
/// **Errors.** `new` has none:
/// - One thing. [`Heap::new`]
///
/// [`Heap`]: crate::Heap
pub trait Heap<T> {
    /// Makes one. Makes one.
    #[must_use]
    fn new() -> Self;
}

impl fmt::Display for Error {
    /// Says it.
    pub const WORD: u8 = 0;
}
";

    #[test]
    fn each_sentence_is_found_with_what_it_is_said_of() {
        let found = of_source(SOURCE);
        let told: Vec<(&str, &str)> = found.iter().map(|found| (found.of.as_str(), found.text.as_str())).collect();
        assert_eq!(
            told,
            [
                ("Heap", "A heap."),
                ("Heap", "It never shrinks, see `Heap` (SDM vol. 3, section 4.2)."),
                ("Heap", "(Nor does it grow.)"),
                ("Heap", "`new` has none:"),
                ("Heap", "One thing."),
                ("Heap", "`Heap::new`"),
                ("Heap::new", "Makes one."),
                ("Error::WORD", "Says it."),
            ]
        );
    }
}
