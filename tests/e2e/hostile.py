# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Packets that are not the peer's. Each is put on the wire as if alice, or
somebody else, had sent it; bob must drop it, count it under its own reason,
say nothing, and go on.

What comes before the reason that is expected is the same everywhere: all
counters of bob, those of no flow and those of flows. So that nothing else
counts meanwhile, all happens on one processor, and a genuine packet that must
not arrive yet is held back by a wrong hardware address of bob at alice.
"""

import collections
import errno
import json
import os
import socket
import struct
import subprocess

from ipcp import (
    ADDR, PORT, Endpoint, agent, case, drops, enter, fails, note, rekey, run, same,
    settled, show, talk, tool_drops, until)

HEADER, TAG = 12, 16
DATA, CONFIRM, CTRL, SEALED, CLOSE = 1, 2, 3, 4, 5
STRANGER = "10.77.0.66"
NOWHERE = "02:00:00:00:00:99"
UDP_SEGMENT = 103

os.sched_setaffinity(0, {0})


class Packet(collections.namedtuple("Packet", "type epoch counter eid rest")):
    """A packet in parts."""

    @classmethod
    def parse(cls, data):
        """Its parts; only of well-formed ones."""
        high, low, eid = struct.unpack(">BII", data[3:HEADER])
        return cls(data[0] & 15, data[1], high << 32 | low, eid, data[HEADER:])

    def bytes(self):
        """As it goes over the wire."""
        return struct.pack(">BBBBII", 0x10 | self.type, self.epoch, 0,
                           self.counter >> 32, self.counter & 0xffffffff,
                           self.eid) + self.rest


class Wire:
    """What bob's end of the wire sees, and who is alice."""

    def __init__(self):
        enter("bob")
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                 socket.htons(3))
        self.tap.bind(("veth", 3))
        self.tap.setblocking(False)
        enter("alice")
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                 socket.IPPROTO_RAW)
        links = {host: json.loads(subprocess.check_output(
            ["ip", "-n", host, "-j", "link", "show", "veth"]))[0]["address"]
                 for host in ADDR}
        self.bob = links["bob"]
        self.neighbour("alice", "bob", self.bob)
        self.neighbour("bob", "alice", links["alice"])

    @staticmethod
    def neighbour(host, of, link):
        """Says at host where another one is."""
        subprocess.run(["ip", "-n", host, "neigh", "replace", ADDR[of], "lladdr",
                        link, "nud", "permanent", "dev", "veth"], check=True)

    def hold(self):
        """Genuine packets of alice do not arrive from here on."""
        self.neighbour("alice", "bob", NOWHERE)

    def release(self):
        """They do again."""
        self.neighbour("alice", "bob", self.bob)

    def seen(self):
        """UDP payloads that alice sent, and all IPv4 packets that bob sent."""
        alice, bob = [], []
        while True:
            try:
                frame, (_dev, proto, kind, *_) = self.tap.recvfrom(65536)
            except BlockingIOError:
                return alice, bob
            if proto != 0x0800:
                continue
            if kind == 4:
                bob.append(frame[14:])
            elif frame[23] == 17 and \
                    frame[12 + 14:16 + 14] == socket.inet_aton(ADDR["alice"]):
                end = 14 + struct.unpack(">H", frame[16:18])[0]
                alice.append(frame[14 + 28:end])

    def inject(self, payload, source=ADDR["alice"], port=PORT, damage=0):
        """A datagram to bob that claims to be from there."""
        addrs = socket.inet_aton(source) + socket.inet_aton(ADDR["bob"])
        udp = struct.pack(">HHHH", port, PORT, 8 + len(payload), 0)
        summed = addrs + struct.pack(">BBH", 0, 17, 8 + len(payload)) + \
            udp + payload + bytes(len(payload) % 2)
        check = sum(struct.unpack(f">{len(summed) // 2}H", summed))
        while check >> 16:
            check = (check & 0xffff) + (check >> 16)
        check = (0xffff - check or 0xffff) ^ damage
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0)
        self.raw.sendto(ip + addrs + udp[:6] + struct.pack(">H", check) + payload,
                        (ADDR["bob"], 0))


