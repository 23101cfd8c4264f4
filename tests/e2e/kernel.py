# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Kernel code that uses flows: a server at bob and a probe at alice, both of the module
ipcp_flow_echo. Agents that deliver seeds only (keys.py) make the test fast.
Usage: kernel.py CYCLES, of loading and unloading"""

import contextlib
import ctypes
import errno
import os
import struct
import sys

from echo import WINDOW, begin, connect, end, module, more, param, probe, serve, text
from ipcp import (
    A, ALLOCATED, SEND, Netlink, case, drops, fails, note, run, same, unloaded, until)
from keys import UPCALL_ALLOC, UPCALL_LISTEN, Agents

CYCLES = int(sys.argv[1])
UP, DOWN, KEYLESS = 1, 2, 8
REKEYS = 20
PER_LEAF = 64		# packets: keys are derived constantly, and used up at once
PATIENT = {"grace": 600000}	# ms: too long for the kernel to take a seed by itself


def number_of(agent):
    """Number of the only flow of an agent's host that is not ending."""
    found, = (flow for flow in agent.dump("FLOW_GET")
              if struct.unpack("=I", flow[A["FLOW_STATE"]])[0] == ALLOCATED)
    return struct.unpack("=I", found[A["FLOW_ID"]])[0]


@contextlib.contextmanager
def traffic(name="demo", **params):
    """Agents, and the numbers of both ends of a flow with messages in transit."""
    begin()
    try:
        with Agents() as agents:
            serve(agents, name)
            number = connect(agents, name, **params)
            yield agents, number, number_of(agents.bob)
    finally:
        end()


def drained():
    """Waits until all sent messages came back; returns their number."""
    param("drain", "Y")
    try:
        return until(lambda: probe("sent") == probe("received") and
                     probe("sent"), "all messages are back", 10)
    except AssertionError:
        note(f"{' '.join(text('probe'))}; dropped: {lost()}")
        raise


def rekey(agents, number, other, program=None):
    """Delivers a new seed to both ends, and waits until both have confirmed it."""
    def confirmed():
        for agent, flow in (agents.bob, other), (agents.alice, number):
            until(lambda agent=agent, flow=flow:
                  any(agent.do("FLOW_GET", "FLOW", id=flow)[A["FLOW_DONE"]]),
                  "the newest epoch is confirmed")
    confirmed()	# no other seed is taken before
    epoch, exchange = agents.claim(number)
    seed = os.urandom(32)
    for agent, flow in (agents.bob, other), (agents.alice, number):
        agents.deliver(agent, flow, epoch, exchange, seed)
    if program:
        program.rekey()
    confirmed()
    return epoch


def lost(*but):
    """Counts of packets dropped for a reason that loses a message. If keys are used up
    at once, a packet that the kernel itself sends may arrive too late for its key."""
    return {key: count for host in ("alice", "bob")
            for key, count in drops(host).items()
            if count and key[1] not in ("closed", "eid", "state", *but)}


@case("kernel code reaches a name that kernel code serves")
def both():
    with traffic() as (_agents, number, other):
        same(probe("state"), UP)
        sent = drained()
        note(f"{sent} messages; flows {number} and {other}; "
             f"{' '.join(text('probe')[-4:])} (least, mean, most)")
        same(lost(), {})


@case("programs reach a name of kernel code, with single messages and with batches")
def programs():
    begin()
    with Agents() as agents:
        serve(agents, "demo")
        one, asked = agents.begin("demo")
        agents.answer("demo", asked)
        one.wait(4)
        for message in b"", b"x", b"echo" * 300:
            one.write(message)
            same(one.receive(), message)
        messages = [struct.pack("=I", i) * 50 for i in range(60)]
        messages.append(b"the last is shorter")
        buffers = [ctypes.create_string_buffer(m, len(m)) for m in messages]
        array = ctypes.create_string_buffer(b"".join(
            struct.pack("=QII", ctypes.addressof(b), len(b), 0) for b in buffers))
        same(one.ioctl(SEND, struct.pack("=IIQII", 24, 0, ctypes.addressof(array),
                                         len(buffers), 0))[0], len(messages))
        same([one.receive() for _ in messages], messages)
        one.close()
        until(lambda: not agents.bob.dump("FLOW_GET"), "it lets go of the flow")
    end()


@case("messages continue over leaf keys of 64 messages each")
def leaves():
    with traffic(packets_per_leaf=PER_LEAF):
        more(100 * PER_LEAF)
        drained()
        same(lost("late"), {})


@case(f"{REKEYS} seeds under load are taken at once by both ends, and nothing is lost")
def rekeys():
    with traffic(packets_per_leaf=PER_LEAF, peer_name=b"carol.example\0",
                 authenticated=1, **PATIENT) as (agents, *numbers):
        for count in range(1, REKEYS + 1):
            same(rekey(agents, *numbers), count)
            more()
        same(probe("rekeys"), REKEYS)
        words = text("probe")
        same(words[words.index("peer") + 1], "carol.example")
        same((probe("state"), probe("stalls")), (UP, 0))
        drained()
        same(lost("late"), {})


