# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The cases of link_rekeys.py over at least ten minutes, with a hundred samples of the
memory. Usage: many_link_rekeys.py NUMBER"""

import link_rekeys
from ipcp import case, run
from measure import Figures, Growth

SPREAD = 600 / 3600	# seconds after each re-key: 3,600 take ten minutes and more
# Bytes that may be added in total: as in many_rekeys.py, 64 per re-key for 10,000
# re-keys. Buffers of packets in flight come and go, and add noise to the line.
BOUND = 64 * 10000

growth = Growth(link_rekeys.WANTED, "re-key", {})
figures = Figures()
link_rekeys.pause = SPREAD


@case("the kernel's memory does not grow with re-keys of the interface")
def flat():
    figures.add("re-keys", link_rekeys.WANTED, "")
    for name, value in link_rekeys.figures.items():
        figures.add(name, value, {"seconds": "s", "ms": "ms a re-key"}.get(name, ""))
    growth.flat(BOUND, figures)


link_rekeys.each.append(growth.look)
run()
