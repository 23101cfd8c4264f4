# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Execute requests of tests/machine/pair in a machine: one line of JSON each, with
"do", and one line as an answer. Usage: servant.py"""

import base64
import collections
import io
import json
import mmap
import os
import select
import signal
import struct
import subprocess
import tarfile
import time
import traceback

import agents
from ipcp import LIB, NET, RB_FLOWDOWN, Endpoint, show, spawn, until, write
from outside import Hand

HOST = os.environ["PAIR_HOST"]
FOLDER = os.environ["HOSTS"]
BURST = 4
MESSAGE = struct.Struct("=QQ")	# life and number
PAUSE = 0.02


class Traffic:
    """Numbered messages sent and received at one end until the flow is down. A copy of
    the machine begins another life and continues at the saved numbers."""

    LIFE, SENT, SEEN_LIFE, SEEN, MISSED, WRONG, ENDED, ERROR = range(8)

    def __init__(self, end):
        self.end = end
        self.awaited = collections.Counter()
        self.shared = memoryview(mmap.mmap(-1, 64)).cast("Q")
        self.pids = [spawn(self.ended, work) for work in (self.reader, self.writer)]

    def ended(self, work):
        """Work until the flow is down. A silent peer may come back."""
        while True:
            try:
                work()
            except OSError as err:
                self.shared[self.ERROR] = err.errno
                if self.end.info().rb_flags & RB_FLOWDOWN:
                    self.shared[self.ENDED] += 1
                    signal.pause()
                time.sleep(PAUSE)

    def writer(self):
        """Write in bursts; the kernel blocks the writer while there is no key."""
        while True:
            for _ in range(BURST):
                os.write(self.end.fd, MESSAGE.pack(self.shared[self.LIFE],
                                                   self.shared[self.SENT]))
                self.shared[self.SENT] += 1
            time.sleep(PAUSE)

    def reader(self):
        """Read messages, and count those that arrive twice or late."""
        while True:
            life, number = MESSAGE.unpack(os.read(self.end.fd, 64))
            if (life, number) < (self.shared[self.SEEN_LIFE], self.awaited[life]):
                self.shared[self.WRONG] += 1
                continue
            self.shared[self.MISSED] += number - self.awaited[life]
            self.awaited[life] = number + 1
            self.shared[self.SEEN] = number
            self.shared[self.SEEN_LIFE] = life

    def counts(self):
        """The counters, by name."""
        return dict(zip(("life", "sent", "seen_life", "seen", "missed", "wrong", "ended",
                         "last_error"), self.shared))


class Servant:
    """The requests, each a method do_NAME."""

    def __init__(self):
        self.ends = {}
        self.traffic = {}
        self.listener = None

    def do_certificates(self):
        """Make the certificates of both hosts. Return the folder of bob."""
        for host, side in ("alice", "client"), ("bob", "server"):
            subprocess.run([f"{LIB}/make-ca", f"{FOLDER}/ca", side, "known",
                            f"{FOLDER}/{host}/security"], check=True)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.add(f"{FOLDER}/bob/security", "security")
        return base64.b64encode(out.getvalue()).decode()

    def do_install(self, folder):
        """Install the folder that alice has made."""
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(folder))) as tar:
            tar.extractall(f"{FOLDER}/{HOST}", filter="data")

    def do_start(self):
        """Start the agent."""
        agents.start(HOST)

    def do_listen(self):
        """Serve the name."""
        self.listener = Endpoint(HOST).listen("known")

    def do_allocate(self, flow):
        """Allocate a flow."""
        self.ends[flow] = Endpoint(HOST).alloc("known")

    def do_accept(self, flow):
        """Accept the next flow."""
        self.ends[flow] = self.listener.accept()

    def do_talk(self, flow):
        """Begin to send and to receive."""
        self.traffic[flow] = Traffic(self.ends[flow])

    def do_look(self):
        """The state of the flows."""
        found = {}
        for flow, end in self.ends.items():
            info = end.info()
            down = bool(info.rb_flags & RB_FLOWDOWN)
            found[flow] = {
                "error": info.error, "reason": info.reason, "down": down,
                "epoch": info.tx_epoch, "rekeys": info.rekeys,
                "recoveries": info.recoveries,
                "confirmed": not down and show(end)["keys"]["done"],
                **(self.traffic[flow].counts() if flow in self.traffic else {})}
        return found

    def do_sleep(self, seconds):
        """Suspend the machine, up to freezing its processes for SECONDS. The port to
        the hand does not survive more."""
        write("/sys/power/pm_test", "freezer")
        write("/sys/module/suspend/parameters/pm_test_delay", str(seconds))
        write("/sys/power/state", "mem")

    def do_go_on(self, seconds):
        """Continue as a copy: set the clock, as the agent of a hypervisor would."""
        time.clock_settime(time.CLOCK_REALTIME, seconds)
        for traffic in self.traffic.values():
            traffic.shared[traffic.LIFE] += 1

    def do_move(self, address, mac):
        """Change the addresses, as a copy gets new ones."""
        for args in (["link", "set", "veth", "down"],
                     ["link", "set", "veth", "address", mac, "up"],
                     ["addr", "flush", "dev", "veth"],
                     ["addr", "add", f"{address}/24", "dev", "veth"]):
            subprocess.run(["ip", "-n", HOST, *args], check=True)

    def do_wait_down(self, flow):
        """Wait until a flow is down, which takes minutes."""
        end = self.ends[flow]
        until(lambda: end.poll(select.POLLHUP, 1) & select.POLLHUP, "the flow is down", NET)

    def serve(self):
        """Execute requests until "end"."""
        hand = Hand()
        while True:
            request = json.loads(hand.line())
            what = request.pop("do")
            if what == "end":
                return
            try:
                answer = getattr(self, f"do_{what}")(**request)
                hand.write({"answer": answer})
            except Exception:	# pylint: disable=broad-except
                hand.write({"error": traceback.format_exc()})


Servant().serve()
