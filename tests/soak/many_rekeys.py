# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The cases of rekeys.py, with a hundred samples of the memory.
Usage: many_rekeys.py NUMBER"""

import os

import rekeys
from ipcp import case, run
from measure import Figures, Growth

# Bytes that may be added in total, by the line through the samples: 64 per re-key for
# 10,000 re-keys. The smallest allocation of a re-key, a leaf to send with, is larger.
# Memory that comes and goes adds noise to the line, the more the fewer re-keys.
BOUND = 64 * 10000
AGENTS = {host: int(os.environ[f"AGENT_{host}"]) for host in ("alice", "bob")}

growth = Growth(rekeys.WANTED, "re-key",
                {f"agent of {host}": pid for host, pid in AGENTS.items()})
figures = Figures()
rekeys.PAUSE = 0.01	# for fast re-keys


@case("the memory of the kernel and of the agents does not grow with re-keys")
def flat():
    found = rekeys.figures
    figures.add("re-keys", rekeys.WANTED, "")
    figures.add("a re-key takes", found["ms"], "ms")
    figures.add("messages meanwhile", found["there"] + found["back"], "")
    for host in AGENTS:
        figures.add(f"epochs of {host} that went before their linger was over",
                    found[f"linger cut at {host}"], "")
    growth.flat(BOUND, figures)


rekeys.each.append(growth.look)
run()
