# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Reloads as the service manager sees them. Usage: reload.py early|told CONFIGURATION

early: a SIGHUP during the start leads to a reload after the start.

told: systemd waits for a RELOADING=1 with a time that is not before its signal. A refused
reload is a reload like any other to systemd; the status tells of the refusal until the
next reload. The configuration is invalid first, and a folder in the end.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

DEADLINE = 600
TIMES = 20


def told(sock, word):
    """The next notification that begins with this word."""
    while True:
        text = sock.recv(4096).decode()
        if text.startswith(word):
            return text


def refused(agent, sock):
    """Reload, and check that the refusal is told."""
    agent.send_signal(signal.SIGHUP)
    for word in "READY=1", "STATUS=":
        text = told(sock, word)
        if "cannot be used" not in text:
            sys.exit(f"a reload that was refused is told as {text!r}")


@contextlib.contextmanager
def agent_of(conf):
    """An agent in a network namespace of its own, and the socket of its notifications."""
    with tempfile.TemporaryDirectory() as folder, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"{folder}/notify")
        sock.settimeout(DEADLINE)
        with subprocess.Popen(
                ["unshare", "-n", "ipcp-rekeyd", "--config", conf],
                env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"}) as agent:
            try:
                yield agent, sock
            finally:
                agent.terminate()


def early(conf):
    """Request a reload while the agent waits for the end of its configuration."""
    with open(conf, encoding="ascii") as file:
        text = file.read()
    with tempfile.TemporaryDirectory() as folder:
        pipe = f"{folder}/conf"
        os.mkfifo(pipe)
        with agent_of(pipe) as (agent, sock):
            # returns when the agent has opened its end
            with open(pipe, "w", encoding="ascii") as file:
                agent.send_signal(signal.SIGHUP)
                file.write(text)
            told(sock, "READY=1")
            told(sock, "RELOADING=1")
            with open(pipe, "w", encoding="ascii") as file:
                file.write(text)
            told(sock, "READY=1")


def tell(conf):
    """Reload many times, then twice in vain."""
    with agent_of(conf) as (agent, sock):
        told(sock, "READY=1")
        for _ in range(TIMES):
            before = time.monotonic_ns() // 1000
            agent.send_signal(signal.SIGHUP)
            text = told(sock, "RELOADING=1")
            when = int(text.split("MONOTONIC_USEC=")[1].split()[0])
            if when < before:
                sys.exit(f"{before - when} us before the signal: {text!r}")
            told(sock, "READY=1")
        with open(conf, "a", encoding="ascii") as file:
            file.write("nonsense = 1\n")
        refused(agent, sock)
        os.unlink(conf)
        os.mkdir(conf)
        refused(agent, sock)
        if agent.poll() is not None:
            sys.exit(f"a folder as configuration ended the agent: {agent.poll()}")


{"early": early, "told": tell}[sys.argv[1]](sys.argv[2])
