# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Many flows within a host, and the memory that they leave.
Usage: local_flows.py NUMBER
"""

import resource
import sys
import time

from ipcp import case, drops, flows, note, run, same, until
from keys import Agents
from measure import Figures, kernel_bytes, more_objects, settled, shrink, slabs

WANTED = int(sys.argv[1])
AT_ONCE = min(1000, WANTED)
# Bytes that may be left of an end, as in many_flows.py.
LEFT = 8 / 20

figures = Figures()


def turn(agents, count):
    """Open and close COUNT flows, in batches."""
    while count:
        some = min(count, AT_ONCE)
        ends = [end for _ in range(some) for end in agents.local_flow("local")]
        for one, other in zip(ends[::2], ends[1::2]):
            for a, b in (one, other), (other, one):
                a.write(b"there")
                same(b.receive(), b"there")
            one.write(b"unread")
        for end in ends:
            end.close()
        until(lambda: not flows("bob"), "all flows are gone", 600)
        count -= some


def look():
    """The memory of the kernel at rest."""
    settled()
    shrink()
    return kernel_bytes(), slabs()


@case(f"{WANTED} flows within a host leave nothing behind")
def nothing_left():
    need = 2 * AT_ONCE + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, need))
    with Agents() as agents:
        turn(agents, AT_ONCE)	# fills caches of the kernel and this program
        before, old = look()
        start = time.monotonic()
        turn(agents, WANTED)
        took = time.monotonic() - start
        after, new = look()
        same({reason: n for (kind, reason), n in drops("bob").items()
              if n and kind == "flows"}, {}, "drops")
    figures.add("flows", WANTED, "")
    figures.add("a flow takes, from its opening to its end", took / WANTED * 1000, "ms")
    left = (after - before) / (2 * WANTED)
    figures.add("left of an end: all", left, "bytes")
    note(f"left of an end: {left:.1f} bytes")
    same(more_objects(old, new, 2 * WANTED * LEFT / 8), {}, "objects more than before")


run()
