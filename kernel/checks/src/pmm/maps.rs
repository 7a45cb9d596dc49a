//! Invented memory maps, each with one feature that real maps may have.

use mm_api::layout::{DIRECT_MAP_SIZE, PAGE_SHIFT};
use mm_api::{FrameRange, MemoryMap, MemoryRegion, PhysRange, RegionKind};

/// An invented memory map.
pub struct Case {
    /// What distinguishes it: completes "a memory map with …".
    pub what: &'static str,
    /// The firmware's regions.
    pub regions: &'static [MemoryRegion],
    /// The reserved ranges.
    pub reserved: &'static [PhysRange],
    /// The frames that the kernel can reach.
    pub reachable: FrameRange,
}

impl Case {
    /// A map without reserved ranges, whose first 32 MiB are reachable.
    pub const fn of(what: &'static str, regions: &'static [MemoryRegion]) -> Self {
        Self { what, regions, reserved: &[], reachable: FrameRange::new(0, 0x2000) }
    }

    /// The same with these reserved ranges.
    const fn reserving(self, reserved: &'static [PhysRange]) -> Self {
        Self { reserved, ..self }
    }

    /// The same with these frames reachable.
    const fn reaching(self, first: u32, end: u32) -> Self {
        Self { reachable: FrameRange::new(first, end), ..self }
    }

    /// The map as the allocator gets it.
    pub fn map(&self) -> MemoryMap<'static> {
        MemoryMap { regions: self.regions, reserved: self.reserved }
    }
}

/// A usable region from `start` up to, not including, `end`.
pub const fn usable(start: u64, end: u64) -> MemoryRegion {
    MemoryRegion { base: start, length: end - start, kind: RegionKind::Usable }
}

/// An unusable region from `start` up to, not including, `end`.
pub const fn unusable(start: u64, end: u64) -> MemoryRegion {
    MemoryRegion { base: start, length: end - start, kind: RegionKind::Unusable }
}

/// A reserved range from `start` up to, not including, `end`.
pub const fn reserved(start: u64, end: u64) -> PhysRange {
    PhysRange { start, end }
}

/// 1 MiB of plain usable memory at 16 MiB: part of most maps, so that every
/// allocator finds room for its records.
pub const ROOM: MemoryRegion = usable(0x0100_0000, 0x0110_0000);

/// The frames that the direct map covers.
const DIRECT_MAP_END: u32 = DIRECT_MAP_SIZE >> PAGE_SHIFT;

/// Bounds inside frames.
pub const WHOLE_FRAMES: &[Case] = &[
    Case::of("a usable region that begins inside a frame", &[ROOM, usable(0x40_0800, 0x41_0000)]),
    Case::of("a usable region that ends one byte before its frame does", &[ROOM, usable(0x40_0000, 0x40_FFFF)]),
    Case::of(
        "usable regions that are smaller than a frame",
        &[usable(0x40_0100, 0x40_0F00), usable(0x40_1F00, 0x40_2100), usable(0x40_5000, 0x40_5FFF), ROOM],
    ),
    Case::of(
        "two usable regions that cover a frame only together",
        &[usable(0x40_0000, 0x40_1800), usable(0x40_1800, 0x40_3000), ROOM],
    ),
    Case::of(
        "three usable regions, out of order, that cover their frames only together",
        &[usable(0x40_1400, 0x40_2000), ROOM, usable(0x40_0000, 0x40_0C00), usable(0x40_0C00, 0x40_1400)],
    ),
    Case::of("sixteen usable regions, in no order, that cover one frame only together", &shreds()),
    Case::of(
        "two usable regions and one byte between them",
        &[usable(0x40_0000, 0x40_1800), usable(0x40_1801, 0x40_3000), ROOM],
    ),
];

/// A frame in sixteen pieces, in no order, and [`ROOM`].
const fn shreds() -> [MemoryRegion; 17] {
    let mut regions = [ROOM; 17];
    let mut index = 0;
    while index < 16 {
        let start = 0x40_0000 + (index * 7 % 16) as u64 * 0x100;
        regions[index] = usable(start, start + 0x100);
        index += 1;
    }
    regions
}

