"""A film of a run: its page tables at each call into the lab, or after so many instructions each time."""

import json

import gdb

from replay import silence, users_off
from tables import ENTRIES, LARGE, PAGE, PRESENT, directory, physical


def tables():
    """The directory and its tables: each frame's number, and its words."""
    found = {}
    try:
        found[directory() // PAGE] = upper = physical(directory(), ENTRIES)
    except gdb.MemoryError:
        return found
    for entry in upper:
        number = entry // PAGE
        if entry & PRESENT and not entry & LARGE and number not in found:
            try:
                found[number] = physical(number * PAGE, ENTRIES)
            except gdb.MemoryError:
                continue
    return found


def record(commands, file, most, every):
    """Writes a line of JSON for each picture, the last `most` of them, and one of the end."""
    replay, end = commands.replay, commands.FAILED_AT
    with silence(), users_off():
        if every:
            moments = [(count, None) for count in range(every, end, every)][-most:]
        else:
            moments = commands.calls_before(end, most)[-most:]
        with open(file, "w", encoding="utf-8") as out:
            last = {}
            for count, back in [*moments, (end, None)]:
                replay.go_to(count)
                now = tables()
                picture = {"count": count, "cr3": directory(), "call": None, "place": None, "frames": list(now)}
                # What has not changed is not told again.
                picture["changed"] = {number: words for number, words in now.items() if last.get(number) != words}
                last = now
                if back is not None:
                    picture["call"], picture["place"] = commands.call_at(count, back, end)
                out.write(json.dumps(picture) + "\n")
    commands.leave()
