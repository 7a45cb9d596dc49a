//! `meminfo`: what memory is used for.

use abi::Errno;
use abi::meminfo::{
    ENDED, EXECUTE, GUARD, HEAP, IMAGE, PHYSICAL, PROCESSES, Physical, Process as Record, READY, REGIONS, RUNNING,
    Region, STACK, WAITING, WRITE,
};
use kernel_core::trap;
use mm_api::layout::{PAGE_SIZE, USER_STACK_END, USER_STACK_GUARD, USER_STACK_START};
use mm_api::{KERNEL_STACK_PAGES, VirtAddr};

use super::{Answer, Done};
use crate::memory;
use crate::process::address_space::AddressSpace;
use crate::process::process::{Pid, Process, Resources, State};
use crate::process::scheduler::TICKS_PER_SECOND;
use crate::process::system::System;
use crate::process::table::Slot;
use crate::process::user_memory::copy_out;

/// Copies records to the program's memory.
struct Writer {
    address: VirtAddr,
    /// Bytes that there is still room for.
    room: u32,
    /// Records so far, those that there was no room for included.
    count: u32,
}

impl Writer {
    fn put(&mut self, system: &mut System, record: &[u8]) -> Result<(), Errno> {
        // A record has few bytes.
        let size = record.len() as u32;
        self.count += 1;
        if self.room < size {
            self.room = 0;
            return Ok(());
        }
        copy_out(system.space(), self.address, record)?;
        self.address = self.address.checked_add(size).ok_or(Errno::EFAULT)?;
        self.room -= size;
        Ok(())
    }
}

/// Answers how many records there are.
pub fn meminfo(system: &mut System, what: u32, address: VirtAddr, bytes: u32, pid: u32) -> Answer {
    let mut writer = Writer { address, room: bytes, count: 0 };
    match what {
        PHYSICAL => {
            let record = physical(system);
            writer.put(system, &record.to_bytes())?;
        }
        PROCESSES => {
            let mut last = Pid::NOBODY;
            while let Some((slot, pid)) = next_process(system, last) {
                last = pid;
                let record = record_of(system, slot);
                writer.put(system, &record.to_bytes())?;
            }
        }
        REGIONS => {
            let slot = Pid::new(pid).and_then(|pid| system.table().find(pid)).ok_or(Errno::ESRCH)?;
            let mut index = 0;
            while let Some(record) =
                system.table().at(slot).resources().and_then(|resources| region(&resources.space, index))
            {
                writer.put(system, &record.to_bytes())?;
                index += 1;
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Done::Answer(writer.count))
}

/// The machine's memory.
fn physical(system: &System) -> Physical {
    let (heap_blocks, heap_bytes) = memory::heap_in_use();
    let frames = memory::with(|memory| memory.frames());
    let living = system.table().iter().filter_map(Process::resources);
    // And the directory.
    let tables: u32 = living.map(|resources| resources.space.heap_pages_and_tables().1 + 1).sum();
    let kernel_tables = frames.manager.saturating_sub(tables);
    let processes = system.table().iter().count() as u32;
    let stacks = system.kernel_stacks();
    let known = frames.free + frames.manager + frames.heap + frames.kernel_stacks + frames.user;
    Physical {
        memory_frames: (system.machine().usable_bytes() / u64::from(PAGE_SIZE)).min(u64::from(u32::MAX)) as u32,
        managed_frames: frames.managed,
        free_frames: frames.free,
        kernel_table_frames: kernel_tables,
        kernel_heap_frames: frames.heap,
        kernel_allocation_frames: 0,
        kernel_other_frames: frames.managed.saturating_sub(known),
        kernel_heap_bytes: heap_bytes,
        kernel_heap_blocks: heap_blocks,
        kernel_stacks: stacks,
        processes,
        ticks: trap::ticks() as u32,
        ticks_per_second: TICKS_PER_SECOND,
    }
}

/// The process whose number comes next after `last`, and where it is.
fn next_process(system: &System, last: Pid) -> Option<(Slot, Pid)> {
    let table = system.table();
    let after = table.slots().map(|slot| (slot, table.at(slot).pid())).filter(|&(_, pid)| pid > last);
    after.min_by_key(|&(_, pid)| pid)
}

/// The process at a place.
fn record_of(system: &System, slot: Slot) -> Record {
    let process = system.table().at(slot);
    let state = match process.state() {
        State::Zombie(_) => ENDED,
        State::Waiting(_) => WAITING,
        State::Ready if slot == system.current_slot() => RUNNING,
        State::Ready => READY,
    };
    let mut record = Record {
        pid: process.pid().as_u32(),
        parent: process.parent().as_u32(),
        state,
        ticks: process.ticks(),
        ..Record::default()
    };
    if let Some(Resources { space, .. }) = process.resources() {
        record.image_frames = space.image().pages();
        let (heap_pages, tables) = space.heap_pages_and_tables();
        record.heap_frames = heap_pages;
        record.stack_frames = space.stack_pages();
        record.table_frames = tables + 1; // and the directory
        record.kernel_stack_frames = KERNEL_STACK_PAGES;
        record.heap_end = space.heap().1.as_u32();
    }
    record.with_name(process.name().as_str())
}

/// One of the regions of an address space, by ascending address; `None` past the last.
fn region(space: &AddressSpace, index: usize) -> Option<Region> {
    let images = space.image().regions();
    if let Some(region) = images.get(index) {
        let rights = if region.writable { WRITE } else { 0 } | if region.executable { EXECUTE } else { 0 };
        let (start, mapped_pages) = (region.pages.first().start().as_u32(), region.pages.len());
        return Some(Region { start, end: start + mapped_pages * PAGE_SIZE, kind: IMAGE, rights, mapped_pages });
    }
    let (heap_start, heap_end) = space.heap();
    let stack = USER_STACK_START.as_u32();
    Some(match index - images.len() {
        0 => Region {
            start: heap_start.as_u32(),
            end: heap_end.as_u32().checked_next_multiple_of(PAGE_SIZE).unwrap_or(u32::MAX),
            kind: HEAP,
            rights: WRITE,
            mapped_pages: space.heap_pages_and_tables().0,
        },
        1 => Region { start: USER_STACK_GUARD.as_u32(), end: stack, kind: GUARD, rights: 0, mapped_pages: 0 },
        2 => Region {
            start: stack,
            end: USER_STACK_END.as_u32(),
            kind: STACK,
            rights: WRITE,
            mapped_pages: space.stack_pages(),
        },
        _ => return None,
    })
}
