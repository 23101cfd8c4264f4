# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Interfaces whose flows run through other interfaces: f1 over the wire, f2 over f1, and
so on. Usage: nested.py DEEP, the number of interfaces that must not overflow a stack."""

import contextlib
import os
import signal
import socket
import struct
import sys

from interface import INNER, OUTER, carrier, ip, lost, packets, pings, there
from ipcp import (
    A, PORT, Late, Netlink, case, drops, enter, run, same, spawn, tc, until, warnings)
from keys import UPCALL_ALLOC, UPCALL_LISTEN, Agents
from transfer import PATIENCE, Transfer

DEEP = int(sys.argv[1])
NEST = 2		# levels that work
FLOOD = 10000		# refused packets
FLOODERS = 4		# processes
LAST = {"alice": 1, "bob": 2}
BEGIN = len(warnings())


def inner(level, host="bob"):
    """Address of a host at the interface of this level."""
    return f"10.98.{level}.{LAST[host]}"


def at(level):
    """Where the flow of this level has its ends: socket addresses by host."""
    def sockaddr(host):
        address = inner(level - 1, host) if level > 1 else OUTER[host]
        return struct.pack("=H", socket.AF_INET) + struct.pack(">H", PORT) + \
            socket.inet_aton(address) + bytes(8)
    return sockaddr


def asked_for(agents, name):
    """The upcall of alice that allocates a flow to this name. The flows of other levels,
    which have lost their peer after a while, are allocated again, too."""
    while True:
        asked = agents.alice.upcall(UPCALL_ALLOC)
        if asked[A["UPCALL_NAME"]] == name.encode() + b"\0":
            return asked


def add(agents, level):
    """Add the interfaces of a level at both hosts, with a flow. If the level is refused,
    bob's flow does not begin, for no packet arrives."""
    dev, name = f"f{level}", f"level{level}"
    ready = INNER if level <= NEST else ["alice"]
    for host in INNER:
        ip(host, "link", "add", dev, "type", "ipcp_rekey")
        ip(host, "addr", "add", f"{inner(level, host)}/24", "dev", dev)
        ip(host, "link", "set", dev, "up")
    same(there("bob", "ipcp-rekey", "netdev", "listen", dev, name), 0)
    asked = agents.bob.upcall(UPCALL_LISTEN)
    agents.bob.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]], error=0)
    same(there("alice", "ipcp-rekey", "netdev", "connect", dev, name), 0)
    agents.answer(name, asked_for(agents, name), at=at(level))
    until(lambda: all(carrier(host, dev) for host in ready), f"{dev} has a carrier")


@contextlib.contextmanager
def levels(count):
    """Agents, and this number of interfaces at both hosts, for the block."""
    with Agents() as agents:
        try:
            for level in range(1, count + 1):
                add(agents, level)
            yield
        finally:
            for level in range(count, 0, -1):
                for host in INNER:
                    ip(host, "link", "del", f"f{level}", wanted=None)
    until(lambda: not any(Netlink(host).dump("FLOW_GET") for host in INNER),
          "no flow is left")


def refused():
    """The number of packets of alice's flows that had no route."""
    return drops("alice")["flows", "tx-route"]


def dropped(level):
    """Packets that alice's interface of this level could not send."""
    return packets("alice", f"f{level}")[2][3]


def lost_at(level):
    """Ping bob through this level in vain. The number of packets that its interface and
    each one below could not send."""
    before = [dropped(each) for each in range(level, 0, -1)]
    same(there("alice", "ping", "-c", "3", "-W", "1", "-i", "0.2", inner(level)), 1)
    return [dropped(each) - count for each, count in zip(range(level, 0, -1), before)]


@case("a tunnel in a tunnel carries traffic, and loses nothing")
def two():
    with levels(2):
        for way in ("alice", "bob"), ("bob", "alice"):
            pings(way[0], inner(2, way[1]))
            Transfer(inner(2, way[1]), way=way).whole()
        same(lost(), {})


@case("a third tunnel is refused: its packets are dropped and counted, the others work")
def three():
    with levels(3):
        before = refused()
        top, middle, bottom = lost_at(3)
        same((top, bottom), (0, 0))
        assert middle >= 3, middle
        assert refused() >= before + 3, (before, refused())
        pings("alice", inner(2))
        pings("alice", inner(1))
    same(warnings()[BEGIN:], [])


@case(f"{DEEP} tunnels in each other do not overflow the stack of the kernel")
def deep():
    with levels(DEEP):
        counts = lost_at(DEEP)
        same(counts[0], 0)
        assert counts[1] >= 3, counts
        pings("alice", inner(2))
    same(warnings()[BEGIN:], [])


def flood():
    """Send datagrams through f1 for ever."""
    enter("alice")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while True:
            with contextlib.suppress(OSError):
                sock.sendto(bytes(64), (inner(1), 9))


@case(f"two tunnels that lead into each other refuse {FLOOD} packets of a flood")
def loop():
    with levels(2):
        # these queues have locks, unlike the default
        for dev in "f1", "f2":
            tc("alice", "qdisc", "add", "dev", dev, "root", "pfifo")
        before = refused()
        ip("alice", "route", "add", OUTER["bob"] + "/32", "dev", "f2")
        pids = [spawn(flood) for _ in range(FLOODERS)]
        try:
            until(lambda: refused() >= before + FLOOD,
                  Late(lambda: f"refused: {refused() - before}"), PATIENCE)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            ip("alice", "route", "del", OUTER["bob"] + "/32", "dev", "f2")
    with levels(2):
        pings("alice", inner(2))
    same(warnings()[BEGIN:], [])


run()
