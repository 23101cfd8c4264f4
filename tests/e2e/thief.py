# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A thief has the client's certificate and key, sees every packet, and sends what
he likes from an address of his own; but he drops nothing. A flow of the owner is
neither re-keyed, moved nor ended by him. Usage: thief.py SECONDS"""

import collections
import os
import socket
import struct
import subprocess
import sys
import time

from ipcp import ADDR, NET, PORT, Netlink, agent, case, enter, note, pair, run, same, settled, show
from load import Load

SECONDS = float(sys.argv[1])
HERE = "10.77.0.66"
CTRL = 0x13
HELLO, ALLOC, COOKIE = 1, 2, 4
REKEY, REKEY_OK, REFUSED, WANTED, DENIED = range(16, 21)
FRAME = 1140
FOR_REKEY, FOR_REFUSAL, FOR_WANTED = 3, 5, 6
NAME = "demo"


class State:
    """What the cases have in common."""


s = State()


class Thief:
    """Speaks to bob's agent as the agent of alice."""

    def __init__(self):
        subprocess.run(["ip", "-n", "alice", "addr", "add", f"{HERE}/24", "dev", "veth"],
                       check=True)
        enter("alice")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HERE, 0))
        self.sock.connect((ADDR["bob"], PORT))
        self.token = int.from_bytes(os.urandom(7), "big")
        self.heard = collections.Counter()

    def send(self, kind, payload=b"", cookie=bytes(16)):
        """A message of an agent, in its frames."""
        frames = [payload[i:i + FRAME] for i in range(0, len(payload), FRAME)] or [b""]
        for index, part in enumerate(frames):
            self.sock.send(bytes([CTRL]) + bytes(11) + struct.pack(
                ">BBBB4xQ", 1, kind, index, len(frames), self.token) + cookie + part)

    def answers(self, seconds):
        """What comes within a time: kind and cookie of each."""
        limit = time.monotonic() + seconds
        while True:
            self.sock.settimeout(max(limit - time.monotonic(), 0.001))
            try:
                packet = self.sock.recv(2048)
            except TimeoutError:
                return
            if packet[0] == CTRL and struct.unpack_from(">Q", packet, 20)[0] == self.token:
                self.heard[packet[13]] += 1
                yield packet[13], packet[28:44]

    def say(self, kind, payload, seconds):
        """A request with a cookie; what is answered within a time."""
        self.token += 1
        self.send(HELLO)
        cookie = next((cookie for got, cookie in self.answers(NET) if got == COOKIE), None)
        assert cookie, "bob's agent sends no cookie"
        self.send(kind, payload, cookie)
        return [got for got, _ in self.answers(seconds)]


def signed(data):
    """A request that alice's certificate signs."""
    state = f"{os.environ['HOSTS']}/alice/stolen"
    done = subprocess.run(
        ["ipcp-rekey", "oap", "request", "--name", NAME, "--conf",
         f"{os.environ['HOSTS']}/alice/security", "--state", state, "--data", data.hex()],
        check=True, timeout=NET, stdout=subprocess.PIPE)
    return done.stdout


def binding(purpose, epoch, exchange, ours, theirs, rest):
    """What an agent signs."""
    return struct.pack(">BBBBIII", 2, purpose, epoch, 0, exchange, ours, theirs) + rest


def named(text=NAME):
    """A name as it is sent."""
    return bytes([len(text)]) + text.encode()


def keys_of(end):
    """What must not change."""
    found = show(end)
    return (found["peer"], found["state"], found["rb_flags"], found["stats"]["recoveries"],
            *(found["keys"][what] for what in ("epoch", "tx_epoch", "newest_epoch", "exchange")))


@case("an owner's flow, with messages both ways")
def setup():
    s.ends = pair(NAME)
    settled(*s.ends)
    s.busy = [Load(*ends, writers=1, readers=1, tokens=16, pause=0.01)
              for ends in (s.ends, s.ends[::-1])]
    s.before = [keys_of(end) for end in s.ends]
    s.thief = Thief()


def attempts():
    """All that the certificate is good for: kind and data."""
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


@case(f"for {SECONDS:g} s a thief asks for its keys, and says that it is gone")
def theft():
    limit = time.monotonic() + SECONDS
    for kind, data in attempts():
        got = s.thief.say(kind, signed(data), 0.3)
        assert REKEY_OK not in got, f"bob's agent agreed on keys with the thief: {got}"
        if time.monotonic() > limit:
            break
    note(f"answers by type: {dict(s.thief.heard)}")
    assert s.thief.heard[DENIED] and s.thief.heard[REFUSED], s.thief.heard


@case("nothing of the flow has changed, and no message was lost")
def unchanged():
    same([keys_of(end) for end in s.ends], s.before)
    note(f"messages: {[one.finish() for one in s.busy]}")
    same(agent("bob")["exchanges"]["rekey"]["answered"]["count"], 0)


@case("the owner re-keys it as ever")
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
