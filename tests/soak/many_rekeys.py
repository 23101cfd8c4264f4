# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The cases of rekeys.py, with the memory looked at a hundred times on the way.
Usage: many_rekeys.py NUMBER"""

import os

import rekeys
from ipcp import case, run
from measure import Figures, Growth

# Bytes that may be added over all, as the line through the samples says: 64 a
# re-key if there are 10,000. The least that a re-key allocates for its keys, a
# leaf to send with, is more. What comes and goes meanwhile moves the line, the
# more the fewer there are.
BOUND = 64 * 10000
AGENTS = {host: int(os.environ[f"AGENT_{host}"]) for host in ("alice", "bob")}

growth = Growth(rekeys.WANTED, "re-key",
                {f"agent of {host}": pid for host, pid in AGENTS.items()})
figures = Figures()
rekeys.PAUSE = 0.01	# the re-keys are to be fast


@case("the kernel's memory does not grow with them, nor that of the agents")
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
