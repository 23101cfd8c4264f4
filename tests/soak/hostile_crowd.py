# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The hostile processes: each lives for a while, is killed at any point, and is
replaced by the next one of its kind with a seed of its own."""

import contextlib
import ctypes
import mmap
import os
import random
import signal
import time

from hostile_calls import Calls
from hostile_netlink import Agent, Requests, Spaces
from hostile_packets import EVE, Packets
from hostile_player import EXPECTED, Counts, Ring
from hostile_sockets import Sockets
from ipcp import DEADLINE, PR_SET_PDEATHSIG, Limit, spawn, until

PHASE, BEGUN, KILLED = range(3)
USERS = 4002, 4003	# the hostile users
SLOW = int(os.environ.get("SLOW", "1"))
LIFE = 3 * SLOW, 30 * SLOW	# seconds
NICE = 10	# else servers and checkers would starve for minutes
RESULTS = os.environ.get("RESULTS", "/tmp")
KINDS = Calls, Requests, Agent, Spaces, Packets, Sockets
# kind, user, host; without a host, a namespace of its own
PLACES = ((Calls, USERS[0], "alice"), (Calls, USERS[0], "bob"), (Calls, USERS[1], "alice"),
          (Calls, USERS[1], None), (Requests, USERS[0], "alice"), (Requests, USERS[0], "bob"),
          (Agent, USERS[1], None), (Agent, 0, EVE), (Spaces, 0, None), (Packets, 0, EVE),
          (Sockets, USERS[0], "alice"), (Sockets, USERS[1], "bob"))


class Place:
    """One hostile process after another. The seed of each comes from the number of the
    place and the number of the process."""

    def __init__(self, number, crowd):
        self.number, self.crowd = number, crowd
        self.count, self.pid, self.until, self.asleep = 0, 0, 0.0, 0.0
        self.rng = random.Random(f"{crowd.seed}/{number}")

    def turn(self, now):
        """Begin, kill, stop or resume the process of this place."""
        if not self.pid:
            self.begin(now)
        elif os.waitpid(self.pid, os.WNOHANG)[0]:
            self.pid = 0		# exited by itself: a wild pointer hit memory
        elif now > self.until:
            self.kill()
        elif self.asleep and now > self.asleep:
            os.kill(self.pid, signal.SIGCONT)
            self.asleep = 0.0
        elif not self.asleep and self.rng.random() < 0.01:
            os.kill(self.pid, signal.SIGSTOP)
            self.asleep = now + self.rng.uniform(0.1, 3)

    def begin(self, now):
        """Begin the next process."""
        kind, uid, host = PLACES[self.number]
        self.count += 1
        self.crowd.shared[BEGUN] += 1
        seed = f"{self.crowd.seed}/{self.number}/{self.count}"
        rng = random.Random(seed)
        self.until, self.asleep = now + rng.uniform(*LIFE), 0.0
        is_short = self.crowd.can_fail and rng.random() < 0.3
        self.pid = os.fork()
        if self.pid:
            return
        try:
            os.setsid()
            os.nice(NICE)
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            ring = Ring(f"{RESULTS}/ops-{self.number}-{kind.__name__}")
            if is_short:
                self.mark()
            with contextlib.suppress(*EXPECTED):
                kind(seed, self.crowd.counts, ring, uid, host).main()
        finally:
            os._exit(1)

    @staticmethod
    def mark():
        """Let some allocations of this process fail from here on."""
        with open("/proc/self/make-it-fail", "w", encoding="ascii") as f:
            f.write("1")

    def kill(self):
        """Kill the process at any point, with its children."""
        self.crowd.shared[KILLED] += 1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        until(lambda: os.waitpid(self.pid, os.WNOHANG)[0],
              f"process {self.pid} of place {self.number} ends when it is killed", 2 * DEADLINE)
        self.pid = 0


class Crowd:
    """All hostile processes, children of a process forked before the flows exist, so
    that none inherits a file of the test."""

    def __init__(self, seed, can_fail):
        self.seed, self.can_fail = seed, can_fail
        self.counts = Counts(KINDS)
        self.shared = memoryview(mmap.mmap(-1, 4096)).cast("Q")	# PHASE...
        self.pid = spawn(self.work)

    def work(self):
        """Keep all places taken while the phase is 1."""
        while not self.shared[PHASE]:
            time.sleep(0.05)
        places = [Place(number, self) for number in range(len(PLACES))]
        while self.shared[PHASE] == 1:
            for place in places:
                place.turn(time.monotonic())
            time.sleep(0.05)
        for place in places:
            if place.pid:
                place.kill()
        os._exit(0)

    def begin(self):
        """Let the processes begin."""
        self.shared[PHASE] = 1

    def end(self):
        """Kill the processes. Return the exit status of their parent, which is 0."""
        self.shared[PHASE] = 2
        limit = Limit(2 * DEADLINE * len(PLACES))
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            if not limit.turn():
                raise AssertionError("the hostile processes do not end")
            time.sleep(0.05)
