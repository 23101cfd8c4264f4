# SPDX-License-Identifier: GPL-2.0
"""Writers and readers, processes of their own, on the ends of a flow."""

import array
import ctypes
import errno
import mmap
import os
import signal
import struct
import tempfile
import time

from ipcp import DEADLINE, NSEC, SET_RCVTIMEO, same, until

HEAD = struct.Struct("=IQ")	# who wrote it, and its number
PR_SET_PDEATHSIG = 1
BURST = 8			# messages a token is good for


class Load:
    """Messages in one direction, each numbered, until told to stop.

    So many are on their way at most as tokens allow: a reader gives one back
    for each BURST of messages. So none is lost for want of room.
    """

    def __init__(self, source, sink, writers, readers, tokens, size=64):
        self.source, self.sink, self.size = source, sink, size
        self.shared = array.array("Q", bytes(8 * (2 + writers + readers)))
        self.shared = memoryview(mmap.mmap(-1, len(self.shared) * 8)).cast("Q")
        self.tokens = os.pipe()
        os.write(self.tokens[1], bytes(tokens))
        self.files = []
        sink.set(SET_RCVTIMEO, rcvtimeo=NSEC // 5)
        self.sent = slice(2, 2 + writers)
        self.read = slice(2 + writers, 2 + writers + readers)
        self.readers = [self.spawn(self.reader, n, 2 + writers + n)
                        for n in range(readers)]
        self.writers = [self.spawn(self.writer, n, 2 + n)
                        for n in range(writers)]

    def spawn(self, work, number, place):
        """A process that does work."""
        out = tempfile.TemporaryFile()	# pylint: disable=consider-using-with
        self.files.append(out)
        pid = os.fork()
        if pid:
            return pid, out
        status = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.nice(5)	# the agents come first
            work(number, place, out)
            status = 0
        except OSError as err:
            os.write(2, f"load: {work.__name__} {number}: {err}\n".encode())
        finally:
            os._exit(status)

    def writer(self, number, place, _out):
        """Sends until told to stop, a token a burst."""
        sent, fill = 0, bytes(self.size - HEAD.size)
        while not self.shared[0]:
            os.read(self.tokens[0], 1)
            for _ in range(BURST):
                os.write(self.source.fd, HEAD.pack(number, sent) + fill)
                sent += 1
            self.shared[place] = sent

    def reader(self, _number, place, out):
        """Reads until all that was sent is there, or nothing comes any more."""
        got, heard = array.array("Q"), time.monotonic()
        while True:
            try:
                message = os.read(self.sink.fd, 65536)
            except OSError as err:
                if err.errno != errno.ETIMEDOUT:
                    raise
                self.shared[place] = len(got)
                if self.shared[1] and (self.complete() or
                                       time.monotonic() > heard + 5):
                    break
                continue
            heard = time.monotonic()
            who, number = HEAD.unpack_from(message)
            got.append(who << 40 | number)
            if len(got) % BURST == 0:
                self.shared[place] = len(got)
                os.write(self.tokens[1], b".")
        got.tofile(out)
        out.flush()	# the process ends by _exit()

    def count(self):
        """Messages sent so far."""
        return sum(self.shared[self.sent])

    def complete(self):
        """Were all read that were sent?"""
        return sum(self.shared[self.read]) == self.count()

    def advance(self, more):
        """Waits until so many more were sent."""
        want = self.count() + more
        until(lambda: self.count() >= want, f"{more} more messages are sent",
              2 * DEADLINE)

    def finish(self):
        """Stops; every message must have come once. Returns their number."""
        self.shared[0] = 1
        os.write(self.tokens[1], bytes(len(self.writers)))
        for pid, _out in self.writers:
            same(os.waitpid(pid, 0)[1], 0, "a writer's status")
        self.shared[1] = 1
        got = array.array("Q")
        for pid, out in self.readers:
            same(os.waitpid(pid, 0)[1], 0, "a reader's status")
            out.seek(0)
            got.frombytes(out.read())
        want = [who << 40 | number
                for who, count in enumerate(self.shared[self.sent])
                for number in range(count)]
        missing = set(want) - set(got)
        assert not missing, f"{len(missing)} messages of {len(want)} are missing"
        same(len(got), len(want), "messages read")
        return len(want)
