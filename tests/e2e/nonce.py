# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Two writers on one end of a flow and two readers on the other, one of each in the
other direction, across re-keys, leaves and nodes; then check that no nonce repeats in
the packets that the tracepoint ipcp_tx reported."""

import collections
import contextlib
import glob
import os
import re

from ipcp import (
    DROPS, Netlink, case, note, pair, run, same, settled, show)
from load import Load

TRACE = "/sys/kernel/tracing/instances/nonce"
LINE = re.compile(r"ipcp_tx: flow=\d+ peer_eid=(\w+) type=(\d) epoch=(\d+) "
                  r"dir=(\d) counter=(\d+) len=\d+$")
EPOCHS = 3
IN_EPOCH = 8700	# messages: more than in one node
PER_LEAF = 128
# With so few packets per leaf, fewer may be in flight: a packet that another
# processor overtakes by two leaves arrives too late.
TOKENS = 8

Packet = collections.namedtuple("Packet", "peer type epoch dir counter")
ends = []
packets = []
sent = {}


def control(name, value):
    """Write to a file of the trace instance."""
    with open(f"{TRACE}/{name}", "w", encoding="ascii") as f:
        f.write(value)


@case("messages of three writers go both ways across re-keys")
def traffic():
    with contextlib.suppress(FileExistsError):
        os.mkdir(TRACE)
    control("buffer_size_kb", "16384")
    control("events/ipcp_rekey/ipcp_tx/enable", "1")
    events = Netlink("alice")
    events.join("events")
    ends.extend(pair("demo"))
    number = ends[0].info().id
    there = Load(ends[0], ends[1], writers=2, readers=2, tokens=TOKENS)
    back = Load(ends[1], ends[0], writers=1, readers=1, tokens=TOKENS)
    settled(*ends)
    for epoch in range(1, EPOCHS):
        there.advance(IN_EPOCH)
        events.rekey(number)
        events.event("PROMOTED", number, epoch)
        events.event("DONE", number, epoch)
    there.advance(IN_EPOCH)
    sent[0] = there.finish()
    sent[1] = back.finish()
    note(f"messages from alice {sent[0]}, from bob {sent[1]}")
    settled(*ends)
    same([end.info().rekeys for end in ends], [EPOCHS - 1] * 2)


@case("no packet was dropped, for a reason of key or epoch or any other")
def lost():
    for end in ends:
        counted = show(end)["stats"]["drops"]
        same(len(counted), len(DROPS))
        same({reason: n for reason, n in counted.items() if n}, {})


@case("the tracepoint reported every packet")
def complete():
    control("tracing_on", "0")
    for name in glob.glob(f"{TRACE}/per_cpu/cpu*/stats"):
        with open(name, encoding="ascii") as f:
            stats = dict(line.split(": ") for line in f.read().splitlines())
        for key in "overrun", "commit overrun", "dropped events":
            same(stats[key], "0", key)
    with open(f"{TRACE}/trace", encoding="ascii") as f:
        lines = [line for line in f if not line.startswith("#")]
    for line in lines:
        peer, *numbers = LINE.search(line).groups()
        packets.append(Packet(peer, *map(int, numbers)))
    for direction, end in enumerate(ends):
        of_data = [p for p in packets if p.type == 1 and p.dir == direction]
        same(len(of_data), sent[direction])
        same(len(of_data), end.info().tx_packets)
        same({int(p.peer, 16) for p in packets if p.dir == direction},
             {show(end)["peer_eid"]})
    note(f"packets: {collections.Counter(p.type for p in packets)}")


@case("no triple of epoch, direction and counter repeats")
def no_repeat():
    seen = collections.Counter((p.peer, p.epoch, p.dir, p.counter)
                               for p in packets)
    same([key for key, n in seen.items() if n > 1], [])
    same(len(seen), len(packets))


@case("packets crossed all expected leaves, nodes and epochs")
def crossed():
    for direction in 0, 1:
        mine = [p for p in packets if p.dir == direction]
        same({p.epoch for p in mine}, set(range(EPOCHS)))
        for epoch in range(EPOCHS):
            counters = [p.counter for p in mine if p.epoch == epoch]
            leaves = collections.Counter(c >> 20 for c in counters)
            assert all(c & 0xfffff < PER_LEAF for c in counters)
            # each leaf is used in turn and fully: no leaf and no counter is skipped
            same(sorted(leaves), list(range(len(leaves))))
            same({leaves[n] for n in range(len(leaves) - 1)} - {PER_LEAF}, set())
    nodes = {(p.epoch, p.counter >> 26) for p in packets if p.dir == 0}
    note(f"nodes that alice sent in: {len(nodes)}")
    assert all((epoch, 1) in nodes for epoch in range(EPOCHS - 1)), nodes


try:
    run()
finally:
    for end in ends:
        end.close()
    if os.path.isdir(TRACE):
        control("events/enable", "0")
        os.rmdir(TRACE)
