# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Bytes over interfaces of the kind ipcp_rekey, each of which is checked."""

import hashlib
import os
import socket
import threading

from interface import INNER, WINDOW
from ipcp import DEADLINE, NET, enter, same, until

BYTES = 4 << 20		# of a TCP connection
BLOCK = 1 << 16
PATIENCE = 4 * DEADLINE	# TCP waits longer and longer before it repeats


class Transfer:
    """A TCP connection that carries bytes one way: so many, or with None until
    whole() is called."""

    def __init__(self, address=INNER["bob"], size=BYTES, way=("alice", "bob")):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        enter(way[1])
        self.server = socket.create_server((address, 0), family=family)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        enter(way[0])
        self.client = socket.create_connection(self.server.getsockname()[:2],
                                               timeout=NET)
        self.peer, _ = self.server.accept()
        self.peer.settimeout(NET)
        self.size, self.enough, self.failed = size, threading.Event(), []
        self.sent, self.got = hashlib.sha256(), hashlib.sha256()
        self.sent_bytes = self.got_bytes = 0
        self.threads = [threading.Thread(target=self.guard, args=(work,), daemon=True)
                        for work in (self.send, self.receive)]
        for thread in self.threads:
            thread.start()

    def guard(self, work):
        """Keeps the error that it ends with."""
        try:
            work()
        except OSError as err:
            self.failed.append(err)

    def send(self):
        """All of it."""
        block = os.urandom(BLOCK)
        while self.sent_bytes != self.size and not self.enough.is_set():
            self.client.sendall(block)
            self.sent.update(block)
            self.sent_bytes += BLOCK
        self.client.shutdown(socket.SHUT_WR)

    def receive(self):
        """Until its end."""
        while chunk := self.peer.recv(BLOCK):
            self.got.update(chunk)
            self.got_bytes += len(chunk)

    def running(self):
        """Is there more to come?"""
        return self.threads[1].is_alive()

    def goes_on(self):
        """Waits for more than what may already be on its way."""
        enough = self.got_bytes + 4 * BLOCK
        until(lambda: self.got_bytes > enough or self.failed, "the transfer goes on",
              PATIENCE)
        same(self.failed, [])

    def end(self):
        """Ends it, done or not."""
        self.enough.set()
        for sock in self.client, self.peer:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass		# it has ended
        for thread in self.threads:
            thread.join()
        for sock in self.client, self.peer, self.server:
            sock.close()

    def whole(self):
        """Waits for it: all came, as it was."""
        if self.size is None:
            self.enough.set()
        for thread in self.threads:
            thread.join(NET)
        self.end()
        same((self.failed, self.got_bytes), ([], self.size or self.sent_bytes))
        same(self.got.digest(), self.sent.digest())


def datagrams(address, way=("alice", "bob"), rounds=16, count=16, size=1200):
    """Sends so many at a time to a host's address: each arrives, as it was."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    enter(way[1])
    with socket.socket(family, socket.SOCK_DGRAM) as receiver:
        receiver.bind((address, 0))
        receiver.settimeout(NET)
        enter(way[0])
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            for _ in range(rounds):
                sent = {os.urandom(size) for _ in range(count)}
                for message in sent:
                    sender.sendto(message, receiver.getsockname()[:2])
                same({receiver.recv(2 * size) for _ in range(count)} == sent, True)
