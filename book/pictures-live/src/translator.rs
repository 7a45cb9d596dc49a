//! The walk from an address to a byte, through the tables of a booted kernel.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use mm_api::{Entry, EntryFlags, Frame, Page, Protection, TableIndex, VirtAddr};
use mm_oracle::walk::{NotPresent, Walk, walk};

use crate::Shown;
use crate::drawing::{Drawing, word};
use crate::input::{hexadecimal, value};
use crate::tables::Tables;

/// Addresses worth a look.
pub const CHOICES: &str = "address\tthe kernel's code\t0xC010_0000
address\tthe screen\t0xC00B_8000
address\tthe shell's code\t0x0804_8000
address\tthe shell's stack\t0xBFFF_FFF0
address\tthe kernel's heap\t0xF800_0010
address\t4 MiB at once\t0xC040_0000
address\tnull\t0x0000_0000";

/// The address of the first state.
const FIRST: u32 = 0xC010_0000;

/// A column: where its table begins, and its width.
const DIRECTORY: Column = Column { x: 124, width: 176 };
const TABLE: Column = Column { x: 344, width: 176 };
const PAGE: Column = Column { x: 564, width: 140 };

/// The uppermost row of the tables, the height of a row, and the row of the walk.
const TOP: u32 = 140;
const ROW: u32 = 26;
const MIDDLE: u32 = TOP + 2 * ROW;

#[derive(Clone, Copy)]
struct Column {
    x: u32,
    width: u32,
}

/// A table, and the entry that the walk read.
#[derive(Clone, Copy)]
struct Read {
    frame: Frame,
    index: TableIndex,
    entry: Entry,
}

/// Draws the walk of the address `step` pages after `address`.
pub fn show(input: &str) -> Shown {
    let typed = value(input, "address").map_or(Some(FIRST), hexadecimal);
    let step: i32 = value(input, "step").and_then(|step| step.parse().ok()).unwrap_or(0);
    let address = typed.unwrap_or(FIRST).wrapping_add_signed(step.wrapping_mul(4096));
    let tables = Tables::taken();
    let mut reads = Vec::new();
    let found = walk(tables.root, VirtAddr::new(address), |frame, index| {
        let entry = tables.entry(frame, index);
        reads.push(Read { frame, index, entry });
        entry
    });
    let mut says = sentence(address, &found);
    let svg = draw(&tables, address, &reads, &found, &says);
    if typed.is_none() {
        says = format!("That is no address of 32 bits in hexadecimal digits. {says}");
    }
    Shown { says, state: word(address), svg }
}

/// The result of the walk, in words.
fn sentence(address: u32, found: &Result<Walk, NotPresent>) -> String {
    let address = word(address);
    match found {
        Ok(walk) => format!("{address} is the byte {} of physical memory. {}", walk.address, rights(walk.protection())),
        Err(NotPresent { level, .. }) => {
            format!("{address} leads nowhere: the entry of the {level} is not present, so any access is a page fault.")
        }
    }
}

/// The rights to the page, in words.
fn rights(protection: Protection) -> &'static str {
    match (protection.user, protection.writable) {
        (true, true) => "Programs and the kernel may read and write it.",
        (true, false) => "Programs and the kernel may read it; a write is a page fault.",
        (false, true) => "The kernel may read and write it; an access from a program is a page fault.",
        (false, false) => "The kernel may read it; a write is a page fault, and so is any access from a program.",
    }
}

fn draw(tables: &Tables, address: u32, reads: &[Read], found: &Result<Walk, NotPresent>, says: &str) -> String {
    let mut drawing = Drawing::new("translator");
    fields(&mut drawing, address);
    register(&mut drawing, tables.root);
    for ((read, column), name) in reads.iter().zip([DIRECTORY, TABLE]).zip(["page directory", "page table"]) {
        table(&mut drawing, tables, *read, column, name);
    }
    if reads.len() < 2 {
        let text = if found.is_ok() { "none: 4 MiB at once" } else { "no page table" };
        missing(&mut drawing, TABLE, text);
    }
    match found {
        Ok(walk) => page(&mut drawing, walk),
        Err(_) => missing(&mut drawing, PAGE, "no frame"),
    }
    drawing.text("s dim", (20, 322), "P present, W writable, U for programs, A accessed, D dirty, L 4 MiB, G global");
    drawing.finish((720, 334), "An address, translated by the tables of a kernel that has booted", says)
}