wire = Wire()
alice = bob = None
genuine = []		# payloads of alice that arrived
counters = set()	# and their counters, of epoch 0
held = None		# one that did not arrive yet
before = None		# bob's drop counters


def drain():
    """Lets bob read what waits: nothing may come of it."""
    try:
        raise AssertionError(f"a forged packet was read: {bob.read()!r}")
    except BlockingIOError:
        pass


def dropped(reasons, what=""):
    """Waits until so many packets were dropped, and looks where they count."""
    global before
    wanted = sum(reasons.values())

    def all_counted():
        drain()
        change = drops("bob")
        change.subtract(before)
        return change.total() >= wanted and change
    change = until(all_counted, f"{wanted} packets are dropped {what}")
    before.update(change)
    same(dict(+change), reasons, what)


def expect(kind, reason, payload, what="", **kwargs):
    """A forged packet is dropped for this reason."""
    wire.inject(payload, **kwargs)
    dropped({(kind, reason): 1}, f"{what} {payload[:HEADER].hex(' ')}")


def verdict(data):
    """What becomes of a packet that is not genuine, by the wire format."""
    if len(data) < HEADER:
        return "no_flow", "short"
    if data[0] >> 4 != 1:
        return "no_flow", "version"
    if data[0] & 15 not in (DATA, CONFIRM, CTRL, SEALED, CLOSE):
        return "no_flow", "type"
    if data[0] & 15 != CTRL and len(data) < HEADER + TAG:
        return "no_flow", "short"
    if data[2] or data[3] & 0xfe:
        return "no_flow", "version"
    packet = Packet.parse(data)
    if packet.type == CTRL:
        return "no_flow", "malformed"
    if packet.eid != eid:
        return "no_flow", "eid"
    if packet.epoch != 0:
        return "flows", "epoch"
    if packet.counter in counters:
        return "flows", "replay"
    return "flows", "auth"


def unharmed():
    """The flow carries messages, and bob's peer is where it was."""
    talk(alice, bob)
    info = show(bob)
    same(info["peer"], f"{ADDR['alice']}:{PORT}")
    same(info["rb_flags"], ["rd", "wr"])
    same(info["state"], "allocated")


@case("genuine packets are captured: data and confirmations")
def capture():
    global alice, bob, eid
    listener = Endpoint("bob").listen("demo")
    wire.seen()
    alice = Endpoint("alice").alloc("demo")
    bob = listener.accept()
    bob.nonblock()
    for text in b"first", b"", b"third":
        alice.write(text)
        same(bob.receive(), text)
    settled(alice, bob)
    eid = show(bob)["eid"]
    for payload in wire.seen()[0]:
        packet = Packet.parse(payload)
        if packet.type in (DATA, CONFIRM):
            same((packet.epoch, packet.eid), (0, eid))
            genuine.append(payload)
            counters.add(packet.counter)
    kinds = [payload[0] & 15 for payload in genuine]
    assert kinds.count(DATA) == 3 and CONFIRM in kinds, kinds


@case("a packet is held back")
def hold():
    global held, before
    wire.hold()
    alice.write(b"held back")
    held = until(lambda: wire.seen()[0], "a packet is captured")[0]
    wire.release()
    same(len(held), HEADER + len(b"held back") + TAG)
    assert Packet.parse(held).counter not in counters
    before = drops("bob")


@case("changed in any byte")
def any_byte():
    tally = collections.Counter()
    for at in range(len(held)):
        for flip in 0x01, 0x80:
            forged = bytearray(held)
            forged[at] ^= flip
            where = verdict(forged)
            expect(*where, bytes(forged), f"byte {at} ^ {flip:#x}:")
            tally[where[1]] += 1
    note(f"dropped for: {dict(tally)}")
    assert set(tally) >= {"version", "type", "eid", "epoch", "auth"}, tally


