# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Forged packets with a valid endpoint id and epoch, ten for each real packet, and
flows of one pair of hosts that send in turns: the ring has room for each real message
while programs do not read. A flood at full speed does not wake a program that waits for
messages."""

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
LEAVES, RESERVE = 8192, 1024	# of an epoch; packets that are kept for control
UDP_SEGMENT = 103
REAL, FORGED = 1000, 10000
AT_ONCE = 50			# forged packets per call
FLOWS, FULL, SIZE = 8, 1024, 1350
SATURATING = 100000		# forged packets of a saturating flood, at least
WAITING = 400 * AT_ONCE		# forged packets in transit, at most
UNUSED = 1 << 19		# from here on, no real packet has the counters of a leaf
READ = 100			# real messages during a flood

# leaf of the forged packets, counted from that of the last real packet
WHERE = {"in the current leaf": 0, "in the next": 1, "far ahead": 100}


def forged(eid, leaf, numbers, size):
    """Packets with a valid header, and zeros for ciphertext and tag."""
    return [bytes([0x11, 0, 0]) + (leaf * LEAF + n).to_bytes(5, "big") + eid +
            bytes(size + TAG) for n in numbers]


class Stranger:
    """Sends from a port of its own, many packets per call."""

    def __init__(self):
        enter("alice")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, packets):
        """Sends packets of one size, as segments of buffers."""
        for first in range(0, len(packets), AT_ONCE):
            some = packets[first:first + AT_ONCE]
            self.sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(some[0]))
            self.sock.sendto(b"".join(some), (ADDR["bob"], PORT))

    def close(self):
        """Closes the socket."""
        self.sock.close()


@functools.cache
def datagram(payload):
    """An IP packet as from alice to bob. The kernel fills the IP checksum in."""
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
    """Sends from the address and port of the peer."""

    def __init__(self):
        enter("alice")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, packets):
        """Sends packets one by one."""
        for packet in packets:
            self.sock.sendto(datagram(packet), (ADDR["bob"], 0))

    def close(self):
        """Closes the socket."""
        self.sock.close()


class PutTogether:
    """Makes bob's device merge packets that arrive within 1 ms (GRO), for the block."""

    def __enter__(self):
        self.set("on", 1_000_000)
        self.probes = Probes("p:ipcp/segs ipcp_rekey:rx_segs")
        return self

    def __exit__(self, *_):
        self.probes.end()
        self.set("off", 0)

    @staticmethod
    def set(gro, timeout):
        """Sets GRO at bob, and TSO at alice: veth skips GRO for packets of a device
        with TSO."""
        tso = "off" if gro == "on" else "on"
        subprocess.run(["ip", "netns", "exec", "alice", "ethtool", "-K", "veth", "tso", tso],
                       check=True)
        subprocess.run(
            ["ip", "netns", "exec", "bob", "sh", "-ec",
             f"ethtool -K veth gro {gro}\n"
             f"echo {timeout} >/sys/class/net/veth/gro_flush_timeout"], check=True)

    def buffers(self):
        """Number of received buffers with several packets."""
        return self.probes.hits("segs")


def leaf_of(end, per_leaf):
    """The leaf of the last packet that an end has sent in its first epoch."""
    return (LEAVES * per_leaf - RESERVE - end.info().tx_left - 1) // per_leaf


