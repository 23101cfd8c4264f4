# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Loading and unloading the module, and what may be left of it."""

import os
import subprocess

from ipcp import NET


def modprobe(*args):
    """Its exit status and words."""
    done = subprocess.run(["modprobe", *args, "ipcp_rekey"], text=True,
                          stderr=subprocess.PIPE, timeout=NET, check=False)
    return done.returncode, done.stderr.strip()


def loaded():
    """Is the module there?"""
    return os.path.isdir("/sys/module/ipcp_rekey")


def removed():
    """As unloaded(), with the ciphers."""
    status, words = modprobe("-r")
    if status:
        assert "in use" in words, words
    return status == 0


def traces():
    """What the kernel has of a module that is not there."""
    with open("/proc/slabinfo", encoding="ascii") as slabs:
        left = [line.split()[0] for line in slabs if "ipcp" in line.split()[0]]
    return left + [path for path in (
        "/dev/ipcp_rekey", "/sys/module/ipcp_rekey",
        "/sys/kernel/tracing/events/ipcp_rekey") if os.path.exists(path)]
