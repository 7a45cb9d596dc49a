//! An address space, and its description in words.

use super::tree::{self, tree};
use crate::host::style::{FAINT, STRONG, View, plural};
use crate::machine::tree::{Branch, KERNEL_ENTRY, Users, branches};
use crate::machine::walk::{self, ENTRIES, Run, Snapshot};

/// An address space at one moment of a check.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The title, such as `The address space at the end of map-twice`.
    pub title: String,
    /// How the check ended, in a sentence.
    pub ended: String,
    /// The register that names the directory.
    pub cr3: u32,
    /// All ranges that the directory maps.
    pub runs: Vec<Run>,
    /// Each of the directory's entries.
    pub entries: Vec<walk::Slot>,
    /// The directory as a tree.
    pub branches: Vec<Branch>,
}

impl Seen {
    /// Reads the address space from a copy of the machine's tables. `others` are the frames with the directories of
    /// other spaces whose tables are in the copy: their pages may have frames in common with this one's.
    pub fn new(title: String, ended: String, snapshot: &mut Snapshot, others: &[u32]) -> Self {
        let cr3 = snapshot.cr3;
        let (runs, entries) = (walk::runs(snapshot, cr3), walk::slots(snapshot, cr3));
        let users = Users::of(snapshot, others.iter().map(|frame| frame << 12).chain([cr3]));
        let branches = branches(snapshot, cr3, &users);
        Self { title, ended, cr3, runs, entries, branches }
    }
}

/// With what stands around it, a tree of so many lines fits into a terminal of 24 rows.
const MOST_LINES: usize = 16;

/// The space in words: its directory as a tree, folded to about a screen unless everything is asked for.
pub fn text(seen: &Seen, view: &View) -> String {
    let tree = tree(seen, if view.verbose { usize::MAX } else { MOST_LINES });
    let mut text = format!("{}\n{}\n", view.paint(STRONG, &seen.title), seen.ended);
    text.push_str(&tree::text(&tree.root, view));
    for told in tree::legend(&tree.root) {
        text.push_str(&format!("{}\n", view.paint(FAINT, told)));
    }
    if tree.is_folded {
        text.push_str(&format!("{}\n", view.paint(FAINT, "Folded to a screen: `-v` shows every run of pages.")));
    }
    text
}

/// The first page of the kernel half.
pub const KERNEL_PAGE: u32 = KERNEL_ENTRY * ENTRIES;

/// A run in one line.
pub fn line(run: &Run) -> String {
    let last = (run.first + run.pages - 1) << 12 | 0xFFF;
    let frames = match (run.pages, run.contiguous) {
        (1, _) => format!("frame {:#x}", run.frame),
        (pages, true) => format!("frames {:#x} to {:#x}", run.frame, run.frame + pages - 1),
        (_, false) => format!("frame {:#x} and others", run.frame),
    };
    let large = if run.large { ", in 4 MiB pages" } else { "" };
    let pages = plural(run.pages as usize, "page");
    format!("{} – {}  {}  {pages:>12}  {frames}{large}", address(run.first << 12), address(last), run.rights)
}

/// `0x0804_8000`.
pub fn address(address: u32) -> String {
    format!("0x{:04X}_{:04X}", address >> 16, address & 0xFFFF)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A page for users, three for the kernel, and a 4 MiB page.
    pub fn seen() -> Seen {
        let (mut directory, mut user, mut kernel) = ([0; 1024], [0; 1024], [0; 1024]);
        directory[0x20] = 0x2007;
        user[0x48] = 0x5_0007;
        directory[0x3C0] = 0x3003;
        kernel[1..4].copy_from_slice(&[0x6_0003, 0x6_1003, 0x6_2003]);
        directory[0x301] = 0x0040_0083;
        let mut snapshot = Snapshot { cr3: 0x1000, frames: [(1, directory), (2, user), (3, kernel)].into() };
        Seen::new("The address space at the end of a-check".into(), "passed".into(), &mut snapshot, &[])
    }

    #[test]
    fn an_address_space_is_told_with_its_tree() {
        let view = View { color: false, width: 80, verbose: false };
        let text = text(&seen(), &view);
        assert!(text.starts_with("The address space at the end of a-check\npassed\npage directory in frame 0x1\n├ "));
        assert!(
            text.ends_with(
                "frames 0x60–0x62\nr read, w write, u programs too; a page has the rights that both levels give\n"
            ),
            "{text}"
        );
    }
}