/// Unusable regions that overlap usable ones.
pub const UNUSABLE_WINS: &[Case] = &[
    Case::of(
        "an unusable region inside a usable one, listed after it",
        &[ROOM, usable(0x40_0000, 0x41_0000), unusable(0x40_4000, 0x40_8000)],
    ),
    Case::of(
        "an unusable region inside a usable one, listed before it",
        &[ROOM, unusable(0x40_4000, 0x40_8000), usable(0x40_0000, 0x41_0000)],
    ),
    Case::of(
        "an unusable region that covers the first byte of a usable one",
        &[usable(0x40_0000, 0x41_0000), unusable(0x3F_0000, 0x40_0001), ROOM],
    ),
    Case::of(
        "an unusable region that begins with the last byte of a frame",
        &[unusable(0x40_EFFF, 0x42_0000), usable(0x40_0000, 0x41_0000), ROOM],
    ),
    Case::of(
        "an unusable region over one usable region and a part of the next",
        &[usable(0x40_0000, 0x40_4000), unusable(0x3F_0000, 0x40_6000), usable(0x40_4000, 0x40_8000), ROOM],
    ),
    Case::of(
        "two unusable regions that overlap each other and two usable ones",
        &[
            usable(0x40_0000, 0x41_0000),
            unusable(0x40_2000, 0x40_6000),
            unusable(0x40_4000, 0x40_8000),
            usable(0x40_3000, 0x40_A000),
            ROOM,
        ],
    ),
];

/// Regions that no sane firmware would list, but some does.
pub const ODD_REGIONS: &[Case] = &[
    Case::of(
        "usable regions that overlap, one of them listed twice",
        &[usable(0x40_0000, 0x40_8000), usable(0x40_4000, 0x41_0000), usable(0x40_0000, 0x40_8000), ROOM],
    ),
    Case::of(
        "regions in no order",
        &[usable(0x48_0000, 0x48_4000), ROOM, usable(0x40_0000, 0x40_4000), usable(0x44_0000, 0x44_4000)],
    ),
    Case::of(
        "empty regions, two of them in the middle of a frame",
        &[
            unusable(0x40_0800, 0x40_0800),
            usable(0x40_0000, 0x41_0000),
            unusable(0x40_3800, 0x40_3800),
            usable(0x42_0000, 0x42_0000),
            ROOM,
        ],
    ),
    Case::of("frame 0, which is as usable as any other", &[usable(0, 0x8000), ROOM]),
    Case::of(
        "regions beyond 4 GiB",
        &[ROOM, usable(0x1_0040_0000, 0x1_0041_0000), unusable(0x1_0100_0000, 0x1_0200_0000)],
    ),
    // The others are high up, so that the records need not cover all of 4 GiB.
    Case::of(
        "a usable region that is the last frame below 4 GiB",
        &[usable(0xFFFF_F000, 0x1_0000_0000), usable(0xFF00_0000, 0xFF80_0000)],
    )
    .reaching(0xF_F000, 0xF_F800),
    Case::of(
        "a usable region that reaches beyond 4 GiB",
        &[usable(0xFFFC_0000, 0x1_0010_0000), usable(0xFF00_0000, 0xFF80_0000)],
    )
    .reaching(0xF_F000, 0xF_F800),
    Case::of(
        "regions that are longer than 4 GiB",
        &[
            MemoryRegion { base: 0xFF00_0000, length: 0x1_0010_0000, kind: RegionKind::Usable },
            MemoryRegion { base: 0xFFC0_0000, length: 0x1_0000_0000, kind: RegionKind::Unusable },
        ],
    )
    .reaching(0xF_F000, 0xF_F800),
    Case::of(
        "regions that end past the last 64-bit address",
        &[
            MemoryRegion { base: 0xFF00_0000, length: u64::MAX, kind: RegionKind::Usable },
            MemoryRegion { base: 0xFF80_0000, length: u64::MAX, kind: RegionKind::Unusable },
        ],
    )
    .reaching(0xF_F000, 0xF_F800),
];