def go_near_the_end(one, other, per_leaf):
    """Sends messages until half of the real ones are left in the first leaf."""
    left = LEAVES * per_leaf - RESERVE - per_leaf + REAL // 2
    while one.info().tx_left > left:
        count = min(REAL // 2, one.info().tx_left - left)
        send_all(one, [bytes(8)] * count)
        receive_all(other, count)


@contextlib.contextmanager
def on_one_cpu():
    """Sends from one processor. Each has a queue of received packets of its own, so a
    sender that the scheduler moves sends ahead of its earlier packets."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


@on_one_cpu()
def flood(attacker, ahead, per_leaf):
    """Sends real messages with forged packets in between; all real ones must arrive.
    No two forged packets have the same counter, so none is dropped as a replay. Those
    of a leaf whose key the receiver holds are decrypted, each one."""
    with Agents() as agents:
        one, other = agents.flow("flood", packets_per_leaf=per_leaf)
        agents.confirmed(one, other)
        if per_leaf < LEAF:
            go_near_the_end(one, other, per_leaf)
        eid = agents.bob.do("FLOW_GET", "FLOW", id=other.info().id)[A["FLOW_EID"]][::-1]
        messages = [struct.pack("=Q", n) for n in range(REAL)]
        size, share = len(messages[0]), FORGED // REAL
        leaves, sent = [], 0
        for message in messages:
            one.write(message)
            leaf = leaf_of(one, per_leaf)
            if leaf not in leaves:
                leaves.append(leaf)
                if ahead == 1:
                    # the worker derives the next leaf for the first packet, and keeps it
                    attacker.send(forged(eid, leaf + 1, [UNUSED + sent], size))
                    sent += 1
                    until(lambda: other.info().drop_auth == sent,	# noqa: B023
                          "the next leaf is held")
            first = UNUSED + sent
            attacker.send(forged(eid, leaf + ahead, range(first, first + share), size))
            sent += share
        until(lambda: other.info().queued == REAL, "all real messages are there")

        def dropped():
            info = other.info()
            return info.drop_auth, info.drop_key, info.drop_replay
        until(lambda: sum(dropped()) >= sent, f"{sent} forged packets are dropped")
        got = receive_all(other, REAL)
        same(got == messages, True, "all, in order")
        decrypted, too_early, replays = dropped()
        same((decrypted + too_early, replays), (sent, 0), "forged packets dropped")
        if ahead < 2:
            same(decrypted, sent, "forged packets decrypted")
        else:
            assert 0 < decrypted < sent, f"{decrypted} of {sent} decrypted"
        same(len(leaves), 2 if per_leaf < LEAF else 1, "leaves of the real messages")
        info = other.info()
        same((info.drop_full, info.drop_other), (0, 0), "other drops")
        one.close()
        other.close()


for _per_leaf in 12, 20:
    for _where, _leaf in WHERE.items():
        @case(f"no real message is lost to a flood {_where}, 2^{_per_leaf} packets a leaf")
        def _(ahead=_leaf, per_leaf=1 << _per_leaf):
            attacker = Stranger()
            try:
                flood(attacker, ahead, per_leaf)
            finally:
                attacker.close()


@case("no real message is lost when GRO merges forged packets with it")
def together():
    attacker = Impostor()
    with PutTogether() as device:
        flood(attacker, 0, LEAF)
        note(f"{device.buffers()} buffers of several packets")
        assert device.buffers() > 0, "the device put nothing together"
    attacker.close()


@case("each of eight flows that send in turns queues a full ring of long messages")
@on_one_cpu()
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
    """A process that works on an end until it is killed, and its output."""

    def __init__(self, work, *args):
        self.says, out = os.pipe()
        self.pid = spawn(work, *args, out)
        os.close(out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.says)
        if self.pid:
            self.kill()

    def asleep(self):
        """Waits until the process sleeps in a call."""
        def sleeps():
            with open(f"/proc/{self.pid}/syscall", encoding="ascii") as f:
                return f.read().split()[0] in SLEEPS
        until(sleeps, "the call sleeps")

    def switches(self):
        """How often the process went to sleep."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith("voluntary_ctxt_switches"))

    def kill(self):
        """Kills the process."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = 0

    def said(self):
        """Kills the process; returns its output."""
        self.kill()
        return b"".join(iter(lambda: os.read(self.says, 4096), b""))


def reads(end, out):
    """Reads messages, and writes each one to out."""
    while True:
        os.write(out, end.read())


def polls(end, out):
    """Polls for a message, and writes a word to out."""
    poll = select.poll()
    poll.register(end.fd, select.POLLIN)
    poll.poll()
    os.write(out, b"woken")


def floods(end, eid, _):
    """Sends forged packets to an end, as fast as they are received."""
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    attacker, sent = Stranger(), 0
    packets = forged(eid, 0, range(UNUSED, UNUSED + AT_ONCE), 8)
    first = end.info().drop_auth
    while True:
        attacker.send(packets)
        sent += AT_ONCE
        until(lambda: sent - (end.info().drop_auth - first) < WAITING,  # noqa: B023
              "the flood is received")


@contextlib.contextmanager
def quiet():
    """Both ends of a flow without packets in transit, and the endpoint id of bob's."""
    known = warnings()
    with Agents() as agents:
        one, other = agents.flow("saturated")
        agents.confirmed(one, other)
        yield one, other, \
            agents.bob.do("FLOW_GET", "FLOW", id=other.info().id)[A["FLOW_EID"]][::-1]
        one.close()
        other.close()
    same(warnings(), known, "the kernel warned")


def only_forged(end, first):
    """Checks that a flow has dropped forged packets only."""
    info = end.info()
    note(f"{info.drop_auth - first.drop_auth} forged packets came to the flow")
    same([getattr(info, key) - getattr(first, key) for key in
          ("drop_key", "drop_replay", "drop_full", "drop_other")], [0] * 4, "drops")


@case("a saturating flood wakes neither a reader nor a poller")
def wakes_nobody():
    with quiet() as (_, other, eid), Process(reads, other) as reader, \
            Process(polls, other) as poller:
        for process in reader, poller:
            process.asleep()
        seen = [process.switches() for process in (reader, poller)]
        first = other.info()
        with Process(floods, other, eid):
            until(lambda: other.info().drop_auth - first.drop_auth >= SATURATING,
                  "the flood has come")
        only_forged(other, first)
        for process in reader, poller:
            process.asleep()
        same([process.switches() for process in (reader, poller)], seen,
             "times that they slept")
        same([process.said() for process in (reader, poller)], [b"", b""])


@case("a reader gets each real message during a saturating flood, and wakes for these only")
def real_ones():
    with quiet() as (one, other, eid), Process(reads, other) as reader:
        reader.asleep()
        seen, first = reader.switches(), other.info()
        with Process(floods, other, eid):
            for i in range(READ):
                before = other.info().drop_auth
                until(lambda: other.info().drop_auth > before, "the flood goes on")  # noqa: B023
                one.write(struct.pack("=Q", i))
            until(lambda: other.info().rx_packets - first.rx_packets == READ,
                  "each real message is read")
        only_forged(other, first)
        reader.asleep()
        slept = reader.switches() - seen
        note(f"the reader slept {slept} times")
        same([number for number, in struct.iter_unpack("=Q", reader.said())],
             list(range(READ)), "messages")
        assert 0 < slept <= READ, slept


run()
