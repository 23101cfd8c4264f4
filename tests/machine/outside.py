# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""What tests/machine/hand does for the tests in the machine."""

import glob
import json
import os
import subprocess
import time

from ipcp import Limit

DEADLINE = 180


class Hand:
    """The port to it."""

    def __init__(self):
        for path in glob.glob("/sys/class/virtio-ports/*/name"):
            with open(path, encoding="ascii") as f:
                if f.read().strip() == "hand":
                    self.fd = os.open("/dev/" + path.split("/")[-2], os.O_RDWR)
                    return
        raise RuntimeError("this machine has no hand outside")

    def send(self, what, **arguments):
        """What it is to do."""
        self.write({"do": what, **arguments})

    def write(self, message):
        """A line."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.fd, data):]

    def ask(self, what, **arguments):
        """The same, and what it answers."""
        self.send(what, **arguments)
        answer = json.loads(self.line())
        if "error" in answer:
            raise RuntimeError(f"the hand: {answer['error']}")
        return answer

    def line(self):
        """The next line. Nothing is read while nobody holds the other end."""
        limit = Limit(DEADLINE)
        line = b""
        while not line.endswith(b"\n"):
            data = os.read(self.fd, 65536)
            line += data
            if not data:
                if not limit.turn():
                    raise TimeoutError("nobody is outside")
                time.sleep(0.01)
        return line


class Secret:
    """A seed of the hand's, which nobody here has unmasked."""

    def __init__(self, hand, name):
        answer = hand.ask("secret", name=name)
        self.name = name
        self.masked, self.mask = (bytes.fromhex(answer[key]) for key in ("masked", "mask"))


class Injector:
    """A socket that unmasks secrets in what it sends, by a tool that leaves
    nothing behind."""

    def __init__(self, sock, secrets):
        self.sock, self.secrets = sock, secrets

    def send(self, message):
        """The tool's work, if there is a secret in it."""
        for secret in self.secrets:
            offset = message.find(secret.masked)
            if offset >= 0:
                fd = self.sock.fileno()
                subprocess.run(["/run/copy/with/inject", str(offset), str(fd)], check=True,
                               pass_fds=[fd], input=secret.mask + message)
                return len(message)
        return self.sock.send(message)

    def __getattr__(self, name):
        return getattr(self.sock, name)
