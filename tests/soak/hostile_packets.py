# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Hostile packets: from a third host with forged source addresses, and from an attacker
on the link between the hosts, who replays and changes packets."""

import json
import socket
import struct
import subprocess

from hostile_player import Player, mangled
from ipcp import ADDR, PORT, enter

EVE = "eve"
HERE = {"alice": "10.78.0", "bob": "10.79.0"}	# networks between eve and each host
UDP_SEGMENT = 103
ETH_P_ALL = 3
PACKET_OUTGOING = 4
TYPES = 1, 2, 3, 4, 5
CTRL = 3
OTHER = {"alice": "bob", "bob": "alice"}


def ip(text):
    """Run an ip(8) command."""
    subprocess.run(["ip", *text.split()], check=True)


def make_eve():
    """Create a third host, with a link to each of the others."""
    ip(f"netns add {EVE}")
    ip(f"-n {EVE} link set lo up")
    for host, net in HERE.items():
        ip(f"link add to-{host} netns {EVE} type veth peer name {EVE} netns {host}")
        ip(f"-n {EVE} addr add {net}.66/24 dev to-{host}")
        ip(f"-n {host} addr add {net}.1/24 dev {EVE}")
        ip(f"-n {EVE} link set to-{host} up")
        ip(f"-n {host} link set {EVE} up")


def summed(data):
    """The internet checksum."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


