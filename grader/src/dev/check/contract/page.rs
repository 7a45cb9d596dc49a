//! A lab's page `CONTRACT.md`: each sentence of the contract, with the check that fails when it is broken.
//!
//! ```text
//! ## [`pmm.rs`](../../kernel/mm-api/src/pmm.rs)
//!
//! | Of | The contract says | What fails | With which mistakes |
//! |---|---|---|---|
//! | `FrameAllocator::free_frames` | Always exact. | `exact-counts` | `refused-free-counts` |
//!
//! - `FrameAllocator::allocate`: Which one is the allocator's choice.
//! ```
//!
//! The rows of the table are checked. The sentences of the list name, explain, leave a choice, or bind the kernel.

use super::sentences::Sentence;

/// The page's section about a file of `kernel/mm-api`.
#[derive(Debug)]
pub struct Section {
    /// The file, relative to the lab's folder, as the page's link names it.
    pub file: String,
    /// The sentences that are checked.
    pub rows: Vec<Row>,
    /// The sentences that no implementation can break.
    pub listed: Vec<Sentence>,
}

/// A sentence that is checked.
#[derive(Debug)]
pub struct Row {
    pub sentence: Sentence,
    /// The checks that fail.
    pub checks: Vec<String>,
    /// The mistakes that show it, by the names of their patches.
    pub mistakes: Vec<String>,
}

/// Parses the page.
pub fn read(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.extend(target(heading).map(|file| Section { file, rows: Vec::new(), listed: Vec::new() }));
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        if line.starts_with("| `") {
            section.rows.push(row(line));
        } else if let Some((of, text)) = line.strip_prefix("- `").and_then(|item| item.split_once("`: ")) {
            // An arrow, and after it the reason why it cannot be checked.
            let text = text.split(" → ").next().unwrap_or(text).trim();
            section.listed.push(Sentence { of: of.to_owned(), text: text.to_owned() });
        }
    }
    sections
}

/// The target of a heading's link.
fn target(heading: &str) -> Option<String> {
    Some(heading.split_once("](")?.1.split_once(')')?.0.to_owned())
}

fn row(line: &str) -> Row {
    let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
    let mut next = || cells.next().unwrap_or_default();
    let (of, text) = (next().trim_matches('`').to_owned(), next().to_owned());
    let (checks, mistakes) = (names(next()), names(next()));
    Row { sentence: Sentence { of, text }, checks, mistakes }
}

/// The text between backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
