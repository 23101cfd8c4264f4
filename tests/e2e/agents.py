# SPDX-License-Identifier: GPL-2.0
"""The hosts' agents, as processes that a test ends and starts."""

import atexit
import os
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


def gone(pid):
    """Is a process that may be another's child no more, or a zombie?"""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill(host):
    """As a crash would."""
    os.kill(PIDS[host], signal.SIGKILL)
    if host in STARTED:
        STARTED[host].wait()
    else:
        until(lambda: gone(PIDS[host]), f"{host}'s agent is gone")


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
