//! A page directory as a tree: its entries, the tables that they name, and the pages in these.

use std::collections::BTreeMap;

use super::walk::{ENTRIES, LARGE, LARGE_PAGE, Memory, PAGE, PRESENT, Rights, Run};

/// The first entry of the kernel half.
pub const KERNEL_ENTRY: u32 = 0x300;

/// Entries of a directory that follow each other and are of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    /// The first entry's index.
    pub index: u32,
    /// How many entries there are.
    pub entries: u32,
    /// What the entries allow, which limits what a table's entries allow.
    pub rights: Rights,
    /// What the first of them names.
    pub names: Names,
}

/// What an entry of a directory names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Names {
    /// The directory itself: its tables appear as pages.
    Itself,
    /// The table that an earlier entry names as well.
    Again {
        /// That entry's index.
        index: u32,
    },
    /// A table, with what is in it. Of several tables, all are empty.
    Table {
        /// Its frame.
        frame: u32,
        /// Its pages.
        leaves: Vec<Leaf>,
    },
    /// 4 MiB pages.
    Large(Run),
    /// A frame that is no memory.
    NoMemory {
        /// The frame.
        frame: u32,
    },
}

/// Pages of a table that follow each other and are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// The pages, with what both levels together allow.
    pub run: Run,
    /// What the table's entries allow.
    pub in_table: Rights,
    /// At how many pages of user halves each of the frames is mapped; 0 for a page of the kernel half.
    pub users: u32,
}

/// At how many pages of user halves each frame is mapped.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Users(BTreeMap<u32, u32>);

impl Users {
    /// Counts them in these directories, by the values of the register that names a directory.
    pub fn of(memory: &mut impl Memory, directories: impl IntoIterator<Item = u32>) -> Self {
        let mut users = BTreeMap::new();
        for cr3 in directories {
            let Some(directory) = memory.frame(cr3 / PAGE) else { continue };
            for upper in &directory[..KERNEL_ENTRY as usize] {
                let is_table = upper & PRESENT != 0 && upper & LARGE == 0 && upper / PAGE != cr3 / PAGE;
                let words = if is_table { memory.frame(upper / PAGE) } else { None };
                for lower in words.into_iter().flatten().filter(|lower| lower & PRESENT != 0) {
                    *users.entry(lower / PAGE).or_default() += 1;
                }
            }
        }
        Self(users)
    }
}

/// The branches of a directory, from the lowest address to the highest.
pub fn branches(memory: &mut impl Memory, cr3: u32, users: &Users) -> Vec<Branch> {
    let mut branches: Vec<Branch> = Vec::new();
    let mut named: BTreeMap<u32, u32> = BTreeMap::new();
    let Some(directory) = memory.frame(cr3 / PAGE) else { return branches };
    for (index, upper) in (0..).zip(directory).filter(|(_, upper)| upper & PRESENT != 0) {
        let (rights, frame) = (Rights::of(upper), upper / PAGE);
        let names = if upper & LARGE != 0 {
            let frame = upper / LARGE_PAGE * ENTRIES;
            let (first, pages) = (index * ENTRIES, ENTRIES);
            Names::Large(Run { first, pages, frame, contiguous: true, rights, large: true })
        } else if frame == cr3 / PAGE {
            Names::Itself
        } else if let Some(index) = named.get(&frame) {
            Names::Again { index: *index }
        } else if let Some(words) = memory.frame(frame) {
            named.insert(frame, index);
            Names::Table { frame, leaves: leaves(&words, index, rights, users) }
        } else {
            Names::NoMemory { frame }
        };
        let next = Branch { index, entries: 1, rights, names };
        if !branches.last_mut().is_some_and(|last| last.take_in(&next)) {
            branches.push(next);
        }
    }
    branches
}

impl Branch {
    /// Takes in the next entry, if it follows this branch and is of the same kind. Returns whether it is.
    fn take_in(&mut self, next: &Self) -> bool {
        // The user half ends where the kernel half begins.
        if self.index + self.entries != next.index || self.rights != next.rights || next.index == KERNEL_ENTRY {
            return false;
        }
        let is_same = match (&mut self.names, &next.names) {
            (Names::Large(run), Names::Large(next)) => run.take_in(next),
            (Names::Table { leaves, .. }, Names::Table { leaves: next, .. }) => leaves.is_empty() && next.is_empty(),
            (Names::NoMemory { .. }, Names::NoMemory { .. }) => true,
            _ => false,
        };
        self.entries += u32::from(is_same);
        is_same
    }

