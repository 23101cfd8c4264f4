# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""20,000 CTRL packets per second from a stranger, half of them to each agent: 50 flows
with a re-key interval of 5 s lose no re-key and no message, and memory and logs of
the agents do not grow.

The flood ends when the packets of SECONDS are sent, and each flow was re-keyed as often
as the interval demands in SECONDS. Every re-key that an agent claims must be done, by
the events of the flow. The time of the flood is a figure and has no limit, since
strangers, agents and programs share the processors of an emulated machine.
Usage: strangers.py SECONDS"""

import collections
import contextlib
import mmap
import os
import random
import signal
import socket
import struct
import sys
import time

from ipcp import (
    A, ADDR, CMD, DEADLINE, EVENT, PORT, Netlink, agent, attrs, case, drops, enter, note, pair,
    run, same, spawn, until)
from load import Load
from measure import Figures, resident

SECONDS = int(sys.argv[1])
FLOWS, RATE, AT_ONCE = 50, 10000, 50
INTERVAL = 5			# seconds, as strangers.test configures it
CTRL, FRAME, HELLO = 0x13, 1, 1
UDP_SEGMENT = 103
LINES = 20			# fewer are logged
GROWTH = 128 << 10		# bytes, less than one for each packet
LOST = "CLEARED", "REPLACED", "EXPIRED", "SILENT", "DOWN"	# events of a lost re-key
SO_RCVBUFFORCE, ROOM = 33, 8 << 20
FOLDER = os.environ["HOSTS"]
figures = Figures()
ends, loads = [], []
sent = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")	# packets to each agent


def hello(dice):
    """A HELLO, the first message of an agent."""
    return struct.pack(">BBBB4xQ", FRAME, HELLO, 0, 1, dice.getrandbits(64)) + bytes(16)


def rubbish(dice):
    """Random bytes of the length of a HELLO."""
    return dice.randbytes(len(hello(dice)))


def pester(host, seed):
    """Send RATE packets per second, or as many as this machine can. Packets that are
    late are sent as soon as possible."""
    other = {"alice": "bob", "bob": "alice"}[host]
    enter(other)
    os.nice(5)	# a real stranger has a machine of its own
    dice = random.Random(seed)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets = [bytes([CTRL]) + bytes(11) + make(dice)
               for make in (hello, rubbish) for _ in range(AT_ONCE)]
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(packets[0]))
    batches = [b"".join(packets[i:i + AT_ONCE]) for i in range(0, len(packets), AT_ONCE)]
    due = time.monotonic()
    while True:
        for batch in batches:
            sock.sendto(batch, (ADDR[host], PORT))
            sent[seed] += AT_ONCE
            due += AT_ONCE / RATE
        time.sleep(max(0, due - time.monotonic()))


def lines():
    """The number of lines that each agent has logged."""
    found = {}
    for host in ADDR:
        with open(f"{FOLDER}/{host}/agent.log", "rb") as log:
            found[host] = len(log.readlines())
    return found


class Events:
    """Counts the events of each flow of a host, by name."""

    def __init__(self, host):
        self.netlink = Netlink(host)
        self.netlink.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self.netlink.sock.setblocking(False)
        self.netlink.join("events")
        self.counts = collections.defaultdict(collections.Counter)
        self.names = {number: name for name, number in EVENT.items()}

    def look(self):
        """Counts new events. A lost event is an error, ENOBUFS."""
        with contextlib.suppress(BlockingIOError):
            while True:
                for _kind, _seq, body in self.netlink.messages():
                    found = attrs(body[4:])
                    if body[0] == CMD["FLOW_NTF"]:
                        number, event = (int.from_bytes(found[A[f"FLOW_{key}"]], sys.byteorder)
                                         for key in ("ID", "EVENT"))
                        self.counts[number][self.names[event]] += 1

    def least(self, name):
        """How often an event of each flow has come, at least."""
        self.look()
        numbers = [one.info().id for one, _ in ends]
        return min(self.counts[number][name] for number in numbers)

    def total(self, name):
        """How often an event has come, of all flows."""
        self.look()
        return sum(found[name] for found in self.counts.values())


@case(f"{FLOWS} flows with messages in both directions")
def begin():
    for _ in range(FLOWS):
        ends.append(pair("demo"))
    for one, other in ends:
        loads.extend(Load(*way, writers=1, readers=1, tokens=4, pause=0.5)
                     for way in ((one, other), (other, one)))


def outcomes():
    """The number of re-key exchanges by outcome, at each agent."""
    return {host: {how: found["count"] for how, found in
                   agent(host)["exchanges"]["rekey"].items()} for host in ADDR}


@case("flood: each flow is re-keyed when due, no exchange fails, memory and logs stay small")
def strangers():
    events = Events("alice")
    memory = {host: resident(agent(host)["pid"]) for host in ADDR}
    logged, ended = lines(), outcomes()
    start = {host: sum(drops(host).values()) for host in ADDR}
    pids = [spawn(pester, host, seed) for seed, host in enumerate(ADDR)]
    begun, wanted = time.monotonic(), max(1, SECONDS // INTERVAL)
    until(lambda: events.least("DONE") >= wanted and
          min(sent[:len(ADDR)]) >= RATE * SECONDS,
          f"each flow is re-keyed {wanted} times, and all packets are sent",
          SECONDS + 10 * DEADLINE)
    took = time.monotonic() - begun
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    figures.add("the flood takes", took, "s")
    figures.add("re-keys of a flow, least", events.least("DONE"), "re-keys")
    claimed = events.total("CLAIMED")
    until(lambda: events.total("DONE") >= claimed, f"{claimed} claimed re-keys are done")
    same({name: events.total(name) for name in LOST}, dict.fromkeys(LOST, 0), "lost re-keys")
    note(f"{claimed} re-keys in {took:.1f} s")
    for count, host in zip(sent, ADDR):
        figures.add(f"{host}: packets of strangers", count / took, "packets/s")
        grown = resident(agent(host)["pid"]) - memory[host]
        new = lines()[host] - logged[host]
        dropped = sum(drops(host).values()) - start[host]
        note(f"{host}: {count} packets of strangers, {dropped} packets dropped, "
             f"agent {grown / 1024:.0f} KiB larger, {new} lines logged")
        figures.add(f"{host}: growth of the agent", grown / 1024, "KiB")
        figures.add(f"{host}: lines logged", new, "lines")
        assert new < LINES, f"{host}: {new} lines were logged"
        assert grown < GROWTH, f"{host}: the agent is {grown} bytes larger"
    for host, found in outcomes().items():
        note(f"{host}: re-keys {found}")
        for how in "failed", "timeout":
            same(found[how], ended[host][how], f"{host}: re-keys that ended so: {how}")


@case("no message was lost, no re-key failed")
def finish():
    figures.add("messages", sum(load.finish() for load in loads), "messages")
    for host in ADDR:
        same(agent(host)["failed"], [])
    for both in ends:
        for end in both:
            end.close()


run()
