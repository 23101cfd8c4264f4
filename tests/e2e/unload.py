# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Loading and unloading the module, with a flow each time. Usage: unload.py NUMBER of
cycles. Agents that only bring a seed (keys.py) keep the test fast."""

import contextlib
import errno
import os
import socket
import sys

from ipcp import (
    A, Endpoint, Netlink, case, enter, fails, note, run, same, talk, unloaded, until,
    warnings)
from keys import Agents
from modules import loaded, modprobe, removed, traces

CYCLES = int(sys.argv[1])
ETH_P_IP = 0x800
HELD = 40		# packets


def refused():
    """modprobe -r must fail, and leave the module loaded."""
    same(removed(), False)
    assert loaded()


@case("modprobe -r is refused while either end of a flow is open, and the flow is unharmed")
def in_use():
    with Agents() as agents:
        one, other = agents.flow("demo")
        refused()
        talk(one, other)
        one.close()
        other.wait(0x10)
        refused()
        other.close()


@case("modprobe -r is refused while a name is served, an allocation waits, or a file is open")
def others():
    with Agents() as agents:
        listener = agents.listen("demo")
        refused()
        listener.close()
        pending = Endpoint("alice", os.O_NONBLOCK)
        with fails(errno.EINPROGRESS):
            pending.alloc("demo")
        refused()
        pending.close()
        idle = Endpoint("bob")
        refused()
        idle.close()


@case("the module unloads once all is closed, while the ends still notify each other")
def clean():
    with Agents() as agents:
        for end in agents.flow("demo"):
            end.close()
    # packets in the stack may hold the module for a moment; nothing else does
    until(removed, "the module goes")
    assert not loaded()
    same(traces(), [])


@case("a running agent does not hold the module, and its requests fail after unloading")
def agent_left():
    same(modprobe()[0], 0)
    agents = Agents()
    same(modprobe("-r"), (0, ""))
    with fails(errno.ENOENT):
        agents.alice.do("INFO_GET")
    assert not loaded()
    # a lookup of the family loads the module
    same(Netlink("alice").do("INFO_GET")[A["INFO_HAS_AGENT"]], bytes(4))
    assert loaded()
    agents.close()
    same(modprobe("-r"), (0, ""))


@case(f"the module is loaded, used by a flow and unloaded {CYCLES} times")
def cycles():
    for _ in range(CYCLES):
        same(modprobe(), (0, ""))
        with Agents() as agents:
            one, other = agents.flow("demo")
            talk(one, other)
            # close one end with messages in flight, the other with unread ones
            for _ in range(20):
                one.write(b"on its way")
            other.close()
            one.close()
        until(unloaded, "the module goes")
    assert not loaded()


def tap(host):
    """A socket that gets a copy of each packet that arrives at a host."""
    enter(host)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    sock.bind(("veth", ETH_P_IP))
    sock.setblocking(False)
    return sock


def lengths(sock):
    """The lengths of the packets in a socket's queue."""
    with contextlib.suppress(BlockingIOError):
        while True:
            yield len(sock.recv(2000))


@case("the module unloads while another socket holds packets of a flow")
def held():
    same(modprobe(), (0, ""))
    with Agents() as agents, tap("bob") as wire:
        one, other = agents.flow("demo")
        for _ in range(HELD):
            one.write(bytes(600))
            same(other.receive(), bytes(600))
        one.close()
        other.close()
        agents.close()
        until(removed, "the module goes")
        same(sum(length > 600 for length in lengths(wire)), HELD)


@case("no trace of the module is left, and the kernel did not warn")
def no_traces():
    same(traces(), [])
    same(warnings()[begin:], [])
    note(f"{CYCLES} cycles")


begin = len(warnings())
run()
