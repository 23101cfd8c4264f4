# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Agents killed at random moments while flows are re-keyed.
Usage: kills.py KILLS [SEED]"""

import os
import random
import sys
import time

import agents
from ipcp import DEADLINE, Netlink, case, flows, note, pair, run, same, until
from load import Load

KILLS = int(sys.argv[1])
SEED = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("TEST_SEED", "1"))
FLOWS = 4
INTERVAL = 15		# seconds, as in the agents' configuration
OF_KEYS = "epoch", "late", "ahead", "tx_nokey", "auth", "replay"
PAUSE = 0.02		# seconds after a burst, which leave the processor to the agents
ends, loads = [], []


def keys(host):
    """The key state of all flows at a host."""
    return {flow["id"]: flow["keys"] for flow in flows(host)}


@case("flows are allocated, and carry messages in both directions")
def begin():
    for _ in range(FLOWS):
        ends.append(pair("demo"))
    for one, other in ends:
        loads.extend(Load(*way, writers=1, readers=1, tokens=2, pause=PAUSE)
                     for way in ((one, other), (other, one)))


@case(f"agents are killed {KILLS} times at random moments of re-keys, and start again")
def killed():
    note(f"seed {SEED}")
    rng = random.Random(SEED)
    for _ in range(KILLS):
        asking = Netlink("alice")
        asking.do("REKEY_REQUEST", "FLOW", all=b"")
        asking.close()
        time.sleep(rng.uniform(0, 0.3))
        host = rng.choice(("alice", "bob"))
        agents.kill(host)
        agents.start(host)
    note(f"re-keys at the end: {[k['exchange'] for k in keys('alice').values()]}")


@case("every flow is still allocated, and carries messages")
def moves():
    for host in "alice", "bob":
        same(sorted(flow["state"] for flow in flows(host)),
             ["allocated"] * FLOWS)
    for load in loads:
        load.advance(20)


@case("all flows are re-keyed again after the interval")
def again():
    before = {number: k["newest_epoch"] for number, k in keys("alice").items()}
    until(lambda: all(k["newest_epoch"] != before[number] and k["done"]
                      for number, k in keys("alice").items()),
          "all flows have new keys", DEADLINE + INTERVAL)


@case("no claim stays in flight, and both ends of each flow agree on the epoch")
def settled():
    def agree():
        one, other = keys("alice"), keys("bob")
        return all(not k["in_flight"] and k["done"] for k in one.values()) and \
            sorted(k["tx_epoch"] for k in one.values()) == \
            sorted(k["tx_epoch"] for k in other.values())
    until(agree, "both ends agree", DEADLINE)


@case("no message was lost, and no packet dropped for its key or epoch")
def nothing_lost():
    note(f"messages: {[load.finish() for load in loads]}")
    for host in "alice", "bob":
        for flow in flows(host):
            drops = flow["stats"]["drops"]
            same({reason: drops[reason.replace("_", "-")] for reason in OF_KEYS},
                 dict.fromkeys(OF_KEYS, 0), f"{host}'s flow {flow['id']}")
    for one, other in ends:
        one.close()
        other.close()


run()