@case("changed into another type")
def other_type():
    for number in range(16):
        forged = bytes([0x10 | number]) + held[1:]
        if number != DATA:
            expect(*verdict(forged), forged)


@case("cut short, also below a header")
def short():
    for size in (*range(HEADER + 1), HEADER + TAG - 1):
        expect("no_flow", "short", held[:size], f"{size} bytes:")
    # long enough, but not all of it
    expect("flows", "auth", held[:-1])
    expect("flows", "auth", held[:HEADER + TAG])
    expect("flows", "auth", held + b"\0")


@case("of another flow, epoch, version, or with a reserved bit")
def unknown():
    packet = Packet.parse(held)
    for number in (0, 1, eid ^ 1, 0xffffffff):
        expect("no_flow", "eid", packet._replace(eid=number).bytes())
    for number in (1, 2, 4, 128, 255):
        expect("flows", "epoch", packet._replace(epoch=number).bytes())
    for number in (0, 2, 15):
        expect("no_flow", "version", bytes([number << 4 | DATA]) + held[1:])
    for bit in range(8):
        expect("no_flow", "version",
               held[:2] + bytes([1 << bit]) + held[3:])
    for bit in range(1, 8):
        expect("no_flow", "version",
               held[:3] + bytes([1 << bit]) + held[4:])


@case("with a wrong checksum")
def checksum():
    # UDP itself drops a short one, and no flow's counter can tell
    expect("no_flow", "checksum", held + bytes(100), damage=0x0100)


@case("from another address")
def stranger():
    forged = held[:-1] + bytes([held[-1] ^ 1])
    expect("flows", "auth", forged, source=STRANGER)
    expect("flows", "auth", forged, port=PORT + 1)
    expect("flows", "replay", genuine[-1], source=STRANGER)
    same(show(bob)["peer"], f"{ADDR['alice']}:{PORT}")


@case("from a far future: few are tried, the rest is not")
def far_future():
    global before
    packet = Packet.parse(held)
    # leaves ahead, then nodes ahead; then the last packet that there could be
    wanted = [n << 20 for n in range(2, 34)] + [n << 26 for n in range(1, 33)]
    wanted += [(1 << 33) - 1]
    for counter in wanted:
        wire.inject(packet._replace(counter=counter).bytes())
        drain()

    def all_counted():
        drain()
        change = drops("bob")
        change.subtract(before)
        return change.total() >= len(wanted) and +change
    change = until(all_counted, "all are dropped")
    note(dict(change))
    before.update(change)
    same(set(change), {("flows", "auth"), ("flows", "ahead")})
    same(change.total(), len(wanted))


@case("not a sound was made in reply, and the tool shows the same counters")
def silence():
    same(wire.seen()[1], [])
    same(+tool_drops("bob"), +before)


@case("the packet held back arrives: nothing was spoilt for it")
def arrives():
    wire.inject(held)
    same(bob.receive(), b"held back")
    counters.add(Packet.parse(held).counter)
    genuine.append(held)
    dropped({})
    unharmed()


@case("replayed: data, confirmations")
def replay():
    wire.seen()
    for payload in genuine:
        expect("flows", "replay", payload)
    same(wire.seen()[1], [])
    unharmed()


@case("rubbish for the agent: taken, found to make no sense, not answered")
def rubbish():
    header = bytes([0x10 | CTRL]) + bytes(HEADER - 1)
    wire.seen()
    rubbish = [b"\0", b"\xff", b"\0" * 64, b"\xff" * 1400, bytes(range(256)),
               held]
    for payload in rubbish:
        wire.inject(header + payload)
    for at in 1, 3, 7, 8, 11:	# CTRL has no epoch, counter or eid
        forged = bytearray(header + b"x")
        forged[at] = 1
        expect("no_flow", "malformed", bytes(forged))
    expect("no_flow", "short", header)
    until(lambda: agent("bob")["bad_messages"] == len(rubbish),
          f"bob's agent has seen {len(rubbish)} messages that made no sense")
    same(wire.seen()[1], [])
    unharmed()


