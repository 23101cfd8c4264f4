# SPDX-License-Identifier: GPL-2.0
"""Measures all rows of a plan, in the test machine: /results/rows.json.

Usage: measure.py PLAN PAIR	(PLAN of plan.py, PAIR the program)
"""

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys

import keys
from ipcp import enter

CIPHERS = {"aes": 901, "chacha": 1018}
OFFLOADS = ("tx-udp-segmentation", "gso", "gro")
WINDOW = 256


class Flows:
    """Our flows, one for each cipher, made when they are needed."""

    def __init__(self, agents):
        self.agents, self.made = agents, {}

    def get(self, cipher):
        """Both ends."""
        if cipher not in self.made:
            keys.CIPHER = CIPHERS[cipher]
            self.made[cipher] = self.agents.flow(f"bench-{cipher}")
        return self.made[cipher]

    def largest(self):
        """The longest message."""
        one, other = self.get("aes")
        one.write(b"?")		# the path's limit is known when it was used
        other.receive()
        return one.info().mtu


@contextlib.contextmanager
def offload(on):
    """Whether batches cross the virtual wire whole."""
    def switch(word):
        for host in ("alice", "bob"):
            enter(host)
            subprocess.run(["ethtool", "-K", "veth"] +
                           [w for name in OFFLOADS for w in (name, word)],
                           check=True)
    if not on:
        switch("off")
    yield
    if not on:
        switch("on")


def measure(pair, row, flows):
    """Nanoseconds of each round, and messages of one."""
    command = [pair, row["way"], "--size", str(row["size"]),
               "--batch", str(row["batch"]), "--messages", str(row["messages"]),
               "--rounds", str(row["rounds"]), "--window", str(WINDOW)]
    fds = []
    if row["cipher"]:
        command += ["--cipher", row["cipher"]]
    if row["way"].startswith("ipcp"):
        fds = [end.fd for end in flows.get(row["cipher"])]
        command += map(str, fds)
    with offload(row["offload"]):
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE,
                             pass_fds=fds).stdout
    return json.loads(out)


def main():
    """Measures."""
    with open(sys.argv[1], encoding="ascii") as f:
        plan = json.load(f)
    rows = []
    with keys.Agents() as agents:
        flows = Flows(agents)
        largest = flows.largest()
        for row in plan:
            if row["size"] == "largest":
                row["size"] = largest
            rounds = [ns / row["messages"]
                      for ns in measure(sys.argv[2], row, flows)]
            row.update(kernel=platform.release(),
                       instructions=round(statistics.median(rounds)),
                       spread=round((max(rounds) - min(rounds)) /
                                    statistics.median(rounds), 4))
            rows.append(row)
            print(f"{row['way']:12} {row['cipher'] or '':8} {row['size']:5} B "
                  f"batch {row['batch']:2} {row['instructions']:7} "
                  f"({row['spread']:.1%})", flush=True)
    with open(os.environ.get("RESULTS", "/results") + "/rows.json", "w",
              encoding="ascii") as f:
        json.dump(rows, f, indent=1)


main()
