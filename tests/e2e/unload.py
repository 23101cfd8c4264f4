# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Loading and unloading the module, with a flow each time. Usage: unload.py
NUMBER of cycles. Agents that only bring a seed (keys.py) make it quick."""

import errno
import os
import sys

from ipcp import (
    A, Endpoint, Netlink, case, fails, note, run, same, talk, unloaded, until, warnings)
from keys import Agents
from modules import loaded, modprobe, removed, traces

CYCLES = int(sys.argv[1])


def refused():
    """The module stays."""
    same(removed(), False)
    assert loaded()


@case("modprobe -r is refused while a flow is open, at either end, and unharmed")
def in_use():
    with Agents() as agents:
        one, other = agents.flow("demo")
        refused()
        talk(one, other)
        one.close()
        other.wait(0x10)
        refused()
        other.close()


@case("and while a name is served, an allocation waits, or a device is open")
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


@case("it goes when all is closed, while the flows' ends still tell each other")
def clean():
    with Agents() as agents:
        for end in agents.flow("demo"):
            end.close()
    # what is on its way in the stack may hold it for a moment, and nothing else
    until(removed, "the module goes")
    assert not loaded()
    same(traces(), [])


@case("an agent that is left does not hold it, and finds itself without")
def agent_left():
    same(modprobe()[0], 0)
    agents = Agents()
    same(modprobe("-r"), (0, ""))
    with fails(errno.ENOENT):
        agents.alice.do("INFO_GET")
    assert not loaded()
    # who looks for the family has it loaded
    same(Netlink("alice").do("INFO_GET")[A["INFO_HAS_AGENT"]], bytes(4))
    assert loaded()
    agents.close()
    same(modprobe("-r"), (0, ""))


@case(f"{CYCLES} times loaded, a flow, unloaded")
def cycles():
    for _ in range(CYCLES):
        same(modprobe(), (0, ""))
        with Agents() as agents:
            one, other = agents.flow("demo")
            talk(one, other)
            # one is closed with messages under way, the other with some unread
            for _ in range(20):
                one.write(b"on its way")
            other.close()
            one.close()
        until(unloaded, "the module goes")
    assert not loaded()


@case("nothing of it is left, and the kernel did not warn")
def no_traces():
    same(traces(), [])
    same(warnings()[begin:], [])
    note(f"{CYCLES} cycles")


begin = len(warnings())
run()
