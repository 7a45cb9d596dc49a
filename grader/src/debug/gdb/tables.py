"""Page tables, read as the processor reads them, and printers for Folio's types."""

import gdb

from replay import quietly

PRESENT, WRITABLE, USER, LARGE = 1 << 0, 1 << 1, 1 << 2, 1 << 7
FLAGS = [(0, "present"), (1, "writable"), (2, "user"), (5, "accessed"), (6, "dirty"), (7, "page size"), (8, "global")]
ENTRIES, PAGE = 1024, 4096
# The direct map: its address, and its size.
DIRECT_MAP, DIRECT_MAP_SIZE = 0xC000_0000, 0x3000_0000


def number(text):
    """A number with or without underscores, or the value of an expression, as 32 bits."""
    try:
        return int(text.replace("_", ""), 0) & 0xFFFF_FFFF
    except ValueError:
        return int(gdb.parse_and_eval(text)) & 0xFFFF_FFFF


def read(address):
    """The 32-bit word at a virtual address; None if there is no memory."""
    try:
        return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, 4)), "little")
    except gdb.MemoryError:
        return None


def physical(address, count):
    """Some 32-bit words from a physical address on."""
    quietly("maintenance packet Qqemu.PhyMemMode:1")
    try:
        raw = bytes(gdb.selected_inferior().read_memory(address, 4 * count))
    finally:
        quietly("maintenance packet Qqemu.PhyMemMode:0")
    return [int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw), 4)]


def shown(address):
    """An address in Folio's form."""
    return f"0x{address >> 16:04X}_{address & 0xFFFF:04X}"


def rights(flags):
    """The rights of an entry's flags, or of two entries' together."""
    return ("rw" if flags & WRITABLE else "r-") + (" for programs" if flags & USER else " for the kernel")


def described(entry):
    """An entry of a page table in words."""
    flags = [name for bit, name in FLAGS if entry >> bit & 1]
    return f"{entry:#010x}: frame {entry >> 12:#x}, {', '.join(flags) or 'nothing is set'}"


def directory():
    """The physical address of the loaded directory."""
    return number("$cr3") & ~(PAGE - 1)


def table_entries(entry):
    """The entries of a table; none if the entry of the directory that names it names no memory."""
    try:
        return physical(entry & ~(PAGE - 1), ENTRIES)
    except gdb.MemoryError:
        return []


def mapped():
    """Each mapped page's number, its frame's, and the rights of both entries."""
    for upper_index, upper in enumerate(physical(directory(), ENTRIES)):
        if not upper & PRESENT:
            continue
        if upper & LARGE:
            for index in range(ENTRIES):
                yield upper_index * ENTRIES + index, (upper >> 12) + index, upper
            continue
        for index, lower in enumerate(table_entries(upper)):
            if lower & PRESENT:
                yield upper_index * ENTRIES + index, lower >> 12, upper & lower


def runs(pages):
    """Neighbouring pages with neighbouring frames and the same rights, as one."""
    run = None
    for page, frame, flags in pages:
        says = rights(flags)
        if run and (run[0] + run[2], run[1] + run[2], run[3]) == (page, frame, says):
            run[2] += 1
            continue
        if run:
            yield run
        run = [page, frame, 1, says]
    if run:
        yield run


def in_direct_map(page, frame):
    """Whether a page is that frame's in the direct map."""
    return page == frame + DIRECT_MAP // PAGE and frame < DIRECT_MAP_SIZE // PAGE


def inside(value):
    """The number in a type that wraps one, however deep."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value[value.type.fields()[0]]
    # An enumeration's value is the number in its bytes, whatever the names are.
    raw = gdb.selected_inferior().read_memory(int(value.address), value.type.sizeof) if value.address else None
    return int.from_bytes(bytes(raw), "little") if raw else int(value) & 0xFFFF_FFFF


SHOWN = {
    "mm_api::frame::Frame": lambda n: f"frame {n:#x} (from {shown(n * PAGE & 0xFFFF_FFFF)})",
    "mm_api::frame::Order": lambda n: f"order {n}",
    "mm_api::page::Page": lambda n: f"page {n:#x} ({shown(n * PAGE & 0xFFFF_FFFF)})",
    "mm_api::page::TableIndex": lambda n: f"index {n:#x}",
    "mm_api::entry::Entry": described,
    "mm_api::entry::EntryFlags": lambda n: ", ".join(name for bit, name in FLAGS if n >> bit & 1) or "nothing is set",
    "mm_api::address::VirtAddr": shown,
    "mm_api::address::PhysAddr": lambda n: f"{shown(n)} (physical)",
}


class Shown:
    """A value in Folio's form."""

    def __init__(self, words):
        self.words = words

    def to_string(self):
        return self.words


def printer(value):
    """The printer for a value of one of Folio's types."""
    name = value.type.strip_typedefs().name
    if value.is_optimized_out:
        return None
    if name == "mm_api::vmm::Protection":
        rights = [(value[field], letter) for field, letter in (("writable", "w"), ("user", "u"))]
        if any(given.is_optimized_out for given, _ in rights):
            return None
        return Shown("r" + "".join(letter if given else "-" for given, letter in rights))
    if name == "mm_api::frame::FrameRun":
        first, last = inside(value["first"]), inside(value["first"]) + (1 << inside(value["order"])) - 1
        return Shown(f"frames {first:#x} to {last:#x}")
    if name == "core::alloc::layout::Layout":
        return Shown(f"{int(value['size'])} bytes, aligned to {inside(value['align'])}")
    if name and name.startswith("core::ptr::non_null::NonNull<") and "dyn" not in name:
        return Shown(shown(inside(value)))
    words = SHOWN.get(name)
    return Shown(words(inside(value))) if words else None


gdb.pretty_printers.append(printer)
