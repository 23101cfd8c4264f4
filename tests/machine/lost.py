# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Flows after the loss of all keys. Usage: lost.py WAY...
WAY is fork, suspend or hibernate; the last two end before the machine sleeps.

Four flows: one with messages in both directions, one that is re-keyed all the
time, one that is silent, and one with unauthenticated ends.
"""

import array
import collections
import errno
import mmap
import multiprocessing
import os
import re
import select
import signal
import socket
import struct
import sys
import time

from ipcp import (
    EVENT, NSEC, PORT, RB_FLOWDOWN, SET_RCVTIMEO, Endpoint, Netlink, case, enter, fails,
    note, pair, run, same, settled, show, spawn, talk, until, write)
from outside import Hand

AGENT = int(os.environ["AGENT_bob"])
TRACING = "/sys/kernel/tracing"
TRACE = f"{TRACING}/instances/lost"
SO_RCVBUFFORCE, SO_TIMESTAMPNS, SOL_PACKET, PACKET_STATISTICS = 33, 35, 263, 6
ETH_P_ALL, ETH_P_IP = 3, 0x0800
OUTGOING = 4
CTRL = 3
BURST = 16
Packet = collections.namedtuple("Packet", "time eid epoch")


class Traffic:
    """Numbered messages from one end to the other, until end() is called."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.shared = memoryview(mmap.mmap(-1, 32)).cast("Q")
        self.sent, self.read, self.wrong, self.stop = range(4)
        sink.set(SET_RCVTIMEO, rcvtimeo=NSEC // 5)
        self.pids = [spawn(self.reader), spawn(self.writer)]

    def writer(self):
        """Write in bursts; the kernel blocks the writer while there is no key."""
        number = 0
        while not self.shared[self.stop]:
            for _ in range(BURST):
                os.write(self.source.fd, struct.pack("=Q", number))
                number += 1
            self.shared[self.sent] = number
            time.sleep(0.002)
        os._exit(0)

    def reader(self):
        """Count messages that arrive twice or late: this link keeps the order."""
        last = -1
        while True:
            try:
                number, = struct.unpack("=Q", os.read(self.sink.fd, 64))
            except OSError as err:
                if err.errno != errno.ETIMEDOUT:
                    raise
                if self.shared[self.stop]:
                    os._exit(0)
                continue
            if number <= last:
                self.shared[self.wrong] += 1
            last = number
            self.shared[self.read] = number + 1

    def goes_on(self):
        """Wait for the arrival of a message that is not written yet."""
        now = self.shared[self.sent]
        until(lambda: self.shared[self.read] > now + BURST, "messages arrive")

    def end(self):
        """Stop writer and reader; no message may have arrived out of order."""
        self.shared[self.stop] = 1
        for pid in self.pids[::-1]:
            same(os.waitpid(pid, 0)[1], 0, "status of a reader or writer")
        self.pids = []
        same(self.shared[self.wrong], 0, "messages in the wrong place")


class Capture:
    """Packets that leave both hosts, with their time stamps."""

    def __init__(self):
        self.socks = [self.open("alice"), self.open("bob")]
        self.result, out = multiprocessing.Pipe(False)
        self.word, self.told = multiprocessing.Pipe(False)
        self.pid = spawn(self.work, out)

    @staticmethod
    def open(host):
        """A socket that sees all packets."""
        enter(host)
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind(("veth", ETH_P_ALL))
        sock.setblocking(False)
        return sock

    def work(self, out):
        """Collect packets until end() says so."""
        found = array.array("Q")
        more = True
        while more:
            select.select([self.word, *self.socks], [], [])
            more = not self.word.poll()	# before the last turn, which sees all packets
            now = time.clock_gettime_ns(time.CLOCK_REALTIME)
            for sock in self.socks:
                while self.take(sock, found) < now:
                    pass
        dropped = [struct.unpack("=II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
                   for sock in self.socks]
        out.send((dropped, found.tobytes()))
        os._exit(0)

    @staticmethod
    def take(sock, found):
        """Take the next packet. Return when it left, or a time in the future if there
        is none."""
        try:
            packet, ancillary, _, address = sock.recvmsg(60, 64)
        except BlockingIOError:
            return 1 << 64
        seconds, nsec = struct.unpack("=qq", ancillary[0][2])
        when = seconds * NSEC + nsec
        start = (packet[0] & 15) * 4
        if address[1:3] == (ETH_P_IP, OUTGOING) and packet[9] == socket.IPPROTO_UDP and \
                PORT in struct.unpack_from(">HH", packet, start):
            header = packet[start + 8:]
            if header[0] & 15 != CTRL:
                eid, = struct.unpack_from(">I", header, 8)
                found.extend((when, eid, header[1]))
        return when

    def end(self):
        """Stop the capture and return all packets."""
        self.told.send("end")
        dropped, data = self.result.recv()
        os.waitpid(self.pid, 0)
        same(dropped, [0, 0], "packets that were not captured")
        found = array.array("Q", data)
        return [Packet(*found[i:i + 3]) for i in range(0, len(found), 3)]


class Trace:
    """The times when the kernel was notified, and when epochs began."""

    def __init__(self, notifier):
        write(f"{TRACING}/kprobe_events", f"r:lost/told ipcp_rekey:{notifier}\n")
        os.mkdir(TRACE)
        # The clock of packets is the time of day; its TAI offset is never set here,
        # so "tai" is the same clock. Reading two clocks would take two steps, between
        # which a machine may be held up.
        write(f"{TRACE}/trace_clock", "tai")
        for event in "lost/told", "ipcp_rekey/ipcp_event", "power/suspend_resume":
            write(f"{TRACE}/events/{event}/enable", "1")
        # The file "trace" is not safe to read while events are written: it has shown
        # events with time stamps up to 40 ms early.
        self.pipe = os.open(f"{TRACE}/trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.text = ""

    def lines(self):
        """The time of day in ns and the text of each event."""
        try:
            while True:
                self.text += os.read(self.pipe, 65536).decode()
        except BlockingIOError:
            pass
        assert "LOST" not in self.text, "events were lost"
        for found in re.finditer(r"^.* (\d+)\.(\d{6}): (.*)\n", self.text, re.MULTILINE):
            seconds, usec, text = found.groups()
            yield (int(seconds) * NSEC + int(usec) * 1000, text)

    def told(self):
        """The time of the notification, or None before it."""
        return next((when for when, text in self.lines() if text.startswith("told:")), None)

    def end(self):
        """Remove the probe and the trace instance."""
        os.close(self.pipe)
        write(f"{TRACE}/events/enable", "0")
        os.rmdir(TRACE)
        write(f"{TRACING}/kprobe_events", "")


# --- ways to lose keys

def fork():
    """Let a copy of the machine continue from here."""
    Hand().send("fork")


def suspend():
    """Suspend the machine, up to the point where all processes are frozen."""
    write("/sys/power/pm_test", "freezer")
    write("/sys/module/suspend/parameters/pm_test_delay", "1")
    write("/sys/power/state", "freeze")
    write("/sys/power/pm_test", "none")


def hibernate():
    """Hibernate like a program that writes the image, but without freezing processes:
    they get a long time to do something wrong."""
    with open("/dev/snapshot", "rb"):
        time.sleep(3)
        write(f"{TRACE}/trace_marker", "awake")


# words for case names, function, notifier in the module, event at the end
WAYS = {
    "fork": ("the machine is a copy of another", fork, "vm_fork", None),
    "suspend": ("the machine is suspended", suspend, "pm_event",
                "suspend_resume: thaw_processes"),
    "hibernate": ("the machine is written to disk", hibernate, "pm_event",
                  "tracing_mark_write: awake"),
}


# --- cases

class State:
    """The state shared by the cases of one way."""


def setup(s):
    """Open the flows and start their traffic."""
    s.flows = {name: pair("known") for name in ("busy", "rekeyed", "silent")}
    s.flows["unknown"] = pair("unknown")
    settled(*(end for ends in s.flows.values() for end in ends))
    s.trace = Trace(s.notifier)
    s.capture = Capture()
    one, other = s.flows["busy"]
    s.traffic = [Traffic(one, other), Traffic(other, one)]
    s.rekeyer = spawn(rekey_for_ever, s.flows["rekeyed"][0].info().id)
    for traffic in s.traffic:
        traffic.goes_on()
    until(lambda: s.flows["rekeyed"][0].info().rekeys >= 2, "two re-keys")
    if s.notifier == "vm_fork":
        begin(s)


def begin(s):
    """Begin a re-key and an allocation, both pending while bob's agent is stopped."""
    os.kill(AGENT, signal.SIGSTOP)
    end = s.flows["rekeyed"][0]
    until(lambda: show(end)["keys"]["in_flight"], "a re-key is under way")
    s.pending = Endpoint("alice", os.O_NONBLOCK)
    with fails(errno.EINPROGRESS):
        s.pending.alloc("known")


def rekey_for_ever(number):
    """Request the next re-key once the previous one is confirmed."""
    events = Netlink("alice")
    events.join("events")
    for epoch in range(1, 256):
        events.rekey(number)
        try:
            events.event("DONE", number, epoch)
        except AssertionError:
            pass	# an epoch was skipped


def lose(s, way):
    """Lose all keys while messages go both ways; the kernel is notified."""
    s.began = time.clock_gettime_ns(time.CLOCK_REALTIME)
    for traffic in s.traffic:
        traffic.goes_on()
    s.before = {name: ends[0].info().newest_epoch for name, ends in s.flows.items()}
    way()
    s.told = until(s.trace.told, "the kernel is told")
    os.kill(AGENT, signal.SIGCONT)


def nothing_old(s):
    """No epoch may be in packets both before and after the notification."""
    for traffic in s.traffic:
        traffic.goes_on()
    packets = s.capture.end()
    epochs = collections.defaultdict(lambda: (set(), set()))
    for packet in packets:
        epochs[packet.eid][packet.time > s.told].add(packet.epoch)
    note(f"epochs before and after, by flow's end: {list(epochs.values())}")
    last = max(p.time for p in packets if p.time <= s.told)
    first = min(p.time for p in packets if p.time > s.told)
    note(f"{len(packets)} packets; the last one before was {(s.told - last) / 1e6:.1f} ms "
         f"earlier, the first one after {(first - s.told) / 1e6:.1f} ms later")
    busy = {p.eid for p in packets if s.began < p.time <= s.told} & \
        {p.eid for p in packets if p.time > s.told}
    assert len(busy) >= 2, "there was no traffic then"
    for eid, (before, after) in epochs.items():
        same(before & after, set(), f"old epochs that packets to {eid:08x} left in")
    # both directions of the one with messages, and of the silent ones
    assert sum(bool(before) and bool(after) for before, after in epochs.values()) >= 2


def known_go_on(s):
    """Authenticated flows get new keys and carry messages again."""
    os.kill(s.rekeyer, signal.SIGKILL)
    os.waitpid(s.rekeyer, 0)
    for traffic in s.traffic:
        traffic.goes_on()
        traffic.end()
    for name in "busy", "rekeyed", "silent":
        ends = s.flows[name]
        until(lambda: all(end.info().tx_epoch != s.before[name] for end in ends),  # noqa: B023
              f"{name}: a new epoch")
        settled(*ends)
        talk(*ends)
        same([end.info().error for end in ends], [0, 0])
        for end in ends:
            end.close()


def pending_fails(s):
    """A pending allocation fails: the original machine would get the same keys."""
    s.pending.wait(select.POLLOUT | select.POLLHUP | select.POLLERR)
    info = s.pending.info()
    same((info.error, info.reason), (errno.ECONNABORTED, "the machine was copied meanwhile"))
    s.pending.close()


def unknown_is_down(s):
    """A flow with an unauthenticated peer is down: it cannot be trusted with keys."""
    for end in s.flows["unknown"]:
        end.wait(select.POLLHUP)
        info = end.info()
        same((info.error, info.rb_flags & RB_FLOWDOWN), (errno.EKEYEXPIRED, RB_FLOWDOWN))
        with fails(errno.ESHUTDOWN):
            end.read()
        with fails(errno.ESHUTDOWN):
            os.write(end.fd, b"under which key?")
        end.close()


def new_flow(_):
    """The agents allocate new flows as before."""
    for name in "known", "unknown":
        ends = pair(name)
        talk(*ends)
        for end in ends:
            end.close()


def nothing_parked(s):
    """No seed is parked while the machine is written to disk or stays in memory."""
    inside = []
    for when, text in s.trace.lines():
        if when >= s.told:
            if text.startswith(s.awake):
                break
            inside.append(text)
    else:
        raise AssertionError("the machine did not sleep")
    parked = f" event={EVENT['PARKED']} "
    same([text for text in inside if parked in text], [])


def cases(name):
    """Add the cases of one way to lose keys."""
    s = State()
    words, way, s.notifier, s.awake = WAYS[name]
    case(f"{words}: flows are busy before the loss")(lambda: setup(s))
    case(f"{words}: the kernel is notified")(lambda: lose(s, way))
    case(f"{words}: no packet leaves under an old key after the notification")(
        lambda: nothing_old(s))
    if name == "fork":
        case(f"{words}: a pending allocation fails")(lambda: pending_fails(s))
    else:
        case(f"{words}: no seed is parked before the machine is awake")(
            lambda: nothing_parked(s))
    case(f"{words}: authenticated flows are re-keyed and continue")(
        lambda: known_go_on(s))
    case(f"{words}: a flow with an unauthenticated peer is down")(
        lambda: unknown_is_down(s))
    case(f"{words}: new flows can be allocated")(lambda: new_flow(s))
    case(f"{words}: the probes of the test are removed")(lambda: s.trace.end())


for arg in sys.argv[1:]:
    cases(arg)
run()
