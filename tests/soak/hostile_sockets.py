# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Hostile senders through a network interface over a flow: sockets of all kinds with
random options, whose buffers reach the module as the stack made them. As an ordinary
user, or as root with packet sockets."""

import contextlib
import os
import socket
import struct
import subprocess

from hostile_player import Player, mangled
from hostile_packets import OTHER, summed
from ipcp import enter

DEVICE = "flow1"
NAME = "wired"
INNER = {"alice": ("10.88.0.1", "fd88::1"), "bob": ("10.88.0.2", "fd88::2")}
PORTS = 7, 9, 7001
MOST = 12		# sockets
SIZES = 0, 0, 1, 8, 100, 1252, 1400, 4000, 12000
ETH_P = {4: 0x0800, 6: 0x86dd}
# socket options that Python does not name
SO_TIMESTAMPING, SO_MAX_PACING_RATE, SO_BUSY_POLL, SO_ZEROCOPY, SO_TXTIME = 37, 47, 46, 60, 61
SO_NOFCS, SO_SELECT_ERR_QUEUE, SO_WIFI_STATUS, SO_PREFER_BUSY_POLL = 43, 45, 41, 69
UDP_CORK, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX, UDP_SEGMENT, UDP_GRO = 1, 101, 102, 103, 104
SOL_PACKET, PACKET_VNET_HDR, PACKET_TX_TIMESTAMP, PACKET_QDISC_BYPASS = 263, 15, 16, 20
IP_MTU_DISCOVER, IP_RECVERR, IPV6_MTU_DISCOVER, IPV6_RECVERR = 10, 11, 23, 25
IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL = 62, 70
MSG_ZEROCOPY, MSG_FASTOPEN = 0x4000000, 0x20000000
FLAGS = (MSG_ZEROCOPY, socket.MSG_MORE, socket.MSG_EOR, socket.MSG_CONFIRM, socket.MSG_DONTROUTE,
         MSG_FASTOPEN)
OPTIONS = (
    *((socket.SOL_SOCKET, option) for option in (
        SO_TIMESTAMPING, SO_TIMESTAMPING, SO_ZEROCOPY, SO_ZEROCOPY, SO_MAX_PACING_RATE,
        SO_BUSY_POLL, SO_NOFCS, SO_SELECT_ERR_QUEUE, SO_WIFI_STATUS, SO_PREFER_BUSY_POLL,
        socket.SO_PRIORITY, socket.SO_MARK, socket.SO_SNDBUF, socket.SO_DONTROUTE)),
    *((socket.IPPROTO_IP, option) for option in (
        socket.IP_TOS, socket.IP_TTL, IP_MTU_DISCOVER, IP_RECVERR)),
    *((socket.IPPROTO_IPV6, option) for option in (
        socket.IPV6_TCLASS, socket.IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER, IPV6_RECVERR,
        IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL)),
    *((socket.IPPROTO_UDP, option) for option in (
        UDP_CORK, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX, UDP_SEGMENT, UDP_GRO)),
    *((socket.IPPROTO_TCP, option) for option in (
        socket.TCP_NODELAY, socket.TCP_CORK, socket.TCP_MAXSEG, socket.TCP_QUICKACK)),
    *((SOL_PACKET, option) for option in (
        PACKET_VNET_HDR, PACKET_TX_TIMESTAMP, PACKET_QDISC_BYPASS)))


def tool(host, *words):
    """Run a command at a host."""
    subprocess.run(["ip", "netns", "exec", host, *words], check=True)


def make_link():
    """Connect two interfaces by a flow."""
    for host, command in (("bob", "listen"), ("alice", "connect")):
        tool(host, "ip", "link", "add", DEVICE, "type", "ipcp_rekey")
        for address, bits in zip(INNER[host], (24, 64)):
            tool(host, "ip", "addr", "add", f"{address}/{bits}", "dev", DEVICE,
                 *(["nodad"] if bits == 64 else []))
        tool(host, "ip", "link", "set", DEVICE, "up")
        tool(host, "ipcp-rekey", "netdev", command, DEVICE, NAME)


def crosses():
    """True if a packet crosses the link."""
    return not subprocess.run(["ip", "netns", "exec", "alice", "ping", "-qc", "1", "-W", "1",
                               INNER["bob"][0]], check=False,
                              stdout=subprocess.DEVNULL).returncode


def delete_link():
    """Delete the interfaces, and thereby their flow."""
    for host in INNER:
        tool(host, "ip", "link", "del", DEVICE)


class Sockets(Player):
    """Random sockets that send to the other end of the link."""

    OPS = {"udp": 6, "tcp": 4, "ping": 2, "packet": 4, "option": 10, "send": 20, "splice": 4,
           "errors": 6, "read": 4, "close": 3}
    PAUSE = 0.02

    def set_up(self):
        enter(self.host)
        self.socks = []
        self.there = OTHER[self.host]
        self.serve()
        if self.rng.random() < 0.5:
            self.drop()

    def serve(self):
        """Listen for connections, so that TCP has data to send and to receive."""
        self.servers = []
        for family, address in zip((socket.AF_INET, socket.AF_INET6), INNER[self.host]):
            server = socket.socket(family, socket.SOCK_STREAM)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind((address, PORTS[2]))
            server.listen(4)
            server.setblocking(False)
            self.servers.append(server)

    def place(self):
        """A family, an address of the other end, and a port."""
        n = self.rng.randrange(2)
        return ((socket.AF_INET, socket.AF_INET6)[n], INNER[self.there][n],
                self.rng.choice(PORTS))

    def keep(self, sock):
        """Keep a socket. A random one makes room."""
        sock.setblocking(False)
        self.socks.append(sock)
        if len(self.socks) > MOST:
            self.socks.pop(self.rng.randrange(MOST)).close()

    def any(self):
        """A random socket."""
        return self.rng.choice(self.socks)

    def packet(self):
        """An IP packet to the other end, mostly well-formed."""
        size = self.rng.choice(SIZES[:7])
        body = struct.pack(">HHHH", 4000, self.rng.choice(PORTS), 8 + size, 0) + bytes(size)
        here, there = (INNER[host] for host in (self.host, self.there))
        if self.rng.random() < 0.5:
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0)
            ends = socket.inet_aton(here[0]) + socket.inet_aton(there[0])
            head = head[:10] + struct.pack(">H", summed(head + ends)) + ends
        else:
            head = struct.pack(">IHBB", 6 << 28, len(body), 17, 64) + b"".join(
                socket.inet_pton(socket.AF_INET6, end[1]) for end in (here, there))
        return mangled(self.rng, head + body) if self.rng.random() < 0.3 else head + body

    # --- operations

    def do_udp(self):
        """A datagram socket."""
        family, address, port = self.place()
        sock = socket.socket(family, socket.SOCK_DGRAM)
        if self.rng.random() < 0.5:
            sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        sock.connect((address, port))
        self.keep(sock)

    def do_tcp(self):
        """A connection."""
        family, address, _port = self.place()
        sock = socket.socket(family, socket.SOCK_STREAM)
        if self.rng.random() < 0.5:
            sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect((address, PORTS[2]))
        self.keep(sock)

    def do_ping(self):
        """A socket for echo requests."""
        family, address, _port = self.place()
        proto = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        sock = socket.socket(family, self.rng.choice((socket.SOCK_DGRAM, socket.SOCK_RAW)), proto)
        sock.connect((address, 0))
        self.keep(sock)

    def do_packet(self):
        """A socket that sends packets as they are, or a few packets of such a one."""
        with socket.socket(socket.AF_PACKET, self.rng.choice((socket.SOCK_RAW,
                                                              socket.SOCK_DGRAM))) as sock:
            for option in PACKET_QDISC_BYPASS, PACKET_VNET_HDR, PACKET_TX_TIMESTAMP:
                if self.rng.random() < 0.3:
                    sock.setsockopt(SOL_PACKET, option, self.rng.choice((1, 255)))
            sock.setblocking(False)
            for _ in range(self.rng.randrange(1, 5)):
                packet = self.packet()
                proto = ETH_P.get((packet or b"\0")[0] >> 4, 3)
                if sock.getsockopt(SOL_PACKET, PACKET_VNET_HDR):
                    packet = self.virtio_header() + packet
                sock.sendto(packet, (DEVICE, proto))

    def virtio_header(self):
        """struct virtio_net_hdr: mostly one that asks for nothing."""
        if self.rng.random() < 0.3:
            return bytes(10)
        return struct.pack("=BBHHHH", self.rng.choice((0, 1, 2)), self.rng.choice((0, 1, 3, 4, 5)),
                           self.rng.choice((0, 28, 40, 48, 60)), self.rng.choice((0, 100, 1200)),
                           self.rng.choice((0, 20, 40)), self.rng.choice((0, 6, 16)))

    def do_option(self):
        """An option of a socket."""
        level, option = self.rng.choice(OPTIONS)
        value = self.rng.choice((0, 1, 2, 4, 64, 100, 1200, 0x7ff, 0x7fff, 1 << 30))
        self.any().setsockopt(level, option, value)

    def do_send(self):
        """A message, with random flags."""
        flags = sum(flag for flag in FLAGS if self.rng.random() < 0.25)
        self.any().send(bytes(self.rng.choice(SIZES)), flags | socket.MSG_NOSIGNAL)

    def do_splice(self):
        """Pages of a file, without a copy."""
        with open("/proc/self/exe", "rb") as f:
            os.sendfile(self.any().fileno(), f.fileno(), self.rng.choice((0, 5000)),
                        self.rng.choice(SIZES[2:]))

    def do_errors(self):
        """Read a report: of an error, a timestamp, or the end of a zerocopy buffer."""
        self.any().recvmsg(100, 500, socket.MSG_ERRQUEUE)

    def do_read(self):
        """Read, or accept a connection that then sends, too."""
        if self.rng.random() < 0.5:
            self.any().recv(65536)
        else:
            self.keep(self.rng.choice(self.servers).accept()[0])

    def do_close(self):
        """Close a socket with all that it has in flight."""
        self.socks.pop(self.rng.randrange(len(self.socks))).close()
