# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Hostile processes: each runs random operations, determined by a seed, until it is
killed. A ring of lines in a file has the last operations, and all are counted."""

import ctypes
import errno
import itertools
import mmap
import os
import random
import threading
import traceback

from ipcp import PR_SET_PDEATHSIG

LINES, WIDTH = 200, 120
PR_SET_DUMPABLE, SIGKILL = 4, 9
# Errors that random operations may cause; any other exception is a fault of this code.
EXPECTED = (OSError, AssertionError, LookupError, ValueError)


class Ring:
    """The last lines that a process has written, in a file that outlives it."""

    def __init__(self, path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.ftruncate(fd, LINES * WIDTH)
        self.memory = mmap.mmap(fd, LINES * WIDTH)
        os.close(fd)
        self.number = itertools.count()

    def add(self, text):
        """Add a numbered line."""
        number = next(self.number)
        line = f"{number:8} {text}"[:WIDTH - 1].ljust(WIDTH - 1) + "\n"
        at = number % LINES * WIDTH
        self.memory[at:at + WIDTH] = line.encode("ascii", "replace")


class Counts:
    """Counts of operations, and of those that worked, in memory shared by all
    processes. Concurrent threads of one process may lose a count."""

    def __init__(self, players):
        self.places, self.ops = {}, {player.__name__: player.OPS for player in players}
        for player in players:
            for op in player.OPS:
                self.places.setdefault((player.__name__, op), 2 * len(self.places))
        self.memory = memoryview(mmap.mmap(-1, 16 * len(self.places))).cast("Q")

    def add(self, player, op, worked):
        """Count an operation."""
        at = self.places[player, op]
        self.memory[at] += 1
        self.memory[at + 1] += worked

    def expected(self, player, op):
        """Number of runs to expect, from the weights and all runs of the player."""
        ops = self.ops[player]
        runs = sum(self.memory[self.places[player, each]] for each in ops)
        return runs * ops[op] / sum(ops.values())

    def all(self):
        """Player, operation, number of runs, number of runs that worked."""
        for (player, op), at in self.places.items():
            yield player, op, self.memory[at], self.memory[at + 1]


class Player:
    """A hostile process. OPS are the names of its methods, without "do_", and their
    weights."""

    OPS = {}
    THREADS = 1
    given = {}		# files of flows inherited from the test, by host
    PAUSE = 0.01		# mean seconds between two operations of a thread

    def __init__(self, seed, counts, ring, uid=0, host=None):
        self.seed, self.counts, self.ring = seed, counts, ring
        self.uid, self.host = uid, host
        self.local = threading.local()

    @property
    def rng(self):
        """The random numbers of this thread."""
        return self.local.rng

    def drop(self):
        """Drop all privileges, unless the process is to run as root."""
        if self.uid:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
            libc = ctypes.CDLL(None)
            libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            libc.prctl(PR_SET_PDEATHSIG, SIGKILL)

    def set_up(self):
        """Prepare the process."""
        self.drop()

    def log(self, text):
        """Log what a thread is about to do."""
        self.ring.add(f"{self.local.number} {text}")

    def main(self):
        """Run the process until it is killed."""
        self.local.number, self.local.rng = 0, random.Random(self.seed)
        self.ring.add(f"seed {self.seed} pid {os.getpid()}")
        self.set_up()
        for n in range(1, self.THREADS):
            threading.Thread(target=self.thread, args=(n,), daemon=True).start()
        self.thread(0)

    def choices(self, number):
        """The operations of a thread, in order, each with its random numbers. They
        depend on the seed only, not on results of earlier operations."""
        rng = random.Random(f"{self.seed}/{number}")
        names, weights = list(self.OPS), list(self.OPS.values())
        for n in itertools.count():
            yield rng.choices(names, weights)[0], random.Random(f"{self.seed}/{number}/{n}")

    def thread(self, number):
        """Run one of the threads."""
        self.local.number, pause = number, threading.Event()
        for op, self.local.rng in self.choices(number):
            pause.wait(self.rng.expovariate(1 / self.PAUSE))
            self.log(op)
            try:
                getattr(self, f"do_{op}")()
                word = ""
            except EXPECTED as err:
                word = errno.errorcode.get(getattr(err, "errno", None)) or repr(err)
            except Exception:	# pylint: disable=broad-except
                os.write(2, f"{self.seed}: {traceback.format_exc()}".encode())
                word = "an error of the test's own"
            self.counts.add(type(self).__name__, op, not word)
            if word:
                self.log(f"  {op}: {word}")


def mangled(rng, data):
    """A damaged copy of DATA."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        how = rng.randrange(5)
        if how == 0 and data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[rng.randrange(len(data) + 1):]
        elif how == 2:
            data += rng.randbytes(rng.choice((1, 4, 64, 1500)))
        elif how == 3 and data:
            data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7f, 0x80, 0xff))
        elif data:
            at = rng.randrange(len(data))
            data[at:at + 4] = rng.choice((bytes(4), b"\xff" * 4, rng.randbytes(4)))
    return bytes(data[:60000])
