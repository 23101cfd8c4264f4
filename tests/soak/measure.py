# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The kernel's memory, and what to do with figures."""

import glob
import json
import os
import time

from ipcp import until

PAGE = os.sysconf("SC_PAGESIZE")
# What programs have, and what files do.
OF_PROGRAMS = "Buffers", "Cached", "SwapCached", "AnonPages", "PageTables"


def meminfo():
    """/proc/meminfo in bytes."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in f
                if line.endswith(" kB\n")}


def free_bytes():
    """All that is free, with the pages that each processor keeps at hand, which
    MemFree leaves out."""
    with open("/proc/zoneinfo", encoding="ascii") as f:
        return meminfo()["MemFree"] + PAGE * sum(
            int(line.split()[1]) for line in f if line.strip().startswith("count:"))


def kernel_bytes():
    """All memory that is neither free nor a program's nor a file's."""
    info = meminfo()
    return info["MemTotal"] - free_bytes() - \
        sum(info[name] for name in OF_PROGRAMS)


def slabs():
    """For each cache: its objects, the size of one, and bytes of its pages."""
    found = {}
    with open("/proc/slabinfo", encoding="ascii") as f:
        for line in f.readlines()[2:]:
            words = line.split()
            found[words[0]] = (int(words[1]), int(words[3]),
                               int(words[14]) * int(words[5]) * PAGE)
    return found


def resident(pid):
    """Bytes that a program has in memory of its own."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f
                    if line.startswith("RssAnon:"))


def shrink():
    """Lets the kernel give back what it only keeps in store."""
    for what in "43":	# quietly, the caches of files and names
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
            f.write(what)
    for name in glob.glob("/sys/kernel/slab/*/shrink"):
        with open(name, "w", encoding="ascii") as f:
            f.write("1")


def settled(still=5, within=30, by=128 * 1024):
    """Waits until the kernel's memory was the same for so many seconds, that is
    until all that waits for a grace period or a worker is done. It looks so often
    at most."""
    def calm():
        shrink()
        before = meminfo()
        time.sleep(still)
        shrink()
        after = meminfo()
        return abs(before["Slab"] - after["Slab"]) < by and \
            before["Percpu"] == after["Percpu"]
    until(calm, "the kernel's memory is at rest", within)


def slope(points):
    """Of the line through these points (x, y) with the least squares."""
    mid_x = sum(x for x, _ in points) / len(points)
    mid_y = sum(y for _, y in points) / len(points)
    return sum((x - mid_x) * (y - mid_y) for x, y in points) / \
        sum((x - mid_x) ** 2 for x, _ in points)


class Figures:
    """What a soak has measured."""

    def __init__(self):
        self.rows = []

    def add(self, figure, value, unit):
        """One more; the file is whole after each."""
        self.rows.append({"figure": figure, "unit": unit, "value": value})
        path = os.path.join(os.environ.get("RESULTS", "/tmp"), "figures.json")
        with open(path, "w", encoding="ascii") as f:
            json.dump(self.rows, f)
