# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Packets that the peer has not sent. Each is put on the wire as if alice, or a third
host, had sent it. Bob must drop the packet, count it under its own reason, send no
reply, and continue.

Every check compares all counters of bob: those of no flow and those of flows. The test
runs on one processor, so that no other packet is counted meanwhile. A genuine packet
that must not arrive yet is held back by a wrong hardware address of bob at alice.
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
    """The fields of a packet."""

    @classmethod
    def parse(cls, data):
        """Fields of a packet, which must be well-formed."""
        high, low, eid = struct.unpack(">BII", data[3:HEADER])
        return cls(data[0] & 15, data[1], high << 32 | low, eid, data[HEADER:])

    def bytes(self):
        """The packet in wire format."""
        return struct.pack(">BBBBII", 0x10 | self.type, self.epoch, 0,
                           self.counter >> 32, self.counter & 0xffffffff,
                           self.eid) + self.rest


class Wire:
    """A packet tap at bob's end of the wire, and a raw socket at alice's."""

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
        """Sets the hardware address of another host at host."""
        subprocess.run(["ip", "-n", host, "neigh", "replace", ADDR[of], "lladdr",
                        link, "nud", "permanent", "dev", "veth"], check=True)

    def hold(self):
        """Keeps genuine packets of alice from arriving."""
        self.neighbour("alice", "bob", NOWHERE)

    def release(self):
        """Lets genuine packets of alice arrive again."""
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
        """Sends bob a datagram with a forged source; damage changes its checksum."""
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
counters = set()	# counters of the genuine packets, in epoch 0
held = None		# a genuine payload that did not arrive yet
before = None		# bob's drop counters


def drain():
    """Lets bob read: no message may be there."""
    try:
        raise AssertionError(f"a forged packet was read: {bob.read()!r}")
    except BlockingIOError:
        pass


def dropped(reasons, what=""):
    """Waits until as many packets were dropped, and checks all counters."""
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
    """Injects a forged packet, and expects its drop for this reason."""
    wire.inject(payload, **kwargs)
    dropped({(kind, reason): 1}, f"{what} {payload[:HEADER].hex(' ')}")


def verdict(data):
    """Counter and reason for the drop of a forged packet, by the wire format."""
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
    """Checks that the flow carries messages, and that bob's peer has not moved."""
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


@case("a genuine packet is captured and held back")
def hold():
    global held, before
    wire.hold()
    alice.write(b"held back")
    held = until(lambda: wire.seen()[0], "a packet is captured")[0]
    wire.release()
    same(len(held), HEADER + len(b"held back") + TAG)
    assert Packet.parse(held).counter not in counters
    before = drops("bob")


@case("a packet with any byte changed is dropped")
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


@case("a packet with another type is dropped")
def other_type():
    for number in range(16):
        forged = bytes([0x10 | number]) + held[1:]
        if number != DATA:
            expect(*verdict(forged), forged)


@case("a truncated packet is dropped, even one shorter than a header")
def short():
    for size in (*range(HEADER + 1), HEADER + TAG - 1):
        expect("no_flow", "short", held[:size], f"{size} bytes:")
    # long enough, but of a wrong length
    expect("flows", "auth", held[:-1])
    expect("flows", "auth", held[:HEADER + TAG])
    expect("flows", "auth", held + b"\0")


@case("a packet with a wrong endpoint id, epoch, version or reserved bit is dropped")
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


@case("a packet with a wrong UDP checksum is dropped")
def checksum():
    # UDP itself drops a short packet, which no counter of the module shows
    expect("no_flow", "checksum", held + bytes(100), damage=0x0100)


@case("a forged or replayed packet from another address is dropped, and moves no peer")
def stranger():
    forged = held[:-1] + bytes([held[-1] ^ 1])
    expect("flows", "auth", forged, source=STRANGER)
    expect("flows", "auth", forged, port=PORT + 1)
    expect("flows", "replay", genuine[-1], source=STRANGER)
    same(show(bob)["peer"], f"{ADDR['alice']}:{PORT}")


@case("of packets with counters far ahead few are decrypted, and all are dropped")
def far_future():
    global before
    packet = Packet.parse(held)
    # leaves ahead, then nodes ahead, then the last counter of the epoch
    wanted = [n << 20 for n in range(2, 34)] + [n << 26 for n in range(1, 32)]
    wanted += [(1 << 33) - 1]
    # Send one buffer: bob receives all packets at once, however slow the machine is,
    # so that few derivations are granted meanwhile.
    enter("alice")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(held))
        sender.sendto(b"".join(packet._replace(counter=counter).bytes() for counter in wanted),
                      (ADDR["bob"], PORT))

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
    assert change["flows", "auth"] < change["flows", "ahead"], change


@case("no reply was sent, and the tool shows the same counters")
def silence():
    same(wire.seen()[1], [])
    same(+tool_drops("bob"), +before)


@case("the packet that was held back is still accepted")
def arrives():
    wire.inject(held)
    same(bob.receive(), b"held back")
    counters.add(Packet.parse(held).counter)
    genuine.append(held)
    dropped({})
    unharmed()


@case("replayed data and confirmations are dropped without a reply")
def replay():
    wire.seen()
    for payload in genuine:
        expect("flows", "replay", payload)
    same(wire.seen()[1], [])
    unharmed()


@case("malformed messages for the agent are received, counted, and not answered")
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


@case("a frame of another version is answered by one notice of the same length")
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


@case("an authentic packet from another address moves the peer, and the next moves it back")
def moves():
    wire.hold()
    wire.seen()
    alice.write(b"I moved")
    moved = until(lambda: wire.seen()[0], "a packet is captured")[0]
    wire.release()
    wire.inject(moved, source=STRANGER, port=4000)
    same(bob.receive(), b"I moved")
    same(show(bob)["peer"], f"{STRANGER}:4000")
    # a replay of the packet from alice's own address moves nothing
    expect("flows", "replay", moved)
    same(show(bob)["peer"], f"{STRANGER}:4000")
    alice.write(b"back")
    same(bob.receive(), b"back")
    unharmed()


def held_back(texts):
    """Sends messages at alice; returns the packets, which are kept from arriving."""
    wire.hold()
    wire.seen()
    for text in texts:
        alice.write(text)
    found = []
    until(lambda: found.extend(wire.seen()[0]) or len(found) == len(texts),
          "the packets are captured")
    wire.release()
    return found


@case("packets in the pages of a file are read, and the file stays unchanged")
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
    # one packet, then several in a buffer
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


@case("after a re-key packets of the previous epoch are dropped")
def past():
    rekey("alice", alice.info().id)
    # the programs take the seed
    until(lambda: talk(alice, bob) or alice.info().tx_epoch == 1 and
          bob.info().tx_epoch == 1, "both send in epoch 1")
    settled(alice, bob)
    wire.seen()
    dropped({})
    # within the linger time the packet is a replay; then the keys are gone

    def key_is_gone():
        wire.inject(genuine[0])
        drain()
        return drops("bob")["flows", "epoch"] > before["flows", "epoch"]
    until(key_is_gone, "the keys of epoch 0 are gone")
    change = drops("bob")
    change.subtract(before)
    assert set(+change) <= {("flows", "replay"), ("flows", "epoch")}, change
    unharmed()


@case("a forged CLOSE is dropped; a genuine one ends the flow")
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
