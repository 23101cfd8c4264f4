# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Many flows between two hosts, re-keyed all at once, a limited number at a time.
Usage: many.py FLOWS AT-A-TIME [SECONDS]

With SECONDS, all re-keys must be done within that time.
"""

import os
import resource
import select
import socket
import sys
import time

from ipcp import (
    A, CMD, EVENT, NSEC, Endpoint, Limit, Netlink, agent, attrs, case, flows, note, run,
    same, tool, until)

FLOWS, LIMIT = int(sys.argv[1]), int(sys.argv[2])
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else None
SO_RCVBUFFORCE = 33
PATIENCE = 60 + FLOWS	# seconds; generous, for an emulated machine
ends = {"alice": [], "bob": []}


def number(found, key):
    """A number among an event's attributes."""
    return int.from_bytes(found.get(A[f"FLOW_{key}"], b""), sys.byteorder)


class Watch:
    """Follows the re-keys of a host by its events."""

    def __init__(self, host):
        self.nl = Netlink(host)
        self.nl.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.nl.join("events")
        self.under_way, self.most, self.done = set(), 0, set()
        self.first = self.last = None

    def take(self, event, flow):
        """Handle one event."""
        now = time.monotonic()
        if event == EVENT["CLAIMED"]:
            self.first = self.first or now
            self.under_way.add(flow)
            self.most = max(self.most, len(self.under_way))
        elif event in (EVENT["PARKED"], EVENT["CLEARED"]):
            self.under_way.discard(flow)
        elif event == EVENT["DONE"]:
            self.done.add(flow)
            self.last = now

    def follow(self, count, seconds):
        """Wait until this many flows are done."""
        limit = Limit(seconds)
        while len(self.done) < count:
            if not limit.turn():
                raise AssertionError(
                    f"{len(self.done)} of {count} flows after {seconds} s")
            if not select.select([self.nl.sock], [], [], limit.wait())[0]:
                continue
            for _kind, _seq, body in self.nl.messages():
                if body[0] == CMD["FLOW_NTF"]:
                    found = attrs(body[4:])
                    self.take(number(found, "EVENT"), number(found, "ID"))


def memory(host):
    """Resident memory of the host's agent in KiB."""
    with open(f"/proc/{agent(host)['pid']}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith("VmRSS:"))


def times():
    """Processor time so far, in milliseconds: of each agent in user and kernel mode,
    and of the machine in each mode."""
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    found = {}
    for host in ends:
        with open(f"/proc/{agent(host)['pid']}/stat", encoding="ascii") as f:
            words = f.read().rsplit(")", 1)[1].split()
        found[host, "user"], found[host, "kernel"] = (
            int(word) * tick for word in words[11:13])
    with open("/proc/stat", encoding="ascii") as f:
        words = f.readline().split()[1:8]
    for name, word in zip(("user", "nice", "kernel", "idle", "wait", "irq",
                           "softirq"), words):
        found["all", name] = int(word) * tick
    return found


def spent(before):
    """Processor time since then, per flow; values below 0.1 ms are left out."""
    return ", ".join(f"{' '.join(name)} {(value - before[name]) / FLOWS:.1f}"
                     for name, value in times().items()
                     if (value - before[name]) / FLOWS > 0.1)


@case(f"{FLOWS} flows are allocated as fast as possible")
def allocate():
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * FLOWS + 100,) * 2)
    listener = Endpoint("bob").listen("demo", min(FLOWS, 256))
    start = time.monotonic()
    ahead = 0
    for _ in range(FLOWS):
        end = Endpoint("alice", os.O_NONBLOCK)
        try:
            end.alloc("demo", timeout=PATIENCE * NSEC)
        except BlockingIOError:
            pass
        ends["alice"].append(end)
        ahead += 1
        if ahead == 32:
            ends["bob"].append(listener.accept())
            ahead -= 1
    while len(ends["bob"]) < FLOWS:
        ends["bob"].append(listener.accept())
    listener.close()
    note(f"{(time.monotonic() - start) / FLOWS * 1000:.1f} ms a flow")
    until(lambda: agent("alice")["flows"]["initiator"] == FLOWS,
          "all are allocated", PATIENCE)


@case(f"all flows are re-keyed, never more than {LIMIT} at a time")
def rekey():
    before = {host: memory(host) for host in ends}
    cost = times()
    watch = Watch("alice")
    asking = Netlink("alice")
    asking.do("REKEY_REQUEST", "FLOW", all=b"")
    watch.follow(FLOWS, PATIENCE)
    took = watch.last - watch.first
    note(f"{took:.1f} s, {FLOWS / took:.0f} a second; {watch.most} at a time; "
         f"KiB of the agents before and after: {before}, "
         f"{ {host: memory(host) for host in ends} }")
    note(f"processor, ms a flow: {spent(cost)}")
    same(watch.most <= LIMIT, True, f"{watch.most} at a time")
    same(watch.most > LIMIT // 2, True, f"as many as may be: {watch.most}")
    if SECONDS:
        same(took <= SECONDS, True, f"{took:.1f} s")


@case("no re-key failed, and both ends confirmed every flow")
def fine():
    for host in ends:
        status = agent(host)
        same(status["failed"], [])
        until(lambda: all(f["keys"]["done"] and f["keys"]["tx_epoch"] == 1
                          for f in flows(host)),	# noqa: B023
              f"{host}'s flows send in the new epoch", PATIENCE)
    same(agent("alice")["exchanges"]["rekey"]["done"]["count"], FLOWS)


@case("the responder requests new keys for all flows, and all get them")
def wanted():
    watch = Watch("alice")
    asking = Netlink("bob")
    asking.do("REKEY_REQUEST", "FLOW", all=b"")
    watch.follow(FLOWS, PATIENCE)
    note(f"{watch.last - watch.first:.1f} s")
    assert watch.most <= LIMIT


@case("all flows are closed, none is left")
def close():
    for end in ends["alice"] + ends["bob"]:
        end.close()
    for host in ends:
        until(lambda: tool(host, "flow", "list") == [],	# noqa: B023
              f"{host} has no flow", PATIENCE)


run()