@case("messages without a key are held, and KEYLESS is reported; the next seed sends them")
def keyless():
    until(lambda: not any(Netlink(host).dump("FLOW_GET") for host in ("alice", "bob")),
          "nothing is left of the case before")
    with traffic(**PATIENT) as (agents, *numbers):
        with contextlib.closing(Netlink("alice")) as events:
            events.join("events")
            agents.alice.do("FLOW_SET", "FLOW", id=numbers[0], max_epoch_age=1)
            events.event("EXPIRED", numbers[0], 0)
        until(lambda: probe("state") == UP | KEYLESS, "it is told")
        until(lambda: probe("held") == WINDOW, "all that is sent is held")
        same(probe("stalls"), 1)
        agents.alice.do("FLOW_SET", "FLOW", id=numbers[0], max_epoch_age=0)
        same(rekey(agents, *numbers), 1)
        more()
        same((probe("state"), probe("held"), probe("stalls")), (UP, 0, 1))
        drained()
        same(lost(), {})


@case("held messages arrive in the order in which they were sent")
def in_order():
    begin()
    with Agents() as agents:
        listener = agents.listen("demo")
        param("probe", "demo")
        agents.answer("demo", agents.alice.upcall(UPCALL_ALLOC), **PATIENT)
        other = listener.accept()
        first = [other.receive() for _ in range(WINDOW)]
        numbers = [number_of(agent) for agent in (agents.alice, agents.bob)]
        agents.alice.do("FLOW_SET", "FLOW", id=numbers[0], max_epoch_age=1)
        until(lambda: any(agents.alice.do("FLOW_GET", "FLOW",
                                          id=numbers[0])[A["FLOW_DUE"]]),
              "the epoch is too old")
        for message in first:
            other.write(message)
        until(lambda: probe("held") == WINDOW, "as many more are held")
        agents.alice.do("FLOW_SET", "FLOW", id=numbers[0], max_epoch_age=0)
        same(rekey(agents, *numbers, other), 1)
        held = [other.receive() for _ in range(WINDOW)]
        sent = [struct.unpack_from("=Q", message)[0] for message in held]
        same(sent, sorted(sent))
        other.close()
        listener.close()
    end()


@case("programs of the same host reach a name of kernel code")
def direct():
    begin()
    with Agents() as agents:
        param("serve", "demo", "alice")
        asked = agents.alice.upcall(UPCALL_LISTEN)
        agents.alice.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]], error=0)
        one, asked = agents.begin("demo")
        agents.alice.do("FLOW_DIRECT", "FLOW", id=asked[A["UPCALL_FLOW_ID"]])
        one.wait(4)
        for message in b"", b"x", b"echo" * 300:
            one.write(message)
            same(one.receive(), message)
        one.close()
        until(lambda: not agents.alice.dump("FLOW_GET"), "no flow is left")
    end()


@case("each refusal tells its reason: no agent, invalid name, not granted, flow deleted")
def refused():
    begin()
    for name in "serve", "probe":
        with fails(errno.ENOTCONN):
            param(name, "demo")
        with fails(errno.EINVAL):
            param(name, "no name")
    with Agents() as agents:
        serve(agents, "demo", errno.EACCES)
        one, asked = agents.begin("demo")
        with fails(errno.ENOENT):
            agents.answer("demo", asked)
        one.close()
        param("probe", "demo")
        asked = agents.alice.upcall(UPCALL_ALLOC)
        same(probe("state"), 0)
        agents.alice.do("FLOW_DEL", "FLOW", id=asked[A["UPCALL_FLOW_ID"]],
                        error=errno.EKEYREJECTED)
        until(lambda: probe("state") == DOWN, "the end is told")
        same(probe("error"), errno.EKEYREJECTED)
    end()


@case("either end may release the flow under traffic, and the other end is told")
def released():
    begin()
    with Agents() as agents:
        for host in "bob", "alice":
            serve(agents, "demo")
            connect(agents, "demo")
            if host == "bob":
                param("serve", "", "bob")
                until(lambda: probe("state") == DOWN, "alice is told")
                same(probe("error"), errno.ESHUTDOWN)
            param("probe", "")
            until(lambda: not agents.bob.dump("FLOW_GET") and
                  not agents.alice.dump("FLOW_GET"), "no flow is left")
    end()


@case("ipcp_rekey cannot be unloaded while a module that uses its symbols is loaded")
def order():
    begin()
    same(module("rmmod", "ipcp_rekey"), 1)
    end()
    with traffic():
        same(module("rmmod", "ipcp_rekey"), 1)
        more()


@case(f"{CYCLES} cycles of loading, unloading under traffic, and unloading ipcp_rekey")
def cycles():
    for cycle in range(CYCLES):
        with traffic():
            pass
        if cycle % 2:
            until(unloaded, "ipcp_rekey goes")
    same(os.path.isdir("/sys/module/ipcp_flow_echo"), False)


try:
    run()
finally:
    module("rmmod", "ipcp_flow_echo")
    module("modprobe", "ipcp_rekey")	# the caller unloads it
