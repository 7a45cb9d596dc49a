//! An address space, and its description in words.

use crate::host::style::{FAINT, STRONG, View, plural};
use crate::machine::walk::{self, Run, Snapshot};

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
}

impl Seen {
    /// Reads the address space from a copy of the machine's tables.
    pub fn new(title: String, ended: String, snapshot: &mut Snapshot) -> Self {
        let cr3 = snapshot.cr3;
        let (runs, entries) = (walk::runs(snapshot, cr3), walk::slots(snapshot, cr3));
        Self { title, ended, cr3, runs, entries }
    }
}

/// The most lines that are shown of one half.
const MOST_LINES: usize = 40;

/// The ranges in words, line by line from the lowest address to the highest.
pub fn text(seen: &Seen, view: &View) -> String {
    let mut text = format!(
        "{}\n{}\n",
        view.paint(STRONG, &seen.title),
        view.paint(FAINT, &format!("{}; directory at {}", seen.ended, address(seen.cr3 & !0xFFF)))
    );
    for (title, kernel) in [("user half", false), ("kernel half", true)] {
        let runs: Vec<&Run> = seen.runs.iter().filter(|run| (run.first >= KERNEL_PAGE) == kernel).collect();
        let pages: u32 = runs.iter().map(|run| run.pages).sum();
        text.push_str(&format!("\n{title}: {}\n", plural(pages as usize, "page")));
        for run in runs.iter().take(MOST_LINES) {
            text.push_str(&format!("  {}\n", line(run)));
        }
        if runs.len() > MOST_LINES {
            text.push_str(&format!("  and {} more\n", plural(runs.len() - MOST_LINES, "range")));
        }
    }
    text
}

/// The first page of the kernel half.
pub const KERNEL_PAGE: u32 = 0xC_0000;

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
        Seen::new("The address space at the end of a-check".into(), "passed".into(), &mut snapshot)
    }

    #[test]
    fn an_address_space_is_told_line_by_line() {
        let view = View { color: false, width: 80, verbose: false };
        assert_eq!(
            text(&seen(), &view),
            "The address space at the end of a-check\npassed; directory at 0x0000_1000\n\n\
             user half: 1 page\n  0x0804_8000 – 0x0804_8FFF  rwu        1 page  frame 0x50\n\n\
             kernel half: 1027 pages\n\
             \x20 0xC040_0000 – 0xC07F_FFFF  rw-    1024 pages  frames 0x400 to 0x7ff, in 4 MiB pages\n\
             \x20 0xF000_1000 – 0xF000_3FFF  rw-       3 pages  frames 0x60 to 0x62\n"
        );
    }
}
