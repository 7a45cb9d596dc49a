//! The page directory as a tree of lines: the directory, its tables, and what these map. Folded to so many lines.

use std::fmt::Write as _;

use super::seen::{KERNEL_PAGE, Seen, address};
use crate::host::style::{BAD, FAINT, GOOD, NOTICE, STRONG, View, plural};
use crate::machine::tree::{Branch, KERNEL_ENTRY, Leaf, Names};
use crate::machine::walk::{Rights, Run};

/// What a line is about, which gives it its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// The directory, a half or a table.
    Plain,
    /// Pages that programs may use.
    User,
    /// Pages for the kernel alone.
    Kernel,
    /// 4 MiB pages.
    Large,
    /// What is wrong.
    Wrong,
    /// What was left out.
    Note,
}

/// A line, and the lines that hang on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The line.
    pub text: String,
    /// What it is about.
    pub tone: Tone,
    /// What hangs on it.
    pub children: Vec<Self>,
}

/// How a table is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fold {
    /// With a line for each run of its pages.
    Open,
    /// In one line.
    Shut,
}

/// A tree, and whether anything was left out.
pub struct Tree {
    /// The directory.
    pub root: Node,
    /// Whether tables were folded, or left out.
    pub is_folded: bool,
}

impl Node {
    fn leaf(text: String, tone: Tone) -> Self {
        Self { text, tone, children: Vec::new() }
    }
}

/// The tree of an address space, in at most so many lines: the tables with the fewest runs of pages are unfolded first,
/// those of the user half before those of the kernel's.
pub fn tree(seen: &Seen, most: usize) -> Tree {
    let middle = seen.branches.partition_point(|branch| branch.index < KERNEL_ENTRY);
    let (user, kernel) = seen.branches.split_at(middle);
    let (user_runs, kernel_runs) = seen.runs.split_at(seen.runs.partition_point(|run| run.first < KERNEL_PAGE));
    // The directory, and two halves.
    let most = most.saturating_sub(3).max(2);
    // The kernel half gets what the user half leaves, and a third at least.
    let shown_kernel = kernel.len().min((most - user.len().min(most)).max(most / 3));
    let shown_user = user.len().min(most - shown_kernel);
    let (user, left_user) = cut(user, shown_user);
    let (kernel, left_kernel) = cut(kernel, shown_kernel);
    let free =
        most.saturating_sub(user.len() + kernel.len() + usize::from(left_user > 0) + usize::from(left_kernel > 0));
    let open = unfolded(user, kernel, free);
    let fold = |branch: &Branch| if open.contains(&branch.index) { Fold::Open } else { Fold::Shut };
    let halves = [
        half("user half", "", (user, left_user), user_runs, &fold),
        half("kernel half", ", shared by all address spaces", (kernel, left_kernel), kernel_runs, &fold),
    ];
    let is_folded =
        left_user + left_kernel > 0 || user.iter().chain(kernel).any(|one| runs(one) > 0 && fold(one) == Fold::Shut);
    let text = format!("page directory in frame {:#x}", seen.cr3 >> 12);
    Tree { root: Node { text, tone: Tone::Plain, children: halves.into() }, is_folded }
}

/// The first of these branches, and how many are left out.
fn cut(branches: &[Branch], most: usize) -> (&[Branch], usize) {
    // The line that says so takes the place of a branch.
    let shown = if branches.len() > most { most.saturating_sub(1) } else { branches.len() };
    (&branches[..shown], branches.len() - shown)
}

/// How many lines hang on a branch.
fn runs(branch: &Branch) -> usize {
    if let Names::Table { leaves, .. } = &branch.names { leaves.len() } else { 0 }
}

/// The indices of the branches that are unfolded, into so many lines.
fn unfolded(user: &[Branch], kernel: &[Branch], mut free: usize) -> Vec<u32> {
    let mut open = Vec::new();
    for half in [user, kernel] {
        let mut tables: Vec<&Branch> = half.iter().filter(|branch| runs(branch) > 0).collect();
        tables.sort_by_key(|table| runs(table));
        for table in tables {
            let Some(rest) = free.checked_sub(runs(table)) else { break };
            free = rest;
            open.push(table.index);
        }
    }
    open
}

