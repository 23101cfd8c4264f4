# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Re-keys in a row, each as soon as the last is confirmed, of a flow with two
writers and two readers. Usage: rekeys.py NUMBER

The soak test runs these cases with more re-keys, and checks memory after each.
"""

import sys
import time

from ipcp import Netlink, case, note, pair, run, same, settled, show, talk
from load import Load

WANTED = int(sys.argv[1])
OF_KEYS = "epoch", "late", "ahead", "tx-nokey"
PAUSE = 0.002		# of a writer between bursts, in seconds
ends = []
each = []		# called after each re-key, with its number
figures = {}		# measured values


@case(f"each message arrives once, both ways, during {WANTED} re-keys")
def busy():
    events = Netlink("alice")
    events.join("events")
    ends.extend(pair("demo"))
    number = ends[0].info().id
    there = Load(ends[0], ends[1], writers=2, readers=2, tokens=16, pause=PAUSE)
    back = Load(ends[1], ends[0], writers=1, readers=1, tokens=8, pause=PAUSE)
    settled(*ends)
    start = time.monotonic()
    for count in range(1, WANTED + 1):
        events.rekey(number)
        events.event("DONE", number, count % 256)
        for look in each:
            look(count)
    took = time.monotonic() - start
    messages = there.finish(), back.finish()
    settled(*ends)
    figures.update(ms=took / WANTED * 1000, there=messages[0], back=messages[1])
    note("{ms:.0f} ms a re-key; messages from alice: {there}, from bob: {back}"
         .format(**figures))
    assert min(messages) > WANTED


@case("both ends are in the same epoch after {WANTED} re-keys")
def epochs():
    for end in ends:
        info = end.info()
        same((info.rekeys, info.epoch, info.tx_epoch, info.newest_epoch),
             (WANTED,) + (WANTED % 256,) * 3)


@case("no packet was dropped for a reason of key or epoch, authentication or replay")
def lost():
    for end in ends:
        stats = show(end)["stats"]
        figures[f"linger cut at {end.host}"] = stats["linger_cut"]
        counted = {reason.replace("_", "-"): n
                   for reason, n in stats["drops"].items()}
        note({reason: n for reason, n in counted.items() if n} or "no drops")
        same({reason: counted[reason] for reason in (*OF_KEYS, "auth", "replay")},
             dict.fromkeys((*OF_KEYS, "auth", "replay"), 0))


@case("the flow still carries messages")
def goes_on():
    talk(*ends)
    for end in ends:
        end.close()


if __name__ == "__main__":
    run()
