//! The machine as a virtual memory manager sees it: the manager reads and writes its own tables,
//! flushes translations, loads directories, and takes and gives back frames.

use mm_api::layout::SELF_MAP_START;
use mm_api::{Entry, Frame, FrameSource, Page, PhysMemory, SelfMap, TableIndex, Tlb, VirtAddr};

use super::{Owner, PagedMachine, State};
use crate::arch::{fill, paging, probe};
use crate::words::told;

/// A virtual memory manager's access to the machine. It panics on every use that could harm the
/// kernel.
#[derive(Clone, Copy)]
pub struct Handle(pub(super) &'static PagedMachine);

impl PhysMemory for Handle {
    #[track_caller]
    fn read(&self, table: Frame, index: TableIndex) -> Entry {
        let index = index.as_u32() as usize;
        Entry::from_bits(self.0.state().with_table(table, "read", |words| words[index]))
    }

    #[track_caller]
    fn write(&mut self, table: Frame, index: TableIndex, entry: Entry) {
        let mut state = self.0.state();
        let place = index.as_u32() as usize;
        let old = Entry::from_bits(state.with_table(table, "written to", |words| words[place]));
        state.ensure_may_change(table, index, old, entry);
        state.with_table(table, "written to", |words| words[place] = entry.bits());
        state.note_change(table, index, old, entry);
    }

    #[track_caller]
    fn clear(&mut self, frame: Frame) {
        let state = self.0.state();
        state.ensure_table(frame, "cleared");
        state.ensure_dispensable(frame, "cleared");
        state.ensure_cleared_in_time(frame);
        state.with_table(frame, "cleared", |words| fill::words(words, 0));
    }
}

impl SelfMap for Handle {
    #[track_caller]
    fn read_at(&self, address: VirtAddr) -> Entry {
        self.0.state().ensure_self_mapped(address);
        match probe::read(address) {
            Ok(bits) => Entry::from_bits(bits),
            Err(fault) => panic!("page fault at {address}: {}", told(&fault)),
        }
    }

    #[track_caller]
    fn write_at(&mut self, address: VirtAddr, entry: Entry) {
        let mut state = self.0.state();
        if let Some((table, index)) = state.ensure_self_mapped(address) {
            let old = state.peek(table, index);
            state.ensure_may_change(table, index, old, entry);
            state.note_change(table, index, old, entry);
        }
        drop(state);
        // SAFETY: the tables lead to a table of the manager's, or to nothing.
        if let Err(fault) = unsafe { probe::write(address, entry.bits()) } {
            panic!("page fault at {address}: {}", told(&fault));
        }
    }
}

impl State {
    /// Panics unless `address` is the address of an entry in a self-map. Returns the entry's table
    /// and its index there, if something is mapped.
    #[track_caller]
    fn ensure_self_mapped(&self, address: VirtAddr) -> Option<(Frame, TableIndex)> {
        assert!(address >= SELF_MAP_START, "{address} is not in the last 4 MiB, where a directory may map itself");
        assert!(address.as_u32().is_multiple_of(4), "{address} is not the address of an entry");
        let walk = self.walk(paging::current_directory(), address).ok()?;
        let table = Frame::containing(walk.address);
        self.ensure_table(table, "used");
        Some((table, TableIndex::new(address.page_offset() / 4)?))
    }
}

impl Tlb for Handle {
    fn flush(&mut self, page: Page) {
        let mut state = self.0.state();
        state.flushes.note(page);
        state.reached.flushed(page);
        paging::flush_page(page.start());
    }

    fn flush_all(&mut self) {
        let mut state = self.0.state();
        state.flushes.note_all();
        state.reached.flushed_all();
        paging::flush_global();
    }

    #[track_caller]
    fn load(&mut self, directory: Frame) {
        let mut state = self.0.state();
        state.ensure_table(directory, "loaded");
        if let Some(unsound) = state.find_unsound(directory).or_else(|| state.find_lost(directory)) {
            panic!("{unsound}");
        }
        state.reached.loaded();
        // SAFETY: the directory maps all pages that the kernel needs as it needs them.
        unsafe { paging::load_directory(directory) };
    }
}

impl FrameSource for Handle {
    #[track_caller]
    fn allocate(&mut self) -> Option<Frame> {
        let mut state = self.0.state();
        if state.allowance == Some(0) {
            return None;
        }
        let frame = state.hand_out(Owner::Tables)?;
        state.allowance = state.allowance.map(|left| left - 1);
        Some(frame)
    }

    #[track_caller]
    fn free(&mut self, frame: Frame) {
        let mut state = self.0.state();
        state.ensure_dispensable(frame, "given back");
        let owner = state.ledger.owner(frame);
        assert!(
            owner != Owner::User && owner != Owner::Kernel,
            "{frame} is given back, but it belongs to the caller of map()"
        );
        if let Some(reach) = state.find_reach(frame) {
            panic!("{frame} is given back, but {reach}");
        }
        state.take_back(frame);
    }
}
