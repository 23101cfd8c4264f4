# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Flows over a bad path: loss, delay, reordering, duplicates. Usage: netem.py FLOWS
REKEYS"""

import os
import sys

from ipcp import (
    DEADLINE, NSEC, A, Endpoint, agent, case, flows, netlink, note, run, same, tc,
    until)

FLOWS, REKEYS = int(sys.argv[1]), int(sys.argv[2])
NETEM = "delay 200ms 20ms loss 30% reorder 25% 50% duplicate 5%".split()
SEED = os.environ.get("TEST_SEED", "1")	# of netem: constant, except in soaks
PATIENCE = 60 * NSEC
OF_KEYS = "epoch", "late", "ahead", "tx-nokey", "auth"
ends = []


def netem_on():
    """Spoil both directions alike."""
    for host in "alice", "bob":
        tc(host, "qdisc", "add", "dev", "veth", "root", "netem", "limit",
           "100000", *NETEM, "seed", SEED)


def keys(host):
    """For each flow of a host: its newest epoch, the epoch it sends in, and whether the
    peer has confirmed the newest."""
    return [(flow[A["FLOW_NEWEST_EPOCH"]][0], flow[A["FLOW_TX_EPOCH"]][0],
             any(flow[A["FLOW_DONE"]])) for flow in netlink(host).dump("FLOW_GET")]


def talk_all(count):
    """Send messages on all flows, both ways, and read those that arrived."""
    for _ in range(count):
        for end in ends:
            end.write(b"x" * 100)
            end.nonblock()
            try:
                while True:
                    end.read()
            except BlockingIOError:
                pass
            end.nonblock(False)


@case(f"{FLOWS} flows are allocated over a bad path")
def allocate():
    netem_on()
    listener = Endpoint("bob").listen("demo")
    for _ in range(FLOWS):
        ends.append(Endpoint("alice").alloc("demo", PATIENCE))
        ends.append(listener.accept(PATIENCE))
    listener.close()


@case(f"{REKEYS} re-keys are done while messages are sent")
def rekeys():
    each = REKEYS // FLOWS
    for count in range(1, each + 1):
        for end in ends[::2]:
            netlink("alice").rekey(end.info().id)

        def done():
            talk_all(1)
            return all(newest >= count and done		# noqa: B023
                       for newest, _tx, done in keys("alice"))
        until(done, f"all flows are in epoch {count}", 8 * DEADLINE)
    rekeyed = agent("alice")["exchanges"]["rekey"]
    note({outcome: rekeyed[outcome]["count"] for outcome in rekeyed} |
         {"mean ms": rekeyed["done"]["mean_ms"],
          "longest ms": rekeyed["done"]["longest_ms"]})
    same(sum(newest for newest, *_ in keys("alice")) >= REKEYS, True)


@case("both ends of all flows confirmed the new epochs")
def confirmed():
    for host in "alice", "bob":
        until(lambda: all(done and tx == newest
                          for newest, tx, done in keys(host)),	# noqa: B023
              f"{host}'s flows", 4 * DEADLINE)


@case("no packet that netem let through was dropped for a reason of key or epoch")
def nothing_lost():
    for host in "alice", "bob":
        note(f"{host}: {tc(host, '-s', 'qdisc', 'show', 'dev', 'veth').split('Sent')[1].splitlines()[0]}")
        found = {}
        for flow in flows(host):
            for reason, count in flow["stats"]["drops"].items():
                found[reason] = found.get(reason, 0) + count
        note({reason: count for reason, count in found.items() if count})
        same({reason: found[reason] for reason in OF_KEYS},
             dict.fromkeys(OF_KEYS, 0), host)
    for end in ends:
        end.close()


run()
