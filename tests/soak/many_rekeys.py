# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The cases of rekeys.py, with the memory looked at a hundred times on the way.
Usage: many_rekeys.py NUMBER"""

import os
import time

import rekeys
from ipcp import case, note, run
from measure import Figures, kernel_bytes, meminfo, resident, slope

# Bytes that may be added over all, as the line through the samples says: 64 a
# re-key if there are 10,000. The least that a re-key allocates for its keys, a
# leaf to send with, is more. What comes and goes meanwhile moves the line, the
# more the fewer there are.
BOUND = 64 * 10000
EVERY = max(rekeys.WANTED // 100, 1)
AGENTS = {host: int(os.environ[f"AGENT_{host}"]) for host in ("alice", "bob")}

samples = []
figures = Figures()
rekeys.PAUSE = 0.01	# the re-keys are to be fast


def sample(count):
    """Looks at the memory now and then."""
    if count % EVERY:
        return
    info = meminfo()
    samples.append((count, {
        "slab": info["Slab"],
        "slab that cannot be reclaimed": info["SUnreclaim"],
        "per CPU": info["Percpu"],
        "all of the kernel": kernel_bytes(),
        "available": info["MemAvailable"],
        **{f"agent of {host}": resident(pid) for host, pid in AGENTS.items()}}))
    if len(samples) % 5 == 0:
        note(f"{count} re-keys, {time.monotonic() - began:.0f} s: " + ", ".join(
            f"{name} {size >> 10} KiB" for name, size in samples[-1][1].items()))


def slopes():
    """Bytes a re-key of all that was looked at, without the first tenth, when
    caches fill."""
    late = samples[len(samples) // 10:]
    return {name: slope([(count, sizes[name]) for count, sizes in late])
            for name in late[0][1]}


@case("the kernel's memory does not grow with them, nor that of the agents")
def flat():
    grow = slopes()
    found = rekeys.figures
    figures.add("re-keys", rekeys.WANTED, "")
    figures.add("a re-key takes", found["ms"], "ms")
    figures.add("messages meanwhile", found["there"] + found["back"], "")
    for host in AGENTS:
        figures.add(f"epochs of {host} that went before their linger was over",
                    found[f"linger cut at {host}"], "")
    for name, value in grow.items():
        note(f"{name}: {value:+.1f} bytes a re-key, from "
             f"{samples[0][1][name] >> 10} to {samples[-1][1][name] >> 10} KiB")
        figures.add(f"growth: {name}", value, "bytes a re-key")
    for name, value in grow.items():
        if name != "available":
            assert value * rekeys.WANTED < BOUND, f"{name} grows"


rekeys.each.append(sample)
began = time.monotonic()
run()
