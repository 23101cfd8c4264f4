# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The cases of removals.py, more often, with a hundred samples of the memory.
Usage: many_removals.py NUMBER"""

import removals
from ipcp import case, run
from measure import Figures, Growth

# Bytes that may be added in total: less than one page per turn for 200 turns. A turn
# has six flows, each of which takes some pages (many_flows.py).
BOUND = 200 * 4096

growth = Growth(removals.TURNS, "turn", {})
figures = Figures()


@case("the kernel's memory does not grow with removals")
def flat():
    figures.add("turns", removals.TURNS, "")
    growth.flat(BOUND, figures)


removals.each.append(growth.look)
run()
