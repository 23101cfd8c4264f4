# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Loading and unloading the module, with a flow each time. Usage: unload.py NUMBER of
cycles. Agents that only bring a seed (keys.py) keep the test fast."""

import errno
import os
import sys

from ipcp import (
    A, Endpoint, Netlink, case, fails, note, run, same, talk, unloaded, until, warnings)
from keys import Agents
from modules import loaded, modprobe, removed, traces

CYCLES = int(sys.argv[1])


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


@case("no trace of the module is left, and the kernel did not warn")
def no_traces():
    same(traces(), [])
    same(warnings()[begin:], [])
    note(f"{CYCLES} cycles")


begin = len(warnings())
run()
