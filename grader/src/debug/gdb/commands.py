"""The commands that gdb has for a recorded check.

The grader writes `given.py` beside this: how the emulator is started (CONNECT), the file with its process's number
(PROCESS), where a failure is reported (ENDS), the instruction that faulted (FAULT) or None, the functions that were made
for the lab (OWN: first address, size, name), where those begin that it has itself (ENTRANCES), its folder (LAB), and
what became of the check (SENTENCE).
"""

import contextlib
import re

import gdb

from calls import UNKNOWN, file_of, frames, show
from given import ENDS, ENTRANCES, FAULT, LAB, SENTENCE
from lab import EVERY, calls_before, own_name, replay
from replay import at_addresses, at_changes, at_these, quietly, silence, users_off
from tables import (
    DIRECT_MAP,
    DIRECT_MAP_SIZE,
    ENTRIES,
    LARGE,
    PAGE,
    PRESENT,
    described,
    directory,
    in_direct_map,
    mapped,
    number,
    physical,
    read,
    runs,
    shown,
)

# How many instructions a search for a line goes back.
TRACES = [60, 600, 3_000]
# How many calls, or runs of pages, are shown.
CALLS, RUNS = 5, 40
# The functions that allocate and free the blocks of a heap.
HEAP = ["allocate", "allocate_zeroed", "allocate_array", "reallocate", "free"]


def show_own():
    """Shows the calls in the lab's own files, and selects the innermost one; without any, shows the current frame."""
    own = [frame for frame in frames() if LAB in (file_of(frame.find_sal()) or "")]
    for frame in reversed(own or [gdb.newest_frame()]):
        show(frame)


def show_failure():
    """Shows where the check failed or crashed, and what to do if the check's code alone is running there."""
    show_own()
    if LAB not in (file_of(gdb.selected_frame().find_sal()) or ""):
        print("None of your functions is running here: `last-calls` shows the calls before this, `break-lab` stops at each.")


def show_here():
    """Shows where the run stands."""
    show(gdb.newest_frame())


@contextlib.contextmanager
def travelling():
    """Goes to another instruction, and returns if nothing is found there."""
    before = replay.here()
    try:
        with silence(), users_off() as active:
            yield before, active
    except gdb.GdbError:
        with silence(), users_off():
            replay.go_to(before)
        raise


def go_to_failure():
    """From the beginning to where the check failed or crashed."""
    with silence(), users_off():
        replay.restart()
        with at_addresses(ENDS):
            replay.run()
        if FAULT is not None:
            found = replay.latest(replay.here(), lambda: at_addresses([FAULT]))
            if found:
                replay.go_to(found[-1])
    return replay.here()


def leave():
    """Ends the emulator, so that gdb does not let it run on."""
    with silence():
        replay.close()


class Command(gdb.Command):
    """A command of gdb. Its documentation is its help."""

    least, most = 0, 0

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_RUNNING)

    def invoke(self, text, _):
        parts = gdb.string_to_argv(text)
        if not self.least <= len(parts) <= self.most:
            raise gdb.GdbError(self.__doc__.partition(":")[0])
        self.act([number(part) for part in parts])


class WhoWrote(Command):
    """who-wrote ADDRESS [BITS]: go back to the instruction that last changed the word there, or these bits of it."""

    least, most = 1, 2

    def act(self, given):
        address, mask = given[0], given[1] if len(given) > 1 else 0xFFFF_FFFF
        with travelling() as (before, _):
            becomes = None
            while becomes is None:
                before, becomes = self.change_before(before, address, mask)
            replay.go_to(before)
            was = read(address)
        print(f"{shown(address)} was {self.word(was)} and becomes {self.word(becomes)} here, at instruction {before}:")
        show_own()

    def change_before(self, before, address, mask):
        """The last write before a count that changes one of these bits: its count, and the words before and after.

        Without the word, a count before which it has to be looked for.
        """
        found = replay.latest(before, lambda: at_changes(address), 1, lambda count: (count, read(address)))
        if not found:
            raise gdb.GdbError(f"nothing before this changed {shown(address)}")
        # The watchpoint stops after the instruction that wrote.
        for (_, earlier), (count, later) in reversed(list(zip(found, found[1:]))):
            if self.differ(earlier, later, mask):
                return count - 1, later
        count, later = found[0]
        replay.go_to(count - 1)
        return count - 1, later if self.differ(read(address), later, mask) else None

    def differ(self, one, other, mask):
        """Whether two words differ in one of these bits."""
        return one is None or other is None or (one ^ other) & mask != 0

    def word(self, value):
        """A word as it is shown."""
        return "nothing" if value is None else f"{value:#010x}"


