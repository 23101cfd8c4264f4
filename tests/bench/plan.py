# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Prints the rows that tests/bench measures, as JSON.

Usage: plan.py [quick]
"""

import json
import sys

SIZES = (64, 512, 1350, "largest")
BATCHES = (16, 64)
BOTH = ("aes", "chacha")

# way, ciphers, batches, offload of the virtual wire
WAYS = (
    ("udp", (None,), (1,), True),
    ("udp", BOTH, (1,), True),
    ("udp-batch", (None,), BATCHES, True),
    ("udp-batch", (None,), BATCHES, False),
    ("udp-batch", BOTH, BATCHES, True),
    ("unix", (None,), (1,), True),
    ("ipcp-rekey-local", (None,), (1,), True),
    ("ktls", BOTH, (1, 64), True),
    ("ipcp-rekey", BOTH, (1,), True),
    ("ipcp-rekey-batch", BOTH, BATCHES, True),
    ("ipcp-rekey-batch", BOTH, BATCHES, False),
)
QUICK_SIZES = (64, 1350)


def plan(quick):
    """Yield the rows."""
    for way, ciphers, batches, offload in WAYS:
        for cipher in ciphers:
            for batch in batches:
                for size in QUICK_SIZES if quick else SIZES:
                    if quick and cipher == "chacha":
                        continue
                    yield {"way": way, "cipher": cipher, "batch": batch,
                           "size": size, "offload": offload,
                           "messages": 1024, "rounds": 3 if quick else 7}


json.dump(list(plan("quick" in sys.argv[1:])), sys.stdout)