@case("a frame of another version: one notice of the same length goes back")
def other_version():
    header = bytes([0x10 | CTRL]) + bytes(HEADER - 1)
    frame = bytes([2, 1, 0, 1]) + bytes(4) + b"mytoken." + bytes(16)
    wire.seen()
    wire.inject(header + frame)
    until(lambda: agent("bob")["other_versions"] == 1,
          "bob's agent has seen a frame of another version")
    sent = until(lambda: wire.seen()[1], "bob's agent has answered")
    same([packet[28:] for packet in sent],
         [header + bytes([0, 1, 1, 1]) + bytes(4) + b"mytoken." + bytes(16)])
    unharmed()


@case("an authentic packet from elsewhere does move the peer, and back")
def moves():
    wire.hold()
    wire.seen()
    alice.write(b"I moved")
    moved = until(lambda: wire.seen()[0], "a packet is captured")[0]
    wire.release()
    wire.inject(moved, source=STRANGER, port=4000)
    same(bob.receive(), b"I moved")
    same(show(bob)["peer"], f"{STRANGER}:4000")
    # the same again, from where it came first: seen before, nothing moves
    expect("flows", "replay", moved)
    same(show(bob)["peer"], f"{STRANGER}:4000")
    alice.write(b"back")
    same(bob.receive(), b"back")
    unharmed()


def held_back(texts):
    """The packets of messages of alice, which do not arrive by themselves."""
    wire.hold()
    wire.seen()
    for text in texts:
        alice.write(text)
    found = []
    until(lambda: found.extend(wire.seen()[0]) or len(found) == len(texts),
          "the packets are captured")
    wire.release()
    return found


@case("packets in the pages of a file are read, and the file stays as it was")
def spliced():
    texts = [b"%03d" % i + bytes(1000) for i in range(5)]
    packets = held_back(texts)
    size = len(packets[0])
    file = os.memfd_create("packets")
    os.write(file, b"".join(packets))
    enter("alice")
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    sender.connect((ADDR["bob"], PORT))
    pipe = os.pipe()
    # alone, and several in a buffer
    for at, count in (0, 1), (1, len(packets) - 1):
        same(os.splice(file, pipe[1], count * size, offset_src=at * size), count * size)
        same(os.splice(pipe[0], sender.fileno(), count * size), count * size)
    for text in texts:
        same(bob.receive(), text)
    same(os.pread(file, 65536, 0), b"".join(packets), "the file")
    for fd in *pipe, file:
        os.close(fd)
    sender.close()
    alice.write(b"back")
    same(bob.receive(), b"back")
    unharmed()


@case("a re-key works, and what is of the epoch before then is not")
def past():
    rekey("alice", alice.info().id)
    # the programs take the seed
    until(lambda: talk(alice, bob) or alice.info().tx_epoch == 1 and
          bob.info().tx_epoch == 1, "both send in epoch 1")
    settled(alice, bob)
    wire.seen()
    dropped({})
    # within the linger it is a replay; then the keys are gone

    def key_is_gone():
        wire.inject(genuine[0])
        drain()
        return drops("bob")["flows", "epoch"] > before["flows", "epoch"]
    until(key_is_gone, "the keys of epoch 0 are gone")
    change = drops("bob")
    change.subtract(before)
    assert set(+change) <= {("flows", "replay"), ("flows", "epoch")}, change
    unharmed()


@case("its end can be forged no more than anything else")
def closes():
    global before
    before = drops("bob")
    packet = Packet.parse(held)._replace(type=CLOSE, epoch=1, counter=1 << 16)
    expect("flows", "auth", packet.bytes())
    unharmed()
    alice.close()
    bob.wait(0x10)
    with fails(errno.ESHUTDOWN):
        bob.read()
    bob.close()


run()
