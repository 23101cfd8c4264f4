# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Measures messages between two hosts in the test machine, over our flows and over
other transports.

Usage: measure.py rows PLAN PAIR	instructions per message, on a machine
					that counts a nanosecond for each
       measure.py profile PLAN PAIR	instructions of each function, for our
       					flows only
       measure.py times PAIR		messages per second of several flows at
					once, in real time
PLAN is the output of plan.py, PAIR the program "pair". Writes rows.json, profile.txt
or times.json to /results.
"""

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys

import keys
import samples
from interface import OUTER, ip, there
from ipcp import enter, same

CIPHERS = {"aes": 901, "chacha": 1018}
OFFLOADS = ("tx-udp-segmentation", "gso", "gro")
WINDOW = 256

# Measured in real time: two ways and a batch size, with each number of flows, in turns.
TIMED = (("udp", "ipcp-rekey", 1), ("udp-batch", "ipcp-rekey-batch", 64))
AT_ONCE = (1, 2, 4)
TIMES = 7
PROFILED = 65536	# messages
TIMED_SIZE, TIMED_MESSAGES = 1350, 2048


class Flows:
    """Our flows of each cipher, set up on demand."""

    def __init__(self, agents):
        self.agents, self.made = agents, {}

    def get(self, cipher, count=1):
        """Both ends of each of COUNT flows of a cipher, the sender first."""
        made = self.made.setdefault(cipher, [])
        while len(made) < count:
            keys.CIPHER = CIPHERS[cipher]
            made.append(self.agents.flow(f"bench-{cipher}-{len(made)}"))
        return [end for ends in made[:count] for end in ends]

    def local(self, count=1):
        """Both ends of each of COUNT flows within a host, the sender first."""
        made = self.made.setdefault("local", [])
        while len(made) < count:
            made.append(self.agents.local_flow(f"bench-local-{len(made)}"))
        return [end for ends in made[:count] for end in ends]

    def largest(self):
        """The length of the longest message."""
        one, other = self.get("aes")
        one.write(b"?")		# the path MTU is known once the path was used
        other.receive()
        return one.info().mtu


@contextlib.contextmanager
def offload(on):
    """Run the body with or without batches crossing the virtual wire whole."""
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


def move_addresses(old, new):
    """Move the address of each host to another interface. Find the hosts there, since
    few packets may wait until then."""
    for host, address in OUTER.items():
        ip(host, "addr", "del", f"{address}/24", "dev", old)
        ip(host, "addr", "add", f"{address}/24", "dev", new)
        ip(host, "link", "set", new, "up")
    same(there("alice", "ping", "-q", "-c", "1", OUTER["bob"]), 0, "ping")


@contextlib.contextmanager
def wired(kind, program):
    """Run the body with a wire of the program "wire" in place of the veth, if KIND is
    one."""
    if not kind:
        yield
        return
    with subprocess.Popen([program, kind], stdout=subprocess.PIPE) as wire:
        try:
            if not wire.stdout.readline():
                raise OSError(f"{program} has failed")
            move_addresses("veth", "wire")
            yield
            move_addresses("wire", "veth")
        finally:
            wire.kill()


def measure(pair, flows, row, before=()):
    """Nanoseconds of each round."""
    with wired(row.get("wire"), f"{os.path.dirname(pair)}/wire"):
        return rounds_of(pair, flows, row, before)


def rounds_of(pair, flows, row, before):
    """Nanoseconds of each round, over the links that exist."""
    count = row.get("flows", 1)
    command = [*before, pair, row["way"], "--size", str(row["size"]),
               "--batch", str(row["batch"]), "--messages", str(row["messages"]),
               "--rounds", str(row["rounds"]), "--window", str(WINDOW),
               "--pairs", str(count)]
    fds = []
    if row["cipher"]:
        command += ["--cipher", row["cipher"]]
    if row["way"].startswith("ipcp"):
        ends = flows.get(row["cipher"], count) if row["cipher"] else flows.local(count)
        fds = [end.fd for end in ends]
        command += map(str, fds)
    return json.loads(subprocess.run(command, check=True, pass_fds=fds,
                                     stdout=subprocess.PIPE).stdout)


def results():
    """The folder of the results."""
    return os.environ.get("RESULTS", "/results")


def leave(name, what):
    """Write results to a file."""
    with open(f"{results()}/{name}", "w", encoding="ascii") as f:
        json.dump(what, f, indent=1)


def rows(flows, plan, pair):
    """Measure the instructions per message."""
    with open(plan, encoding="ascii") as f:
        plan = json.load(f)
    for row in plan:
        if row["size"] == "largest":
            row["size"] = flows.largest()
        with offload(row["offload"]):
            found = [ns / row["messages"] for ns in measure(pair, flows, row)]
        middle = statistics.median(found)
        row.update(kernel=platform.release(), instructions=round(middle),
                   spread=round((max(found) - min(found)) / middle, 4))
        print(f"{row['way']:16} {row['cipher'] or '':8} {row['size']:5} B "
              f"batch {row['batch']:2} {row['instructions']:7} "
              f"({row['spread']:.1%}) {row.get('wire', '')}", flush=True)
    leave("rows.json", plan)


def profile(flows, plan, pair):
    """Measure the instructions per message of each function."""
    with open(plan, encoding="ascii") as f:
        plan = [row for row in json.load(f) if row["way"].startswith("ipcp")]
    table = f"{results()}/samples"
    with open(f"{results()}/profile.txt", "w", encoding="ascii") as out:
        for row in plan:
            if row["size"] == "largest":
                row["size"] = flows.largest()
            with offload(row["offload"]):
                each = statistics.median(measure(pair, flows, row)) / row["messages"]
                row.update(messages=PROFILED, rounds=1)	# enough for sampling
                measure(pair, flows, row, (f"{os.path.dirname(pair)}/profile", table))
            print(f"{row['way']} {row['cipher']}, {row['size']} bytes, "
                  f"batches of {row['batch']}, "
                  f"offload {row['offload']}, {row.get('wire', 'veth')}: {each:.0f}", file=out)
            samples.report(table, each, 0, out)


def times(flows, pair):
    """Measure messages per second; ways that are compared take turns."""
    found = {}
    for _ in range(TIMES):
        for *ways, batch in TIMED:
            for count in AT_ONCE:
                for way in ways:
                    row = {"way": way, "batch": batch, "flows": count,
                           "cipher": "aes" if way.startswith("ipcp") else None,
                           "size": TIMED_SIZE, "messages": TIMED_MESSAGES,
                           "rounds": 1}
                    ns = measure(pair, flows, row)[0]
                    rate = count * row["messages"] * 1e9 / ns
                    found.setdefault((way, batch, count), []).append(rate)
    for (way, batch, count), rates in found.items():
        print(f"{way:16} batch {batch:2} flows {count}",
              f"{statistics.median(rates):8.0f} messages/s", flush=True)
    leave("times.json", [
        {"kernel": platform.release(), "way": way, "batch": batch,
         "flows": count, "size": TIMED_SIZE,
         "per_second": round(statistics.median(rates)),
         "all": [round(rate) for rate in rates]}
        for (way, batch, count), rates in found.items()])


def main():
    """Run the measurement that the command line names."""
    with keys.Agents() as agents:
        {"rows": rows, "profile": profile, "times": times}[sys.argv[1]](Flows(agents), *sys.argv[2:])


main()
