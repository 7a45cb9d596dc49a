//! Whether the places in the book to which a lab links exist.

use std::fs;
use std::path::Path;

use crate::course::workspace::Lab;

/// The lab's broken links into the book: one sentence each.
pub fn complaints(root: &Path, lab: &Lab) -> Vec<String> {
    let mut complaints = Vec::new();
    let links = lab.toml.checks.iter().map(|check| (check.line, check.chapter.as_str()));
    for (line, link) in std::iter::once((1, lab.toml.chapter.as_str())).chain(links) {
        let place = format!("labs/{}/lab.toml:{line}", lab.id);
        let (page, anchor) = match link.split_once('#') {
            Some((page, anchor)) => (page, Some(anchor)),
            None => (link, None),
        };
        let source = format!("book/src/{}.md", page.strip_suffix(".html").unwrap_or(page));
        let Ok(text) = fs::read_to_string(root.join(&source)) else {
            complaints.push(format!("{place}: the chapter `{page}` is not in the book: write {source}"));
            continue;
        };
        if let Some(anchor) = anchor
            && !has_anchor(&text, anchor, lab)
        {
            complaints.push(format!("{place}: {source} has no place `#{anchor}`: add it, or point elsewhere"));
        }
    }
    complaints
}

/// Whether the page has a place with that name: a heading, an explicit id, or a
/// check in the list that the book makes from `lab.toml`.
fn has_anchor(text: &str, anchor: &str, lab: &Lab) -> bool {
    let heading = |line: &str| line.starts_with('#') && slug(line.trim_start_matches('#').trim()) == anchor;
    let listed = text.contains(&format!("{{{{#checks {}}}}}", lab.id))
        && lab.toml.checks.iter().any(|check| check.name == anchor);
    listed
        || text.lines().any(heading)
        || text.contains(&format!("{{#{anchor}}}"))
        || text.contains(&format!("id=\"{anchor}\""))
}

/// A heading's anchor, as mdBook makes it.
fn slug(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_has_the_anchor_that_the_book_gives_it() {
        assert_eq!(slug("What it costs"), "what-it-costs");
        assert_eq!(slug("`free`, twice!"), "free-twice");
    }
}
