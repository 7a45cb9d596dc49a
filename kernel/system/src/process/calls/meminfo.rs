//! `meminfo`: reports how memory is used.

use abi::Errno;
use abi::meminfo::{
    ENDED, EXECUTE, GUARD, HEAP, IMAGE, MAPPING, PHYSICAL, PROCESSES, Physical, Process as Record, READ, READY,
    REGIONS, RUNNING, Region as RegionRecord, SHARED, STACK, WAITING, WRITE,
};
use kernel_core::trap;
use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{KERNEL_STACK_PAGES, PageRange, Purpose, Region, Sharing, VirtAddr};

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
    /// Bytes that still fit.
    room: u32,
    /// Records so far, including those that did not fit.
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

/// Copies the records that fit to the program's memory, and returns how many there are.
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
                system.table().at(slot).resources().and_then(|resources| region_at(&resources.space, index))
            {
                writer.put(system, &record.to_bytes())?;
                index += 1;
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Done::Answer(writer.count))
}

/// The record of the machine's physical memory.
fn physical(system: &System) -> Physical {
    let (heap_blocks, heap_bytes) = memory::heap_in_use();
    let frames = memory::with(|memory| memory.frames());
    let living = system.table().iter().filter_map(Process::resources);
    // One more for the directory.
    let tables: u32 = living.map(|resources| resources.space.mapped_in(NOTHING).tables + 1).sum();
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
        shared_frames: frames.shared,
        kernel_other_frames: frames.managed.saturating_sub(known),
        kernel_heap_bytes: heap_bytes,
        kernel_heap_blocks: heap_blocks,
        kernel_stacks: stacks,
        processes,
        ticks: trap::ticks() as u32,
        ticks_per_second: TICKS_PER_SECOND,
    }
}

/// The process with the next higher number after `last`, and its place.
fn next_process(system: &System, last: Pid) -> Option<(Slot, Pid)> {
    let table = system.table();
    let after = table.slots().map(|slot| (slot, table.at(slot).pid())).filter(|&(_, pid)| pid > last);
    after.min_by_key(|&(_, pid)| pid)
}

/// The record of the process at a place.
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
        for region in space.regions() {
            let mapped = space.mapped_in(region.pages);
            record.shared_frames += mapped.shared;
            *match region.purpose {
                Purpose::Image => &mut record.image_frames,
                Purpose::Heap => &mut record.heap_frames,
                Purpose::Stack | Purpose::Guard => &mut record.stack_frames,
                Purpose::Mapping => &mut record.mapping_frames,
            } += mapped.pages;
        }
        record.table_frames = space.mapped_in(NOTHING).tables + 1; // and the directory
        record.kernel_stack_frames = KERNEL_STACK_PAGES;
        record.heap_end = space.heap_end().as_u32();
    }
    record.with_name(process.name().as_str())
}

/// The record of the region with this index, by ascending address; `None` past the last.
fn region_at(space: &AddressSpace, index: usize) -> Option<RegionRecord> {
    let region = space.regions().get(index)?;
    let kind = match region.purpose {
        Purpose::Image => IMAGE,
        Purpose::Heap => HEAP,
        Purpose::Stack => STACK,
        Purpose::Guard => GUARD,
        Purpose::Mapping => MAPPING,
    };
    let start = region.pages.first().start().as_u32();
    let mapped_pages = space.mapped_in(region.pages).pages;
    Some(RegionRecord {
        start,
        end: start + region.pages.len() * PAGE_SIZE,
        kind,
        rights: rights_of(region),
        mapped_pages,
    })
}

/// The bits for a region's rights in its record.
fn rights_of(region: &Region) -> u32 {
    let rights = region.rights;
    let is_shared = region.sharing == Sharing::Shared;
    let bits = [(rights.read, READ), (rights.write, WRITE), (rights.execute, EXECUTE), (is_shared, SHARED)];
    bits.into_iter().filter(|&(is_set, _)| is_set).map(|(_, bit)| bit).sum()
}

/// An empty range, for calls that ask only for tables.
const NOTHING: PageRange = PageRange::between(USER_SPACE_END, USER_SPACE_END);