/// Reserved ranges of every kind.
pub const RESERVED: &[Case] = &[
    Case::of("one reserved byte", &[ROOM, usable(0x40_0000, 0x41_0000)]).reserving(&[reserved(0x40_5800, 0x40_5801)]),
    Case::of("a reserved range from inside one frame to inside another", &[ROOM, usable(0x40_0000, 0x41_0000)])
        .reserving(&[reserved(0x40_2800, 0x40_5001)]),
    Case::of("a reserved range of two whole frames", &[ROOM, usable(0x40_0000, 0x41_0000)])
        .reserving(&[reserved(0x40_3000, 0x40_5000)]),
    Case::of("reserved ranges in no order", &[ROOM, usable(0x40_0000, 0x41_0000)]).reserving(&[
        reserved(0x40_A000, 0x40_B000),
        reserved(0x40_2000, 0x40_3000),
        reserved(0x40_C000, 0x40_D000),
        reserved(0x40_6000, 0x40_7000),
    ]),
    Case::of("reserved ranges that lie or reach beyond 4 GiB", &[usable(0xFFC0_0000, 0x1_0000_0000)])
        .reserving(&[
            reserved(0x1_0100_0000, 0x1_0102_0000),
            reserved(0xFFF0_0000, 0x1_0000_0001),
            reserved(0xFFD0_0000, 0xFFD0_1000),
        ])
        .reaching(0xF_FC00, 0xF_FD00),
    Case::of("reserved ranges that overlap", &[ROOM, usable(0x40_0000, 0x41_0000)]).reserving(&[
        reserved(0x40_2000, 0x40_6000),
        reserved(0x40_4000, 0x40_8000),
        reserved(0x40_2000, 0x40_6000),
    ]),
    Case::of("reserved ranges outside usable memory and across its bounds", &[ROOM, usable(0x40_0000, 0x41_0000)])
        .reserving(&[
            reserved(0x20_0000, 0x30_0000),
            reserved(0x3F_F000, 0x40_1000),
            reserved(0x40_F000, 0x42_0000),
            reserved(0xFFFF_F000, 0x1_0000_0000),
        ]),
    Case::of("empty reserved ranges, one of which ends before it begins", &[ROOM, usable(0x40_0000, 0x41_0000)])
        .reserving(&[reserved(0x40_5800, 0x40_5800), reserved(0x40_9800, 0x40_7800)]),
    Case::of("a reserved range where the largest region begins", &[usable(0x40_0000, 0x41_0000), ROOM])
        .reserving(&[reserved(0x0100_0000, 0x0100_8000)]),
];

/// How many regions the map of [`MANY_REGIONS`] has.
const MANY: usize = 128;

/// As many regions and reserved ranges as the contract demands, in 160 pieces.
pub const MANY_REGIONS: &[Case] =
    &[Case::of("128 regions and 32 reserved ranges", &many_regions()).reserving(&many_reserved())];

/// Usable regions of six frames, with holes of two between them, in no order;
/// the highest one is 1 MiB.
const fn many_regions() -> [MemoryRegion; MANY] {
    let mut regions = [usable(0, 0); MANY];
    let mut index = 0;
    while index < MANY {
        let place = (index * 37) % MANY;
        let start = 0x10_0000 + place as u64 * 0x8000;
        regions[index] = usable(start, if place == MANY - 1 { start + 0x10_0000 } else { start + 0x6000 });
        index += 1;
    }
    regions
}

/// The third frame of every fourth region.
const fn many_reserved() -> [PhysRange; MANY / 4] {
    let mut ranges = [reserved(0, 0); MANY / 4];
    let mut index = 0;
    while index < MANY / 4 {
        let start = 0x10_2000 + index as u64 * 4 * 0x8000;
        ranges[index] = reserved(start, start + 0x1000);
        index += 1;
    }
    ranges
}

/// Maps that leave not one whole frame.
pub const NOTHING_USABLE: &[Case] = &[
    Case::of("no regions at all", &[]),
    Case::of("unusable regions only", &[unusable(0, 0x10_0000), unusable(0xFFFC_0000, 0x1_0000_0000)]),
    Case::of("usable regions that are all empty", &[usable(0x10_0000, 0x10_0000), usable(0x40_0000, 0x40_0000)]),
    Case::of(
        "usable regions that are all smaller than a frame",
        &[usable(0x800, 0x1800), usable(0x40_0001, 0x40_1000)],
    ),
    Case::of("usable memory beyond 4 GiB only", &[usable(0x1_0000_0000, 0x2_0000_0000)]),
    Case::of(
        "an unusable region over all usable ones",
        &[usable(0x10_0000, 0x40_0000), ROOM, unusable(0, 0x0200_0000)],
    ),
    Case::of("nothing that is not reserved", &[usable(0x40_0800, 0x80_0000)])
        .reserving(&[reserved(0x40_1000, 0x80_0000)]),
];

/// Maps without room for the records that their memory needs: one bit for each of
/// 786,432 frames takes 24 frames.
pub const NO_ROOM: &[Case] = &[
    Case::of("3 GiB of memory of which the kernel reaches nothing", &[usable(0, 0xC000_0000)]).reaching(0, 0),
    Case::of("3 GiB of memory of which the kernel reaches one frame", &[usable(0, 0xC000_0000)]).reaching(0x100, 0x101),
    Case::of("3 GiB of memory of which all that the kernel reaches is reserved", &[usable(0, 0xC000_0000)])
        .reserving(&[reserved(0, 0x3000_0000)])
        .reaching(0, DIRECT_MAP_END),
    Case::of(
        "3 GiB of memory of which all that the kernel reaches is unusable",
        &[usable(0, 0xC000_0000), unusable(0, 0x3000_0000)],
    )
    .reaching(0, DIRECT_MAP_END),
];

