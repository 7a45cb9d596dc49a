//! A picture of memory beside the text on the screen. It changes as programs allocate, fork and
//! exit.
//!
//! The upper part shows physical memory: a cell for every few frames, in the colour of the owner of
//! most of them. The lower part shows the pages that each program has in the user half of its
//! address space. Both are read from the page tables, as the processor reads them.

use core::fmt::{self, Write as _};

use kernel_core::machine::Machine;
use kernel_core::memory::paged::{Owner, PagedMachine};
use kernel_core::screen::{self, Colour};
use mm_api::layout::{
    KERNEL_HEAP_START, KERNEL_STACKS_END, KERNEL_STACKS_START, PAGE_SIZE, USER_HEAP_START, USER_STACK_SIZE,
    USER_STACK_START,
};
use mm_api::{Entry, Frame, FrameRange, Page, TABLE_ENTRIES, TableIndex};
use spin::Mutex;

/// Columns that are left to text.
pub const TEXT_COLUMNS: usize = 47;
/// Where the picture begins.
const LEFT: usize = TEXT_COLUMNS + 1;
/// Columns of the picture.
const WIDTH: usize = screen::COLUMNS - LEFT;
/// Rows of the map of physical memory.
const MAP_ROWS: usize = 8;
/// Cells of the map of physical memory.
const CELLS: usize = WIDTH * MAP_ROWS;
/// Where the list of programs begins.
const PROGRAMS_ROW: usize = MAP_ROWS + 4;
/// Programs that fit on the screen, two rows each.
const PROGRAMS: usize = (screen::ROWS - PROGRAMS_ROW) / 2;

/// Columns for a program's image, its heap and its stack.
const BARS: [usize; 3] = [3, 23, 4];

/// The owner of a frame. Each kind has a number, and programs of the same colour share theirs.
#[derive(Clone, Copy)]
enum Kind {
    Kernel,
    Tables,
    Heap,
    Stacks,
    Program(usize),
}

/// The number of the first program's kind; the kinds before it are the kernel's.
const FIRST_PROGRAM: usize = 4;
/// The first program's colour.
const FIRST_COLOUR: Colour = Colour::White;
/// The colours of the other programs: enough of them that programs which run at the same time
/// seldom share one.
const PROGRAM_COLOURS: [Colour; 7] = [
    Colour::LightGreen,
    Colour::LightRed,
    Colour::LightBlue,
    Colour::Yellow,
    Colour::LightMagenta,
    Colour::LightCyan,
    Colour::Green,
];
const KINDS: usize = FIRST_PROGRAM + 1 + PROGRAM_COLOURS.len();

impl Kind {
    const fn number(self) -> usize {
        match self {
            Self::Kernel => 0,
            Self::Tables => 1,
            Self::Heap => 2,
            Self::Stacks => 3,
            Self::Program(1) => FIRST_PROGRAM,
            Self::Program(number) => FIRST_PROGRAM + 1 + number % PROGRAM_COLOURS.len(),
        }
    }
}

/// The colour of a kind, by its number.
fn colour(number: usize) -> Colour {
    match number {
        0 => Colour::LightGrey,
        1 => Colour::Brown,
        2 => Colour::Cyan,
        3 => Colour::Magenta,
        FIRST_PROGRAM => FIRST_COLOUR,
        _ => PROGRAM_COLOURS[(number - FIRST_PROGRAM - 1) % PROGRAM_COLOURS.len()],
    }
}

/// A program, as the picture shows it.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// Its process number.
    pub pid: u32,
    /// Its name, of which the picture shows the first 15 characters.
    pub name: &'a str,
    /// The frame of its page directory.
    pub root: Frame,
}

/// How many frames of each kind a cell stands for.
struct Map {
    /// How many of a cell's frames can be in use: usable and reserved ones.
    usable: [u16; CELLS],
    used: [[u16; KINDS]; CELLS],
    /// The number of frames that one cell stands for.
    frames_per_cell: u32,
}

static MAP: Mutex<Map> = Mutex::new(Map { usable: [0; CELLS], used: [[0; KINDS]; CELLS], frames_per_cell: 1 });

/// Divides the screen, if there is one, into text and picture.
pub fn start() {
    if screen::is_present() {
        screen::divide(TEXT_COLUMNS);
        for row in 0..screen::ROWS {
            screen::draw(row, TEXT_COLUMNS, Colour::DarkGrey, "│");
        }
    }
}