class Packets(Player):
    """Random and changed packets to both hosts."""

    OPS = {"random": 4, "header": 6, "agents": 4, "forged": 6, "replay": 4, "flipped": 6,
           "cut": 3, "batch": 2, "icmp": 2, "frames": 3}
    PAUSE = 0.02

    def set_up(self):
        # in half of the runs spare the agents' packets, else no flow is ever allocated
        self.spares = self.rng.random() < 0.5
        self.taps, self.macs, self.seen = {}, {}, {"alice": [], "bob": []}
        for host in ADDR:
            enter(host)
            self.macs[host] = bytes.fromhex(json.loads(subprocess.check_output(
                ["ip", "-j", "link", "show", "veth"]))[0]["address"].replace(":", ""))
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            tap.bind(("veth", ETH_P_ALL))
            tap.setblocking(False)
            self.taps[host] = tap
        enter(EVE)
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.drop()

    def watch(self):
        """Record the last few frames that each host has sent."""
        for host, tap in self.taps.items():
            for _ in range(50):
                try:
                    frame, (_dev, proto, kind, *_) = tap.recvfrom(65536)
                except BlockingIOError:
                    break
                if kind == PACKET_OUTGOING and proto == 0x800 and len(frame) > 54 and \
                        frame[23] == 17 and not (self.spares and frame[42] & 15 == CTRL):
                    self.seen[host] = (self.seen[host] + [frame])[-64:]

    def genuine(self):
        """A host and a frame that it has sent, already received by its peer."""
        self.watch()
        host = self.rng.choice(list(ADDR))
        frames = self.seen[host]
        if not frames:
            raise BlockingIOError("nothing has passed yet")
        return host, self.rng.choice(frames)

    def send_ip(self, to, source, proto, payload):
        """Send an IP packet from eve with a forged source address."""
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), self.rng.getrandbits(16),
                           0, 64, proto, 0)
        self.raw.sendto(head + socket.inet_aton(source) + socket.inet_aton(f"{HERE[to]}.1") +
                        payload, (f"{HERE[to]}.1", 0))

    def send_udp(self, to, payload, source=None, port=None):
        """Send a datagram from eve with a forged source, mostly a valid checksum."""
        source = source or self.rng.choice((ADDR[OTHER[to]], f"{HERE[to]}.66", "10.77.0.66"))
        port = port or self.rng.choice((PORT, PORT, self.rng.randrange(1, 65536)))
        payload = payload[:1400]
        udp = struct.pack(">HHHH", port, PORT, 8 + len(payload), 0)
        check = summed(socket.inet_aton(source) + socket.inet_aton(f"{HERE[to]}.1") +
                       struct.pack(">BBH", 0, 17, 8 + len(payload)) + udp + payload) or 0xffff
        check ^= self.rng.random() < 0.05
        self.send_ip(to, source, 17, udp[:6] + struct.pack(">H", check) + payload)

    def send_frame(self, host, frame):
        """Send a frame on the link as if from this host: with valid lengths and
        checksums, as a real device would send it."""
        payload = frame[42:][:1472]
        source, dest = frame[26:30], frame[30:34]
        udp = frame[34:38] + struct.pack(">H", 8 + len(payload))
        check = summed(source + dest + struct.pack(">BBH", 0, 17, 8 + len(payload)) + udp +
                       bytes(2) + payload) or 0xffff
        head = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0)
        head = head[:10] + struct.pack(">H", summed(head + source + dest)) + source + dest
        self.taps[host].send(self.macs[OTHER[host]] + self.macs[host] + b"\x08\0" + head + udp +
                             struct.pack(">H", check) + payload)

    def to(self):
        """Choose one of the hosts."""
        return self.rng.choice(list(ADDR))

    def header(self):
        """A well-formed header."""
        return struct.pack(">BBBBII", 0x10 | self.rng.choice(TYPES), self.rng.choice(
            (0, 1, 2, self.rng.getrandbits(8))), 0, self.rng.choice((0, 1)),
            self.rng.choice((0, 1, 0xffffffff, self.rng.getrandbits(32))),
            self.rng.choice((0, 0xffffffff, self.rng.getrandbits(32))))

    def size(self):
        """A size of a payload in bytes."""
        return self.rng.choice((0, 1, 11, 12, 27, 28, 29, 100, 1350))

    # --- operations

    def do_random(self):
        """A packet of random bytes."""
        self.send_udp(self.to(), self.rng.randbytes(self.size()))

    def do_header(self):
        """A header with random bytes behind."""
        self.send_udp(self.to(), self.header() + self.rng.randbytes(self.size()))

    def do_agents(self):
        """A made-up message for the agent."""
        count = self.rng.choice((1, 1, 2, 14, 255))
        body = struct.pack(">BBBB4xQ", self.rng.choice((1, 1, 1, 0, 2)), self.rng.choice(
            (*range(25), 255)), self.rng.randrange(count), count, self.rng.getrandbits(64))
        body += self.rng.choice((bytes(16), self.rng.randbytes(16))) + \
            self.rng.randbytes(self.size())
        self.send_udp(self.to(), bytes((0x10 | CTRL, *bytes(11))) + body)

    def do_forged(self):
        """A recorded header with one byte changed, and random bytes."""
        host, frame = self.genuine()
        head = bytearray(frame[42:54])
        at = self.rng.choice((0, 1, 3, 6, 7, 7, 7))
        head[at] = (head[at] + self.rng.choice((1, 2, 64, 255))) % 256
        self.send_udp(OTHER[host], bytes(head) + self.rng.randbytes(self.size()),
                      ADDR[host], int.from_bytes(frame[34:36], "big"))

    def do_replay(self):
        """A recorded packet again: from the host, or from another."""
        host, frame = self.genuine()
        if self.rng.random() < 0.5:
            self.send_udp(OTHER[host], frame[42:])
        else:
            self.send_frame(host, frame)

    def do_flipped(self):
        """A recorded packet with a few bits flipped."""
        host, frame = self.genuine()
        payload = bytearray(frame[42:])
        for _ in range(self.rng.choice((1, 1, 3))):
            payload[self.rng.randrange(len(payload))] ^= 1 << self.rng.randrange(8)
        self.send_frame(host, frame[:42] + bytes(payload))

    def do_cut(self):
        """A recorded packet, truncated, extended or otherwise damaged."""
        host, frame = self.genuine()
        self.send_frame(host, frame[:42] + mangled(self.rng, frame[42:]))

    def do_batch(self):
        """Many made-up packets of one size in one GSO buffer."""
        self.udp.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT,
                            self.rng.choice((1, 12, 28, 100, 1350)))
        to, data = self.to(), b""
        for _ in range(self.rng.randrange(1, 20)):
            data += self.header() + self.rng.randbytes(self.size())
        self.udp.sendto(data[:20000], (f"{HERE[to]}.1", PORT))

    def do_icmp(self):
        """A forged ICMP error about a recorded packet."""
        host, frame = self.genuine()
        kind, code = self.rng.choice(((3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0), (12, 0)))
        mtu = self.rng.choice((0, 68, 552, 1280, 1400, 65535))
        body = frame[14:14 + 28 + self.rng.choice((0, 8, 100))]
        if self.rng.random() < 0.3:
            body = mangled(self.rng, body)
        icmp = struct.pack(">BBHHH", kind, code, 0, 0, mtu) + body
        icmp = icmp[:2] + struct.pack(">H", summed(icmp)) + icmp[4:]
        self.send_ip(host, self.rng.choice((f"{HERE[host]}.66", ADDR[OTHER[host]])), 1, icmp)

    def do_frames(self):
        """A recorded frame with a damaged IP or UDP header."""
        host, frame = self.genuine()
        self.taps[host].send(frame[:14] + mangled(self.rng, frame[14:42])[:60] +
                             frame[42:1500])
