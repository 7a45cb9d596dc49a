"""A film of a run: its page tables and the lab's calls, at each of these or after so many instructions each time."""

import json
import os
import struct

import gdb

from lab import calls_before, first_calls, replay
from replay import quietly, silence, users_off
from tables import ENTRIES, LARGE, PAGE, PRESENT, directory, physical

# The directory's entries of the kernel half, which all address spaces share: but for the last, at which a directory may
# map itself. What the processor sets in them, accessed and dirty, does not count.
KERNEL_HALF = slice(768, 1023)
SET_BY_PROCESSOR = 1 << 5 | 1 << 6
# In so many moments other address spaces are looked for, and in so many bytes of memory at most.
LOOKS, MOST_MEMORY = 8, 256 << 20


def add_tables(upper, found):
    """Adds the tables that a directory's entries name: each frame's number, and its words."""
    for entry in upper:
        number = entry // PAGE
        if entry & PRESENT and not entry & LARGE and number not in found:
            try:
                found[number] = physical(number * PAGE, ENTRIES)
            except gdb.MemoryError:
                continue


def kernel_half(words):
    """What tells a directory."""
    return [word & ~SET_BY_PROCESSOR for word in words[KERNEL_HALF]]


def tables(spaces):
    """The loaded directory, those of these spaces that are there, and their tables; and which spaces are."""
    found, there = {}, []
    loaded = directory() // PAGE
    try:
        found[loaded] = physical(directory(), ENTRIES)
    except gdb.MemoryError:
        return found, there
    add_tables(found[loaded], found)
    for space in spaces - {loaded}:
        words = found.get(space) or physical(space * PAGE, ENTRIES)
        if kernel_half(words) == kernel_half(found[loaded]):
            found[space] = words
            add_tables(words[: KERNEL_HALF.start], found)
            there.append(space)
    return found, sorted(there)


def spaces_here(file):
    """The frames with directories, by what all of these share."""
    size = int(quietly("monitor info memory_size_summary").split()[2])
    if size > MOST_MEMORY:
        return set()
    try:
        wanted = kernel_half(physical(directory(), ENTRIES))
    except gdb.MemoryError:
        return set()
    quietly(f'monitor pmemsave 0 {size} "{file}"')
    with open(file, "rb") as memory:
        raw = memory.read()
    os.remove(file)
    # Nearly all frames differ in the frame that the first of these entries names.
    first = 4 * KERNEL_HALF.start + 1
    named = wanted[0].to_bytes(4, "little")[1:]
    likely = [at for at in range(0, len(raw), PAGE) if raw[at + first : at + first + 3] == named]
    return {at // PAGE for at in likely if kernel_half(struct.unpack_from(f"<{ENTRIES}I", raw, at)) == wanted}


def spaces(counts, file):
    """The frames with directories, as some of these moments show them."""
    found = set()
    for count in counts[:: max(1, len(counts) // LOOKS)]:
        replay.go_to(count)
        found |= spaces_here(file)
    return found


def chosen(numbered, most, first):
    """Those of the moments that are shown: the last so many, or from the one with this number on. And what else there
    is: the number of the first one shown, if it is known, and whether there are any before and after these.
    """
    skipped = max(0, len(numbered) - most) if first is None else first - 1
    shown = numbered[skipped : skipped + most]
    after = len(numbered) > skipped + len(shown)
    return shown, {"first": skipped + 1, "before": skipped > 0, "after": after, "all": len(numbered)}


def calls_of(end, most, first):
    """The calls that are shown, with the count at each, and what else there is."""
    found = calls_before(end, most + 1) if first is None else first_calls(end, first + most)
    shown, rest = chosen([(call.count, call) for call in found], most, first)
    if first is None and rest["before"]:
        # Nobody has counted those before.
        rest["first"] = None
    return shown, rest


def record(end, file, most, first, every):
    """Writes a line of JSON about what is shown of a run up to a count, one for each picture, and one of the end unless
    something before it is left out: `most` pictures at most, the last ones or those from number `first` on.
    """
    with silence(), users_off():
        if every:
            moments, rest = chosen([(count, None) for count in range(every, end, every)], most, first)
        else:
            moments, rest = calls_of(end, most, first)
        if not rest["after"]:
            moments.append((end, None))
        known = spaces([count for count, _ in moments], f"{file}.memory")
        with open(file, "w", encoding="utf-8") as out:
            out.write(json.dumps(rest) + "\n")
            last = {}
            for count, call in moments:
                replay.go_to(count)
                now, others = tables(known)
                picture = {"count": count, "cr3": directory(), "others": others, "call": None, "frames": list(now)}
                # Tables that have not changed are not written again.
                picture["changed"] = {number: words for number, words in now.items() if last.get(number) != words}
                last = now
                if call is not None:
                    call.go(end)
                    picture["call"] = {
                        "name": call.name,
                        "arguments": call.known,
                        "answer": call.answer,
                        "words": call.words(),
                        "place": call.place,
                    }
                out.write(json.dumps(picture) + "\n")
        replay.close()