class LastCalls(Command):
    """last-calls [COUNT]: show the last calls into the lab before this, the latest first."""

    most = 1

    def act(self, given):
        wanted = given[0] if given else CALLS
        with travelling() as (before, _):
            told = calls_before(before, wanted)[-wanted:]
            for call in told:
                call.go(before)
            replay.go_to(before)
        if not told:
            raise gdb.GdbError("nothing of the lab was called before this")
        for call in reversed(told):
            print(f"{call.words()}\n    called from {call.place}; `go-to {call.count}` goes there")


class Heap(Command):
    """heap: show the blocks in use, according to the calls into the lab and their results."""

    def act(self, _):
        with travelling() as (before, _):
            blocks = {}
            for call in calls_before(before, EVERY, HEAP):
                call.go(before)
                self.note(blocks, call)
            replay.go_to(before)
        for address, asked in sorted(blocks.items()):
            print(f"{shown(address)}: {asked}")
        print(f"{len(blocks)} {'block is' if len(blocks) == 1 else 'blocks are'} in use")

    def note(self, blocks, call):
        """Notes the effect of a call to a heap, if it succeeded."""
        granted = re.fullmatch(r"Ok\((.*)\)", call.answer or "")
        if not granted:
            return
        old = call.known.get("block")
        if old:
            blocks.pop(number(old), None)
        if call.name != "free":
            asked = {name: value for name, value in call.known.items() if name != "block"}
            blocks[number(granted[1])] = ", ".join(f"{name} = {value or UNKNOWN}" for name, value in asked.items())


class GoTo(Command):
    """go-to COUNT: go to the point at which COUNT instructions have been executed."""

    least, most = 1, 1

    def act(self, given):
        with travelling():
            replay.go_to(given[0])
        show_here()


class Failure(Command):
    """failure: go to where the check failed or crashed."""

    def act(self, _):
        with silence(), users_off():
            replay.go_to(FAILED_AT)
        show_failure()


class ReverseStepInstruction(Command):
    """reverse-stepi [COUNT]: go back by one instruction, or by COUNT."""

    most = 1

    def act(self, given):
        with travelling() as (before, _):
            replay.go_to(max(0, before - (given[0] if given else 1)))
        show_here()


class ReverseContinue(Command):
    """reverse-continue: go back to the last of your breakpoints or watchpoints, or to the beginning."""

    def act(self, _):
        with travelling() as (before, active):
            found = replay.latest(before, lambda: at_these(active)) if active else []
            replay.go_to(found[-1] if found else 0)
        if not found:
            print("This is the beginning: none of your breakpoints was met before.")
        show_here()


class ReverseFinish(Command):
    """reverse-finish: go back to the call of the function that this is in."""

    def act(self, _):
        with travelling() as (before, _):
            block = gdb.newest_frame().block()
            while block.superblock and not block.superblock.is_static:
                block = block.superblock
            found = replay.latest(before, lambda: at_addresses([block.start]))
            # At its first instruction the function has just been called.
            start = found[-1] if found else before
            replay.go_to(max(0, start - 1))
        show_here()


class Backwards(Command):
    """Goes back to the beginning of a line: executes a stretch again, instruction by instruction."""

    def act(self, _):
        with travelling() as (before, _):
            here = self.state()
            for length in TRACES:
                first = max(0, before - length)
                target = self.target(self.trace(first, before), here)
                if target is not None or first == 0:
                    break
            if target is None:
                raise gdb.GdbError("there is no such line shortly before this; try `reverse-continue`")
            replay.go_to(target)
        show_here()

    def state(self):
        """The current instruction, and its stack frame."""
        place = gdb.find_pc_line(number("$pc"))
        return number("$pc"), number("$ebp"), (file_of(place), place.line), place.pc

    def trace(self, first, last):
        """Count and state at each instruction."""
        replay.go_to(first)
        passed = []
        while replay.here() < last:
            passed.append((replay.last, self.state()))
            quietly("stepi")
        return passed

    def target(self, passed, here):
        """The beginning of the last line that was executed."""
        line, beginning = None, None
        for count, state in reversed(passed):
            if not self.counts(state, here):
                continue
            if line is None:
                line = state[2]
            if state[2] != line:
                return beginning
            beginning = count
        return None


