# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Path MTU discovery over a router that silently drops long packets, and with forged
ICMP."""

import contextlib
import errno
import os
import select
import socket
import struct
import subprocess
import time

from ipcp import (
    ADDR, DEADLINE, PORT, case, enter, flows, line, note, pair, run, same, set_link, show,
    spawn, status_of, tool, until, write)

ADDR6 = {"alice": "fd77::1", "bob": "fd77::2"}
OVERHEAD = 28
ETH_P_IP = 0x800
DF = 0x4000
LINK = {"four": 1500 - 28 - OVERHEAD, "six": 1500 - 48 - OVERHEAD}
# limits on a path of 1280 bytes
SMALL = {"four": 1252 - OVERHEAD, "six": 1232 - OVERHEAD}
PATIENCE = 4 * DEADLINE
# the raise time in milliseconds
RAISE = "/sys/module/ipcp_rekey/parameters/mtu_raise_ms"
ends = {}


# --- the path

def nft(*lines):
    """Replace the router's rules."""
    rules = "flush chain inet path forward\n" + "".join(
        f"add rule inet path forward {line}\n" for line in lines)
    subprocess.run(["ip", "netns", "exec", "router", "nft", "-f", "-"],
                   input=rules.encode(), check=True)


def carries(size):
    """Make the path carry IP packets up to this size, and silently drop others."""
    nft(f"meta length > {size} drop")


def limit(end):
    """The longest message of this end, and whether it is confirmed."""
    flow = show(end)
    return flow["mtu"], flow["mtu_confirmed"]


def send_longest(end):
    """Send the longest allowed message; the path may drop it."""
    try:
        end.write(b"x" * end.info().mtu)
    except OSError as e:
        # the limit may have changed since info() returned it
        if e.errno != errno.EMSGSIZE:
            raise


def settles(name, size):
    """Send messages of the limit until the limit is this size, confirmed."""
    one, other = ends[name]
    start = time.monotonic()

    def there():
        send_longest(one)
        drain(other)
        return limit(one) == (size, True)
    until(there, f"{name}: messages of {size} bytes, not {limit(one)}", PATIENCE)
    note(f"{name}: messages of {size} bytes after {time.monotonic() - start:.1f} s")


def control_packets(end):
    """The number of control packets that this end has sent, less a constant."""
    info = end.info()
    return -info.tx_left - info.tx_packets


def drain(end):
    """Read all queued messages. Returns their lengths."""
    found = []
    end.nonblock()
    try:
        while True:
            found.append(len(end.read()))
    except BlockingIOError:
        pass
    end.nonblock(False)
    return found


# --- an attacker off the path

def checksum(data):
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def header4(source, dest, protocol, length):
    """An IPv4 header."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0x4000, 64,
                       protocol, 0, socket.inet_aton(source), socket.inet_aton(dest))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:]


def too_big4(mtu, quoted):
    """ICMP "fragmentation needed" for a packet from alice to bob."""
    body = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + quoted
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def messages4():
    """Forged ICMP messages about packets of alice."""
    udp = struct.pack(">HHHH", PORT, PORT, 1480, 0)
    for protocol, start in ((17, udp), (1, bytes([8, 0, 0, 0, 0, 1, 0, 1])),
                            (1, bytes([0, 0, 0, 0, 0, 1, 0, 1]))):
        for mtu in 552, 500:
            yield too_big4(mtu, header4(ADDR["alice"], ADDR["bob"], protocol, 1480) + start)


def messages6():
    """Forged ICMPv6 messages about packets of alice; the kernel fills in the
    checksum."""
    udp = struct.pack(">HHHH", PORT, PORT, 1460, 0)
    for protocol, start in ((17, udp), (58, bytes([128, 0, 0, 0, 0, 1, 0, 1])),
                            (58, bytes([129, 0, 0, 0, 0, 1, 0, 1]))):
        quoted = struct.pack(">IHBB16s16s", 6 << 28, 1460, protocol, 64,
                             socket.inet_pton(socket.AF_INET6, ADDR6["alice"]),
                             socket.inet_pton(socket.AF_INET6, ADDR6["bob"]))
        yield struct.pack(">BBHI", 2, 0, 0, 1280) + quoted + start + bytes(1000)


def strange():
    """Send all forged messages ten times a second."""
    enter("router")
    raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    while True:
        for message in messages4():
            raw4.sendto(message, (ADDR["alice"], 0))
        for message in messages6():
            raw6.sendto(message, (ADDR6["alice"], 0))
        time.sleep(0.1)


class Wire:
    """The IPv4 packets that arrive at bob."""

    def __init__(self):
        enter("bob")
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                  socket.htons(ETH_P_IP))
        self.sock.bind(("veth", ETH_P_IP))
        self.sock.setblocking(False)

    def fragment_flags(self):
        """Fragment fields of the UDP packets received since the last call: must be DF
        only."""
        found = set()
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = self.sock.recv(64)
                if packet[9] == socket.IPPROTO_UDP:
                    found.add(struct.unpack_from(">H", packet, 6)[0])
        return found


def learned(host, address):
    """True if the host's stack has learned a path MTU for this address."""
    route = subprocess.run(["ip", "-n", host, "route", "get", address], check=True,
                           stdout=subprocess.PIPE).stdout.decode()
    return " mtu " in route


