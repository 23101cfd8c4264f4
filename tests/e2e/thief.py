# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Two thieves, one with the client's certificate and key and one with the server's, see
every packet and send any packets from addresses of their own, but drop none. They can
neither re-key, move nor end a flow of the owners. Usage: thief.py SECONDS"""

import collections
import itertools
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

from ipcp import ADDR, NET, PORT, Netlink, agent, case, enter, note, pair, run, same, settled, show
from load import Load

SECONDS = float(sys.argv[1])
HERE = {"alice": "10.77.0.66", "bob": "10.77.0.67"}	# of the thief at a host
VICTIM = {"alice": "bob", "bob": "alice"}		# the host at the other end
ETH_P_ALL, UDP_AT = 3, 20		# of IPv4 without options
CTRL, CLOSE = 0x13, 0x15
HELLO, ALLOC, COOKIE = 1, 2, 4
ATTEMPTS = 6				# before as_client() and as_server() repeat theirs
REKEY, REKEY_OK, REFUSED, WANTED, DENIED = range(16, 21)
FRAME = 1140
FOR_REKEY, FOR_REFUSAL, FOR_WANTED = 3, 5, 6
NAME = "demo"


class State:
    """Shared by the cases."""


s = State()


class Thief:
    """Talks to an agent as the agent of the host whose certificate was stolen."""

    def __init__(self, host, side):
        self.host, self.to = host, VICTIM[host]
        self.folder = f"{os.environ['HOSTS']}/{host}/stolen"
        subprocess.run(["ip", "-n", host, "addr", "add", f"{HERE[host]}/24", "dev", "veth"],
                       check=True)
        # install the stolen certificate and key as a client's
        shutil.copytree(f"{os.environ['HOSTS']}/{host}/security", self.folder)
        shutil.rmtree(f"{self.folder}/client", ignore_errors=True)
        shutil.copytree(f"{os.environ['HOSTS']}/{host}/security/{side}",
                        f"{self.folder}/client")
        enter(host)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HERE[host], 0))
        self.sock.connect((ADDR[self.to], PORT))
        self.first = self.token = int.from_bytes(os.urandom(7), "big")
        self.heard = collections.Counter()
        self.again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.again.bind((HERE[host], 0))
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self.tap.setblocking(False)
        self.tap.bind(("veth", ETH_P_ALL))
        self.captured = []
        self.repeated = 0

    def capture(self):
        """Capture the flow's packets to the victim since the last time, with their
        ports."""
        while True:
            try:
                packet = self.tap.recv(65536)
            except BlockingIOError:
                return
            if packet[9] == socket.IPPROTO_UDP and packet[0] == 0x45 and \
               packet[12:20] == socket.inet_aton(ADDR[self.host]) + \
               socket.inet_aton(ADDR[self.to]) and packet[UDP_AT + 8] != CTRL:
                port, = struct.unpack_from(">H", packet, UDP_AT + 2)
                self.captured.append((packet[UDP_AT + 8:], port))

    def repeat(self):
        """Send the captured packets from here: unchanged, with newer counters, and as
        CLOSE."""
        for packet, port in self.captured[:20]:
            counter = int.from_bytes(packet[3:8], "big") + 5000
            later = packet[1:3] + counter.to_bytes(5, "big") + packet[8:]
            for forged in (packet, packet[:1] + later, bytes([CLOSE]) + later):
                self.again.sendto(forged, (ADDR[self.to], port))
                self.repeated += 1
        self.captured.clear()
        self.capture()

    def send(self, kind, payload=b"", cookie=bytes(16)):
        """Send a message of an agent, in frames."""
        frames = [payload[i:i + FRAME] for i in range(0, len(payload), FRAME)] or [b""]
        for index, part in enumerate(frames):
            self.sock.send(bytes([CTRL]) + bytes(11) + struct.pack(
                ">BBBB4xQ", 1, kind, index, len(frames), self.token) + cookie + part)

    def answers(self, seconds):
        """The answers that arrive within a time: kind and cookie of each. Later ones are
        counted as well."""
        limit = time.monotonic() + seconds
        while True:
            self.sock.settimeout(max(limit - time.monotonic(), 0.001))
            try:
                packet = self.sock.recv(2048)
            except TimeoutError:
                return
            token = struct.unpack_from(">Q", packet, 20)[0] if packet[0] == CTRL else 0
            if self.first <= token <= self.token:
                self.heard[packet[13]] += 1
            if token == self.token:
                yield packet[13], packet[28:44]

    def say(self, kind, payload, seconds):
        """Send a request with a cookie. Returns the kinds of the answers within a
        time."""
        self.token += 1
        self.send(HELLO)
        cookie = next((cookie for got, cookie in self.answers(NET) if got == COOKIE), None)
        assert cookie, f"{self.to}'s agent sends no cookie"
        self.send(kind, payload, cookie)
        return [got for got, _ in self.answers(seconds)]


def signed(thief, data):
    """A request, signed with the stolen certificate."""
    done = subprocess.run(
        ["ipcp-rekey", "oap", "request", "--name", NAME, "--conf", thief.folder,
         "--state", f"{thief.folder}/state", "--data", data.hex()],
        check=True, timeout=NET, stdout=subprocess.PIPE)
    return done.stdout


def binding(purpose, epoch, exchange, ours, theirs, rest):
    """The data that an agent signs."""
    return struct.pack(">BBBBIII", 2, purpose, epoch, 0, exchange, ours, theirs) + rest


def named(text=NAME):
    """A name in wire format."""
    return bytes([len(text)]) + text.encode()


def keys_of(end):
    """The state of a flow that must not change."""
    found = show(end)
    return (found["peer"], found["state"], found["rb_flags"], found["stats"]["recoveries"],
            *(found["keys"][what] for what in ("epoch", "tx_epoch", "newest_epoch", "exchange")))


def drops_of(host):
    """The numbers of dropped packets that thieves repeated and forged."""
    drops = show(s.ends[host == "bob"])["stats"]["drops"]
    return drops["replay"], drops["auth"]


@case("the owners have a flow with messages both ways")
def setup():
    s.ends = pair(NAME)
    settled(*s.ends)
    s.busy = [Load(*ends, writers=1, readers=1, tokens=16, pause=0.01)
              for ends in (s.ends, s.ends[::-1])]
    s.before = [keys_of(end) for end in s.ends]
    s.client, s.server = Thief("alice", "client"), Thief("bob", "server")


def as_client():
    """All requests that the client's certificate permits: kind and data."""
    found = show(s.ends[0])
    ours, theirs = found["eid"], found["peer_eid"]
    epoch, exchange = s.before[0][-2] + 1, s.before[0][-1]
    while True:
        exchange += 1
        yield REKEY, binding(FOR_REKEY, epoch % 256, exchange, ours, theirs, bytes(8) + named())
        yield REKEY, binding(FOR_REKEY, epoch % 256, exchange + 60000, ours, theirs,
                             bytes(8) + named())
        yield REKEY, binding(FOR_REKEY, 200, exchange, ours, theirs, bytes(8) + named())
        yield REKEY, binding(FOR_REKEY, epoch % 256, exchange, ours, theirs, os.urandom(8))
        yield WANTED, binding(FOR_WANTED, 0, 0, ours, theirs, named())
        yield DENIED, binding(FOR_REFUSAL, epoch % 256, exchange, ours, theirs,
                              bytes([14, 0, 0, 0, 0, 0]) + b"no such flow")


