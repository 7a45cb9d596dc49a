"""What gdb knows about Folio: the way to the failure and back, and the words of the machine.

The grader writes STOPS, EIP, LAB and SENTENCE before this is read, and has gdb connect.
"""

import gdb

PRESENT, LARGE = 1 << 0, 1 << 7
FLAGS = [(0, "present"), (1, "writable"), (2, "user"), (5, "accessed"), (6, "dirty"), (7, "page size"), (8, "global")]


def quietly(command):
    """Runs a command of gdb, and returns what it says."""
    return gdb.execute(command, to_string=True)


def preferred(setting):
    """Changes a setting that not every gdb has."""
    try:
        quietly(f"set {setting}")
    except gdb.error:
        pass


def number(text):
    """What an expression comes to, as 32 bits."""
    return int(gdb.parse_and_eval(text)) & 0xFFFF_FFFF


def words(text, least, most):
    """The expressions that a command got, as numbers."""
    parts = gdb.string_to_argv(text)
    if not least <= len(parts) <= most:
        raise gdb.GdbError(f"this takes {least} to {most} words")
    return [number(part) for part in parts]


def read(address):
    """The 32-bit word at a virtual address."""
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, 4)), "little")


def read_physical(address):
    """The 32-bit word at a physical address."""
    quietly("maintenance packet Qqemu.PhyMemMode:1")
    try:
        return read(address)
    finally:
        quietly("maintenance packet Qqemu.PhyMemMode:0")


def shown(address):
    """An address as Folio writes it."""
    return f"0x{address >> 16:04X}_{address & 0xFFFF:04X}"


def described(entry):
    """What an entry of a page table says."""
    flags = [name for bit, name in FLAGS if entry >> bit & 1]
    return f"{entry:#010x}: frame {entry >> 12:#x}, {', '.join(flags) or 'nothing is set'}"


class Breaks:
    """Hardware breakpoints at these addresses, while a command runs."""

    def __init__(self, addresses):
        self.addresses = addresses

    def __enter__(self):
        quietly("disable")
        make = lambda at: gdb.Breakpoint(f"*{at:#x}", gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.breaks = [make(at) for at in self.addresses]
        for one in self.breaks:
            one.silent = True

    def __exit__(self, *_):
        for one in self.breaks:
            one.delete()
        quietly("enable")


def go_back():
    """Runs backwards; False where the recording begins."""
    quietly("reverse-continue")
    # There the processor comes out of its reset (Intel SDM volume 3A, section 9.1.4).
    return (number("$cs"), number("$eip")) != (0xF000, 0xFFF0)


def frames():
    """The frames, innermost first."""
    frame = gdb.newest_frame()
    while frame is not None:
        yield frame
        frame = frame.older()


def select_own():
    """Shows the frames in the lab's own files, and selects the innermost one; without one, where it stands."""
    own = [frame for frame in frames() if frame.find_sal().symtab and LAB in frame.find_sal().symtab.filename]
    for frame in reversed(own):
        frame.select()
        gdb.execute("frame")
    if not own:
        gdb.execute("frame")


def go_to_failure():
    """From the beginning to where the check failed or crashed."""
    with Breaks(STOPS):
        quietly("continue")
    if EIP is not None:
        with Breaks([EIP]):
            go_back()


class Command(gdb.Command):
    """A command of gdb by this name."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_RUNNING)

    def invoke(self, text, _):
        self.run(text)


class WhoWrote(Command):
    """who-wrote ADDRESS [BITS]: go back to the instruction that last changed the word there, or these bits of it."""

    def run(self, text):
        address, *bits = words(text, 1, 2)
        mask = bits[0] if bits else 0xFFFF_FFFF
        watch = gdb.Breakpoint(f"*(unsigned int *) {address:#x}", gdb.BP_WATCHPOINT, gdb.WP_WRITE, internal=True)
        watch.silent = True
        quietly("disable")
        try:
            while True:
                if not go_back():
                    raise gdb.GdbError(f"nothing in the recording wrote {shown(address)}")
                after = read(address)
                quietly("reverse-stepi")
                before = read(address)
                if (before ^ after) & mask:
                    break
        finally:
            watch.delete()
            quietly("enable")
        print(f"{shown(address)} was {before:#010x} and becomes {after:#010x} here:")
        select_own()


class Walk(Command):
    """walk ADDRESS: show the entries by which the processor translates an address."""

    def run(self, text):
        (address,) = words(text, 1, 1)
        directory = number("$cr3") & ~0xFFF
        at = directory + (address >> 22) * 4
        upper = read_physical(at)
        print(f"directory at {shown(directory)}, entry {address >> 22:#x} at {shown(at)} is {described(upper)}")
        if not upper & PRESENT or upper & LARGE:
            return
        at = (upper & ~0xFFF) + (address >> 12 & 0x3FF) * 4
        lower = read_physical(at)
        print(f"table at {shown(upper & ~0xFFF)}, entry {address >> 12 & 0x3FF:#x} at {shown(at)} is {described(lower)}")
        print(f"In the kernel's direct map that entry is at {0xC000_0000 + at:#x}: try `who-wrote {0xC000_0000 + at:#x}`.")


class EntryWord(Command):
    """entry VALUE: say what an entry of a page table means."""

    def run(self, text):
        print(described(words(text, 1, 1)[0]))


for make, name in [
    (WhoWrote, "who-wrote"),
    (Walk, "walk"),
    (EntryWord, "entry"),
]:
    make(name)

preferred("suppress-cli-notifications on")
go_to_failure()
print(SENTENCE)
print("Here: who-wrote ADDRESS, walk ADDRESS, entry VALUE; and gdb's own reverse-continue,")
print("reverse-step, reverse-finish, break, backtrace. `help who-wrote` says more. To leave: quit.")
select_own()
preferred("suppress-cli-notifications off")
