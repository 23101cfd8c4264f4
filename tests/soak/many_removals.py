# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The cases of removals.py, more often. Usage: many_removals.py NUMBER"""

import removals
from ipcp import run
from measure import Figures

figures = Figures()


def count(turns):
    """What a soak says in the end."""
    if turns == removals.TURNS:
        figures.add("turns", turns, "")


removals.each.append(count)
run()
