# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The sockets of a machine, used from outside, and its monitor (QMP)."""

import contextlib
import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../lib")
from limit import Limit	# noqa: E402 pylint: disable=wrong-import-position

DEADLINE = 120


def connect(path):
    """Connect to a socket, waiting for it to appear."""
    limit = Limit(DEADLINE)
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
        except OSError:
            sock.close()
            if not limit.turn():
                raise
            time.sleep(0.05)


class Monitor:
    """The monitor of a machine."""

    def __init__(self, path):
        self.file = connect(path).makefile("rw", encoding="utf-8")
        self.file.readline()	# the greeting
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        """Execute a command and return its answer. Events are skipped."""
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError("the machine has ended")
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def save(self, path):
        """Save the machine to a file; it stays stopped."""
        self.do("migrate", uri=f"exec:cat >'{path}'")
        while True:
            status = self.do("query-migrate")
            if status["status"] == "completed":
                return
            if status["status"] in ("failed", "cancelled"):
                raise RuntimeError(f"the machine cannot be saved: {status}")
            time.sleep(0.05)

    def end(self):
        """End the machine."""
        self.do("quit")
        with contextlib.suppress(ConnectionResetError):
            while self.file.readline():
                pass
