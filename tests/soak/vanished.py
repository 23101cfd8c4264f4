# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The peer vanishes in the middle of a re-key: the worker of each end runs a few times
for the re-key and for keepalives, then rests. Usage: vanished.py SECONDS"""

import os
import re
import sys
import time

from ipcp import case, cut, run, same, talk, write
from keys import Agents
from measure import Figures

SECONDS = int(sys.argv[1])
TRACING = "/sys/kernel/tracing"
EVENT = f"{TRACING}/events/vanished/worker"
MOST = 60	# runs in ten minutes
PARK, PROMOTE = "the seed is parked at one end", "one end sends in the new epoch"
figures = Figures()


class Runs:
    """Counts the runs of the worker, by the address of its work item."""

    def __enter__(self):
        write(f"{TRACING}/kprobe_events", "p:vanished/worker ipcp_rekey:ipcp_worker work=$arg1\n")
        write(f"{EVENT}/trigger", "hist:keys=work.hex")
        write(f"{EVENT}/enable", "1")
        return self

    @staticmethod
    def counts():
        """The number of runs per flow."""
        with open(f"{EVENT}/hist", encoding="ascii") as f:
            return [int(n) for n in re.findall(r"hitcount: +(\d+)", f.read())]

    def __exit__(self, *_):
        write(f"{EVENT}/enable", "0")
        write(f"{EVENT}/trigger", "!hist:keys=work.hex")
        write(f"{TRACING}/kprobe_events", "")


def vanish(when):
    """Cut the link at this point of a re-key, and count the runs of both workers."""
    with Agents() as agents:
        ends = agents.flow("demo")
        talk(*ends)
        agents.confirmed(*ends)
        epoch, exchange = agents.claim(ends[0].info().id)
        seed = os.urandom(32)
        agents.park(ends[1], epoch, exchange, seed)
        if when == PARK:
            with cut():
                count(when)
        else:
            agents.park(ends[0], epoch, exchange, seed)
            with cut():
                ends[0].rekey()
                count(when)
        for end in ends:
            end.close()


def count(when):
    """Record and check the runs within SECONDS."""
    with Runs() as runs:
        time.sleep(SECONDS)
        counts = runs.counts()
    for number in counts:
        figures.add(f"{when}: runs of a worker in {SECONDS} s", number, "runs")
    same([n for n in counts if n > MOST], [], "runs of a worker")
    assert counts, "no worker ran: nothing was counted"


for moment in PARK, PROMOTE:
    case(f"the peer vanishes when {moment}: the worker rests")(lambda m=moment: vanish(m))
run()
