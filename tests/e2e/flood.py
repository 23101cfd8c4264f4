# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Forged packets with the right endpoint id and epoch, ten for each real one, and
flows of one pair of hosts that send in turns: while the programs do not read, each
real message finds its place in the ring. Forged packets as fast as they can be sent,
while a program waits for messages: it sleeps on."""

import contextlib
import functools
import os
import select
import signal
import socket
import struct
import subprocess

from batches import receive_all, send_all
from blocked import SLEEPS
from ipcp import A, ADDR, PORT, case, enter, note, run, same, spawn, until, warnings
from keys import Agents
from probes import Probes

HEADER, TAG, LEAF = 12, 16, 1 << 20
UDP_SEGMENT = 103
REAL, FORGED = 1000, 10000
BURSTS = 100
AT_ONCE = 50			# forged packets in a call
FLOWS, FULL, SIZE = 8, 1024, 1350
SATURATING = 200000		# forged packets, at the least
UNUSED = 1 << 19		# a counter of the current leaf that no real packet has
READ = 100			# real messages that get through meanwhile

# in which leaf, counted from the current one
WHERE = {"in the current leaf": 0, "in the next": 1, "far ahead": 100}


def forged(eid, leaf, numbers, size):
    """Packets that nobody can have made who knows the key."""
    return [bytes([0x11, 0, 0]) + (leaf * LEAF + n).to_bytes(5, "big") + eid +
            bytes(size + TAG) for n in numbers]


class Stranger:
    """Sends from a port of its own, many packets in a call."""

    def __init__(self):
        enter("alice")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, packets):
        """All of them have one size."""
        for first in range(0, len(packets), AT_ONCE):
            some = packets[first:first + AT_ONCE]
            self.sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(some[0]))
            self.sock.sendto(b"".join(some), (ADDR["bob"], PORT))

    def close(self):
        """Ends it."""
        self.sock.close()


@functools.cache
def datagram(payload):
    """What alice would send to bob. The kernel makes IP's checksum."""
    ends = socket.inet_aton(ADDR["alice"]) + socket.inet_aton(ADDR["bob"])
    size = 8 + len(payload)
    ports = struct.pack(">HHH", PORT, PORT, size)
    summed = ends + struct.pack(">HH", socket.IPPROTO_UDP, size) + ports + payload
    total = sum(struct.unpack(f">{len(summed) // 2}H", summed))
    check = ~(total % 0xffff) & 0xffff or 0xffff
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64,
                       socket.IPPROTO_UDP, 0) + \
        ends + ports + struct.pack(">H", check) + payload


class Impostor:
    """Sends with the peer's address and port."""

    def __init__(self):
        enter("alice")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, packets):
        """One by one."""
        for packet in packets:
            self.sock.sendto(datagram(packet), (ADDR["bob"], 0))

    def close(self):
        """Ends it."""
        self.sock.close()


class PutTogether:
    """While it lasts, bob's device puts packets together that come within 1 ms."""

    def __enter__(self):
        self.set("on", 1_000_000)
        self.probes = Probes("p:ipcp/segs ipcp_rekey:rx_segs")
        return self

    def __exit__(self, *_):
        self.probes.end()
        self.set("off", 0)

    @staticmethod
    def set(gro, timeout):
        """How the device does it: not what comes from a device that segments TCP."""
        tso = "off" if gro == "on" else "on"
        subprocess.run(["ip", "netns", "exec", "alice", "ethtool", "-K", "veth", "tso", tso],
                       check=True)
        subprocess.run(
            ["ip", "netns", "exec", "bob", "sh", "-ec",
             f"ethtool -K veth gro {gro}\n"
             f"echo {timeout} >/sys/class/net/veth/gro_flush_timeout"], check=True)

    def buffers(self):
        """How many buffers of several packets came."""
        return self.probes.hits("segs")