class ReverseStep(Backwards):
    """reverse-step: go back to the beginning of the last line that was executed."""

    def counts(self, state, here):
        return state[2][0] is not None


class ReverseNext(Backwards):
    """reverse-next: go back to the beginning of the last line in this function, over the calls that it made."""

    def counts(self, state, here):
        own = own_name(here[0])
        return state[2][0] is not None and state[1] == here[1] and (own is None or own_name(state[0]) == own)


class Walk(Command):
    """walk ADDRESS: show the entries by which the processor translates an address."""

    least, most = 1, 1

    def act(self, given):
        (address,) = given
        at = directory() + (address >> 22) * 4
        (upper,) = physical(at, 1)
        print(f"directory at {shown(directory())}, entry {address >> 22:#x} at {shown(at)} is {described(upper)}")
        if not upper & PRESENT or upper & LARGE:
            self.advise(at)
            return
        self.advise(at)
        table, index = upper & ~(PAGE - 1), address >> 12 & ENTRIES - 1
        at = table + index * 4
        try:
            (lower,) = physical(at, 1)
        except gdb.MemoryError:
            print(f"table at {shown(table)}: there is no memory")
            return
        print(f"table at {shown(table)}, entry {index:#x} at {shown(at)} is {described(lower)}")
        self.advise(at)

    def advise(self, at):
        """Prints the command that finds the instruction that wrote an entry."""
        if at < DIRECT_MAP_SIZE:
            print(f"    `who-wrote {shown(DIRECT_MAP + at)}` goes to where that was written")


class EntryWord(Command):
    """entry VALUE: decode an entry of a page table."""

    least, most = 1, 1

    def act(self, given):
        print(described(given[0]))


class Frames(Command):
    """frames [FRAME]: show the frames of all pages outside the direct map, or all pages of one frame."""

    most = 1

    def act(self, given):
        if given:
            found = list(runs(one for one in mapped() if one[1] == given[0]))
        else:
            found = list(runs(one for one in mapped() if not in_direct_map(one[0], one[1])))
        for page, frame, count, says in found[:RUNS]:
            pages = f"page {page:#x}" if count == 1 else f"pages {page:#x} to {page + count - 1:#x}"
            led = f"frame {frame:#x}" if count == 1 else f"frames {frame:#x} to {frame + count - 1:#x}"
            print(f"{shown(page * PAGE & 0xFFFF_FFFF)}: {pages} -> {led}, {says}")
        if len(found) > RUNS:
            print(f"and {len(found) - RUNS} more")
        if not found:
            print("none")


class BreakLab(Command):
    """break-lab: set a breakpoint on each of the lab's functions; `delete` removes them."""

    def act(self, _):
        for at in ENTRANCES:
            quietly(f"break *{at:#x}")
        print(f"{len(ENTRANCES)} breakpoints; `continue` and `reverse-continue` go from one call to the next")


def tell_of_end():
    """Says what to do at the end of the recording."""
    if gdb.selected_inferior().pid == 0:
        print("The recording ends there. `failure` goes back to the failure.")


for make, name in [
    (WhoWrote, "who-wrote"),
    (LastCalls, "last-calls"),
    (Heap, "heap"),
    (GoTo, "go-to"),
    (Failure, "failure"),
    (Walk, "walk"),
    (EntryWord, "entry"),
    (Frames, "frames"),
    (BreakLab, "break-lab"),
    (ReverseStepInstruction, "reverse-stepi"),
    (ReverseStep, "reverse-step"),
    (ReverseNext, "reverse-next"),
    (ReverseContinue, "reverse-continue"),
    (ReverseFinish, "reverse-finish"),
]:
    make(name)

gdb.execute("define hook-quit\npython leave()\nend")
FAILED_AT = go_to_failure()
gdb.events.before_prompt.connect(tell_of_end)
print(SENTENCE)
print("Folio's: who-wrote ADDRESS, last-calls, walk ADDRESS, frames, heap, entry VALUE, break-lab, go-to COUNT, failure.")
print("gdb's, backwards: reverse-step, -next, -stepi, -continue, -finish. `help who-wrote` says more. To leave: quit.")
show_failure()
