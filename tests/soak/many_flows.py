# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Many encrypted flows at once, their memory, and the memory that they leave.
Usage: many_flows.py NUMBER

Both ends of all flows are in this program, and so in one kernel. They consist of the
same objects, so an end costs half of a flow; where the ends differ (an open file of
the device, an anonymous one) the result is the mean.
"""

import collections
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from ipcp import (
    RB_RD, RB_WR, case, drops, enter, flows, note, run, same, talk, until)
from keys import Agents
from measure import Figures, kernel_bytes, meminfo, settled, shrink, slabs

WANTED = int(sys.argv[1])
ROUNDS = 3
DUMPS = 3
AT_MOST = 20 * 1024	# bytes per end of an idle flow
# Objects of a cache that may be left for each closed flow, since caches vary.
LEFT = 1 / 20

ends = []
agents = None
listener = None
figures = Figures()
Look = collections.namedtuple("Look", "total info slabs")
bare = []		# the memory without flows, before the first and after each round


def look():
    """The memory of the kernel at rest."""
    settled()
    shrink()
    return Look(kernel_bytes(), meminfo(), slabs())


def begin():
    """Start both agents, and serve a name."""
    global agents, listener	# pylint: disable=global-statement
    agents = Agents()
    listener = agents.listen("many")


def open_all():
    """Open all flows, and send a message each way over each."""
    start = time.monotonic()
    while len(ends) < 2 * WANTED:
        pair = agents.connect(listener, "many")
        ends.extend(pair)
        talk(*pair)
        if len(ends) % (WANTED // 5 * 2) == 0:
            note(f"{len(ends) // 2} flows, {time.monotonic() - start:.0f} s")
    return time.monotonic() - start


def close_all():
    """Close all flows and stop the agents; wait until no flow is left."""
    start = time.monotonic()
    while ends:
        ends.pop().close()
    listener.close()
    agents.close()
    until(lambda: not flows("alice") and not flows("bob"), "all flows are gone",
          600)
    return time.monotonic() - start


def per_end(bytes_):
    """The share of one end."""
    return bytes_ / (2 * WANTED)


@case("the limit of open files is as high as needed")
def limit():
    need = 2 * WANTED + 1000
    with open("/proc/sys/fs/nr_open", encoding="ascii") as f:
        assert int(f.read()) >= need
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, need))
    # Fill caches of the kernel and this program, which are not part of the flows.
    begin()
    top = os.dup2(0, need - 1)
    for _ in range(20):
        for end in agents.connect(listener, "many"):
            end.close()
    os.close(top)
    close_all()
    bare.append(look())


@case(f"{WANTED} flows are open at once")
def opened():
    begin()
    took = open_all()
    figures.add("flows", WANTED, "")
    figures.add("a flow takes to open, with a message each way",
                took / WANTED * 1000, "ms")
    same([len(flows(host)) for host in ("alice", "bob")], [WANTED] * 2)


@case(f"an end of an idle flow takes at most {AT_MOST >> 10} KiB of the kernel")
def cost():
    before, after = bare[0], look()
    total = per_end(after.total - before.total)
    figures.add("an end of a flow takes", total, "bytes")
    for name in "Slab", "Percpu", "VmallocUsed", "KernelStack":
        figures.add(f"of these: {name}",
                    per_end(after.info[name] - before.info[name]), "bytes")
    parts = []
    for name, (objects, size, pages) in after.slabs.items():
        old = before.slabs.get(name, (0, 0, 0))
        more = per_end(objects - old[0])
        if more > 0.05:
            parts.append((per_end(pages - old[2]), name, more, size))
    for pages, name, more, size in sorted(parts, reverse=True):
        note(f"{pages:8.1f} bytes: {more:.2f} objects of {size} in {name}")
        figures.add(f"{more:.2f} {name} ({size} bytes)", pages, "bytes")
    note(f"{total:.0f} bytes an end")
    assert total <= AT_MOST, f"{total:.0f} bytes"


@case("no packet of the flows was dropped, and all flows are alive")
def alive():
    for host in "alice", "bob":
        lost = {reason: n for (kind, reason), n in drops(host).items()
                if n and kind == "flows"}
        same(lost, {}, f"drops of {host}")
    flags = collections.Counter(end.info().rb_flags for end in ends)
    same(flags, {RB_RD | RB_WR: 2 * WANTED}, "ends by their flags")
    for end in range(0, len(ends), 2 * max(WANTED // 100, 1)):
        talk(ends[end], ends[end + 1])


@case(f"a list has all {WANTED} flows while others are opened and closed")
def listed():
    want = {end.info().id for end in ends[::2]}
    turnover = 0
    for _ in range(DUMPS):
        enter("alice")
        start = time.monotonic()
        with tempfile.TemporaryFile() as out, \
             subprocess.Popen(["ipcp-rekey", "flow", "list", "--json"],
                              stdout=out) as tool:
            while tool.poll() is None:
                for end in agents.connect(listener, "many"):
                    end.close()
                turnover += 1
            took = time.monotonic() - start
            same(tool.returncode, 0)
            out.seek(0)
            found = collections.Counter(flow["id"] for flow in json.load(out))
        same(len(want - set(found)), 0, "flows that are not in the list")
        same(found.most_common(1)[0][1], 1, "times that a flow is in the list")
    assert turnover > 2 * DUMPS, turnover
    figures.add("a list of all takes, while others come and go", took, "s")
    note(f"{turnover} flows came and went during {DUMPS} lists")


@case("all flows are closed")
def closed():
    figures.add("all are closed after", close_all(), "s")
    bare.append(look())


@case(f"{ROUNDS} rounds of opening and closing leak no objects")
def rounds():
    for count in range(2, ROUNDS + 1):
        begin()
        note(f"round {count}: opened in {open_all():.0f} s")
        note(f"round {count}: closed in {close_all():.0f} s")
        bare.append(look())
    first, last = bare[1], bare[-1]
    for name in "Slab", "Percpu", "VmallocUsed":
        left = (last.info[name] - first.info[name]) / (ROUNDS - 1) / (2 * WANTED)
        figures.add(f"left of an end: {name}", left, "bytes")
    left = (last.total - first.total) / (ROUNDS - 1) / (2 * WANTED)
    figures.add("left of an end: all", left, "bytes")
    more = {name: objects - first.slabs.get(name, (0,))[0]
            for name, (objects, _, _) in last.slabs.items()}
    more = {name: n for name, n in more.items()
            if n > LEFT * WANTED * (ROUNDS - 1)}
    same(more, {}, "objects more than after the first round")
    note([{name: one.info[name] >> 10 for name in ("Slab", "Percpu")} |
          {"all": one.total >> 10} for one in bare])


run()
