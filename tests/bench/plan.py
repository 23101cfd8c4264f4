# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Prints the rows that tests/bench measures, as JSON.

Usage: plan.py [quick|paged]
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

# The wire has a fragment for each packet of a batch, and a buffer no more than 17.
WIRES = ("linear", "paged")
PAGED_WAYS = (("udp", None, 1), ("ipcp-rekey", "aes", 1), ("udp-batch", None, 16),
              ("ipcp-rekey-batch", "aes", 16))


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


def paged():
    """Yield the rows that compare layouts of received buffers."""
    for wire in WIRES:
        for way, cipher, batch in PAGED_WAYS:
            for size in QUICK_SIZES:
                yield {"way": way, "cipher": cipher, "batch": batch, "size": size,
                       "offload": True, "messages": 1024, "rounds": 3, "wire": wire}


json.dump(list(paged() if "paged" in sys.argv[1:] else plan("quick" in sys.argv[1:])),
          sys.stdout)
