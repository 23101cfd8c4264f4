# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The hosts' agents, as processes that a test ends and starts."""

import atexit
import os
import select
import signal
import subprocess

from ipcp import agent, enter, until

FOLDER = os.environ["HOSTS"]
PIDS = {host: int(os.environ[f"AGENT_{host}"]) for host in ("alice", "bob")}
STARTED = {}


def is_up(host):
    """Does it answer?"""
    try:
        return agent(host)["pid"] == STARTED[host].pid
    except subprocess.CalledProcessError:
        return False


def stop(host, how=signal.SIGTERM):
    """Ends it, and waits until it has ended."""
    pidfd = os.pidfd_open(PIDS[host])	# it may be another's child
    signal.pidfd_send_signal(pidfd, how)
    until(lambda: select.select([pidfd], [], [], 1)[0], f"{host}'s agent is gone")
    os.close(pidfd)
    if host in STARTED:
        STARTED[host].wait()


def kill(host):
    """As a crash would."""
    stop(host, signal.SIGKILL)


def start(host):
    """Starts it and waits until it answers."""
    enter(host)
    with open(f"{FOLDER}/{host}/agent.log", "ab") as log:
        STARTED[host] = subprocess.Popen(	# pylint: disable=consider-using-with
            ["ipcp-rekeyd", "--log", "stderr", "--config",
             f"{FOLDER}/{host}/agent.conf"], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log)
    PIDS[host] = STARTED[host].pid
    until(lambda: is_up(host), f"{host}'s agent is up")


@atexit.register
def end():
    """Those that were started here end with the test."""
    for process in STARTED.values():
        process.terminate()
        process.wait()
