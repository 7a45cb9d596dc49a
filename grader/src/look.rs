//! `cargo grade look`: the address space as it is at the end of a check, or at
//! the moment of its crash, read from the machine's memory.

use crate::compile::Built;
use crate::emulator::Boot;
use crate::error::{Error, Result};
use crate::grade::Engine;
use crate::lab_toml::Check;
use crate::progress::Progress;
use crate::report::style::{FAINT, STRONG, View, plural};
use crate::schedule::nonce;
use crate::verdict;
use crate::walk::{self, Run, Snapshot};
use crate::wire::Transcript;
use crate::workspace::{Lab, Workspace};

mod picture;

pub use picture::picture;

/// What there was to be seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The check that ran.
    pub check: String,
    /// How it ended, in a sentence.
    pub ended: String,
    /// The register that names the directory.
    pub cr3: u32,
    /// All that the directory maps.
    pub runs: Vec<Run>,
    /// Each of the directory's entries.
    pub entries: Vec<walk::Slot>,
}

/// The check that `what` names: by its own name, or by its lab's.
///
/// # Errors
/// If there is no such check or lab.
pub fn choose<'a>(workspace: &'a Workspace, what: &str) -> Result<(&'a Lab, &'a Check)> {
    if let Ok(found) = workspace.check(what) {
        return Ok(found);
    }
    let lab = match workspace.labs.iter().find(|lab| lab.is_called(what)) {
        Some(lab) => lab,
        // Says which names there are.
        None => return workspace.check(what),
    };
    let checks = &lab.toml.checks;
    let check = checks.iter().find(|check| check.checkpoints > 0).or(checks.last());
    check.map(|check| (lab, check)).ok_or_else(|| Error::new(format!("labs/{} has no checks", lab.id)))
}

/// Runs a check, and looks at the machine when it ends.
///
/// # Errors
/// If the kernel does not compile, the machine cannot be started, or nothing was
/// to be seen.
pub fn look(engine: &Engine, lab: &Lab, check: &Check, solution: bool, seed: u64, progress: &Progress) -> Result<Seen> {
    let mix = if solution { engine.mix(&[]) } else { engine.mix(&[lab]) };
    let image = match engine.build(&mix, progress, &mut Vec::new())? {
        Built::Image(image) => image,
        Built::Broken(broken) => {
            let text: String = broken.errors.into_values().collect();
            return Err(Error::new("the kernel does not compile").advise("this is what rustc said:").output(text));
        }
    };
    let nonce = nonce()?;
    let words = vec![
        format!("nonce={nonce}"),
        format!("check={}", check.name),
        format!("seed={seed}"),
        format!("budget={}", check.budget),
        "look".to_owned(),
    ];
    let memory = check.memory.first().copied().unwrap_or(crate::lab_toml::Memory::DEFAULT);
    let programs = if check.programs { engine.programs()? } else { Vec::new() };
    let (image, budget) = (&image.path, check.budget);
    let outcome = engine.emulator.boot(&Boot { image, memory, programs: &programs, words, budget, look: true })?;
    let transcript = Transcript::parse(&outcome.serial, &nonce);
    let ended = match verdict::judge(&check.name, &transcript, &outcome.end, check.budget) {
        Ok(verdict) => verdict.message,
        Err(trouble) => return Err(Error::new(trouble.what)),
    };
    let Some(mut snapshot) = outcome.snapshots.into_iter().next_back() else {
        return Err(Error::new("the machine ended before it could be looked at").advise(format!("it says: {ended}")));
    };
    Ok(Seen::new(&check.name, ended, &mut snapshot))
}

impl Seen {
    fn new(check: &str, ended: String, snapshot: &mut Snapshot) -> Self {
        let cr3 = snapshot.cr3;
        let (runs, entries) = (walk::runs(snapshot, cr3), walk::slots(snapshot, cr3));
        Self { check: check.to_owned(), ended, cr3, runs, entries }
    }
}

/// More lines than this of one half are not shown.
const MOST_LINES: usize = 40;

/// The same in words, line by line from the lowest address to the highest.
pub fn text(seen: &Seen, view: &View) -> String {
    let mut text = format!(
        "{}\n{}\n",
        view.paint(STRONG, &format!("The address space at the end of {}", seen.check)),
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
const KERNEL_PAGE: u32 = 0xC_0000;

/// A run in one line.
fn line(run: &Run) -> String {
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
fn address(address: u32) -> String {
    format!("0x{:04X}_{:04X}", address >> 16, address & 0xFFFF)
}

#[cfg(test)]
mod tests {
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
        Seen::new("a-check", "passed".into(), &mut snapshot)
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
    }

    #[test]
    fn what_a_check_is_called_cannot_break_the_picture() {
        let seen = Seen { check: "<a & b>".into(), ..seen() };
        assert!(picture(&seen).contains("&lt;a &amp; b&gt;"));
    }
}
