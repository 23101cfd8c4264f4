# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A program that becomes another one before or after it asks for a flow.

Usage: programs.py before|after NAME PROGRAM
  before   open the device, become PROGRAM, and ask with it
  after    open it, ask, and become PROGRAM, which waits for what comes of it

Prints "runs" once it is PROGRAM, and why there is no flow. PROGRAM is a Python.
"""

import errno
import os
import select
import sys

from ipcp import Endpoint, fails

DEVICE = "/dev/ipcp_rekey"


def ask(end, name):
    """Begin, without waiting for the agent."""
    with fails(errno.EINPROGRESS):
        end.alloc(name)


def main():
    """What the first program does, and what it becomes."""
    when, name, *more = sys.argv[1:]
    if when in ("before", "after"):
        end = Endpoint("alice", fd=os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK))
        os.set_inheritable(end.fd, True)
        if when == "after":
            ask(end, name)
        os.execv(more[0], [more[0], sys.argv[0], f"then-{when}", name, str(end.fd)])
    print(f"runs {os.readlink('/proc/self/exe')}", flush=True)
    end = Endpoint("alice", fd=int(more[0]))
    if when == "then-before":
        ask(end, name)
    end.wait(select.POLLHUP)
    print(end.info().reason, flush=True)


main()
