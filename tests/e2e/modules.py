# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Loading and unloading the module, and checking for traces of it."""

import os
import subprocess

from ipcp import NET


def modprobe(*args):
    """Exit status and stderr of modprobe."""
    done = subprocess.run(["modprobe", *args, "ipcp_rekey"], text=True,
                          stderr=subprocess.PIPE, timeout=NET, check=False)
    return done.returncode, done.stderr.strip()


def loaded():
    """True if the module is loaded."""
    return os.path.isdir("/sys/module/ipcp_rekey")


def removed():
    """Unload with modprobe -r, which unloads the ciphers, too. Returns whether the
    module was unloaded."""
    status, words = modprobe("-r")
    if status:
        assert "in use" in words, words
    return status == 0


def traces():
    """Slab caches and files of the module that remain after unloading."""
    with open("/proc/slabinfo", encoding="ascii") as slabs:
        left = [line.split()[0] for line in slabs if "ipcp" in line.split()[0]]
    return left + [path for path in (
        "/dev/ipcp_rekey", "/sys/module/ipcp_rekey",
        "/sys/kernel/tracing/events/ipcp_rekey") if os.path.exists(path)]
