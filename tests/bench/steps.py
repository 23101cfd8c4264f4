# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Measures the instructions to set up a flow, to install a seed, and to cross from one
key to the next, on a machine that counts a nanosecond for each instruction.

Usage: steps.py keys CROSS	with test agents that make up keys; CROSS is the
				program "cross"
       steps.py agents		with the real agents, which must run and serve "bench"
Writes steps-keys.json or steps-agents.json to /results.
"""

import array
import glob
import json
import os
import statistics
import subprocess
import sys
import time

import keys
from ipcp import Endpoint, settled

SYSTEM_CALLS = ("ioctl", "send", "recv")
WARM_UP = 5
FLOWS = 40
AGENT_FLOWS = 20
SEEDS = 20
CROSSINGS = 12
SIZE = 1350
RESERVE = 1024		# packets of an epoch that are not for data


class Calls:
    """Time in system calls, less the time to read the clock."""

    def __init__(self):
        self.total, self.begin, self.null = 0, 0, 0
        self.null = min(self.one(os.getppid) for _ in range(50))
        self.total = 0

    def one(self, call):
        """Return the time of a call that does next to nothing."""
        before = self.total
        self.event(None, "c_call", call)
        call()
        self.event(None, "c_return", call)
        return self.total - before

    def event(self, _frame, event, what):
        """Handle an event of sys.setprofile()."""
        if what is not os.getppid and \
           getattr(what, "__name__", "") not in SYSTEM_CALLS:
            return
        if event == "c_call":
            self.begin = time.perf_counter_ns()
        elif event in ("c_return", "c_exception"):
            self.total += time.perf_counter_ns() - self.begin - self.null

    def __enter__(self):
        self.total = 0
        sys.setprofile(self.event)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)


def workers():
    """Time that the kernel's threads have run so far."""
    total = 0
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline", "rb") as f:
                if f.read(1):
                    continue	# a program
            with open(path + "/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        except OSError:
            pass	# it has ended
    return total


def busy():
    """Time that the processor has run any task so far."""
    time.sleep(0.01)	# so that what ran is accounted for
    with open("/proc/schedstat", encoding="ascii") as f:
        cpu = [line for line in f if line.startswith("cpu0 ")][0]
    return int(cpu.split()[7])


def quiet():
    """Wait until the workers have finished."""
    time.sleep(0.2)


def set_up(agents):
    """Set up flows with test agents that make up keys: the kernel's part alone."""
    name = "bench-set-up"
    listener = agents.listen(name)
    ends = [agents.connect(listener, name) for _ in range(WARM_UP)]
    quiet()
    before = workers()
    with Calls() as calls:
        ends += [agents.connect(listener, name) for _ in range(FLOWS)]
    quiet()
    after = workers()
    for pair in ends:
        for end in pair:
            end.close()
    listener.close()
    yield "set-up of a flow: all calls of both ends", calls.total / FLOWS
    yield "set-up of a flow: workers", (after - before) / FLOWS


def seeds(agents):
    """Install seeds at both ends of a flow, with the same test agents."""
    one, other = agents.flow("bench-seeds")
    # the responder gets a seed before the initiator
    both = (agents.bob, other.info().id), (agents.alice, one.info().id)
    total, before = 0, workers()
    for _ in range(SEEDS):
        epoch, exchange = agents.claim(one.info().id)
        seed = os.urandom(32)
        with Calls() as calls:
            for agent, number in both:
                agents.deliver(agent, number, epoch, exchange, seed)
            for end in other, one:
                end.rekey()
        total += calls.total
        settled(one, other)
    quiet()
    yield "install of a seed: calls of one end", total / SEEDS / 2
    yield "install of a seed: workers of one end", (workers() - before) / SEEDS / 2


def crossings(agents, cross):
    """Compare the first messages of a leaf, or of a node, with the median message, and
    with messages at the most expensive place in a leaf or node."""
    for what, ppl, leaves in ("leaf", 4096, 1), ("node", 64, 64):
        one, other = agents.flow("bench-" + what, packets_per_leaf=ppl)
        step = ppl * leaves
        costs = array.array("I", subprocess.run(
            [cross, str(one.fd), str(other.fd), str(SIZE), str(CROSSINGS * step)],
            check=True, stdout=subprocess.PIPE,
            pass_fds=(one.fd, other.fd)).stdout)
        first = (len(costs) + RESERVE + one.info().tx_left) % step
        places = [statistics.median(costs[(first + i) % step::step])
                  for i in range(step)]
        yield f"first message of a {what}", places[0]
        yield f"dearest place in a {what}", max(places)
        yield f"median message, {ppl} to a leaf", statistics.median(costs)


def with_agents():
    """Set up flows with the real agents, with certificates and key exchange."""
    listener = Endpoint("bob").listen("bench")
    ends = []
    for i in range(WARM_UP + AGENT_FLOWS):
        if i == WARM_UP:
            before = busy()
        ends.append(Endpoint("alice").alloc("bench"))
        ends.append(listener.accept())
    yield "set-up of a flow: all, with the real agents", \
        (busy() - before) / AGENT_FLOWS
    for end in ends:
        end.close()
    listener.close()


def main():
    """Run the measurement that the command line names."""
    if sys.argv[1] == "agents":
        steps = dict(with_agents())
    else:
        with keys.Agents() as agents:
            steps = dict(set_up(agents))
            steps.update(seeds(agents))
            steps.update(crossings(agents, sys.argv[2]))
    for name, value in steps.items():
        print(f"{name:48} {round(value):10,}", flush=True)
    with open(f"{os.environ.get('RESULTS', '/results')}/steps-{sys.argv[1]}.json",
              "w", encoding="ascii") as f:
        json.dump({name: round(value) for name, value in steps.items()}, f,
                  indent=1)


main()