/// Maps with room for the records, but not in the most obvious place.
pub const ROOM_SOMEWHERE: &[Case] = &[
    Case::of(
        "too little room in its lowest regions",
        &[usable(0x1000, 0x2000), usable(0x8000, 0x9000), usable(0x40_0000, 0x1000_0000)],
    ),
    Case::of("a reserved range shortly after the beginning of its only region", &[usable(0x10_0000, 0x1000_0000)])
        .reserving(&[reserved(0x10_1000, 0x10_2000)]),
    Case::of("usable memory below what the kernel reaches", &[usable(0x10_0000, 0x0400_0000)]).reaching(0x2000, 0x4000),
    Case::of("a region of which only the beginning is reachable", &[usable(0x0100_0000, 0x1000_0000)])
        .reaching(0, 0x1400),
    Case::of(
        "one reachable frame in its first region",
        &[usable(0x03FF_F000, 0x1000_0000), usable(0x10_0000, 0x0100_0000)],
    )
    .reaching(0, 0x4000),
    Case::of("room only across the bounds of regions that touch", &touching_regions()).reaching(0, 0x400),
];

/// 256 MiB that are out of reach and need more than three frames of records, even
/// with only two bits per frame, and 120 regions of three frames that touch each other:
/// enough for 16 bytes per frame.
const fn touching_regions() -> [MemoryRegion; 121] {
    let mut regions = [usable(0x40_0000, 0x1040_0000); 121];
    let mut index = 0;
    while index < 120 {
        let start = 0x10_0000 + index as u64 * 0x3000;
        regions[index] = usable(start, start + 0x3000);
        index += 1;
    }
    regions
}

/// Regions with holes of every kind: at multiples of 32 and of 1024 frames and at other
/// numbers, single frames, and a hole of a single frame.
pub const HOLES: Case = Case::of(
    "holes",
    &[
        usable(0x10_0000, 0x13_7000),
        usable(0x14_0000, 0x14_1000),
        usable(0x16_0000, 0x18_0000),
        usable(0x18_1000, 0x1B_F000),
        ROOM,
    ],
)
.reserving(&[reserved(0x12_0000, 0x12_1000), reserved(0x17_0000, 0x17_0001)]);

/// Memory for two runs of the largest order. It begins and ends inside other runs
/// of that order, and has a small hole.
pub const BLOCKS: Case = Case::of(
    "room for two of the largest runs, and a hole",
    &[usable(0x3D_0000, 0x00C8_5000), unusable(0xC5_1000, 0xC5_3800)],
);

/// Memory that ends before the first run of the largest order would.
pub const SMALL: Case = Case::of("two and a half MiB only, which end below 4 MiB", &[usable(0x10_0000, 0x38_0000)]);

/// Memory from frame 0 on; the records go further up.
pub const BOTTOM: Case = Case::of("memory from frame 0 on", &[usable(0, 0x90_0000)]).reaching(0x480, 0x900);

/// Many more regions and reserved ranges than the contract demands.
pub const TOO_MANY: Case =
    Case::of("300 regions and 75 reserved ranges", &too_many_regions()).reserving(&too_many_reserved());

/// Usable regions of six frames, with holes of two between them, and [`ROOM`].
const fn too_many_regions() -> [MemoryRegion; 300] {
    let mut regions = [ROOM; 300];
    let mut index = 1;
    while index < regions.len() {
        let start = 0x20_0000 + (index * 167 % 300) as u64 * 0x8000;
        regions[index] = usable(start, start + 0x6000);
        index += 1;
    }
    regions
}

/// The third frame of every fourth region.
const fn too_many_reserved() -> [PhysRange; 75] {
    let mut ranges = [reserved(0, 0); 75];
    let mut index = 0;
    while index < ranges.len() {
        let start = 0x20_2000 + index as u64 * 4 * 0x8000;
        ranges[index] = reserved(start, start + 0x1000);
        index += 1;
    }
    ranges
}

/// The last 64 MiB below 4 GiB, and nothing else.
pub const TOP: Case =
    Case::of("the last 64 MiB below 4 GiB only", &[usable(0xFC00_0000, 0x1_0000_0000)]).reaching(0xF_C000, 0x10_0000);
