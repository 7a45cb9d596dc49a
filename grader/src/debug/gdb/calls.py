"""The calls that led to the current instruction, laid out for a student."""

import contextlib
import linecache
import os
import re

import gdb
from gdb.FrameDecorator import FrameDecorator

# Stands for a value that the optimised code does not keep.
UNKNOWN = "…"
# What gdb raises where a value cannot be told; the last one after an error of its own.
UNTOLD = (gdb.error, RuntimeError, KeyboardInterrupt)
# The most characters of a value that are shown.
LONGEST = 100


def frames():
    """The frames of the calls, innermost first."""
    frame = gdb.newest_frame()
    while frame is not None:
        yield frame
        frame = frame.older()


def file_of(place):
    """The file of a place in the source, relative to the course; None without one."""
    return os.path.normpath(place.symtab.filename) if place and place.symtab else None


def short(name):
    """A function's name without the modules that it is in and the types that it is made for."""
    name = (name or "?").removeprefix("<")
    while (bare := re.sub(r"<[^<>]*>|\[[^\[\]]*\]", "", name)) != name:
        name = bare
    parts = [part for part in re.split(r"::|>", name) if part]
    return "::".join(parts[-2:] if parts[-1].startswith("{") else parts[-1:]) if parts else "?"


def plain(words):
    """A value as people write it: without the modules and the type that a name is in. Only the beginning if it is long."""
    words = re.sub(r"\b(\w+::)+", "", words)
    words = re.sub(r"(&(?:mut )?dyn [\w ()+]+) \{[^{}]*\}", r"\1", words)
    words = re.sub(r"\b\w+<(?:[^<>]|<[^<>]*>)*>::", "", words)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}{UNKNOWN}"


def shown(symbol, frame):
    """A variable in words, or None if its value is not known."""
    with contextlib.suppress(*UNTOLD):
        words = symbol.value(frame).format_string(max_depth=2)
        return None if "<error" in words or "<optimized out>" in words else plain(words)
    return None


def whole(frame):
    """The frame of the function that a frame's was compiled into, or the same."""
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame


def arguments(frame):
    """The arguments of a frame's function, except the component itself: the name of each, and its value or None."""
    with contextlib.suppress(*UNTOLD):
        block = frame.block()
        while block.superblock and (block.function is None or block.function.name != frame.name()):
            block = block.superblock
        return [(one.name, shown(one, frame)) for one in block if one.is_argument and one.name != "self"]
    return []


def show(frame):
    """Shows a frame with its line, and selects it."""
    frame.select()
    given = ", ".join(f"{name} = {value or UNKNOWN}" for name, value in arguments(frame))
    place = frame.find_sal()
    print(f"#{frame.level()} {short(frame.name())}({given})")
    if not file_of(place):
        print(f"    at {frame.pc():#x}")
        return
    print(f"    {file_of(place)}:{place.line}")
    # gdb runs in the course's folder, and a file may have been compiled in another copy of the course.
    source = file_of(place) if os.path.exists(file_of(place)) else place.symtab.fullname()
    print(f"    {place.line}\t{linecache.getline(source, place.line).rstrip()}")


class Decorated(FrameDecorator):
    """A frame in a backtrace."""

    def function(self):
        name = super().function()
        return short(name) if isinstance(name, str) else name

    def filename(self):
        name = super().filename()
        return os.path.normpath(name) if name else name


class Decorator:
    """The filter through which gdb passes the frames of a backtrace."""

    name, enabled, priority = "folio", True, 100

    def filter(self, found):
        return map(Decorated, found)


gdb.frame_filters["folio"] = Decorator()
