# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The module ipcp_flow_echo: a server at bob and a probe at alice, with agents that
deliver seeds only (keys.py)."""

import os
import subprocess
import sys

from ipcp import A, NET, enter, grows, same, until
from keys import UPCALL_ALLOC, UPCALL_LISTEN

PARAMS = "/sys/module/ipcp_flow_echo/parameters"
WINDOW = 16


def module(command, *args):
    """Exit status of modprobe or rmmod."""
    return subprocess.run([command, *args], timeout=NET, check=False,
                          stderr=subprocess.DEVNULL).returncode


def param(name, value, host="alice"):
    """Sets a parameter, in the namespace of a host."""
    enter(host)
    fd = os.open(f"{PARAMS}/{name}", os.O_WRONLY)
    try:
        os.write(fd, str(value).encode() + b"\n")
    finally:
        os.close(fd)


def text(name):
    """The words of a parameter's value."""
    with open(f"{PARAMS}/{name}", encoding="ascii") as f:
        return f.read().split()


def probe(key):
    """A number that the probe shows."""
    words = text("probe")
    return int(words[words.index(key) + 1])


def begin():
    """Loads the module afresh, whatever an earlier case has left."""
    module("rmmod", "ipcp_flow_echo")
    same(module("modprobe", "ipcp_flow_echo", f"window={WINDOW}"), 0)


def end():
    """Unloads the module, whatever it is doing."""
    same(module("rmmod", "ipcp_flow_echo"), 0)


def serve(agents, name, error=0):
    """Makes bob's kernel serve a name."""
    param("serve", name, "bob")
    asked = agents.bob.upcall(UPCALL_LISTEN)
    agents.bob.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]], error=error)


def connect(agents, name, **params):
    """Connects alice's kernel to a name; returns the flow's number once in use."""
    param("drain", "N")
    param("probe", name)
    asked = agents.alice.upcall(UPCALL_ALLOC)
    agents.answer(name, asked, **params)
    until(lambda: probe("received") > 2 * WINDOW, "messages go")
    return int.from_bytes(asked[A["UPCALL_FLOW_ID"]], sys.byteorder)


def more(count=4 * WINDOW):
    """Waits until count more messages were answered."""
    before = probe("received")
    grows(lambda: probe("received"), before + count, "messages were answered")
