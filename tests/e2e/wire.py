# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The kernel against another implementation of key schedule and packet format:
keyschedule.py and the few lines below. Both know the seed."""

import collections
import functools
import hashlib
import os
import socket
import struct
from unittest import mock

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

import keys
from ipcp import ADDR, PORT, case, enter, run, same, until
from keys import Agents
from keyschedule import fork_of, leaves_of, nodes_of, root_of

SEED = bytes(range(32))
ROOT = root_of([SEED])
CIPHERS = {895: lambda key: AESGCM(key[:16]), 901: AESGCM, 1018: ChaCha20Poly1305}
DATA, CONFIRM, CLOSE = 1, 2, 5
SO_RCVBUFFORCE = 33
PPL = 64		# packets per leaf when the kernel sends
LEAF, NODE, EPOCH = 1 << 20, 1 << 26, 1 << 33	# packets in each
EPOCH_NO = 0


# --- the other implementation

def leaf_key(direction, counter):
    """The key of a packet."""
    return key_of_leaf(direction, counter // NODE, counter % NODE // LEAF)


@functools.cache
def key_of_leaf(direction, node, leaf):
    """The key of a leaf of a node."""
    return leaves_of(fork_of(nodes_of(ROOT)[node], direction))[leaf]


class Peer:
    """Encrypts and decrypts the packets of one direction of a flow."""

    def __init__(self, cipher, direction, eid):
        self.cipher, self.direction, self.eid = cipher, direction, eid

    def _aead(self, counter):
        return CIPHERS[self.cipher](leaf_key(self.direction, counter)), \
            bytes(4) + struct.pack("<Q", counter)

    def seal(self, kind, counter, plain):
        """An encrypted packet."""
        header = bytes([0x10 | kind, EPOCH_NO, 0]) + counter.to_bytes(5, "big") + \
            struct.pack(">I", self.eid)
        aead, nonce = self._aead(counter)
        return header + aead.encrypt(nonce, plain, header)

    def open(self, packet):
        """Decrypt a packet. Returns its type, counter and message; every byte must be
        right."""
        same(packet[0] >> 4, 1, "version")
        same((packet[1], packet[2]), (EPOCH_NO, 0), "epoch, reserved byte")
        counter = int.from_bytes(packet[3:8], "big")
        aead, nonce = self._aead(counter)
        return packet[0] & 15, counter, aead.decrypt(nonce, packet[12:], packet[:12])


# --- the wire

class Wire:
    """Records the packets that alice sends and receives."""

    def __init__(self):
        enter("alice")
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                  socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self.sock.setblocking(False)
        self.seen = collections.defaultdict(list)	# by source address

    def take(self):
        """Move the packets that have arrived to self.seen."""
        while True:
            try:
                packet = self.sock.recv(65536)
            except BlockingIOError:
                return
            start = (packet[0] & 15) * 4
            if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP and \
               PORT in struct.unpack_from(">HH", packet, start):
                source = socket.inet_ntoa(packet[12:16])
                self.seen[source].append(packet[start + 8:])


def new_flow(agents, cipher):
    """A flow with our seed, and a Peer for each of its directions."""
    with mock.patch.object(keys, "CIPHER", cipher), \
            mock.patch.object(os, "urandom", return_value=SEED):
        one, other = agents.flow("demo", packets_per_leaf=PPL)
    flows = [nl.do("FLOW_GET", "FLOW", id=end.info().id)
             for nl, end in ((agents.alice, one), (agents.bob, other))]
    eids = [struct.unpack("=I", flow[keys.A["FLOW_EID"]])[0] for flow in flows]
    return one, other, Peer(cipher, 0, eids[1]), Peer(cipher, 1, eids[0])


def opened(wire, source, peer):
    """All packets from this host, decrypted: type, counter, message. A flow that was
    closed before may still send CLOSE, to another endpoint id."""
    wire.take()
    return [peer.open(packet) for packet in wire.seen[ADDR[source]]
            if struct.unpack_from(">I", packet, 8)[0] == peer.eid]


def talk_and_look(cipher):
    """Send messages over more than two leaves each way, and check the packets of
    both."""
    wire = Wire()
    messages = [hashlib.sha256(bytes([i])).digest() * (i % 5) for i in range(150)]
    with Agents() as agents:
        one, other, there, back = new_flow(agents, cipher)
        for message in messages:
            one.write(message)
            same(other.receive(), message)
            other.write(message[::-1])
            same(one.receive(), message[::-1])
        one.close()
        until(lambda: any(kind == CLOSE for kind, _, _ in opened(wire, "alice", there)),
              "alice says that she closed the flow")
        other.close()

    for source, peer, turned in ("alice", there, 1), ("bob", back, -1):
        packets = opened(wire, source, peer)
        data = [text for kind, _, text in packets if kind == DATA]
        same(len(data), len(messages), f"messages of {source}")
        for text, message in zip(data, messages):
            same(text, message[::turned])
        for kind, _, text in packets:
            if kind != DATA:
                same((kind, len(text)) in ((CONFIRM, 1), (CLOSE, 0)), True,
                     f"type {kind}, {len(text)} bytes")
        # Two processors may deliver two packets in another order.
        for n, (_, counter, _) in enumerate(sorted(packets, key=lambda p: p[1])):
            same(counter, n // PPL * LEAF + n % PPL, f"packet {n} of {source}")


def forge_and_read(cipher):
    """Send packets of our own, further and further ahead, which the kernel must
    decrypt."""
    with Agents() as agents:
        one, other, there, _ = new_flow(agents, cipher)
        one.write(b"the kernel's own")
        same(other.receive(), b"the kernel's own")
        enter("alice")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((ADDR["bob"], PORT))
            for counter in (1000, LEAF - 1, LEAF, 7 * LEAF + 3, NODE - 1, NODE,
                            5 * NODE + 9 * LEAF, 64 * NODE, EPOCH - 1):
                text = f"packet {counter}".encode()
                sock.send(there.seal(DATA, counter, text))
                same(other.receive(), text)
        one.close()
        other.close()


for nid, words in (895, "aes-128-gcm"), (901, "aes-256-gcm"), (1018, "chacha20-poly1305"):
    case(f"{words}: another implementation decrypts all packets that the kernel sends")(
        lambda nid=nid: talk_and_look(nid))
    case(f"{words}: the kernel decrypts packets that another implementation sends")(
        lambda nid=nid: forge_and_read(nid))
run()
