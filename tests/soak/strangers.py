# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""20,000 CTRL packets per second from a stranger, half of them to each agent: 50 flows
with a re-key interval of 5 s lose no re-key and no message, and memory and logs of
the agents do not grow. An emulated machine sends as many packets as it can.
Usage: strangers.py SECONDS"""

import mmap
import os
import random
import socket
import struct
import sys
import time

from ipcp import ADDR, PORT, agent, case, drops, enter, flows, note, pair, run, same, spawn
from load import Load
from measure import Figures, resident

SECONDS = int(sys.argv[1])
FLOWS, RATE, AT_ONCE = 50, 10000, 50
CTRL, FRAME, HELLO = 0x13, 1, 1
UDP_SEGMENT = 103
LINES = 20
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
    """Send RATE packets per second, or as many as this machine can."""
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


def rekeys():
    """The number of re-keys of each flow so far."""
    return {flow["id"]: flow["stats"]["rekeys"] for flow in flows("alice")}


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


@case("flood: each flow is re-keyed, no exchange fails, memory and logs stay small")
def strangers():
    memory = {host: resident(agent(host)["pid"]) for host in ADDR}
    logged, before, ended = lines(), rekeys(), outcomes()
    start = {host: sum(drops(host).values()) for host in ADDR}
    pids = [spawn(pester, host, seed) for seed, host in enumerate(ADDR)]
    time.sleep(SECONDS)
    after = rekeys()
    for pid in pids:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    made = [after[flow] - count for flow, count in before.items()]
    figures.add("re-keys of a flow, least", min(made), "re-keys")
    figures.add("re-keys of a flow, most", max(made), "re-keys")
    for count, host in zip(sent, ADDR):
        figures.add(f"{host}: packets of strangers", count / SECONDS, "packets/s")
        assert count >= AT_ONCE * SECONDS, f"{host}: only {count} packets of strangers"
        grown = resident(agent(host)["pid"]) - memory[host]
        new = lines()[host] - logged[host]
        dropped = sum(drops(host).values()) - start[host]
        note(f"{host}: {count} packets of strangers, {dropped} packets dropped, "
             f"agent {grown / 1024:.0f} KiB larger, {new} lines logged")
        figures.add(f"{host}: growth of the agent", grown / 1024, "KiB")
        figures.add(f"{host}: lines logged", new, "lines")
        assert new < LINES, f"{host}: {new} lines were logged"
        assert grown < 1 << 20, f"{host}: the agent is {grown} bytes larger"
    assert min(made) > 0, "a flow was not re-keyed"
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