    /// How many pages it maps.
    pub fn pages(&self) -> u32 {
        match &self.names {
            Names::Table { leaves, .. } => leaves.iter().map(|leaf| leaf.run.pages).sum(),
            Names::Large(run) => run.pages,
            Names::Itself | Names::Again { .. } | Names::NoMemory { .. } => 0,
        }
    }
}

/// The pages of a table that the entry at an index names.
fn leaves(words: &[u32], index: u32, allowed: Rights, users: &Users) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::new();
    for (first, lower) in (index * ENTRIES..).zip(words).filter(|(_, lower)| *lower & PRESENT != 0) {
        let (in_table, frame) = (Rights::of(*lower), lower / PAGE);
        let run = Run { first, pages: 1, frame, contiguous: true, rights: allowed.and(in_table), large: false };
        let users = if index < KERNEL_ENTRY { users.0.get(&frame).copied().unwrap_or(1) } else { 0 };
        let joins = |last: &mut Leaf| last.in_table == in_table && last.users == users && last.run.take_in(&run);
        if !leaves.last_mut().is_some_and(joins) {
            leaves.push(Leaf { run, in_table, users });
        }
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::super::walk::Snapshot;
    use super::*;

    const KR: Rights = Rights { writable: false, user: false };
    const KW: Rights = Rights { writable: true, user: false };
    const UR: Rights = Rights { writable: false, user: true };
    const UW: Rights = Rights { writable: true, user: true };

    /// A directory in frame 1, another in frame 4, a table of users in frame 2, which another entry names again, three
    /// of the kernel, of which two are empty.
    fn memory() -> Snapshot {
        let (mut directory, mut other, mut table, mut kernel) = ([0; 1024], [0; 1024], [0; 1024], [0; 1024]);
        (directory[0x20], directory[0x21], directory[0x22]) = (0x2005, 0x2007, 0x7777_7007);
        (directory[0x300], directory[0x301]) = (0x0040_0083, 0x0080_0083);
        (directory[0x3C0], directory[0x3C1], directory[0x3C2]) = (0x5003, 0x6003, 0x3003);
        directory[1023] = 0x1003;
        (other[0x20], table[0x48], table[0x49], table[0x4A]) = (0x7007, 0x5_0007, 0x5_1005, 0x5_2003);
        kernel[1] = 0x6_0001;
        let mut shared = [0; 1024];
        shared[0] = 0x5_1005;
        let frames = [(1, directory), (2, table), (3, kernel), (4, other), (5, [0; 1024]), (6, [0; 1024]), (7, shared)];
        Snapshot { cr3: 0x1000, frames: frames.into() }
    }

    #[test]
    fn each_kind_of_entry_is_told() {
        let branches = branches(&mut memory(), 0x1018, &Users::default());
        let told: Vec<(u32, u32, Rights)> =
            branches.iter().map(|branch| (branch.index, branch.entries, branch.rights)).collect();
        let tables = [(0x20, 1, UR), (0x21, 1, UW), (0x22, 1, UW), (0x300, 2, KW), (0x3C0, 2, KW), (0x3C2, 1, KW)];
        assert_eq!(told, [&tables[..], &[(1023, 1, KW)]].concat());
        assert_eq!(branches[1].names, Names::Again { index: 0x20 });
        assert_eq!(branches[2].names, Names::NoMemory { frame: 0x77777 });
        assert_eq!((branches[3].pages(), branches[4].pages(), branches[5].pages()), (2048, 0, 1));
        assert_eq!(branches[6].names, Names::Itself);
    }

    #[test]
    fn a_page_has_the_rights_of_both_levels_and_its_frame_s_users() {
        let mut memory = memory();
        let users = Users::of(&mut memory, [0x1000, 0x4000]);
        let branches = branches(&mut memory, 0x1000, &users);
        let Names::Table { leaves, .. } = &branches[0].names else { panic!("{branches:?}") };
        // Entry 0x21 names this table again: each of its frames is at two pages, and one is in the other space, too.
        let told: Vec<(u32, Rights, Rights, u32)> =
            leaves.iter().map(|leaf| (leaf.run.frame, leaf.run.rights, leaf.in_table, leaf.users)).collect();
        assert_eq!(told, [(0x50, UR, UW, 2), (0x51, UR, UR, 3), (0x52, KR, KW, 2)]);
    }
}
