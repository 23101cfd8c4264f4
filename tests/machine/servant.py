# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Does in a machine what tests/machine/pair says from outside: a line of JSON
each, with "do", and an answer to each. Usage: servant.py"""

import base64
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
from ipcp import LIB, RB_FLOWDOWN, Endpoint, show, spawn, write
from outside import Hand

HOST = os.environ["PAIR_HOST"]
FOLDER = os.environ["HOSTS"]
BURST = 4
PAUSE = 0.02


class Traffic:
    """Numbered messages out of one end, and what comes in there, until the flow
    is down."""

    SENT, READ, MISSED, WRONG, ENDED = range(5)

    def __init__(self, end):
        self.end = end
        self.shared = memoryview(mmap.mmap(-1, 64)).cast("Q")
        self.pids = [spawn(self.ended, work) for work in (self.reader, self.writer)]

    def ended(self, work):
        """Works until the flow is no more."""
        try:
            work()
        except OSError:
            self.shared[self.ENDED] += 1
            signal.pause()

    def writer(self):
        """Waits in the kernel while there is no key."""
        while True:
            for _ in range(BURST):
                os.write(self.end.fd, struct.pack("=Q", self.shared[self.SENT]))
                self.shared[self.SENT] += 1
            time.sleep(PAUSE)

    def reader(self):
        """Nothing comes twice, or too late."""
        awaited = 0
        while True:
            number, = struct.unpack("=Q", os.read(self.end.fd, 64))
            if number < awaited:
                self.shared[self.WRONG] += 1
                continue
            self.shared[self.MISSED] += number - awaited
            self.shared[self.READ] += 1
            awaited = number + 1

    def counts(self):
        """How much came and went."""
        return dict(zip(("sent", "read", "missed", "wrong", "ended"), self.shared))


class Servant:
    """What can be said to it."""

    def __init__(self):
        self.ends = {}
        self.traffic = {}
        self.listener = None

    def do_certificates(self):
        """Makes those of both hosts; the answer is the other's folder."""
        for host, side in ("alice", "client"), ("bob", "server"):
            subprocess.run([f"{LIB}/make-ca", f"{FOLDER}/ca", side, "known",
                            f"{FOLDER}/{host}/security"], check=True)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.add(f"{FOLDER}/bob/security", "security")
        return base64.b64encode(out.getvalue()).decode()

    def do_install(self, folder):
        """Takes the folder that the other has made."""
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(folder))) as tar:
            tar.extractall(f"{FOLDER}/{HOST}", filter="data")

    def do_start(self):
        """Starts the agent."""
        agents.start(HOST)

    def do_listen(self):
        """Serves the name."""
        self.listener = Endpoint(HOST).listen("known")

    def do_allocate(self, flow):
        """Asks for a flow."""
        self.ends[flow] = Endpoint(HOST).alloc("known")

    def do_accept(self, flow):
        """Takes the next flow."""
        self.ends[flow] = self.listener.accept()

    def do_talk(self, flow):
        """Begins to send and to receive."""
        self.traffic[flow] = Traffic(self.ends[flow])

    def do_look(self):
        """How the flows are."""
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
        """Suspends the machine: its processes stand still so long. The port to the
        hand does not survive more."""
        write("/sys/power/pm_test", "freezer")
        write("/sys/module/suspend/parameters/pm_test_delay", str(seconds))
        write("/sys/power/state", "mem")

    def do_set_clock(self, seconds):
        """As a hypervisor's agent does after a machine was restored."""
        time.clock_settime(time.CLOCK_REALTIME, seconds)

    def do_move(self, address, mac):
        """Takes another address, as a copy is given."""
        for args in (["link", "set", "veth", "down"],
                     ["link", "set", "veth", "address", mac, "up"],
                     ["addr", "flush", "dev", "veth"],
                     ["addr", "add", f"{address}/24", "dev", "veth"]):
            subprocess.run(["ip", "-n", HOST, *args], check=True)

    def do_wait_down(self, flow):
        """Waits until a flow is down."""
        self.ends[flow].wait(select.POLLHUP)

    def serve(self):
        """Until the word is "end"."""
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
