# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""TCP connections and UDP datagrams over interfaces, for as long as a test lasts,
whose every byte is looked at. Their hosts are network namespaces."""

import contextlib
import os
import socket
import struct
import threading
import time

from interface import INNER, WINDOW
from ipcp import DEADLINE, NET, Late, enter, same, until

RATE = 256 << 10	# bytes a second of a TCP connection, so that others have a turn
TICK = 0.2		# seconds, after which a thread looks whether it is over
# Datagrams on their way: with a TCP connection each way, that has a WINDOW of packets,
# and answers for each, no more than may wait for a leaf (64).
AHEAD = 8
BURST, BREAK = 8, 0.02	# datagrams, and seconds after them
LONGEST = 1344		# bytes of a datagram, at most
HEAD = struct.Struct("=Q")
SO_MAX_PACING_RATE = 47

# Its half is a prime number: each turn of the numbers below finds other bytes.
pattern = os.urandom(65521) * 2


def both(send, receive):
    """A thread for each."""
    return [threading.Thread(target=work, daemon=True) for work in (send, receive)]


class Stream:
    """A TCP connection over the interface. One end sends until told to stop, and the
    other looks at each byte."""

    def __init__(self, source, sink, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        enter(sink)
        with socket.create_server((address, 0), family=family) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            enter(source)
            self.client = socket.create_connection(server.getsockname()[:2], timeout=NET)
            self.peer, _ = server.accept()
        self.client.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, RATE)
        self.peer.settimeout(NET)
        self.sent = self.got = 0
        self.over, self.whole, self.wrong = False, False, None
        self.threads = both(self.send, self.receive)

    def send(self):
        """All the time."""
        try:
            while not self.over:
                at = self.sent % (len(pattern) // 2)
                self.sent += self.client.send(pattern[at:at + 16384])
            self.client.shutdown(socket.SHUT_WR)
        except OSError as err:
            self.wrong = err

    def receive(self):
        """Until the end."""
        try:
            while data := self.peer.recv(16384):
                at = self.got % (len(pattern) // 2)
                if data != pattern[at:at + len(data)]:
                    self.wrong = f"other bytes than were sent, after {self.got}"
                self.got += len(data)
            self.whole = True
        except OSError as err:
            self.wrong = err

    def check(self):
        """It is whole and right so far, and goes on."""
        assert self.wrong is None, self.wrong
        assert self.over or not self.whole, "it has ended"

    def ended(self):
        """Waits for both threads."""
        self.over = True
        until(lambda: not any(thread.is_alive() for thread in self.threads),
              Late(lambda: f"{self.got} of {self.sent} bytes came"), 4 * DEADLINE)
        self.client.close()
        self.peer.close()

    def finish(self):
        """The end, to which all came."""
        self.ended()
        self.check()
        same((self.whole, self.got), (True, self.sent))

    def cut(self):
        """The end, whatever came. Nothing is sent again, which would hold the host."""
        for sock in self.client, self.peer:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
        self.ended()


def message(count):
    """The datagram of this number, of any length."""
    at = count * 31 % 32768
    return HEAD.pack(count) + pattern[at:at + count * 97 % (LONGEST - HEAD.size)]


class Datagrams:
    """Numbered UDP datagrams one way, until told to stop. No more than AHEAD of them
    are on their way, but for one each TICK, when it may be that all were lost."""

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

    def send(self):
        """In bursts."""
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
        """What comes."""
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
        """One that came."""
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
        """It is right so far."""
        assert self.wrong is None, self.wrong

    def finish(self):
        """No more are sent."""
        self.over = True
        until(lambda: not self.threads[0].is_alive(), "the sender is done")

    def missing(self):
        """How many did not come so far."""
        return self.sent - self.got

    def close(self):
        """Nothing comes any more, but for what waits to be read."""
        self.done = True
        until(lambda: not self.threads[1].is_alive(), "the receiver is done")
        self.source.close()
        self.sink.close()
