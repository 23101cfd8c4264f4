# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Messages in one direction of a flow. The direction, the length and a counter
determine every byte, which the reader checks."""

import errno
import hashlib
import mmap
import os
import random
import struct
import threading

from batches import send
from ipcp import (
    DEADLINE, NSEC, SET_RCVTIMEO, Limit, same, spawn, until)

HEAD = struct.Struct("=IIQ")	# number of the direction, length, counter
WINDOW = 24			# most messages in flight
SLOW = int(os.environ.get("SLOW", "1"))
RATE = 100 if SLOW == 1 else 2	# batches a second; the hostile need the processor, too
STOP, SENT, GOT, LOST, WRONG, FAILED, STALLS, ALL_SENT = range(8)


def message(direction, counter, size):
    """The bytes of a message."""
    head = HEAD.pack(direction, size, counter)
    return head + hashlib.shake_128(head).digest(size - HEAD.size)


class Stream:
    """Messages from source to sink, in a process of its own that runs as a user."""

    def __init__(self, direction, source, sink, uid, seed):
        self.direction, self.source, self.sink, self.uid = direction, source, sink, uid
        self.rng = random.Random(f"{seed}/stream/{direction}")
        self.shared = memoryview(mmap.mmap(-1, 4096)).cast("Q")
        self.room = threading.Condition()
        self.credit = 0		# one more than the counter of the last message read
        sink.set(SET_RCVTIMEO, rcvtimeo=NSEC // 5)
        self.pid = spawn(self.work)

    def work(self):
        """Write and read until told to stop."""
        os.setgroups([])
        os.setresgid(self.uid, self.uid, self.uid)
        os.setresuid(self.uid, self.uid, self.uid)
        reader = threading.Thread(target=self.guarded, args=(self.read,))
        reader.start()
        self.guarded(self.write)
        reader.join()
        os._exit(self.shared[FAILED] != 0)

    def guarded(self, work):
        """Run WORK, and report whether reading or writing failed, and why."""
        try:
            work()
        except Exception as err:	# pylint: disable=broad-except
            self.shared[FAILED] = 1
            os.write(2, f"stream {self.direction}: {work.__name__}: {err!r}\n".encode())

    def wait_for_room(self):
        """Wait until the window has room. A lost message occupies its room for a
        limited time only."""
        with self.room:
            if not self.room.wait_for(
                    lambda: self.shared[SENT] < self.credit + WINDOW or self.shared[STOP],
                    5 * SLOW):
                self.shared[STALLS] += 1
                self.credit += 1

    def write(self):
        """Write single messages and batches of all sizes."""
        pause, most = threading.Event(), self.source.info().mtu
        while not self.shared[STOP] and not self.shared[FAILED]:
            self.wait_for_room()
            first = self.shared[SENT]
            sizes = [self.rng.choice((HEAD.size, 64, 300, most, self.rng.randint(HEAD.size, most)))
                     for _ in range(self.rng.choice((1, 1, 1, 3, 8)))]
            batch = [message(self.direction, first + n, size) for n, size in enumerate(sizes)]
            try:
                if len(batch) > 1:
                    sent = send(self.source, batch)
                else:
                    self.source.write(batch[0])
                    sent = 1
            except OSError as err:
                if err.errno != errno.EMSGSIZE:
                    raise
                most = self.source.info().mtu	# the path MTU has become smaller
                continue
            self.shared[SENT] += sent
            pause.wait(self.rng.expovariate(RATE))
        self.shared[ALL_SENT] = 1

    def read(self):
        """Read until all sent messages are read, or none arrives any more."""
        limit = None
        while not self.shared[FAILED]:
            try:
                got = self.sink.read()
            except OSError as err:
                if err.errno != errno.ETIMEDOUT:
                    raise
                if self.shared[ALL_SENT]:
                    limit = limit or Limit(DEADLINE)
                    if self.shared[GOT] + self.shared[LOST] == self.shared[SENT] or \
                            not limit.turn():
                        return
                continue
            limit = None
            self.check(got)

    def check(self, got):
        """Check that a message is the next one, or a later one after losses."""
        direction, size, counter = HEAD.unpack_from(got)
        next_one = self.shared[GOT] + self.shared[LOST]
        if got != message(self.direction, counter, len(got)) or counter < next_one:
            self.shared[WRONG] += 1
            os.write(2, f"stream {self.direction}: wrong message: {direction} {size} {counter}, "
                     f"{len(got)} bytes, want {next_one}: {got[:64].hex()}\n".encode())
            return
        if counter > next_one:
            os.write(2, f"stream {self.direction}: {next_one} to {counter - 1} are lost\n".encode())
        self.shared[LOST] += counter - next_one
        self.shared[GOT] += 1
        with self.room:
            self.credit = max(self.credit, counter + 1)
            self.room.notify()

    def advance(self, more, what):
        """Wait until so many more messages are read and checked."""
        want = self.shared[GOT] + more
        until(lambda: self.shared[GOT] >= want or self.is_over(), f"{more} messages {what}",
              4 * DEADLINE)
        same((self.shared[WRONG], self.shared[FAILED]), (0, 0),
             f"stream {self.direction}: wrong messages, a failed call")

    def is_over(self):
        """True if the stream has stopped because of a failure."""
        return self.shared[FAILED] or self.shared[WRONG]

    def finish(self):
        """End the stream. Return the numbers of sent and of lost messages."""
        self.shared[STOP] = 1
        status = os.waitpid(self.pid, 0)[1]
        sent, got = self.shared[SENT], self.shared[GOT]
        same((status, self.shared[WRONG]), (0, 0), f"stream {self.direction}: status, wrong ones")
        return sent, sent - got