def flood(attacker, leaf, per_leaf):
    """Real messages with forged ones between them."""
    with Agents() as agents:
        one, other = agents.flow("flood", packets_per_leaf=per_leaf)
        eid = agents.bob.do("FLOW_GET", "FLOW", id=other.info().id)[A["FLOW_EID"]][::-1]
        messages = [struct.pack("=Q", n) for n in range(REAL)]
        size, dropped = len(messages[0]), 0
        if leaf == 1:
            # the worker derives it for the first, and it is held from then on
            attacker.send(forged(eid, leaf, [0], size))
            until(lambda: other.info().drop_auth == 1, "the next leaf is held")
            dropped = 1
        share, more = REAL // BURSTS, FORGED // BURSTS
        for burst in range(BURSTS):
            for message in messages[burst * share:(burst + 1) * share]:
                one.write(message)
                attacker.send(forged(eid, leaf, range(more // share), size))
        until(lambda: other.info().queued == REAL, "all real messages are there")
        got = receive_all(other, REAL)
        same(got == messages, True, "all, in order")
        info = other.info()
        same(info.drop_auth + info.drop_key + info.drop_replay, FORGED + dropped,
             "forged packets dropped")
        same((info.drop_full, info.drop_other), (0, 0), "other drops")
        one.close()
        other.close()


for _per_leaf in 12, 20:
    for _where, _leaf in WHERE.items():
        @case(f"a flood of forged packets {_where}, 2^{_per_leaf} packets a leaf")
        def _(leaf=_leaf, per_leaf=1 << _per_leaf):
            attacker = Stranger()
            try:
                flood(attacker, leaf, per_leaf)
            finally:
                attacker.close()


@case("a flood from the peer's address, which the device puts together with the real ones")
def together():
    attacker = Impostor()
    with PutTogether() as device:
        flood(attacker, 0, LEAF)
        note(f"{device.buffers()} buffers of several packets")
        assert device.buffers() > 0, "the device put nothing together"
    attacker.close()


@case("each of eight flows that send in turns has room for a ring full of long messages")
def turns():
    with Agents() as agents:
        listener = agents.listen("turns")
        flows = [agents.connect(listener, "turns") for _ in range(FLOWS)]
        for start in range(0, FULL, 32):
            for one, _ in flows:
                send_all(one, [struct.pack("=I", n) + bytes(SIZE - 4)
                               for n in range(start, start + 32)])
        for one, other in flows:
            until(lambda: other.info().queued == FULL, "all are there")  # noqa: B023
            same(other.info().drop_full, 0, "drops")
            one.write(b"one more")
            until(lambda: other.info().drop_full == 1, "no room for one more")  # noqa: B023
        for one, other in flows:
            numbers = [struct.unpack_from("=I", m)[0] for m in receive_all(other, FULL)]
            same(numbers == list(range(FULL)), True, "all, in order")
            one.close()
            other.close()
        listener.close()


class Process:
    """A process that works on an end, and what it says."""

    def __init__(self, work, *args):
        self.says, out = os.pipe()
        self.pid = spawn(work, *args, out)
        os.close(out)

    def asleep(self):
        """Waits until it sleeps in a call."""
        def sleeps():
            with open(f"/proc/{self.pid}/syscall", encoding="ascii") as f:
                return f.read().split()[0] in SLEEPS
        until(sleeps, "the call sleeps")

    def switches(self):
        """How often it went to sleep."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith("voluntary_ctxt_switches"))

    def end(self):
        """Ends it; what it has said."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        said = b"".join(iter(lambda: os.read(self.says, 4096), b""))
        os.close(self.says)
        return said


def reads(end, out):
    """Says each message."""
    while True:
        os.write(out, end.read())


def polls(end, out):
    """Says that there is something to read."""
    poll = select.poll()
    poll.register(end.fd, select.POLLIN)
    poll.poll()
    os.write(out, b"woken")


def saturates(eid, told, out):
    """Sends SATURATING forged packets, and more until it is told to end. Says how many."""
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    os.set_blocking(told, False)
    attacker, sent = Stranger(), 0
    packets = forged(eid, 0, range(UNUSED, UNUSED + AT_ONCE), 8)
    while True:
        attacker.send(packets)
        sent += AT_ONCE
        if sent >= SATURATING:
            with contextlib.suppress(BlockingIOError):
                os.read(told, 1)
                break
    os.write(out, struct.pack("=Q", sent))


class Flood:
    """A flood, and what came of it."""

    def __init__(self, end, eid):
        self.end, self.first = end, end.info()
        self.lost_before = self.lost()
        told, self.tell = os.pipe()
        self.process = Process(saturates, eid, told)
        os.close(told)

    @staticmethod
    def lost():
        """Buffers for which there was no room in the processors' queues."""
        with open("/proc/net/softnet_stat", encoding="ascii") as f:
            return sum(int(line.split()[1], 16) for line in f)

    def dropped(self):
        """Forged packets, by the flow and before it came to that. A real message that
        was lost before that counts as a buffer of them."""
        return self.end.info().drop_auth - self.first.drop_auth + \
            AT_ONCE * (self.lost() - self.lost_before)

    def stop(self):
        """Ends it; how many packets it had."""
        os.write(self.tell, b"x")
        sent, = struct.unpack("=Q", os.read(self.process.says, 8))
        os.close(self.tell)
        self.process.end()
        return sent

    def unharmed(self):
        """Nothing but forged packets was dropped by the flow, and some were."""
        info = self.end.info()
        same([getattr(info, key) - getattr(self.first, key) for key in
              ("drop_key", "drop_replay", "drop_full", "drop_other")], [0] * 4, "drops")
        note(f"{info.drop_auth - self.first.drop_auth} forged packets came to the flow, "
             f"{self.lost() - self.lost_before} buffers did not")
        assert info.drop_auth > self.first.drop_auth, "no forged packet came to the flow"


@contextlib.contextmanager
def quiet():
    """A flow whose ends have nothing more to say; the endpoint id of bob's."""
    known = warnings()
    with Agents() as agents:
        one, other = agents.flow("saturated")
        for end in one, other:
            agents.confirmed(end)
        yield one, other, \
            agents.bob.do("FLOW_GET", "FLOW", id=other.info().id)[A["FLOW_EID"]][::-1]
        one.close()
        other.close()
    same(warnings(), known, "the kernel warned")


@case("a saturating flood wakes nobody who waits for messages")
def wakes_nobody():
    with quiet() as (_, other, eid):
        waiting = [Process(reads, other), Process(polls, other)]
        for process in waiting:
            process.asleep()
        seen = [process.switches() for process in waiting]
        flood_ = Flood(other, eid)
        sent = flood_.stop()
        until(lambda: flood_.dropped() == sent, "all forged packets are dropped")
        flood_.unharmed()
        for process in waiting:
            process.asleep()
        same([process.switches() for process in waiting], seen, "times that they slept")
        same([process.end() for process in waiting], [b"", b""])


@case("a reader has each real message that comes to the flow meanwhile, and wakes for no other")
def real_ones():
    with quiet() as (one, other, eid):
        reader = Process(reads, other)
        reader.asleep()
        seen, first = reader.switches(), other.info().rx_packets
        flood_ = Flood(other, eid)
        written = 0
        while other.info().rx_packets - first < READ:
            # each after other forged packets than the one before
            last = flood_.dropped()
            until(lambda: flood_.dropped() > last, "the flood goes on")  # noqa: B023
            one.write(struct.pack("=Q", written))
            written += 1
        sent = flood_.stop()

        def accounted():
            lost = written - (other.info().rx_packets - first)
            return flood_.dropped() == sent + lost * AT_ONCE and [lost]
        lost, = until(accounted, "each packet was read or dropped")
        flood_.unharmed()
        reader.asleep()
        slept = reader.switches() - seen
        said = reader.end()
        got = [number for number, in struct.iter_unpack("=Q", said)]
        note(f"{len(got)} of {written} messages came to the flow, the reader slept {slept} times")
        same(len(got), written - lost)
        same(got, sorted(set(got)), "in order, each once")
        assert set(got) <= set(range(written)), got
        assert 0 < slept <= len(got), slept


run()
