# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The bpftrace programs of ipcp_rekey(7), verbatim, all at the same time, over the same
traffic."""

import fcntl
import os
import re
import shlex
import socket
import subprocess
import tempfile

from ipcp import (
    ADDR, DROPS, NET, PORT, SET_PPL, case, close, enter, pair, rekey, run, same, settled, until,
    warnings)
from examples import examples	# found by ipcp

BEFORE = warnings()
LEAF = 64		# packets
MESSAGES = 200		# more than three leaves
SIZE = 1000
STRAYS = 7
# Command of each bpftrace (-c), which bpftrace starts once all probes are attached.
COMMAND = """echo >"$2/$1.begun"
exec flock "$2/lock" true
"""


def load():
    """Starts an epoch with small leaves, sends messages in the epoch, and packets that
    belong to no flow."""
    ends = one, other = pair("demo")
    settled(*ends)
    for end in ends:
        end.set(SET_PPL, ppl=LEAF)
    epoch = one.info().epoch
    rekey("alice", one.info().id)
    until(lambda: one.info().epoch == epoch + 1, "there are new keys")
    settled(*ends)
    for _ in range(MESSAGES):
        one.write(bytes(SIZE))
        same(len(other.receive()), SIZE)
    enter("alice")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(STRAYS):
            sock.sendto(b"\x11" + bytes(63), (ADDR["bob"], PORT))
    close(*ends)


PROGRAMS = dict(examples("ipcp_rekey.7"))
said = {}		# output of each program, by its sentence


def start(folder, number, text):
    """Starts a program of the page; returns the process."""
    name, option, program = shlex.split(text)
    return subprocess.Popen([name, option, program, "-c",
                             f"sh {folder}/command {number} {folder}"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def begun(folder, number, process):
    """Waits until all probes of a program are attached."""
    path = f"{folder}/{number}.begun"
    until(lambda: os.path.exists(path) or process.poll() is not None, "bpftrace begins",
          NET)
    same(os.path.exists(path), True, None if process.poll() is None else
         process.stdout.read())


@case("all programs of the manual page run at the same time, until their commands end")
def all_run():
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/command", "w", encoding="ascii") as f:
            f.write(COMMAND)
        with open(f"{folder}/lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            running = [start(folder, *item) for item in enumerate(PROGRAMS.values())]
            for number, process in enumerate(running):
                begun(folder, number, process)
            load()
        for sentence, process in zip(PROGRAMS, running):
            said[sentence], _ = process.communicate(timeout=NET)
            same(process.returncode, 0, said[sentence])


def says(words):
    """Output of the program with these words in its sentence."""
    found = [text for sentence, text in said.items() if words in sentence]
    same(len(found), 1, f"programs of '{words}' that have ended")
    return found[0]


def numbers(pattern, text):
    """The groups of each match, as numbers."""
    return [tuple(map(int, found)) for found in re.findall(pattern, text)]


@case("bpftrace counts the bytes that each flow has sent")
def sent_bytes():
    found = numbers(r"@bytes\[(\d+)\]: (\d+)", says("Bytes that each flow has sent"))
    assert max(count for _, count in found) >= MESSAGES * SIZE, found


@case("bpftrace counts the packets of each command")
def commands():
    found = dict(re.findall(r"@packets\[(.+)\]: (\d+)", says("by the command")))
    assert int(found["python3"]) >= MESSAGES, found


@case("bpftrace shows the lengths of messages that arrive")
def lengths():
    found = numbers(r"\[(\d+), (\d+)\)\s+(\d+) \|", says("Lengths of what arrives"))
    same([count for low, high, count in found if low <= SIZE < high],
         [MESSAGES], found)


@case("bpftrace counts dropped packets by flow and reason")
def dropped():
    found = numbers(r"@dropped\[(\d+), (\d+)\]: (\d+)", says("Dropped packets"))
    assert (0, DROPS["eid"], STRAYS) in found, found


@case("bpftrace prints each leaf key that is used")
def leaves():
    found = numbers(r"\d\d:\d\d:\d\d flow (\d+) epoch (\d+) dir (\d+) leaf (\d+)\n",
                    says("leaf key"))
    of_messages = [leaf for _, epoch, way, leaf in found if (epoch, way) == (1, 0)]
    assert {1, 2, 3} <= set(of_messages), found


@case("bpftrace measures the time from a seed to its use")
def promotion():
    text = says("Microseconds")
    # the first keys of a flow, and those of the re-key, at both ends
    assert sum(count for *_, count in numbers(
        r"\[([0-9]+)[KM]?, ([0-9]+)[KM]?\)\s+(\d+) \|", text)) >= 2, text


@case("each program of the manual page has a case; the kernel did not warn")
def rest():
    same(len(PROGRAMS), 6)
    same(warnings(), BEFORE)


run()
