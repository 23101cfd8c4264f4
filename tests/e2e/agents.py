# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The agents of the hosts, as processes that a test stops and starts."""

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
    """True if the agent answers."""
    try:
        return agent(host)["pid"] == STARTED[host].pid
    except subprocess.CalledProcessError:
        return False


def stop(host, how=signal.SIGTERM):
    """Ends the agent, and waits for its exit."""
    pidfd = os.pidfd_open(PIDS[host])	# it may be the child of another process
    signal.pidfd_send_signal(pidfd, how)
    until(lambda: select.select([pidfd], [], [], 1)[0], f"{host}'s agent is gone")
    os.close(pidfd)
    if host in STARTED:
        STARTED[host].wait()


def kill(host):
    """Kills the agent, as a crash would."""
    stop(host, signal.SIGKILL)


def start(host):
    """Starts the agent, and waits until it answers."""
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
    """Ends the agents that were started here, at the end of the test."""
    for process in STARTED.values():
        process.terminate()
        process.wait()
