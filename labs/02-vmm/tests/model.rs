//! Random operations on a manager and on a model: a plain map from pages to
//! frames. After each operation the two are compared through the fake
//! processor, stale translations included.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use mm_api::layout::{KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START, TEMPORARY_START};
use mm_api::{Directory, Frame, Page, PageRange, Protection, Space, VirtualMemory, VmmError};
use mm_host::FakeMachine;
use proptest::prelude::*;

/// The places of random pages: the edges of tables, halves and areas.
const EDGES: [u32; 14] = [
    0x0000_0000,
    0x003F_E000,
    0x0040_0000,
    0x0804_8000,
    0x0BFF_F000,
    0xBFFF_C000,
    0xC000_0000,
    0xEFFF_E000,
    0xF000_0000,
    0xF03F_F000,
    0xF7FF_E000,
    0xFF7F_F000,
    0xFFBF_F000,
    0xFFFF_D000,
];

#[derive(Clone, Debug)]
enum Operation {
    Map(usize, Page, usize, Protection),
    Unmap(usize, Page),
    Protect(usize, Page, Protection),
    Allocate(u32),
    Free(usize),
    FreeWrong(Page, u32),
    AllocateIn(usize, Page, u32, Protection),
    FreeIn(usize, Page, u32),
    Create,
    Destroy(usize),
    Load(usize),
}

fn pages() -> impl Strategy<Value = Page> {
    let on_edge = (0..EDGES.len(), 0..6u32).prop_map(|(edge, n)| Page::containing(addr(EDGES[edge])).checked_add(n));
    // Half of the time a page from a small set, so that operations meet.
    prop_oneof![
        on_edge.prop_map(|page| page.unwrap_or(Page::NULL)),
        (0..8u32).prop_map(|n| page(0x0080_0000 + n * 4096))
    ]
}

fn protections() -> impl Strategy<Value = Protection> {
    (any::<bool>(), any::<bool>()).prop_map(|(writable, user)| Protection { writable, user })
}

fn operations() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let space = 0..4usize;
    prop_oneof![
        6 => (space.clone(), pages(), 0..4usize, protections()).prop_map(|(s, p, f, r)| Map(s, p, f, r)),
        4 => (space.clone(), pages()).prop_map(|(s, p)| Unmap(s, p)),
        3 => (space.clone(), pages(), protections()).prop_map(|(s, p, r)| Protect(s, p, r)),
        3 => (0..9u32).prop_map(Allocate),
        2 => any::<usize>().prop_map(Free),
        1 => (pages(), 0..9u32).prop_map(|(p, n)| FreeWrong(p, n)),
        4 => (space.clone(), pages(), 0..9u32, protections()).prop_map(|(s, p, n, r)| AllocateIn(s, p, n, r)),
        4 => (space.clone(), pages(), 0..9u32).prop_map(|(s, p, n)| FreeIn(s, p, n)),
        1 => Just(Create),
        1 => space.clone().prop_map(Destroy),
        2 => space.prop_map(Load),
    ]
}

/// The model's state of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mapped {
    frame: Frame,
    protection: Protection,
    allocated: bool,
}

type Pages = BTreeMap<Page, Mapped>;

struct Model {
    machine: FakeMachine,
    manager: Manager,
    /// Processes: their directories, and the contents of their user halves.
    processes: Vec<(Directory, Pages)>,
    /// The user half of the kernel's own directory.
    kernel_user: Pages,
    /// The changeable part of the kernel half.
    shared: Pages,
    /// The kernel's allocations.
    allocations: Vec<PageRange>,
    /// The process whose directory is loaded; `None` for the kernel's.
    loaded: Option<usize>,
    /// The frames that pages are mapped to.
    frames: Vec<Frame>,
    /// Pages that were ever used: these are compared.
    touched: BTreeSet<Page>,
}

/// A space by number: 0 is the current one, 1 the kernel's, the rest processes.
#[derive(Clone, Copy)]
enum Which {
    Kernel,
    Process(usize),
}

impl Model {
    fn new() -> Self {
        let (machine, mut manager) = booted();
        let frames = (0..4).map(|_| frame(&machine)).collect();
        make_kernel_tables(&machine, &mut manager);
        Self {
            machine,
            manager,
            processes: Vec::new(),
            kernel_user: Pages::new(),
            shared: Pages::new(),
            allocations: Vec::new(),
            loaded: None,
            frames,
            touched: BTreeSet::new(),
        }
    }

