# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The requests of tests in the machine to tests/machine/hand."""

import glob
import json
import os
import subprocess
import time

from ipcp import Limit

DEADLINE = 180


class Hand:
    """The port to the hand outside."""

    def __init__(self):
        for path in glob.glob("/sys/class/virtio-ports/*/name"):
            with open(path, encoding="ascii") as f:
                if f.read().strip() == "hand":
                    self.fd = os.open("/dev/" + path.split("/")[-2], os.O_RDWR)
                    return
        raise RuntimeError("this machine has no hand outside")

    def send(self, what, **arguments):
        """Send a request."""
        self.write({"do": what, **arguments})

    def write(self, message):
        """Write a message as a line."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.fd, data):]

    def ask(self, what, **arguments):
        """Send a request and return the answer."""
        self.send(what, **arguments)
        answer = json.loads(self.line())
        if "error" in answer:
            raise RuntimeError(f"the hand: {answer['error']}")
        return answer

    def line(self):
        """The next line. Reads return nothing while the other end is not open."""
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
    """A seed made by the hand, masked: no process in the machine has unmasked it."""

    def __init__(self, hand, name):
        answer = hand.ask("secret", name=name)
        self.name = name
        self.masked, self.mask = (bytes.fromhex(answer[key]) for key in ("masked", "mask"))


class Injector:
    """A socket that unmasks secrets in sent messages, with a tool that leaves no copy
    behind."""

    def __init__(self, sock, secrets):
        self.sock, self.secrets = sock, secrets

    def send(self, message):
        """Send a message, through the tool if it has a secret."""
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