/// Draws the picture anew, if there is a screen. Only the cells that have changed are written to
/// the device.
///
/// `kernel` is the kernel's own directory. Programs that no longer fit below the map appear in the
/// map only.
pub fn refresh<'a>(
    machine: &Machine,
    memory: &PagedMachine,
    kernel: Frame,
    programs: impl Iterator<Item = Program<'a>>,
) {
    if !screen::is_present() {
        return;
    }
    let Some(mut map) = MAP.try_lock() else { return };
    map.clear(machine);
    let heap = TableIndex::kernel_half().filter(|index| area(*index) == Some(Kind::Heap.number()));
    for_each_page(memory, kernel, heap, |_, frame| map.add(frame, Kind::Heap));
    let stacks = TableIndex::kernel_half().filter(|index| area(*index) == Some(Kind::Stacks.number()));
    for_each_page(memory, kernel, stacks, |_, frame| map.add(frame, Kind::Stacks));

    let total = mm_oracle::usable_ranges(&machine.map()).map(FrameRange::len).sum();
    let mut row = PROGRAMS_ROW;
    for program in programs {
        let kind = Kind::Program(program.pid as usize);
        let mut pages = [0; 3];
        for_each_page(memory, program.root, TableIndex::user_half(), |page, frame| {
            map.add(frame, kind);
            pages[part(page)] += 1;
        });
        if row + 1 < PROGRAMS_ROW + 2 * PROGRAMS {
            draw_program(row, program, colour(kind.number()), pages, total);
            row += 2;
        }
    }
    for row in row..screen::ROWS {
        line(row, Colour::Black, format_args!(""));
    }
    map.add_tables(memory, machine);
    map.draw(total, memory.free_frames());
}

/// The kind of the kernel area that the directory's entry covers, as a number.
fn area(index: TableIndex) -> Option<usize> {
    let address = index.as_u32() << 22;
    if (KERNEL_HEAP_START.as_u32()..KERNEL_STACKS_START.as_u32()).contains(&address) {
        Some(Kind::Heap.number())
    } else if (KERNEL_STACKS_START.as_u32()..KERNEL_STACKS_END.as_u32()).contains(&address) {
        Some(Kind::Stacks.number())
    } else {
        None
    }
}

/// Which part of a program a page is in: its image, its heap or its stack.
fn part(page: Page) -> usize {
    match page.start() {
        address if address < USER_HEAP_START => 0,
        address if address < USER_STACK_START => 1,
        _ => 2,
    }
}

/// Calls `seen` with each page that these entries of a directory map, and the page's frame.
fn for_each_page(
    memory: &PagedMachine,
    root: Frame,
    entries: impl Iterator<Item = TableIndex>,
    mut seen: impl FnMut(Page, Frame),
) {
    for index in entries {
        let upper = memory.with_words(root, |words| words[index.as_u32() as usize]).map(Entry::from_bits);
        let Some(upper) = upper.filter(|entry| entry.is_present()) else { continue };
        memory.with_words(upper.frame(), |words| {
            for (lower, word) in TableIndex::all().zip(words) {
                let entry = Entry::from_bits(*word);
                if entry.is_present() {
                    seen(Page::from_indices(index, lower), entry.frame());
                }
            }
        });
    }
}

impl Map {
    /// Starts the map with nothing but the reserved frames in use.
    fn clear(&mut self, machine: &Machine) {
        let end = mm_oracle::usable_ranges(&machine.map()).map(FrameRange::end).last().unwrap_or(1);
        self.frames_per_cell = end.div_ceil(CELLS as u32).max(1);
        self.usable.fill(0);
        self.used.fill([0; KINDS]);
        for frame in mm_oracle::usable_ranges(&machine.map()).flat_map(FrameRange::iter) {
            if let Some(usable) = self.usable.get_mut((frame.number() / self.frames_per_cell) as usize) {
                *usable += 1;
            }
        }
        for (range, _) in machine.reserved() {
            let page = u64::from(PAGE_SIZE);
            let (first, last) = (range.start / page, range.end.div_ceil(page).min(u64::from(end)));
            for frame in (first..last).filter_map(|number| Frame::new(u32::try_from(number).ok()?)) {
                if let Some(usable) = self.usable.get_mut((frame.number() / self.frames_per_cell) as usize) {
                    *usable += 1;
                }
                self.add(frame, Kind::Kernel);
            }
        }
    }

