"""The calls into the lab: their beginnings, arguments and results."""

import bisect
import contextlib

import gdb

from calls import UNKNOWN, UNTOLD, arguments, file_of, plain, whole
from given import CONNECT, ENTRANCES, OWN, PROCESS
from replay import Replay, at_addresses, quietly
from tables import number, read

# In how many of its first instructions a function's arguments are still known.
BEGINNING = 40
# So far below the stack's top lies no value of the run.
BELOW_STACK = 64
# More calls than any run has.
EVERY = 1 << 32

FIRSTS = [first for first, _, _ in OWN]

replay = Replay(CONNECT, PROCESS)


def own_name(address):
    """The lab's function that an address is in."""
    index = bisect.bisect_right(FIRSTS, address) - 1
    if index >= 0 and address < OWN[index][0] + OWN[index][1]:
        return OWN[index][2]
    return None


class Call:
    """A call into the lab, from its beginning on."""

    def __init__(self, count, name, back):
        self.count = count
        self.name = name
        self.back = back
        self.known = {}
        self.answer = None
        place = gdb.find_pc_line(back - 1)
        self.place = f"{file_of(place)}:{place.line}" if file_of(place) else "somewhere"

    def words(self):
        """The call and its result, in words."""
        given = ", ".join(f"{name} = {value or UNKNOWN}" for name, value in self.known.items())
        return f"{self.name}({given})" + (f" -> {self.answer}" if self.answer else "")

    def go(self, before):
        """Goes through the call, up to a count at most, and notes its arguments and its result."""
        replay.go_to(self.count)
        stack = number("$esp")
        answer = self.kind_of_answer()
        self.note_arguments(before)
        if answer is not None and self.return_before(before, stack):
            self.note_answer(answer, number("$esp") - stack)

    def kind_of_answer(self):
        """The type of the function's result; None if it returns nothing."""
        with contextlib.suppress(*UNTOLD, AttributeError):
            kind = gdb.newest_frame().function().type.target()
            return kind if kind and kind.sizeof else None
        return None

    def note_arguments(self, before):
        """Optimised code has them at hand one after the other, in its first instructions; the first two set up its
        frame.
        """
        for _ in range(2):
            quietly("stepi")
        base = number("$ebp")
        for _ in range(BEGINNING):
            if replay.here() >= before or number("$ebp") < base or own_name(number("$pc")) is None:
                break
            if number("$ebp") == base and own_name(number("$pc")) == self.name:
                for argument, value in arguments(whole(gdb.newest_frame())):
                    self.known[argument] = self.known.get(argument) or value
                if all(self.known.values()):
                    break
            quietly("stepi")

    def return_before(self, before, stack):
        """Whether the call returns before a count. If so, the run stops there."""
        if replay.here() >= before:
            return False
        if number("$pc") == self.back and number("$esp") > stack:
            return True
        with at_addresses([self.back]):
            replay.until(before)
            while replay.run() and replay.here() < before:
                if number("$esp") > stack:
                    return True
        return False

    def note_answer(self, kind, popped):
        """A function that answers in memory takes the address of that from the stack and has it in EAX then; others
        answer in EAX and EDX.
        """
        with contextlib.suppress(*UNTOLD):
            if popped == 8:
                self.answer = words_at(number("$eax"), kind)
            elif kind.sizeof in (1, 2, 4, 8):
                raw = number("$eax").to_bytes(4, "little") + number("$edx").to_bytes(4, "little")
                self.answer = words_of(raw[: kind.sizeof], kind)


def words_at(address, kind):
    """The value at an address, in words."""
    return plain(gdb.Value(address).cast(kind.pointer()).dereference().format_string(max_depth=3))


def words_of(raw, kind):
    """The value with these bytes, in words. gdb can tell which variant of an enumeration it is only in the machine's
    memory: so it is there for a moment, below the stack, where nothing else is.
    """
    memory, place = gdb.selected_inferior(), number("$esp") - BELOW_STACK
    kept = bytes(memory.read_memory(place, len(raw)))
    memory.write_memory(place, raw)
    try:
        return words_at(place, kind)
    finally:
        memory.write_memory(place, kept)


def call_at(count):
    """The call that begins here, if something outside the lab makes it."""
    back = read(number("$esp"))
    is_outside = back is not None and own_name(back - 1) is None
    return Call(count, own_name(number("$pc")) or "?", back) if is_outside else None


def calls_before(count, wanted, names=None):
    """The latest calls into the lab before a count, at least so many or all; those to functions with these names."""
    entrances = [at for at in ENTRANCES if names is None or own_name(at) in names]
    return replay.latest(count, lambda: at_addresses(entrances), wanted, call_at)


def first_calls(end, wanted):
    """The first calls into the lab, so many or all before a count."""
    found = []
    with contextlib.closing(replay.stops(0, end, at_addresses(ENTRANCES))) as stops:
        for count in stops:
            call = call_at(count)
            if call is not None:
                found.append(call)
            if len(found) == wanted:
                break
    return found