    fn which(&self, number: usize) -> Which {
        match number {
            0 => self.loaded.map_or(Which::Kernel, Which::Process),
            n if n >= 2 && n - 2 < self.processes.len() => Which::Process(n - 2),
            _ => Which::Kernel,
        }
    }

    fn pages(&mut self, which: Which, page: Page) -> &mut Pages {
        match which {
            _ if page.is_kernel() => &mut self.shared,
            Which::Kernel => &mut self.kernel_user,
            Which::Process(n) => &mut self.processes[n].1,
        }
    }

    fn found(&mut self, which: Which, page: Page) -> Option<Mapped> {
        self.pages(which, page).get(&page).copied()
    }

    /// Calls the manager for a space; `number` 0 is the current one.
    fn call<R>(&mut self, number: usize, action: impl FnOnce(&mut Manager, Space<'_>) -> R) -> R {
        match (number, self.which(number)) {
            (0, _) => action(&mut self.manager, Space::Current),
            (_, Which::Kernel) => action(&mut self.manager, Space::Kernel),
            (_, Which::Process(n)) => action(&mut self.manager, Space::Of(&self.processes[n].0)),
        }
    }

    fn is_loaded(&self, which: Which) -> bool {
        match which {
            Which::Kernel => self.loaded.is_none(),
            Which::Process(n) => self.loaded == Some(n),
        }
    }

    /// Those of these pages that have to be flushed when they change in a space.
    fn flushed(&self, which: Which, pages: impl Iterator<Item = Page>) -> Vec<Page> {
        pages.filter(|page| page.is_kernel() || self.is_loaded(which)).collect()
    }

    fn check_page(page: Page, protection: Option<Protection>) -> Result<(), VmmError> {
        if page.is_kernel() && !PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START).contains(page) {
            return Err(VmmError::Reserved);
        }
        if page.is_kernel() && protection.is_some_and(|protection| protection.user) {
            return Err(VmmError::UserInKernelHalf);
        }
        Ok(())
    }

    fn check_range(first: Page, pages: u32) -> Result<PageRange, VmmError> {
        let range = PageRange::new(first, pages);
        if pages == 0 {
            Err(VmmError::Empty)
        } else if first == Page::NULL {
            Err(VmmError::NullPage)
        } else {
            let range = range.ok_or(VmmError::PastEnd)?;
            if range.iter().any(Page::is_kernel) { Err(VmmError::KernelHalf) } else { Ok(range) }
        }
    }

    /// Makes an operation on both sides. `allowance` limits its frames.
    fn apply(&mut self, operation: &Operation, allowance: Option<u32>) {
        let before = self.machine.allocated();
        self.machine.allow_frames(allowance);
        let ran_out = self.apply_with_allowance(operation);
        self.machine.allow_frames(None);
        if ran_out {
            assert!(allowance.is_some(), "{operation:?} says that the frames ran out, and they did not");
            assert_eq!(self.machine.allocated(), before, "{operation:?} ran out of frames and kept some");
        }
    }

