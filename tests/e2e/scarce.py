# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A busy flow that is re-keyed by real agents while many allocations for the module
fail, in any context: programs, agents, workers, softirqs."""

import ctypes
import errno
import mmap
import os
import signal
import struct
import time

import faults
from ipcp import (
    NSEC, SET_RCVTIMEO, Limit, Netlink, case, drops, grows, note, pair, run, same,
    settled, talk, until)

HOSTS = "alice", "bob"
PERCENT = 5
MESSAGES = 500		# each way while allocations fail
REKEYS = 100		# requested meanwhile
WINDOW = 64		# messages in flight; lost ones are detected
FAILED = errno.ENOMEM, errno.ENOBUFS
STOP, SENT, REFUSED, GOT = range(4)
NUMBER = struct.Struct("=Q")
PR_SET_PDEATHSIG = 1


class Stream:
    """Numbered messages in one direction, with a writing and a reading process."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.shared = memoryview(mmap.mmap(-1, 4096)).cast("Q")
        sink.set(SET_RCVTIMEO, rcvtimeo=NSEC // 5)
        self.pids = [self.spawn(work) for work in (self.reader, self.writer)]

    @staticmethod
    def spawn(work):
        """Start a process that runs work."""
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.nice(5)
            work()
            status = 0
        except Exception as err:	# pylint: disable=broad-except
            os.write(2, f"{work.__name__}: {err!r}\n".encode())
        finally:
            os._exit(status)

    def writer(self):
        """Send until told to stop. Refused messages are sent again."""
        shared, lost, heard = self.shared, 0, -1
        limit = None
        while not shared[STOP]:
            if heard != shared[GOT]:
                # a stalled machine loses nothing
                heard, limit = shared[GOT], Limit(0.5, 0.01)
            if shared[SENT] - shared[GOT] - lost >= WINDOW:
                if not limit.turn():
                    lost = shared[SENT] - shared[GOT]
                time.sleep(0.001)
                continue
            try:
                os.write(self.source.fd, NUMBER.pack(shared[SENT]))
                shared[SENT] += 1
            except OSError as err:
                if err.errno not in FAILED:
                    raise
                shared[REFUSED] += 1

    def reader(self):
        """Read until told to stop and no more messages arrive: each message once."""
        shared, seen = self.shared, set()
        while True:
            try:
                number, = NUMBER.unpack(os.read(self.sink.fd, 100))
            except OSError as err:
                if err.errno != errno.ETIMEDOUT:
                    raise
                if shared[STOP] == 2:
                    return
                continue
            assert number not in seen, f"{number} came twice"
            seen.add(number)
            shared[GOT] += 1

    def finish(self):
        """Stop both processes. Returns the numbers of messages sent, refused and
        read."""
        reader, writer = self.pids
        self.shared[STOP] = 1
        same(os.waitpid(writer, 0)[1], 0, "the writer's status")
        until(lambda: self.shared[SENT] - self.shared[GOT] <=
              drops(self.sink.host, self.sink)["flows", "nomem"],
              "each message was read or dropped")
        self.shared[STOP] = 2
        same(os.waitpid(reader, 0)[1], 0, "the reader's status")
        return self.shared[SENT], self.shared[REFUSED], self.shared[GOT]


ends, streams = [], []


@case(f"messages arrive while {PERCENT} % of all allocations fail and {REKEYS} re-keys "
      "are requested")
def scarcity():
    ends.extend(pair("demo"))
    settled(*ends)
    streams.extend((Stream(*ends), Stream(*ends[::-1])))
    netlink, number = Netlink("alice"), ends[0].info().id
    until(lambda: all(s.shared[GOT] for s in streams), "messages come")
    faults.begin()
    faults.sometimes(PERCENT)
    try:
        before = [stream.shared[GOT] for stream in streams]
        for _ in range(REKEYS):
            netlink.rekey(number)
            time.sleep(0.2)
        for stream, old in zip(streams, before):
            grows(lambda: stream.shared[GOT], old + MESSAGES + 1, "messages come")	# noqa: B023
    finally:
        faults.end()
    came = [s.shared[GOT] - n for s, n in zip(streams, before)]
    note(f"messages that came meanwhile: {came}, re-keys: {ends[0].info().rekeys}")
    assert min(s.shared[REFUSED] for s in streams) > 0, "nothing ever failed"


@case("both agents still run")
def agents():
    for host in HOSTS:
        with open(f"/proc/{os.environ[f'AGENT_{host}']}/status", encoding="ascii") as f:
            assert "State:\tZ" not in f.read(), host


@case("the flow recovers at once: re-keys succeed, and no message is refused")
def recovers():
    settled(*ends)
    refused = [s.shared[REFUSED] for s in streams]
    before = ends[0].info().rekeys
    netlink, number = Netlink("alice"), ends[0].info().id
    for _ in range(3):
        count = ends[0].info().rekeys
        netlink.rekey(number)
        until(lambda: ends[0].info().rekeys > count, "a re-key")	# noqa: B023
        settled(*ends)
    same([s.shared[REFUSED] for s in streams], refused)
    same([end.info().rekeys >= before + 3 for end in ends], [True, True])


@case("all lost messages are counted as dropped for want of memory")
def lost():
    for stream in streams:
        sent, refused, got = stream.finish()
        counted = drops(stream.sink.host)
        counted = {reason: n for (kind, reason), n in counted.items()
                   if n and kind == "flows"}
        note(f"to {stream.sink.host}: {sent} sent, {refused} refused, {got} came; "
             f"dropped there: {counted}")
        assert sent - got <= counted.get("nomem", 0)
        same({reason: counted.get(reason, 0) for reason in
              ("epoch", "late", "ahead", "auth", "replay", "ring-full")},
             dict.fromkeys(("epoch", "late", "ahead", "auth", "replay",
                            "ring-full"), 0))


@case("the flow still carries messages")
def goes_on():
    talk(*ends)
    for end in ends:
        end.close()


run()
