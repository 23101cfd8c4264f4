# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A program that executes another one before or after it requests a flow.

Usage: programs.py before|after NAME PROGRAM
  before   open the device, execute PROGRAM, and request the flow there
  after    open it, request the flow, and execute PROGRAM, which awaits the outcome

PROGRAM is a Python interpreter. Prints "runs" and the path of PROGRAM, and then why
there is no flow.
"""

import errno
import os
import select
import sys

from ipcp import Endpoint, fails

DEVICE = "/dev/ipcp_rekey"


def ask(end, name):
    """Request the flow, without waiting for the agent."""
    with fails(errno.EINPROGRESS):
        end.alloc(name)


def main():
    """Run as the first program or as the executed one."""
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
