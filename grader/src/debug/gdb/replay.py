"""The position of a replayed run, and the way to another one: by counting instructions.

The machine is deterministic, so a place in a run is a number of instructions, and going back is running forward
again in a new emulator, up to a smaller number. QEMU's own way back loads a snapshot into a machine that is
running; in 7.2 that waits for ever now and then, because the thread that loads holds a lock that the processor's
thread needs before it can do what it is told.
"""

import contextlib
import os
import signal
import threading
import time

import gdb

# How many instructions a search goes back at first, and how many times more each time. Running there takes longer
# than searching.
NEAR, FURTHER = 4_000, 64
# An emulator that uses no processor time for this many seconds, while gdb waits for it, is stuck.
STUCK = 30


class Lost(gdb.GdbError):
    """The emulator is gone."""


def quietly(command):
    """Runs a command of gdb, and returns its output."""
    return gdb.execute(command, to_string=True)


@contextlib.contextmanager
def silence():
    """Hides gdb's messages about stops."""
    gdb.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        gdb.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def processor_time(process):
    """The processor time of a process, or None if the system does not report it."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[11:13]
    except OSError:
        return None


class Guard:
    """Ends a stuck emulator, so that gdb does not wait for it forever."""

    def __init__(self, process):
        self.process = process
        self.over = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.watch, daemon=True).start()

    def __exit__(self, *_):
        self.over.set()

    def watch(self):
        used, since = None, time.monotonic()
        while not self.over.wait(1):
            now = processor_time(self.process)
            if now != used:
                used, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK:
                end(self.process)
                return


def end(process):
    """Ends a process, if it is there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


class Stops:
    """The places where a run forward stops: breakpoints of these commands, or the user's own."""

    def __init__(self, make):
        self.make = make

    def __enter__(self):
        self.own = self.make()

    def __exit__(self, *_):
        for one in self.own:
            one.delete()


def at_addresses(addresses):
    """Breakpoints at addresses, of the kind that `break` makes: QEMU writes none of them into the code, and gdb 13 crashes
    when it deletes one that has one of the other kind beside it.
    """

    def make():
        own = [gdb.Breakpoint(f"*{at:#x}", gdb.BP_BREAKPOINT, internal=True) for at in addresses]
        for one in own:
            one.silent = True
        return own

    return Stops(make)


def at_changes(address):
    """A watchpoint on the word at an address."""

    def make():
        language = gdb.parameter("language")
        quietly("set language c")
        try:
            word = f"*(unsigned int *) {address:#x}"
            one = gdb.Breakpoint(word, gdb.BP_WATCHPOINT, gdb.WP_WRITE, internal=True)
        finally:
            quietly(f"set language {language}")
        one.silent = True
        return [one]

    return Stops(make)


def at_these(breakpoints):
    """Breakpoints that exist already, and are disabled."""

    class Lent:
        def __enter__(self):
            for one in breakpoints:
                one.enabled = True

        def __exit__(self, *_):
            for one in breakpoints:
                one.enabled = False

    return Lent()


@contextlib.contextmanager
def users_off():
    """Disables the user's breakpoints inside the block. Yields those that were enabled."""
    active = [one for one in gdb.breakpoints() if one.enabled]
    for one in active:
        one.enabled = False
    try:
        yield active
    finally:
        for one in active:
            if one.is_valid():
                one.enabled = True


class Replay:
    """The run."""

    def __init__(self, connect, process_file):
        self.connect = connect
        self.process_file = process_file
        self.process = None
        self.last = 0

    def restart(self):
        """To the beginning, in a new emulator."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.process_file)
        try:
            quietly(f"target remote | {self.connect}")
        except gdb.error as error:
            # gdb reports the end of the old connection once.
            if self.process is None:
                raise Lost(f"the emulator cannot be started: {error}") from error
            quietly(f"target remote | {self.connect}")
        with open(self.process_file, encoding="ascii") as file:
            self.process = int(file.read())

    def close(self):
        """Ends the emulator, if there is one."""
        if self.process is not None:
            end(self.process)
            with contextlib.suppress(gdb.error):
                quietly("disconnect")

    def ask(self, command):
        """Runs a command of gdb that waits for the emulator."""
        with Guard(self.process):
            return quietly(command)

    def run(self):
        """Forward, to the next stop; False where the run has ended."""
        try:
            self.ask("continue")
            return True
        except gdb.error:
            return False

    def here(self):
        """How many instructions have been executed. After the end: the last known count."""
        try:
            self.last = int(self.ask("monitor info replay").rpartition("=")[2])
        except (gdb.error, ValueError):
            pass
        return self.last

    def is_there(self):
        """Whether the machine still runs."""
        try:
            return "instruction count" in self.ask("monitor info replay")
        except gdb.error:
            return False

    def until(self, count):
        """Sets the count at which the machine stops."""
        self.ask(f"monitor replay_break {count}")

    def go_to(self, count):
        """Goes to the point at which `count` instructions have been executed."""
        for _ in range(2):
            if not self.is_there() or self.here() > count:
                self.restart()
            if self.here() == count:
                return
            self.until(count)
            if self.run() and self.here() == count:
                return
            end(self.process)
        raise Lost("the emulator does not reach that instruction: its run is not the recorded one")

    def stops(self, first, last, stops):
        """Goes from one count to another, and yields at each stop in between, with the count."""
        self.go_to(first)
        with stops:
            self.until(last)
            while True:
                if not self.run():
                    raise Lost("the emulator is gone")
                if self.here() >= last:
                    return
                yield self.last

    def latest(self, before, stops, at_least=1, keep=lambda count: count):
        """What `keep` makes of the latest stops before a count, if it is not None: at least so many, or all there are.

        Looks near first. In the order of the run.
        """
        span = NEAR
        while True:
            first = max(0, before - span)
            found = [kept for count in self.stops(first, before, stops()) if (kept := keep(count)) is not None]
            if len(found) >= at_least or first == 0:
                return found
            span *= FURTHER