/// The address in bits, cut into its three parts.
fn fields(drawing: &mut Drawing, address: u32) {
    let page = Page::containing(VirtAddr::new(address));
    let offset = VirtAddr::new(address).page_offset();
    let (directory, table) = (page.directory_index().as_u32(), page.table_index().as_u32());
    drawing.text("c s dim", (360, 20), &format!("the address {}, in bits", word(address)));
    let parts = [
        (40, 200, format!("{directory:010b}"), format!("place in the directory: {directory}")),
        (240, 200, format!("{table:010b}"), format!("place in the table: {table}")),
        (440, 240, format!("{offset:012b}"), format!("place in the page: 0x{offset:03X}")),
    ];
    for (x, width, bits, meaning) in parts {
        drawing.cell("plain", (x, 30), (width, 30), "m s", &bits);
        drawing.text("c s", (x + width / 2, 80), &meaning);
    }
}

/// CR3, and the arrow to the directory.
fn register(drawing: &mut Drawing, root: Frame) {
    drawing.cell("reserved", (14, MIDDLE - 4), (76, 34), "m s", "CR3");
    drawing.text("c m xs dim", (52, MIDDLE + 46), &number(root));
    arrow(drawing, 90, DIRECTORY.x);
}

/// The arrow from an entry to the lower edge of the frame that it names.
fn arrow(drawing: &mut Drawing, from: u32, to: u32) {
    let (middle, foot) = (from + 18, TOP + 5 * ROW - 4);
    drawing.arrow(&format!("M{from} {} H{middle} V{foot} H{}", MIDDLE + ROW / 2, to - 4));
}

/// A table, with the entry that the walk read and its neighbours.
fn table(drawing: &mut Drawing, tables: &Tables, read: Read, column: Column, name: &str) {
    let Column { x, width } = column;
    heading(drawing, column, name, Some(read.frame));
    for (row, distance) in (0..).zip([2, 1, 0, -1, -2]) {
        let index = read.index.as_u32().checked_add_signed(distance).and_then(TableIndex::new);
        let text = match index {
            Some(index) if distance.abs() < 2 => {
                format!("{}: {}", index.as_u32(), word(tables.entry(read.frame, index).bits()))
            }
            Some(_) => String::from("…"),
            // Past an end of the table.
            None => String::new(),
        };
        let (class, text_class) = match distance {
            0 if read.entry.is_present() => ("records", "m xs"),
            0 => ("bad", "m xs"),
            _ => ("plain", "m xs dim"),
        };
        drawing.cell(class, (x, TOP + row * ROW), (width, ROW), text_class, &text);
    }
    let below = TOP + 5 * ROW + 18;
    if read.entry.is_present() {
        drawing.text("c m s", (x + width / 2, below), &letters(read.entry));
        let next = if read.entry.has(EntryFlags::PAGE_SIZE) || column.x == TABLE.x { PAGE } else { TABLE };
        arrow(drawing, x + width, next.x);
    } else {
        drawing.text("c b s bad-text", (x + width / 2, below), "not present");
    }
}

/// The flags of an entry, in letters.
fn letters(entry: Entry) -> String {
    let flags = [
        (EntryFlags::PRESENT, "P"),
        (EntryFlags::WRITABLE, "W"),
        (EntryFlags::USER, "U"),
        (EntryFlags::ACCESSED, "A"),
        (EntryFlags::DIRTY, "D"),
        (EntryFlags::PAGE_SIZE, "L"),
        (EntryFlags::GLOBAL, "G"),
    ];
    let set: Vec<&str> = flags.into_iter().filter(|(flag, _)| entry.has(*flag)).map(|(_, letter)| letter).collect();
    format!("{}: {}", number(entry.frame()), set.join(" "))
}

