# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""TCP streams and UDP datagrams over interfaces of the kind ipcp_rekey, all bytes of
which are checked. Their hosts are network namespaces."""

import contextlib
import os
import socket
import struct
import threading
import time

from interface import INNER, WINDOW
from ipcp import DEADLINE, NET, Late, enter, same, until

BYTES = 4 << 20		# of a TCP connection
BLOCK = 16384		# bytes
PATIENCE = 4 * DEADLINE	# TCP backs off its retransmissions
TICK = 0.2		# seconds between checks of a thread whether to stop
# Datagrams in flight: together with a TCP connection each way, each with a WINDOW of
# packets and their answers, no more than may wait for a leaf (64).
AHEAD = 8
BURST, BREAK = 8, 0.02	# datagrams in a burst, and seconds after it
LONGEST = 1344		# bytes of a datagram, at most
HEAD = struct.Struct("=Q")
SO_MAX_PACING_RATE = 47
RESET = struct.pack("=ii", 1, 0)	# struct linger

# HALF is prime, so that each round of the counters below starts at other bytes.
HALF = 65521
pattern = os.urandom(HALF) * 2


def both(send, receive):
    """A thread for each function."""
    return [threading.Thread(target=work, daemon=True) for work in (send, receive)]


class Transfer:
    """A TCP connection that carries bytes one way: size bytes, or with None until
    whole() is called; at most rate bytes a second, if given."""

    def __init__(self, address=INNER["bob"], size=BYTES, way=("alice", "bob"), rate=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        enter(way[1])
        with socket.create_server((address, 0), family=family) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            enter(way[0])
            self.client = socket.create_connection(server.getsockname()[:2], timeout=NET)
            self.peer, _ = server.accept()
        self.peer.settimeout(NET)
        if rate:
            self.client.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)
        self.size, self.sent, self.got = size, 0, 0
        self.over, self.done, self.wrong = False, False, None
        self.threads = both(self.send, self.receive)
        for thread in self.threads:
            thread.start()

    def send(self):
        """Send all bytes."""
        try:
            while not self.over and self.sent != self.size:
                at = self.sent % HALF
                count = min(BLOCK, (self.size or BLOCK + self.sent) - self.sent)
                self.sent += self.client.send(pattern[at:at + count])
            self.client.shutdown(socket.SHUT_WR)
        except OSError as err:
            self.wrong = err

    def receive(self):
        """Receive until the end of the stream."""
        try:
            while data := self.peer.recv(BLOCK):
                at = self.got % HALF
                if data != pattern[at:at + len(data)]:
                    self.wrong = f"other bytes than were sent, after {self.got}"
                self.got += len(data)
            self.done = True
        except OSError as err:
            self.wrong = err

    def running(self):
        """True until the receiver has ended."""
        return self.threads[1].is_alive()

    def check(self):
        """Fail if bytes were wrong, or the stream has ended early."""
        assert self.wrong is None, self.wrong
        assert self.over or not self.done, "it has ended"

    def goes_on(self):
        """Wait for more bytes than may already be in flight."""
        enough = self.got + 4 * WINDOW
        until(lambda: self.got > enough or self.wrong,
              Late(lambda: f"more than {enough} bytes: {self.got}"), PATIENCE)
        same(self.wrong, None)

    def whole(self):
        """End the stream, all bytes of which must arrive unchanged."""
        self.over = self.size is None
        until(lambda: not any(thread.is_alive() for thread in self.threads),
              Late(lambda: f"{self.got} of {self.sent} bytes came"), NET)
        self.end()
        same((self.wrong, self.done, self.got), (None, True, self.size or self.sent))

    def end(self):
        """Abort the connection. A reset avoids retransmissions, which would hold the
        host."""
        self.over = True
        for sock in self.client, self.peer:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.client.close()
        self.peer.close()


def datagrams(address, way=("alice", "bob"), rounds=16, count=16, size=1200):
    """Send count datagrams at a time to a host's address. All must arrive unchanged."""
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


def message(count):
    """The datagram of this number, of varying length."""
    at = count * 31 % 32768
    return HEAD.pack(count) + pattern[at:at + count * 97 % (LONGEST - HEAD.size)]


class Datagrams:
    """Numbered UDP datagrams one way, until told to stop. At most AHEAD are in flight,
    plus one each TICK, since all may have been lost."""

    def __init__(self, source, sink):
        enter(sink)
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind((INNER[sink], 0))
        self.sink.settimeout(TICK)
        enter(source)
        self.source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.source.connect(self.sink.getsockname())
        self.seen = bytearray()		# how often each came
        self.sent = self.got = self.newest = self.overtaken = 0
        self.over, self.done, self.wrong = False, False, None
        self.came = threading.Event()
        self.threads = both(self.send, self.receive)
        for thread in self.threads:
            thread.start()

    def send(self):
        """Send in bursts."""
        try:
            while not self.over:
                for _ in range(BURST):
                    self.came.clear()
                    if self.sent - self.newest >= AHEAD:
                        self.came.wait(TICK)
                    self.seen.append(0)
                    self.source.send(message(self.sent))
                    self.sent += 1
                time.sleep(BREAK)
        except OSError as err:
            self.wrong = err

    def receive(self):
        """Receive until done and no more arrive."""
        silent = False
        try:
            while not (self.done and silent):
                silent = True
                with contextlib.suppress(TimeoutError):
                    self.take(self.sink.recv(65536))
                    silent = False
        except OSError as err:
            self.wrong = err

    def take(self, data):
        """Check and count a datagram."""
        count, = HEAD.unpack_from(data)
        if data != message(count):
            self.wrong = f"other bytes than were sent: {data[:32].hex()}"
            return
        self.seen[count] += 1
        self.got += 1
        self.overtaken += count < self.newest
        self.newest = max(self.newest, count + 1)
        self.came.set()

    def check(self):
        """Fail if a datagram was wrong."""
        assert self.wrong is None, self.wrong

    def finish(self):
        """Stop sending."""
        self.over = True
        until(lambda: not self.threads[0].is_alive(), "the sender is done")

    def missing(self):
        """The number of datagrams that have not arrived so far."""
        return self.sent - self.got

    def close(self):
        """Read the datagrams that still wait, then close."""
        self.done = True
        until(lambda: not self.threads[1].is_alive(), "the receiver is done")
        self.source.close()
        self.sink.close()