def as_server():
    """Requests of a server that lost the keys, has no such flow, or offers other
    keys."""
    found = show(s.ends[0])
    ours, theirs = found["eid"], found["peer_eid"]
    epoch, exchange = s.before[0][-2] + 1, s.before[0][-1]
    while True:
        exchange += 1
        yield WANTED, binding(FOR_WANTED, 0, 0, ours, theirs, named())
        yield WANTED, binding(FOR_WANTED, 0, 0, ours ^ 1, theirs, named())
        for code, text in (14, b"no such flow"), (16, b"nobody lost them"):
            yield DENIED, binding(FOR_REFUSAL, epoch % 256, exchange, ours, theirs,
                                  bytes([code, 0, 0, 0, 0, 0]) + text)
        yield REKEY, binding(FOR_REKEY, epoch % 256, exchange, ours, theirs,
                             bytes(8) + named())
        yield REKEY_OK, binding(FOR_REKEY + 1, epoch % 256, exchange, ours, theirs,
                                bytes(8) + named())


@case(f"for {SECONDS:g} s thieves request re-keys, deny the flow, and repeat its packets")
def theft():
    limit = time.monotonic() + SECONDS
    thieves = (s.client, as_client()), (s.server, as_server())
    # a slow machine makes each attempt once, however long this takes
    for turn in itertools.count():
        if turn >= ATTEMPTS and time.monotonic() >= limit:
            break
        for thief, attempts in thieves:
            kind, data = next(attempts)
            got = thief.say(kind, signed(thief, data), 0.3)
            assert REKEY_OK not in got, f"{thief.to}'s agent agreed on keys: {got}"
            # packets of 0.3 s ago have arrived: no repetition overtakes the owner
            thief.repeat()
    for thief, _ in thieves:
        note(f"to {thief.to}: answers by type {dict(thief.heard)}, {thief.repeated} packets "
             f"of the flow, drops {drops_of(thief.to)}")
        assert thief.heard[DENIED] and thief.repeated, (thief.heard, thief.repeated)
        assert all(drops_of(thief.to)), "none of the repeated ones came"
        same(thief.heard[REKEY_OK], 0, "late agreements on keys")
    assert s.client.heard[REFUSED], s.client.heard


@case("keys, peer and state of the flow are unchanged, and no message was lost")
def unchanged():
    same([keys_of(end) for end in s.ends], s.before)
    note(f"messages: {[one.finish() for one in s.busy]}")
    same(agent("bob")["exchanges"]["rekey"]["answered"]["count"], 0)
    same(agent("alice")["rekeys_in_clear"], 0)


@case("the owner can re-key the flow as before")
def goes_on():
    events = Netlink("alice")
    events.join("events")
    number = s.ends[0].info().id
    events.rekey(number)
    events.event("DONE", number, 1)
    settled(*s.ends)
    same([end.info().recoveries for end in s.ends], [0, 0])
    for end in s.ends:
        end.close()


run()