/// A half of the space: how much it maps, and its branches.
fn half(
    name: &str,
    note: &str,
    (branches, left_out): (&[Branch], usize),
    mapped: &[Run],
    fold: &dyn Fn(&Branch) -> Fold,
) -> Node {
    let pages: u32 = mapped.iter().map(|run| run.pages).sum();
    let mut children: Vec<Node> = branches.iter().map(|one| branch(one, fold(one))).collect();
    if left_out > 0 {
        children.push(Node::leaf(format!("and {} more", entries(left_out)), Tone::Note));
    }
    Node { text: format!("{name}: {}{note}", plural(pages as usize, "page")), tone: Tone::Plain, children }
}

fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// An entry of the directory, or several of one kind.
fn branch(branch: &Branch, fold: Fold) -> Node {
    let start = address(branch.index << 22);
    let (what, tone) = match &branch.names {
        Names::Itself => ("the directory itself (self-map): its tables are pages here".to_owned(), Tone::Plain),
        Names::Again { index } => (format!("the same table as at {}", address(index << 22)), Tone::Wrong),
        Names::NoMemory { frame } => (format!("frame {frame:#x} as a table, which is no memory"), Tone::Wrong),
        Names::Large(run) => {
            let pages = plural(branch.entries as usize, "page");
            (format!("{pages} of 4 MiB, no table: {}  {}", who(run.rights), frames(run)), Tone::Large)
        }
        Names::Table { leaves, .. } if leaves.is_empty() => {
            (format!("{} without a page", plural(branch.entries as usize, "table")), Tone::Note)
        }
        Names::Table { frame, leaves } => (table(branch, *frame, leaves, fold), Tone::Plain),
    };
    let mut children = Vec::new();
    if let (Fold::Open, Names::Table { leaves, .. }) = (fold, &branch.names) {
        children.extend(leaves.iter().map(leaf));
    }
    Node { text: format!("{start}  {what}"), tone, children }
}

/// A table: where it is, what its entry allows, and, if it is folded, what is in it.
fn table(branch: &Branch, frame: u32, leaves: &[Leaf], fold: Fold) -> String {
    let mut text = format!("table in frame {frame:#x}, its entry {}", branch.rights);
    if fold == Fold::Open {
        return text;
    }
    let _ = write!(text, ": {}", plural(branch.pages() as usize, "page"));
    let mut kinds: Vec<String> = leaves.iter().map(|leaf| leaf.run.rights.to_string()).collect();
    kinds.dedup();
    match kinds.len() {
        // In the table's order, where these are few.
        0..=6 => text + " " + &kinds.join(" "),
        runs => text + &format!(" in {runs} runs"),
    }
}

/// Pages of a table.
fn leaf(leaf: &Leaf) -> Node {
    let Leaf { run, in_table, users } = leaf;
    let (first, last) = (address(run.first << 12), address((run.first + run.pages - 1) << 12 | 0xFFF));
    let whose = match (users, run.rights) {
        (2.., Rights { user: true, writable: false }) => format!("{} copy on write", run.rights),
        (2.., Rights { user: true, writable: true }) => format!("{} shared", run.rights),
        _ => who(run.rights),
    };
    let pages = plural(run.pages as usize, "page");
    let mut text = format!("{first} – {last}  {whose:<10}  {pages:>8}  {}", frames(run));
    if in_table != &run.rights {
        let _ = write!(text, " (table: {in_table})");
    }
    Node::leaf(text, if run.rights.user { Tone::User } else { Tone::Kernel })
}

/// Rights, and in a word whom they are for.
fn who(rights: Rights) -> String {
    format!("{rights} {}", if rights.user { "user" } else { "kernel" })
}

fn frames(run: &Run) -> String {
    match (run.pages, run.contiguous) {
        (1, _) => format!("frame {:#x}", run.frame),
        (pages, true) => format!("frames {:#x}–{:#x}", run.frame, run.frame + pages - 1),
        (_, false) => format!("frames {:#x}, …", run.frame),
    }
}

/// The words of a tree's lines that need an explanation, explained: a line each.
pub fn legend(root: &Node) -> Vec<&'static str> {
    let all = [
        ("", "r read, w write, u programs too; a page has the rights that both levels give"),
        (" copy on write", "copy on write: other pages have the frame, too, and none may write"),
        (" shared ", "shared: other pages have the frame, too"),
        ("(table: ", "(table: …): the table allows more; the directory's entry limits it"),
    ];
    let shown = |word: &str| contains(root, word);
    all.into_iter().filter(|(word, _)| shown(word)).map(|(_, told)| told).collect()
}

fn contains(node: &Node, word: &str) -> bool {
    let is_page = matches!(node.tone, Tone::User | Tone::Kernel);
    word.is_empty() || is_page && node.text.contains(word) || node.children.iter().any(|child| contains(child, word))
}

