# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Counts calls of the module's functions, for which the module has no counter."""

from ipcp import same, write

TRACING = "/sys/kernel/tracing"


class Probes:
    """How often functions are called ("p:ipcp/NAME ...") or return ("r:...")."""

    def __init__(self, *lines):
        write(f"{TRACING}/kprobe_events", "".join(f"{line}\n" for line in lines))
        write(f"{TRACING}/events/ipcp/enable", "1")

    @staticmethod
    def hits(name):
        """The number of hits of a probe; no hit may have been missed."""
        with open(f"{TRACING}/kprobe_profile", encoding="ascii") as f:
            hits = {line.split()[0]: list(map(int, line.split()[1:])) for line in f}
        same(hits[name][1], 0, "calls that were not counted")
        return hits[name][0]

    @staticmethod
    def end():
        """Remove the probes."""
        write(f"{TRACING}/events/ipcp/enable", "0")
        write(f"{TRACING}/kprobe_events", "")