# --- the cases

@case("a flow of each address family starts with the MTU of the link")
def start():
    for name in LINK:
        ends[name] = pair(name)
        same(limit(ends[name][0])[0], LINK[name])


@case("sending the longest message confirms the path MTU")
def confirmed():
    for name, size in LINK.items():
        settles(name, size)


@case("forged ICMP messages do not reduce the path MTU of a flow")
def icmp():
    stranger = spawn(strange)
    try:
        until(lambda: learned("alice", ADDR["bob"]) and learned("alice", ADDR6["bob"]),
              "the stack believes the stranger")
        wire, flags = Wire(), set()
        for _ in range(200):
            for name, size in LINK.items():
                one, other = ends[name]
                one.write(b"x" * size)
                same(len(other.receive()), size, name)
            # the stack clears DF for paths that it takes for narrow
            flags |= wire.fragment_flags()
        same(flags, {DF}, "fragment flags")
        wire.sock.close()
        for name, size in LINK.items():
            same(limit(ends[name][0]), (size, True), name)
    finally:
        os.kill(stranger, 9)
        os.waitpid(stranger, 0)


def goes_on(name, packets, what):
    """Send the longest messages until the end has sent this many control packets. The
    limit never changes meanwhile."""
    one, other = ends[name]
    enough = control_packets(one) + packets

    def there():
        send_longest(one)
        drain(other)
        same(limit(one), (LINK[name], True), name)
        return control_packets(one) >= enough
    until(there, what, PATIENCE)


@case("an outage does not change the path MTU, not even for a moment")
def outage():
    # A limit that fell could not rise again before the end of the case.
    write(RAISE, "600000")
    nft("drop")
    # Wait for whole checks by the count of probes, not by the clock.
    for name in LINK:
        goes_on(name, 11, "two checks of five packets")
    nft()
    for name in LINK:
        goes_on(name, 2, "two checks of one packet, after the outage")
    write(RAISE, "2000")


@case("a link MTU that shrinks silently is detected, and the new size found")
def shrinks():
    carries(1280)
    for name, size in SMALL.items():
        settles(name, size)
        one, other = ends[name]
        drain(other)
        one.write(b"x" * size)
        same(len(other.receive()), size, name)


@case("the size of a path that is narrow from the start is found")
def narrow():
    for name, size in SMALL.items():
        for end in ends[name]:
            end.close()
        ends[name] = pair(name)
        same(limit(ends[name][0])[0], LINK[name])
        settles(name, size)


@case("a larger path MTU is found after the raise timer")
def widens():
    nft()
    for name, size in LINK.items():
        settles(name, size)
        one, other = ends[name]
        drain(other)
        one.write(b"x" * size)
        same(len(other.receive()), size, name)


# --- a program

def program(command):
    """Start ipcp-rekey at one end of a flow."""
    enter("bob" if command == "listen" else "alice")
    return subprocess.Popen(["ipcp-rekey", command, "four"], bufsize=0,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def program_learns(server, client, size):
    """Send lines until this size is the limit of the flow."""
    def there():
        client.stdin.write(b"x" * 1100 + b"\n")
        while select.select([server.stdout], [], [], 0)[0]:
            assert server.stdout.read(65536), "the server has ended"
        return [f["mtu"] for f in flows("alice")] == [size]
    until(there, f"messages of {size} bytes, not {flows('alice')}", PATIENCE)


def follows(server, client):
    """Raise the link MTU above its value at the start of the program, then lower it
    below."""
    program_learns(server, client, LINK["four"] - 100)
    client.stdin.write(b"begun\n")
    until(lambda: line(server.stdout) == b"begun\n", "a line arrives")
    set_link("alice", 1500)
    program_learns(server, client, LINK["four"])
    long = b"y" * LINK["four"] + b"\n"
    client.stdin.write(long)
    until(lambda: line(server.stdout) == long, "a long line arrives")
    set_link("alice", 1300)
    program_learns(server, client, LINK["four"] - 200)
    client.stdin.write(long)
    said = line(client.stderr).decode()
    assert f" {LINK['four'] - 200} bytes; shorten it" in said, said
    same(status_of(client), 1)


@case("ipcp-rekey connect follows the path MTU")
def lines():
    for pair_of in ends.values():
        for end in pair_of:
            end.close()
    until(lambda: not flows("alice"), "no flow is left")
    set_link("alice", 1400)
    with program("listen") as server:
        try:
            until(lambda: any(n["name"] == "four" and n["granted"]
                              for n in tool("bob", "name", "list")), "bob serves")
            with program("connect") as client:
                try:
                    follows(server, client)
                finally:
                    client.terminate()
        finally:
            server.terminate()
            set_link("alice", 1500)


run()
