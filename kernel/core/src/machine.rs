//! The machine that the kernel runs on: its memory, its command line and its modules.

use mm_api::layout::{DIRECT_MAP_SIZE, PAGE_SIZE};
use mm_api::{FrameRange, MemoryMap, MemoryRegion, PhysRange, RegionKind};
use spin::{Mutex, MutexGuard};

use crate::arch::paging::LARGE_PAGE_SIZE;
use crate::boot_error::BootError;
use crate::command_line::CommandLine;
use crate::memory::lender::Lender;

/// The most regions of a memory map. Labs must be able to take as many.
const MOST_REGIONS: usize = 128;
/// The most reserved ranges. Labs must be able to take as many.
const MOST_RESERVED: usize = 32;

/// The most modules. Each may take one of the reserved ranges.
const MOST_MODULES: usize = 24;

/// The most bytes of scratch memory, which is at most a quarter of the largest region.
const MOST_SCRATCH: u64 = 16 << 20;

/// The machine as the bootloader described it.
pub struct Machine {
    regions: [MemoryRegion; MOST_REGIONS],
    region_count: usize,
    reserved: [PhysRange; MOST_RESERVED],
    reserved_for: [&'static str; MOST_RESERVED],
    reserved_count: usize,
    command_line: &'static str,
    modules: [Module; MOST_MODULES],
    module_count: usize,
}

/// A file that the bootloader has put into memory.
#[derive(Clone, Copy)]
pub struct Module {
    /// The file's name without its folders: the first word of the module's string, after its last
    /// `/`. Empty if the module has no string.
    pub name: &'static str,
    /// The file's contents.
    pub bytes: &'static [u8],
}

impl Machine {
    /// A machine without memory, command line and modules, to be filled in.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            regions: [MemoryRegion { base: 0, length: 0, kind: RegionKind::Unusable }; MOST_REGIONS],
            region_count: 0,
            reserved: [PhysRange { start: 0, end: 0 }; MOST_RESERVED],
            reserved_for: [""; MOST_RESERVED],
            reserved_count: 0,
            command_line: "",
            modules: [Module { name: "", bytes: &[] }; MOST_MODULES],
            module_count: 0,
        }
    }

    /// Notes the kernel's command line.
    pub(crate) fn set_command_line(&mut self, text: &'static str) {
        self.command_line = text;
    }

    /// Adds a module, whose memory is reserved. `string` is its string from the bootloader.
    pub(crate) fn add_module(&mut self, string: &'static str, bytes: &'static [u8]) -> Result<(), BootError> {
        let place = self.modules.get_mut(self.module_count).ok_or(BootError::TooManyModules)?;
        let path = string.split_ascii_whitespace().next().unwrap_or_default();
        *place = Module { name: path.rsplit('/').next().unwrap_or_default(), bytes };
        self.module_count += 1;
        Ok(())
    }

    /// The files that the bootloader has put into memory, in its order: at most 24.
    pub fn modules(&self) -> impl Iterator<Item = Module> {
        self.modules[..self.module_count].iter().copied()
    }

    /// Adds a region to the memory map.
    pub(crate) fn add_region(&mut self, region: MemoryRegion) -> Result<(), BootError> {
        let place = self.regions.get_mut(self.region_count).ok_or(BootError::TooManyRegions)?;
        *place = region;
        self.region_count += 1;
        Ok(())
    }

    /// Reserves a range for `purpose`. Ranges for the same purpose that touch or overlap, counted
    /// in whole frames, become one. An empty range is ignored.
    ///
    /// # Errors
    /// [`BootError::TooManyReserved`] if there are 32 ranges already.
    pub fn reserve(&mut self, range: PhysRange, purpose: &'static str) -> Result<(), BootError> {
        if range.start >= range.end {
            return Ok(());
        }
        let frames = |range: &PhysRange| (range.start / u64::from(PAGE_SIZE), range.end.div_ceil(u64::from(PAGE_SIZE)));
        let (first, end) = frames(&range);
        for index in 0..self.reserved_count {
            let other = &mut self.reserved[index];
            let (other_first, other_end) = frames(other);
            if self.reserved_for[index] == purpose && first <= other_end && other_first <= end {
                other.start = other.start.min(range.start);
                other.end = other.end.max(range.end);
                return Ok(());
            }
        }
        let place = self.reserved.get_mut(self.reserved_count).ok_or(BootError::TooManyReserved)?;
        *place = range;
        self.reserved_for[self.reserved_count] = purpose;
        self.reserved_count += 1;
        Ok(())
    }

    /// The machine's regions and reserved ranges.
    #[must_use]
    pub fn map(&self) -> MemoryMap<'_> {
        MemoryMap { regions: &self.regions[..self.region_count], reserved: &self.reserved[..self.reserved_count] }
    }

    /// The reserved ranges, each with its purpose.
    pub fn reserved(&self) -> impl Iterator<Item = (PhysRange, &'static str)> {
        self.map().reserved.iter().copied().zip(self.reserved_for)
    }

    /// The meaning of the kernel's command line.
    #[must_use]
    pub fn command_line(&self) -> CommandLine<'static> {
        CommandLine::parse(self.command_line)
    }

    /// The machine's usable memory in bytes, including reserved ranges and memory past the direct
    /// map.
    #[must_use]
    pub fn usable_bytes(&self) -> u64 {
        self.usable_regions().map(|region| region.length).fold(0, u64::saturating_add)
    }

    /// The frames that the direct map shows: all up to the end of memory, or to the direct map's
    /// own limit.
    #[must_use]
    pub fn reachable(&self) -> FrameRange {
        FrameRange::new(0, self.direct_map_end() / PAGE_SIZE)
    }

    /// Where the direct map ends: a multiple of 4 MiB, above all usable memory and all that is
    /// reserved, but at most `DIRECT_MAP_SIZE`; 0 without memory.
    pub(crate) fn direct_map_end(&self) -> u32 {
        let limit = u64::from(DIRECT_MAP_SIZE);
        let ends = |start: u64, end: u64| (start < limit && start < end).then_some(end.min(limit));
        let usable =
            self.usable_regions().filter_map(|region| ends(region.base, region.base.saturating_add(region.length)));
        let reserved = self.map().reserved.iter().filter_map(|range| ends(range.start, range.end));
        match usable.max() {
            // At most DIRECT_MAP_SIZE, which is such a multiple itself.
            Some(end) => (reserved.fold(end, u64::max) as u32).next_multiple_of(LARGE_PAGE_SIZE),
            None => 0,
        }
    }

    fn usable_regions(&self) -> impl Iterator<Item = &MemoryRegion> {
        self.regions[..self.region_count].iter().filter(|region| region.kind == RegionKind::Usable)
    }

    /// A range for the scratch memory of a check: a quarter of the largest region,
    /// up to 16 MiB.
    pub(crate) fn find_scratch(&self) -> Option<PhysRange> {
        self.find_room(MOST_SCRATCH)
    }

    /// A range of this many bytes or, if that is less, of a quarter of the largest region: whole
    /// frames that are usable, in the direct map, and not reserved. The range comes from the middle
    /// of the largest region, so that checks still see that region's beginning and end. `None` if
    /// no such range is free.
    pub(crate) fn find_room(&self, bytes: u64) -> Option<PhysRange> {
        let page = u64::from(PAGE_SIZE);
        let limit = u64::from(self.direct_map_end());
        let largest = self
            .usable_regions()
            .map(|region| PhysRange {
                start: region.base.min(limit),
                end: region.base.saturating_add(region.length).min(limit),
            })
            .max_by_key(|range| range.end - range.start)?;
        let size = largest.end - largest.start;
        let length = (size / 4 / page * page).min(bytes.next_multiple_of(page));
        // Goes down from three quarters, past every obstacle.
        let mut end = (largest.start + size / 4 * 3) / page * page;
        while length > 0 && end >= largest.start.next_multiple_of(page) + length {
            let range = PhysRange { start: end - length, end };
            match self.obstacle(range) {
                None => return Some(range),
                Some(obstacle) => end = obstacle / page * page,
            }
        }
        None
    }

    /// The lowest start of a reserved or unusable range that overlaps `range`.
    fn obstacle(&self, range: PhysRange) -> Option<u64> {
        let unusable = self.regions[..self.region_count]
            .iter()
            .filter(|region| region.kind == RegionKind::Unusable)
            .map(|region| PhysRange { start: region.base, end: region.base.saturating_add(region.length) });
        unusable
            .chain(self.map().reserved.iter().copied())
            .filter(|other| other.start < other.end && other.start < range.end && range.start < other.end)
            .map(|other| other.start)
            .min()
    }

    /// The one lender of the machine's memory; `None` if it was taken before.
    #[must_use]
    pub fn take_lender(&'static self) -> Option<Lender<'static>> {
        /// One bit for each frame that the direct map can show.
        const WORDS: usize = (DIRECT_MAP_SIZE / PAGE_SIZE / u32::BITS) as usize;
        static LENT: Mutex<[u32; WORDS]> = Mutex::new([0; WORDS]);

        let lent = MutexGuard::leak(LENT.try_lock()?);
        // SAFETY: the only machine that lives for ever is the one that the kernel runs on. Before
        // it became that, all memory that the kernel uses was reserved, and the direct map shows
        // the reachable frames. This is the only lender, since the lock is never released.
        Some(unsafe { Lender::machine(self.map(), self.reachable(), lent) })
    }
}