/// The frame of the page, and the byte.
fn page(drawing: &mut Drawing, walk: &Walk) {
    let Column { x, width } = PAGE;
    let byte = walk.address.as_u32();
    heading(drawing, PAGE, "page", Some(Frame::containing(walk.address)));
    let texts = ["", "…", &format!("byte 0x{:03X}", byte % 4096), "…", ""];
    for (row, text) in texts.into_iter().enumerate() {
        let class = if row == 2 { "usable" } else { "plain" };
        drawing.cell(class, (x, TOP + row as u32 * ROW), (width, ROW), "m xs", text);
    }
    drawing.text("c m s good-text", (x + width / 2, TOP + 5 * ROW + 18), &word(byte));
}

/// An empty place, where the walk would continue.
fn missing(drawing: &mut Drawing, column: Column, text: &str) {
    heading(drawing, column, text, None);
    drawing.rect("none", (column.x, TOP), (column.width, 5 * ROW));
}

/// The heading of a column: its name, and the frame that it is in.
fn heading(drawing: &mut Drawing, column: Column, name: &str, frame: Option<Frame>) {
    let middle = column.x + column.width / 2;
    drawing.text(if frame.is_some() { "c b s" } else { "c s dim" }, (middle, TOP - 24), name);
    if let Some(frame) = frame {
        drawing.text("c m xs dim", (middle, TOP - 8), &format!("in {}", number(frame)));
    }
}

fn number(frame: Frame) -> String {
    format!("frame 0x{:X}", frame.number())
}

#[cfg(test)]
mod tests {
    use mm_api::layout::{KERNEL_BASE, USER_CODE_START};

    use crate::input::choices;

    use super::*;

    fn says(input: &str) -> String {
        show(input).says
    }

    #[test]
    fn the_direct_map_is_seen_as_it_is() {
        for offset in [0x10_0000, 0xB_8000, 0x10_0ABC] {
            let address = word(KERNEL_BASE.as_u32() + offset);
            let says = says(&format!("address {address}"));
            assert!(says.starts_with(&format!("{address} is the byte {} of physical", word(offset))), "{says}");
        }
    }

    #[test]
    fn programs_have_what_is_theirs_and_null_leads_nowhere() {
        let code = says(&format!("address {USER_CODE_START}"));
        assert!(code.contains("Programs and the kernel may read it; a write is a page fault."), "{code}");
        assert!(says("address 0").contains("leads nowhere: the entry of the page "));
        let stack = says("address 0xBFFFFFF0");
        assert!(stack.contains("Programs and the kernel may read and write it."), "{stack}");
    }

    #[test]
    fn every_choice_but_null_leads_somewhere() {
        for (name, address) in choices(CHOICES, "address") {
            assert_eq!(says(&format!("address {address}")).contains("leads nowhere"), name == "null", "{name}");
        }
    }

    #[test]
    fn four_mebibytes_at_once_have_no_page_table() {
        let shown = show("address 0xC0400ABC");
        assert!(shown.says.starts_with("0xC040_0ABC is the byte 0x0040_0ABC"), "{}", shown.says);
        assert!(shown.svg.contains("none: 4 MiB at once") && !shown.svg.contains("no page table"));
    }

    #[test]
    fn a_step_is_a_page_and_wraps_around() {
        assert_eq!(show("address 0xC0100ABC\nstep -1").state, "0xC00F_FABC");
        assert_eq!(show("address 0xFFFFF000\nstep 1").state, "0x0000_0000");
        assert_eq!(show("address 0x123\nstep -1024").state, "0xFFC0_0123");
    }

    #[test]
    fn what_is_no_address_is_said() {
        assert!(says("address zebra").starts_with("That is no address"));
        assert_eq!(show(""), show("address 0xC0100000"));
    }
}