    fn apply_with_allowance(&mut self, operation: &Operation) -> bool {
        match *operation {
            Operation::Map(number, page, frame, protection) => {
                let (which, frame) = (self.which(number), self.frames[frame]);
                self.touched.insert(page);
                let expected = if page == Page::NULL {
                    Err(VmmError::NullPage)
                } else {
                    Self::check_page(page, Some(protection)).and_then(|()| match self.found(which, page) {
                        Some(_) => Err(VmmError::AlreadyMapped),
                        None => Ok(()),
                    })
                };
                let result = self.call(number, |manager, space| manager.map(space, page, frame, protection));
                if result == Err(VmmError::OutOfFrames) && expected.is_ok() {
                    return true;
                }
                assert_eq!(result, expected, "{operation:?}");
                if result.is_ok() {
                    self.pages(which, page).insert(page, Mapped { frame, protection, allocated: false });
                }
            }
            Operation::Unmap(number, page) => {
                let which = self.which(number);
                let expected = Self::check_page(page, None).and_then(|()| match self.found(which, page) {
                    None => Err(VmmError::NotMapped),
                    Some(mapped) if mapped.allocated => Err(VmmError::Allocated),
                    Some(mapped) => Ok(mapped.frame),
                });
                assert_eq!(self.call(number, |manager, space| manager.unmap(space, page)), expected, "{operation:?}");
                if expected.is_ok() {
                    self.pages(which, page).remove(&page);
                    assert_flushed(&self.machine, &self.flushed(which, [page].into_iter()));
                }
            }
            Operation::Protect(number, page, protection) => {
                let which = self.which(number);
                let expected = Self::check_page(page, Some(protection)).and_then(|()| match self.found(which, page) {
                    None => Err(VmmError::NotMapped),
                    Some(_) => Ok(()),
                });
                let result = self.call(number, |manager, space| manager.protect(space, page, protection));
                assert_eq!(result, expected, "{operation:?}");
                if expected.is_ok() {
                    self.pages(which, page).get_mut(&page).unwrap().protection = protection;
                    assert_flushed(&self.machine, &self.flushed(which, [page].into_iter()));
                }
            }
            Operation::Allocate(pages) => {
                let range = match self.manager.allocate(pages) {
                    Err(VmmError::OutOfFrames) => return true,
                    Err(error) => {
                        assert_eq!((error, pages), (VmmError::Empty, 0));
                        return false;
                    }
                    Ok(range) => range,
                };
                assert_eq!(range.len(), pages);
                assert!(PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END).contains_range(range));
                let with_gaps = PageRange::new(Page::new(range.first().number() - 1).unwrap(), pages + 2).unwrap();
                assert!(with_gaps.iter().all(|page| !self.shared.contains_key(&page)), "{range:?} has no gaps");
                self.note_allocated(Which::Kernel, range, KW);
                self.allocations.push(range);
            }
            Operation::Free(n) if !self.allocations.is_empty() => {
                let range = self.allocations.swap_remove(n % self.allocations.len());
                assert_eq!(self.manager.free(range), Ok(()));
                self.shared.retain(|page, _| !range.contains(*page));
                assert_flushed(&self.machine, &range.iter().collect::<Vec<_>>());
            }
            Operation::Free(_) => {}
            Operation::FreeWrong(first, pages) => {
                if let Some(range) = PageRange::new(first, pages).filter(|range| !self.allocations.contains(range)) {
                    assert_eq!(self.manager.free(range), Err(VmmError::NotAllocated), "{operation:?}");
                }
            }
            Operation::AllocateIn(number, first, pages, protection) => {
                let which = self.which(number);
                self.touched.extend((0..pages).filter_map(|n| first.checked_add(n)));
                let expected = Self::check_range(first, pages).and_then(|range| {
                    if range.iter().any(|page| self.found(which, page).is_some()) {
                        Err(VmmError::AlreadyMapped)
                    } else {
                        Ok(range)
                    }
                });
                let result = self.call(number, |manager, space| manager.allocate_in(space, first, pages, protection));
                if result == Err(VmmError::OutOfFrames) && expected.is_ok() {
                    return true;
                }
                assert_eq!(result, expected.map(|_| ()), "{operation:?}");
                if let Ok(range) = expected {
                    self.note_allocated(which, range, protection);
                    for page in range.iter() {
                        let start = self.found(which, page).unwrap().frame.start().as_u32();
                        let word = |n: u32| self.machine.physical_word(mm_api::PhysAddr::new(start + 4 * n));
                        assert!((0..1024).all(|n| word(n) == Some(0)), "{operation:?} gives old contents");
                    }
                }
            }
            Operation::FreeIn(number, first, pages) => {
                let which = self.which(number);
                let expected = Self::check_range(first, pages).and_then(|range| {
                    let all = range.iter().all(|page| self.found(which, page).is_some_and(|mapped| mapped.allocated));
                    if all { Ok(range) } else { Err(VmmError::NotAllocated) }
                });
                let result = self.call(number, |manager, space| manager.free_in(space, first, pages));
                assert_eq!(result, expected.map(|_| ()), "{operation:?}");
                if let Ok(range) = expected {
                    self.pages(which, first).retain(|page, _| !range.contains(*page));
                    assert_flushed(&self.machine, &self.flushed(which, range.iter()));
                }
            }
            Operation::Create => {
                if self.processes.len() < 3 {
                    match self.manager.create_directory() {
                        Ok(directory) => self.processes.push((directory, Pages::new())),
                        Err(error) => {
                            assert_eq!(error, VmmError::OutOfFrames);
                            return true;
                        }
                    }
                }
            }
            Operation::Destroy(n) if n < self.processes.len() => {
                let (directory, _) = self.processes.remove(n);
                self.loaded = match self.loaded {
                    Some(loaded) if loaded == n => None,
                    Some(loaded) if loaded > n => Some(loaded - 1),
                    other => other,
                };
                self.manager.destroy_directory(directory);
            }
            Operation::Destroy(_) => {}
            Operation::Load(number) => {
                let which = self.which(number);
                self.call(number, |manager, space| manager.load(space));
                self.loaded = match which {
                    Which::Kernel => None,
                    Which::Process(n) => Some(n),
                };
            }
        }
        false
    }

    /// Notes pages that were just allocated, with the frames in the tables.
    fn note_allocated(&mut self, which: Which, range: PageRange, protection: Protection) {
        let root = match which {
            Which::Kernel => self.manager.root(Space::Kernel),
            Which::Process(n) => self.processes[n].0.frame(),
        };
        for page in range.iter() {
            self.touched.insert(page);
            let walk = self.machine.walk(root, page.start()).unwrap_or_else(|_| panic!("{page} is not mapped"));
            let frame = Frame::containing(walk.address);
            let everywhere = self.processes.iter().map(|(_, pages)| pages).chain([&self.kernel_user, &self.shared]);
            let used = everywhere.flat_map(BTreeMap::values).any(|mapped| mapped.frame == frame);
            assert!(!used && !self.frames.contains(&frame), "{frame} of {page} is in use already");
            self.pages(which, page).insert(page, Mapped { frame, protection, allocated: true });
        }
    }

    /// Compares the two sides: through the processor for the loaded directory,
    /// and by `translate` for all directories.
    fn compare(&mut self) {
        self.machine.take_flushes();
        let loaded = self.which(0);
        for page in self.touched.clone() {
            if page.is_kernel() && Self::check_page(page, None).is_err() {
                continue;
            }
            match self.found(loaded, page) {
                None => assert_unmapped(&self.machine, page),
                Some(mapped) => {
                    assert_rights(&self.machine, page, mapped.protection);
                    let place = self.machine.access(page.start(), mm_host::Access::READ);
                    assert_eq!(place.map(Frame::containing), Ok(mapped.frame), "{page}");
                }
            }
            for number in 1..2 + self.processes.len() {
                let expected = self.found(self.which(number), page).map(|m| (m.frame.start(), m.protection));
                let answer = self.call(number, |manager, space| manager.translate(space, page.start()));
                assert_eq!(answer.map(|t| (t.address, t.protection)), expected, "translate() for {page}");
                let root = self.call(number, |manager, space| manager.root(space));
                assert_eq!(truth(&self.machine, root, page.start()), answer, "the tables for {page}");
            }
        }
        self.compare_frames();
    }

    /// No frame is kept without need: there are the pages, and their tables.
    fn compare_frames(&self) {
        let user_halves = self.processes.iter().map(|(_, pages)| pages).chain([&self.kernel_user]);
        let tables: usize = user_halves
            .clone()
            .map(|pages| pages.keys().map(|page| page.directory_index()).collect::<BTreeSet<_>>().len())
            .sum();
        let allocated = user_halves.chain([&self.shared]).flat_map(BTreeMap::values).filter(|m| m.allocated).count();
        let expected = (tables + allocated + self.processes.len() + self.frames.len()) as u32;
        // A manager that also gives back empty tables of the kernel half has
        // made some again by now.
        let kernel_tables = self.shared.keys().map(|page| page.directory_index()).collect::<BTreeSet<_>>().len() as u32;
        let kept = self.machine.allocated() - expected;
        assert!(BASE.with(|base| (*base..=*base + kernel_tables).contains(&kept)), "{kept} frames for the kernel half");
    }
}

thread_local! {
    /// How many frames the kernel half takes when nothing is mapped in it.
    static BASE: u32 = {
        let model = Model::new();
        model.machine.allocated() - model.frames.len() as u32
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_plain_map(operations in proptest::collection::vec((operations(), proptest::option::weighted(0.15, 0..5u32)), 1..120)) {
        let mut model = Model::new();
        for (operation, allowance) in &operations {
            model.apply(operation, *allowance);
            model.compare();
        }
        // At the end everything is unmapped, and every frame is back.
        while !model.processes.is_empty() {
            model.apply(&Operation::Destroy(0), None);
        }
        while !model.allocations.is_empty() {
            model.apply(&Operation::Free(0), None);
        }
        model.compare();
    }
}