/// The tree as lines for a terminal.
pub fn text(root: &Node, view: &View) -> String {
    let mut text = format!("{}\n", view.paint(STRONG, &root.text));
    branches_of(root, "", view, &mut text);
    text
}

fn branches_of(node: &Node, before: &str, view: &View, text: &mut String) {
    for (number, child) in node.children.iter().enumerate() {
        let is_last = number + 1 == node.children.len();
        let (corner, below) = if is_last { ("└ ", "  ") } else { ("├ ", "│ ") };
        let line = match child.tone {
            Tone::Plain | Tone::Kernel => child.text.clone(),
            Tone::User => view.paint(GOOD, &child.text),
            Tone::Large => view.paint(NOTICE, &child.text),
            Tone::Wrong => view.paint(BAD, &child.text),
            Tone::Note => view.paint(FAINT, &child.text),
        };
        let _ = writeln!(text, "{}{line}", view.paint(FAINT, &format!("{before}{corner}")));
        branches_of(child, &format!("{before}{below}"), view, text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen::tests::seen;
    use super::*;
    use crate::machine::walk::Snapshot;

    const PLAIN: View = View { color: false, width: 80, verbose: false };

    fn lines(node: &Node) -> usize {
        1 + node.children.iter().map(lines).sum::<usize>()
    }

    /// Many tables with many runs, and in the kernel half the directory itself.
    fn many() -> Seen {
        let mut frames = std::collections::BTreeMap::new();
        let mut directory = [0; 1024];
        for (table, entry) in (0..42_u32).zip(&mut directory).skip(2) {
            *entry = table << 12 | 7;
            let mut words = [0; 1024];
            for (page, word) in (0..table * 4).zip(&mut words) {
                *word = 0x5_0001 | if page.is_multiple_of(2) { 4 } else { 0 };
            }
            frames.insert(table, words);
        }
        directory[1023] = 0x1003;
        frames.insert(1, directory);
        Seen::new("many".into(), "passed".into(), &mut Snapshot { cr3: 0x1000, frames }, &[])
    }

    #[test]
    fn a_tree_shows_the_directory_its_tables_and_their_pages() {
        let tree = tree(&seen(), 40);
        assert!(!tree.is_folded);
        assert_eq!(
            text(&tree.root, &PLAIN),
            "page directory in frame 0x1\n\
             ├ user half: 1 page\n\
             │ └ 0x0800_0000  table in frame 0x2, its entry rwu\n\
             │   └ 0x0804_8000 – 0x0804_8FFF  rwu user      1 page  frame 0x50\n\
             └ kernel half: 1027 pages, shared by all address spaces\n\
             \x20 ├ 0xC040_0000  1 page of 4 MiB, no table: rw- kernel  frames 0x400–0x7ff\n\
             \x20 └ 0xF000_0000  table in frame 0x3, its entry rw-\n\
             \x20   └ 0xF000_1000 – 0xF000_3FFF  rw- kernel   3 pages  frames 0x60–0x62\n"
        );
    }

    #[test]
    fn a_tree_is_folded_into_as_many_lines_as_there_are() {
        let seen = many();
        for most in [8, 16, 20, 30, 60, 400] {
            let tree = tree(&seen, most);
            assert!(lines(&tree.root) <= most && tree.is_folded, "{most}: {}", lines(&tree.root));
            let text = text(&tree.root, &PLAIN);
            assert!(text.contains("(self-map)"), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        assert!(!tree(&seen, usize::MAX).is_folded);
    }

    #[test]
    fn a_frame_at_two_pages_is_told_by_who_may_write() {
        let (mut directory, mut table) = ([0; 1024], [0; 1024]);
        directory[0x20] = 0x2005;
        (table[0], table[1], table[2]) = (0x5_0005, 0x5_0005, 0x6_0007);
        let mut snapshot = Snapshot { cr3: 0x1000, frames: [(1, directory), (2, table)].into() };
        let tree = tree(&Seen::new("two".into(), "passed".into(), &mut snapshot, &[]), 40);
        let text = text(&tree.root, &PLAIN);
        assert_eq!(text.matches("r-u copy on write").count(), 1, "{text}");
        assert!(text.contains("0x0800_2FFF  r-u user      1 page  frame 0x60 (table: rwu)"), "{text}");
        assert_eq!(legend(&tree.root).len(), 3);
    }
}
