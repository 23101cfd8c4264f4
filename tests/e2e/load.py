# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Writers and readers on the ends of a flow, each a process of its own."""

import ctypes
import errno
import mmap
import os
import signal
import struct
import time

from ipcp import DEADLINE, NSEC, SET_RCVTIMEO, Limit, grows, same

HEAD = struct.Struct("=IQ")	# the writer, and the number of the message
PR_SET_PDEATHSIG = 1
BURST = 8			# messages per token
RING = 1 << 16			# more than can be in flight


class Marks:
    """Records that each message of a writer came once, for any number of messages.

    Message n has slot n % RING, which counts its turns, n / RING, modulo 256. So memory
    does not grow with the messages, and no two readers ever write to one slot at the
    same time.
    """

    def __init__(self, marks):
        self.marks = marks

    def put(self, who, number):
        """Record a message of a writer. Returns whether it came in its turn."""
        place, turn = who * RING + number % RING, number // RING
        seen, self.marks[place] = self.marks[place], (turn + 1) % 256
        return seen == turn % 256

    def missing(self, who, count):
        """The number of slots of a writer of count messages that lack their last
        message."""
        turns, rest = divmod(count, RING)
        want = bytes([(turns + 1) % 256]) * rest + \
            bytes([turns % 256]) * (RING - rest)
        got = self.marks[who * RING:(who + 1) * RING].tobytes()
        return sum(a != b for a, b in zip(got, want)) if got != want else 0


class Load:
    """Numbered messages in one direction, until told to stop.

    Tokens limit the messages in flight: a reader returns a token for each BURST of
    messages. So no message is lost for want of room.
    """

    def __init__(self, source, sink, writers, readers, tokens, size=64,
                 pause=0.0):
        self.source, self.sink, self.size = source, sink, size
        self.pause = pause	# of a writer after each burst, in seconds
        words = 2 + writers + 2 * readers
        memory = memoryview(mmap.mmap(-1, 8 * words + writers * RING))
        self.shared = memory[:8 * words].cast("Q")
        self.marks = Marks(memory[8 * words:])
        self.tokens = os.pipe()
        os.write(self.tokens[1], bytes(tokens))
        sink.set(SET_RCVTIMEO, rcvtimeo=NSEC // 5)
        self.sent = slice(2, 2 + writers)
        self.read = slice(2 + writers, 2 + writers + readers)
        self.wrong = slice(self.read.stop, self.read.stop + readers)
        self.readers = [self.spawn(self.reader, self.read.start + n,
                                   self.wrong.start + n)
                        for n in range(readers)]
        self.writers = [self.spawn(self.writer, n, self.sent.start + n)
                        for n in range(writers)]

    def spawn(self, work, *args):
        """Start a process that runs work."""
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.nice(5)	# agents have priority
            work(*args)
            status = 0
        except OSError as err:
            os.write(2, f"load: {work.__name__} {args}: {err}\n".encode())
        finally:
            os._exit(status)

    def writer(self, number, place):
        """Send until told to stop, a burst per token."""
        sent, fill = 0, bytes(self.size - HEAD.size)
        while not self.shared[0]:
            os.read(self.tokens[0], 1)
            for _ in range(BURST):
                os.write(self.source.fd, HEAD.pack(number, sent) + fill)
                sent += 1
            self.shared[place] = sent
            if self.pause:
                time.sleep(self.pause)

    def reader(self, place, wrong):
        """Read until all sent messages have arrived. Missing messages are reported by
        finish(); the timeout only ensures that the process ends."""
        got, limit = 0, None
        while True:
            try:
                message = os.read(self.sink.fd, 65536)
            except OSError as err:
                if err.errno != errno.ETIMEDOUT:
                    raise
                self.shared[place] = got
                limit = limit or Limit(DEADLINE)
                if self.shared[1] and (self.complete() or not limit.turn()):
                    break
                continue
            limit = None
            self.shared[wrong] += not self.marks.put(*HEAD.unpack_from(message))
            got += 1
            if got % BURST == 0:
                self.shared[place] = got
                os.write(self.tokens[1], b".")

    def count(self):
        """Messages sent so far."""
        return sum(self.shared[self.sent])

    def complete(self):
        """True if all sent messages were read."""
        return sum(self.shared[self.read]) == self.count()

    def advance(self, more):
        """Wait until this many more messages were sent."""
        grows(self.count, self.count() + more, "messages are sent")

    def finish(self):
        """Stop. Every message must have arrived once. Returns the number of
        messages."""
        self.shared[0] = 1
        os.write(self.tokens[1], bytes(len(self.writers)))
        for pid in self.writers:
            same(os.waitpid(pid, 0)[1], 0, "a writer's status")
        self.shared[1] = 1
        for pid in self.readers:
            same(os.waitpid(pid, 0)[1], 0, "a reader's status")
        sent = self.count()
        missing = sum(self.marks.missing(who, count)
                      for who, count in enumerate(self.shared[self.sent]))
        same((missing, sum(self.shared[self.wrong])), (0, 0),
             f"of {sent} messages, missing at the end and out of turn before")
        same(sum(self.shared[self.read]), sent, "messages read")
        return sent
