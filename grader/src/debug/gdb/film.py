"""A film of a run: its page tables and the lab's calls, at each of these or after so many instructions each time."""

import json

import gdb

from lab import calls_before, replay
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


def record(end, file, most, every):
    """Writes a line of JSON for each picture of a run up to a count, the last `most` of them, and one of the end."""
    with silence(), users_off():
        calls = [] if every else calls_before(end, most)[-most:]
        moments = [(count, None) for count in range(every, end, every)][-most:] if every else []
        moments += [(call.count, call) for call in calls]
        with open(file, "w", encoding="utf-8") as out:
            last = {}
            for count, call in [*moments, (end, None)]:
                replay.go_to(count)
                now = tables()
                picture = {"count": count, "cr3": directory(), "call": None, "frames": list(now)}
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
