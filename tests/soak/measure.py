# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Measure the memory of the kernel, and record figures."""

import glob
import json
import os
import time

from ipcp import note, until

PAGE = os.sysconf("SC_PAGESIZE")
# KASAN keeps freed memory for a while, so memory grows there. On such kernels kmemleak
# searches for leaks after the test (tests/vm/init).
KEEPS_FREED = os.path.exists("/sys/kernel/debug/kmemleak")
# Memory of programs and of files.
OF_PROGRAMS = "Buffers", "Cached", "SwapCached", "AnonPages", "PageTables"


def meminfo():
    """/proc/meminfo in bytes."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in f
                if line.endswith(" kB\n")}


def free_bytes():
    """Free memory, including the per-CPU page lists, which MemFree leaves out."""
    with open("/proc/zoneinfo", encoding="ascii") as f:
        return meminfo()["MemFree"] + PAGE * sum(
            int(line.split()[1]) for line in f if line.strip().startswith("count:"))


def kernel_bytes():
    """All memory that is neither free nor used by programs or files."""
    info = meminfo()
    return info["MemTotal"] - free_bytes() - \
        sum(info[name] for name in OF_PROGRAMS)


def areas():
    """The areas of vmalloc() in use."""
    with open("/proc/vmallocinfo", encoding="ascii") as f:
        return sum("unpurged" not in line for line in f)


def slabs():
    """Per cache: number of objects, size of an object, bytes of its pages. Only a
    vmap_area whose memory is in use counts: the kernel unmaps others later, 32 MiB of
    them at once, and has one more for each gap between them."""
    found = {}
    with open("/proc/slabinfo", encoding="ascii") as f:
        for line in f.readlines()[2:]:
            words = line.split()
            found[words[0]] = (int(words[1]), int(words[3]),
                               int(words[14]) * int(words[5]) * PAGE)
    found["vmap_area"] = (areas(), *found["vmap_area"][1:])
    return found


def resident(pid):
    """Bytes of anonymous memory of a program."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f
                    if line.startswith("RssAnon:"))


def shrink():
    """Make the kernel release its caches."""
    for what in "43":	# caches of files and names, without a log line
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
            f.write(what)
    for name in glob.glob("/sys/kernel/slab/*/shrink"):
        with open(name, "w", encoding="ascii") as f:
            f.write("1")


def settled(still=5, within=30, by=128 * 1024):
    """Wait until the kernel's memory is unchanged for STILL seconds: then everything
    that waits for a grace period or a worker is done. WITHIN limits the wait."""
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
    """The slope of the least squares line through points (x, y)."""
    mid_x = sum(x for x, _ in points) / len(points)
    mid_y = sum(y for _, y in points) / len(points)
    return sum((x - mid_x) * (y - mid_y) for x, y in points) / \
        sum((x - mid_x) ** 2 for x, _ in points)


class Figures:
    """The figures that a soak has measured."""

    def __init__(self):
        self.rows = []

    def add(self, figure, value, unit):
        """Add a figure; the file is complete after each call."""
        self.rows.append({"figure": figure, "unit": unit, "value": value})
        path = os.path.join(os.environ.get("RESULTS", "/tmp"), "figures.json")
        with open(path, "w", encoding="ascii") as f:
            json.dump(self.rows, f)


class Growth:
    """A hundred samples of the memory of the kernel and of some programs, taken over
    WANTED turns."""

    def __init__(self, wanted, unit, programs):
        self.wanted, self.unit, self.programs = wanted, unit, programs
        self.every = max(wanted // 100, 1)
        self.samples = []
        self.began = time.monotonic()

    def look(self, count):
        """Take a sample if due; called after each turn with its number."""
        if count % self.every:
            return
        info = meminfo()
        self.samples.append((count, {
            "slab": info["Slab"],
            "slab that cannot be reclaimed": info["SUnreclaim"],
            "per CPU": info["Percpu"],
            "all of the kernel": kernel_bytes(),
            "available": info["MemAvailable"],
            **{name: resident(pid) for name, pid in self.programs.items()}}))
        if len(self.samples) % 5 == 0:
            note(f"{count} {self.unit}s, {time.monotonic() - self.began:.0f} s: " + ", ".join(
                f"{name} {size >> 10} KiB" for name, size in self.samples[-1][1].items()))

    def slopes(self):
        """The slope of each series in bytes per turn, without the first tenth, when
        caches fill."""
        late = self.samples[len(self.samples) // 10:]
        return {name: slope([(count, sizes[name]) for count, sizes in late])
                for name in late[0][1]}

    def flat(self, bound, figures):
        """Fail if a series grows by more than BOUND in total, by the line through the
        samples, unless the kernel keeps freed memory."""
        grow = self.slopes()
        for name, value in grow.items():
            note(f"{name}: {value:+.1f} bytes a {self.unit}, from "
                 f"{self.samples[0][1][name] >> 10} to {self.samples[-1][1][name] >> 10} KiB")
            figures.add(f"growth: {name}", value, f"bytes a {self.unit}")
        for name, value in grow.items():
            if name != "available" and not KEEPS_FREED:
                assert value * self.wanted < bound, f"{name} grows"


def more_objects(old, new, most):
    """The caches with more than MOST new objects; none if the kernel keeps freed
    memory."""
    if KEEPS_FREED:
        return {}
    more = {name: objects - old.get(name, (0,))[0] for name, (objects, _, _) in new.items()}
    return {name: count for name, count in more.items() if count > most}
