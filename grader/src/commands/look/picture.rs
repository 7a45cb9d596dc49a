//! An address space as a picture: the 1024 entries of its directory, each in its place, and below them the directory as
//! a tree.

use std::fmt::Write;

use crate::machine::walk::Slot;

use super::drawing::{COLUMNS, Drawing, STEP, STYLE, TOP, escaped, legend, square};
use super::regions;
use super::seen::{KERNEL_PAGE, Seen, line};
use super::tree::{self, Node, Tone, tree};

/// The most lines of the tree under the squares.
const MOST_LINES: usize = 32;
/// The most runs in the sentence for those who cannot see the picture.
const MOST_TOLD: usize = 16;
/// Between two lines of the tree, and between two of its levels.
const LINE: usize = 17;
const LEVEL: usize = 18;

/// The picture, as SVG, with the regions of a process below the directory.
pub fn picture(seen: &Seen) -> String {
    let directory = directory(seen, Ground::Own);
    let whole = match regions::drawing(seen, "The regions") {
        Some(regions) => directory.above(&regions),
        None => directory,
    };
    whole.svg("look")
}

/// The directory as one of many pictures on a page that contains [`shared`] once. `id` is unique on the page.
pub fn one_of_many(seen: &Seen, id: &str) -> String {
    directory(seen, Ground::Shared).svg(id)
}

/// The parts that all pictures of a page share: the style, and a square for each entry.
pub fn shared(entries: usize) -> String {
    let squares: String = (0..entries).map(square).collect();
    format!(
        "<svg class=\"folio-look\" width=\"0\" height=\"0\" aria-hidden=\"true\"><style>{STYLE}</style>\
         <defs><path id=\"squares\" d=\"{squares}\"/></defs></svg>\n"
    )
}

/// Where a picture takes the squares from that are the same in every picture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    Own,
    Shared,
}

fn directory(seen: &Seen, ground: Ground) -> Drawing {
    let rows = seen.entries.len().div_ceil(COLUMNS);
    let below = TOP + rows * STEP + 54;
    let mut body = match ground {
        Ground::Own => format!("<style>{STYLE}</style>\n"),
        Ground::Shared => String::new(),
    };
    body.push_str(&grid(seen, rows, ground));
    let colours = [("user", "table, user half"), ("kernel", "table, kernel half"), ("large", "4 MiB page")];
    body.push_str(&legend(TOP + rows * STEP + 14, &colours));
    let tree = tree(seen, MOST_LINES);
    let mut y = below;
    branch(&tree.root, 0, &mut y, &mut body);
    let folded =
        tree.is_folded.then_some("Tables without their pages are folded: `cargo grade look CHECK -v` shows all.");
    for told in tree::legend(&tree.root).into_iter().chain(folded) {
        let _ = writeln!(body, "<text class=\"d\" x=\"16\" y=\"{}\">{}</text>", y + 6, escaped(told));
        y += LINE;
    }
    Drawing {
        title: seen.title.clone(),
        subtitle: "Each square is an entry of the page directory: 4 MiB of addresses".to_owned(),
        description: description(seen),
        body,
        height: y + 14,
    }
}

/// A line of the tree at `y`, and what hangs on it below.
fn branch(node: &Node, level: usize, y: &mut usize, body: &mut String) {
    let (x, own) = (16 + level * LEVEL, *y);
    let class = match node.tone {
        Tone::User => "user",
        Tone::Kernel => "kernel",
        Tone::Large => "large",
        Tone::Wrong => "other",
        Tone::Plain | Tone::Note => "",
    };
    let mut left = x;
    if !class.is_empty() {
        let _ = writeln!(body, "<path class=\"s {class}\" d=\"M{x} {}h9v9h-9z\"/>", own - 9);
        left += 15;
    }
    let faint = if node.tone == Tone::Note { " class=\"d\"" } else { "" };
    let text = escaped(&node.text);
    let _ = writeln!(body, "<text{faint} x=\"{left}\" y=\"{own}\" xml:space=\"preserve\">{text}</text>");
    *y += LINE;
    let (mut lines, mut last) = (String::new(), own);
    for child in &node.children {
        last = *y - 4;
        let _ = write!(lines, "M{} {last}h{}", x + 4, LEVEL - 7);
        branch(child, level + 1, y, body);
    }
    if !lines.is_empty() {
        let _ = writeln!(body, "<path class=\"l\" d=\"M{} {}V{last}{lines}\"/>", x + 4, own + 4);
    }
}

/// The squares, with an address at every fourth row: every 512 MiB.
fn grid(seen: &Seen, rows: usize, ground: Ground) -> String {
    let mut svg = String::new();
    for row in (0..rows).step_by(4) {
        let (start, y) = ((row * COLUMNS) as u32 * 0x40, TOP + row * STEP + 11);
        let _ = writeln!(svg, "<text class=\"d\" x=\"16\" y=\"{y}\">0x{start:04X}_0000</text>");
    }
    if ground == Ground::Shared {
        svg.push_str("<use class=\"none\" href=\"#squares\"/>\n");
    }
    for class in ["none", "s user", "s kernel", "s large", "s other"] {
        let squares = squares(seen, class);
        if !squares.is_empty() && (class != "none" || ground == Ground::Own) {
            let _ = writeln!(svg, "<path class=\"{class}\" d=\"{squares}\"/>");
        }
    }
    svg
}

/// The outlines of all squares of a class.
fn squares(seen: &Seen, wanted: &str) -> String {
    let all = seen.entries.iter().enumerate();
    all.filter(|(index, slot)| class(**slot, *index) == wanted).map(|(index, _)| square(index)).collect()
}

/// The class of a square, by its entry.
fn class(slot: Slot, index: usize) -> &'static str {
    match slot {
        Slot::Empty => "none",
        Slot::LargePage => "s large",
        Slot::Table(_) if index as u32 * 1024 < KERNEL_PAGE => "s user",
        Slot::Table(_) => "s kernel",
        Slot::NoMemory => "s other",
    }
}

/// The picture in a sentence, for readers who cannot see it.
fn description(seen: &Seen) -> String {
    let count = |wanted: fn(&Slot) -> bool| seen.entries.iter().filter(|slot| wanted(slot)).count();
    let tables = count(|slot| matches!(slot, Slot::Table(_)));
    let large = count(|slot| *slot == Slot::LargePage);
    let mut text = format!("{tables} page tables and {large} pages of 4 MiB.");
    for run in seen.runs.iter().take(MOST_TOLD) {
        let _ = write!(text, " {}.", line(run));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::seen::tests::seen;
    use super::*;

    #[test]
    fn a_picture_is_well_formed_and_says_what_it_shows() {
        let picture = picture(&seen());
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(picture.contains("<title ") && picture.contains("<desc "));
        let squares = |class: &str| {
            let path = picture.lines().find_map(|line| line.strip_prefix(&format!("<path class=\"{class}\" d=\"")));
            path.map_or(0, |path| path.matches('M').count())
        };
        let counts = ["none", "s user", "s kernel", "s large", "s other"].map(squares);
        assert_eq!(counts, [1021, 1, 1, 1, 0]);
        assert!(picture.contains(">The regions: ") && picture.contains("The regions: "), "{picture}");
    }

    #[test]
    fn what_a_check_is_called_cannot_break_the_picture() {
        let seen = Seen { title: "<a & b>".into(), ..seen() };
        assert!(picture(&seen).contains("&lt;a &amp; b&gt;"));
    }
}