    fn add(&mut self, frame: Frame, kind: Kind) {
        if let Some(cell) = self.used.get_mut((frame.number() / self.frames_per_cell) as usize) {
            cell[kind.number()] = cell[kind.number()].saturating_add(1);
        }
    }

    /// Adds the virtual memory manager's own frames: directories and page tables.
    fn add_tables(&mut self, memory: &PagedMachine, machine: &Machine) {
        for frame in mm_oracle::usable_ranges(&machine.map()).flat_map(FrameRange::iter) {
            if memory.owner(frame) == Owner::Tables {
                self.add(frame, Kind::Tables);
            }
        }
    }

    fn draw(&self, total: u32, free: u32) {
        line(0, Colour::White, format_args!("Physical memory, {} KiB a cell", self.frames_per_cell * PAGE_SIZE / 1024));
        for (index, (usable, used)) in self.usable.iter().zip(&self.used).enumerate() {
            let (row, column) = (1 + index / WIDTH, LEFT + index % WIDTH);
            let sum: u32 = used.iter().map(|count| u32::from(*count)).sum();
            let most = (0..KINDS).rev().max_by_key(|kind| used[*kind]).unwrap_or(0);
            let (glyph, colour) = match (*usable, sum * 4) {
                (0, _) => (" ", Colour::Black),
                (_, 0) => ("·", Colour::DarkGrey),
                (usable, quarters) => match quarters.div_ceil(u32::from(usable)) {
                    0 | 1 => ("░", colour(most)),
                    2 => ("▒", colour(most)),
                    3 => ("▓", colour(most)),
                    _ => ("█", colour(most)),
                },
            };
            screen::draw(row, column, colour, glyph);
        }
        let (used, total) = (total.saturating_sub(free) * 4, total * 4);
        line(MAP_ROWS + 1, Colour::LightGrey, format_args!("{used} of {total} KiB in use"));
        let mut column = LEFT;
        for (kind, name) in ["kernel", "tables", "heap", "stacks"].iter().enumerate() {
            screen::draw(MAP_ROWS + 2, column, colour(kind), "█");
            screen::draw(MAP_ROWS + 2, column + 1, Colour::LightGrey, name);
            column += name.len() + 2;
        }
        line(PROGRAMS_ROW - 1, Colour::White, format_args!("Programs: image, heap, stack"));
    }
}

/// A program's name and pages, and below it how full its three parts are.
fn draw_program(row: usize, program: Program<'_>, colour: Colour, pages: [u32; 3], total: u32) {
    let kib = pages.iter().sum::<u32>() * PAGE_SIZE / 1024;
    let Program { pid, name, .. } = program;
    line(row, Colour::LightGrey, format_args!("{pid:>3} {name:<15.15} {kib:>7} KiB"));
    // The heap's bar is full when all of the machine's memory is in the heap.
    let most = [16, total.max(1), USER_STACK_SIZE / PAGE_SIZE];
    let mut column = LEFT;
    for ((width, pages), most) in BARS.into_iter().zip(pages).zip(most) {
        let filled = ((pages * width as u32).div_ceil(most) as usize).min(width);
        for place in 0..width {
            let (glyph, colour) = if place < filled { ("█", colour) } else { ("·", Colour::DarkGrey) };
            screen::draw(row + 1, column + place, colour, glyph);
        }
        column += width + 1;
    }
}

/// Writes a line of the picture, up to the screen's edge.
fn line(row: usize, colour: Colour, text: fmt::Arguments<'_>) {
    let mut written = Written { row, column: LEFT, colour };
    // The screen never fails.
    let _ = written.write_fmt(text);
    for column in written.column..screen::COLUMNS {
        screen::draw(row, column, colour, " ");
    }
}

/// A place on the screen to format text into.
struct Written {
    row: usize,
    column: usize,
    colour: Colour,
}

impl fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        screen::draw(self.row, self.column, self.colour, text);
        self.column += text.chars().count();
        Ok(())
    }
}

/// An area of the kernel half is a number of whole page tables.
const _: () = assert!(KERNEL_STACKS_START.as_u32().is_multiple_of(PAGE_SIZE * TABLE_ENTRIES));
