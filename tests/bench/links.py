# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Measures TCP and UDP (iperf3) and small pings between two hosts, over our network
interface and over others, on a machine that counts a nanosecond for each instruction.

Usage: links.py SECONDS [PROFILE]
  SECONDS   of each transfer
  PROFILE   the program "profile": measure the instructions of each function instead,
            over our interfaces only
Writes links.json or profile.txt to /results.
"""

import contextlib
import json
import os
import platform
import secrets
import socket
import struct
import subprocess
import sys

import keys
import samples
from interface import INNER, OUTER, ip, links
from ipcp import Netlink, attr, until

SECONDS = int(sys.argv[1])
PINGS = 200
PORT = 51820
SPI = {"alice": "0x1001", "bob": "0x1002"}
HOSTS = "alice", "bob"

# From linux/ovpn.h.
IFINDEX, PEER, KEYCONF = 1, 2, 3
PEER_NEW, KEY_NEW = 1, 6
PEER_ID, REMOTE_IPV4, REMOTE_PORT, SOCKET = 1, 2, 5, 6
KEY_PEER, SLOT, KEY_ID, CIPHER, ENCRYPT, DECRYPT = range(1, 7)
KEY, NONCE_TAIL = 1, 2
AES_GCM = 1
NLA_F_NESTED = 0x8000


def output(host, *command, **more):
    """The output of a command on a host."""
    return subprocess.run(["ip", "netns", "exec", host, *command], check=True,
                          stdout=subprocess.PIPE, text=True, **more).stdout


def other(host):
    """The other of the two hosts."""
    return HOSTS[host == HOSTS[0]]


@contextlib.contextmanager
def bare():
    """No tunnel."""
    yield OUTER


@contextlib.contextmanager
def interfaces(kind, *words):
    """An interface of a kind on each host, with addresses, for the body."""
    try:
        for host in HOSTS:
            ip(host, "link", "add", *words, "type", *kind)
            ip(host, "addr", "add", f"{INNER[host]}/24", "dev", "tun")
        yield INNER
    finally:
        for host in HOSTS:
            ip(host, "link", "del", "tun", wanted=None)


@contextlib.contextmanager
def wireguard():
    """WireGuard, with ChaCha20-Poly1305."""
    private = {host: output(host, "wg", "genkey").strip() for host in HOSTS}
    public = {host: output(host, "wg", "pubkey", input=private[host]).strip()
              for host in HOSTS}
    with interfaces(["wireguard"], "tun") as inner:
        for host in HOSTS:
            peer = other(host)
            output(host, "wg", "set", "tun", "listen-port", str(PORT),
                   "private-key", "/dev/stdin", "peer", public[peer],
                   "allowed-ips", f"{INNER[peer]}/32",
                   "endpoint", f"{OUTER[peer]}:{PORT}", input=private[host])
            ip(host, "link", "set", "tun", "up")
        yield inner


def nest(kind, *parts):
    """An attribute of attributes."""
    return attr(kind | NLA_F_NESTED, b"".join(parts))


def word(kind, number):
    """An attribute of 32 bits."""
    return attr(kind, struct.pack("=I", number))


@contextlib.contextmanager
def ovpn():
    """The kernel's part of OpenVPN; AES-256-GCM."""
    key = {host: (attr(KEY, secrets.token_bytes(32)), attr(NONCE_TAIL, secrets.token_bytes(8)))
           for host in HOSTS}
    with interfaces(["ovpn"], "tun") as inner, contextlib.ExitStack() as sockets:
        for host in HOSTS:
            peer = other(host)
            netlink = sockets.enter_context(contextlib.closing(Netlink(host, "ovpn")))
            sock = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((OUTER[host], PORT))
            index = word(IFINDEX, socket.if_nametoindex("tun"))
            netlink.ask(netlink.family, PEER_NEW, index + nest(
                PEER, word(PEER_ID, 1), attr(REMOTE_IPV4, socket.inet_aton(OUTER[peer])),
                attr(REMOTE_PORT, struct.pack(">H", PORT)), word(SOCKET, sock.fileno())))
            netlink.ask(netlink.family, KEY_NEW, index + nest(
                KEYCONF, word(KEY_PEER, 1), word(SLOT, 0), word(KEY_ID, 0),
                word(CIPHER, AES_GCM), nest(ENCRYPT, *key[host]), nest(DECRYPT, *key[peer])))
            ip(host, "link", "set", "tun", "up")
        yield inner


@contextlib.contextmanager
def macsec():
    """MACsec, with AES-256-GCM."""
    key = {host: secrets.token_hex(32) for host in HOSTS}
    with interfaces(["macsec", "cipher", "gcm-aes-256", "encrypt", "on"],
                    "link", "veth", "tun") as inner:
        for host in HOSTS:
            peer = other(host)
            mac = json.loads(ip(peer, "-j", "link", "show", "tun"))[0]["address"]
            output(host, "ip", "macsec", "add", "tun", "tx", "sa", "0", "pn", "1", "on",
                   "key", "00", key[host])
            output(host, "ip", "macsec", "add", "tun", "rx", "port", "1", "address", mac)
            output(host, "ip", "macsec", "add", "tun", "rx", "port", "1", "address", mac,
                   "sa", "0", "pn", "1", "on", "key", "01", key[peer])
            ip(host, "link", "set", "tun", "up")
        yield inner


@contextlib.contextmanager
def esp():
    """ESP, with AES-256-GCM, in transport mode between the hosts' own addresses."""
    key = {host: "0x" + secrets.token_hex(36) for host in HOSTS}
    try:
        for host in HOSTS:
            for source in HOSTS:
                output(host, "ip", "xfrm", "state", "add", "src", OUTER[source],
                       "dst", OUTER[other(source)], "proto", "esp", "spi", SPI[source],
                       "mode", "transport", "aead", "rfc4106(gcm(aes))", key[source], "128")
            for way, source in ("out", host), ("in", other(host)):
                output(host, "ip", "xfrm", "policy", "add", "src", OUTER[source],
                       "dst", OUTER[other(source)], "dir", way, "tmpl", "src", OUTER[source],
                       "dst", OUTER[other(source)], "proto", "esp", "mode", "transport")
        yield OUTER
    finally:
        for host in HOSTS:
            output(host, "ip", "xfrm", "policy", "flush")
            output(host, "ip", "xfrm", "state", "flush")


@contextlib.contextmanager
def ours(cipher):
    """Our network interface."""
    keys.CIPHER = cipher
    with links():
        yield INNER


KINDS = {
    "no crypto": bare,
    "WireGuard": wireguard,
    "ovpn, AES-256-GCM": ovpn,
    "ESP, AES-256-GCM": esp,
    "MACsec, AES-256-GCM": macsec,
    "ipcp_rekey, AES-256-GCM": lambda: ours(901),
    "ipcp_rekey, ChaCha20-Poly1305": lambda: ours(1018),
}


def transfer(addresses, *options, before=()):
    """Instructions for each byte that arrives. One processor serves both ends, so it is
    never idle during the transfer."""
    command = ["ip", "netns", "exec", "bob", "iperf3", "-s", "-1", "-B", addresses["bob"]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            until(lambda: output("bob", "ss", "-Hltn", "sport", "=", "5201"),
                  "iperf3 listens")
            said = json.loads(output("alice", *before, "iperf3", "-J", "-c", addresses["bob"],
                                     "-t", str(SECONDS), *options))
        finally:
            server.kill()
    end = said["end"]
    took = end.get("sum_received") or end["sum"]
    arrived = took["bytes"] * (1 - took.get("lost_percent", 0) / 100)
    return took["seconds"] * 1e9 / arrived


def ping(addresses):
    """Instructions from a small ping to its answer."""
    said = output("alice", "ping", "-q", "-i", "0.002", "-c", str(PINGS), addresses["bob"])
    return float(said.split("= ")[-1].split("/")[1]) * 1e6


UDP = "-u", "-b", "0", "-l", "1200"


def results(name):
    """The path of a file of results."""
    return os.environ.get("RESULTS", "/results") + "/" + name


def profile(program):
    """Write the instructions a byte of each function, over our interfaces."""
    table = results("samples")
    with open(results("profile.txt"), "w", encoding="ascii") as out:
        for name, kind in KINDS.items():
            if not name.startswith("ipcp"):
                continue
            for way, options in ("TCP", ()), ("UDP", UDP):
                with kind() as addresses:
                    each = transfer(addresses, *options)
                    transfer(addresses, *options, before=[program, table])
                print(f"{name}, {way}: {each:.2f} a byte", file=out)
                samples.report(table, each, 2, out)


def available(name):
    """True if the kernel has this kind of link."""
    return not name.startswith("ovpn") or \
        subprocess.run(["modprobe", "-q", "ovpn"], check=False).returncode == 0


def main():
    """Measure each kind of link."""
    rows = []
    for name, kind in KINDS.items():
        if not available(name):
            print(f"{name:32} is not in this kernel", flush=True)
            continue
        with kind() as addresses:
            output("alice", "ping", "-q", "-c", "3", addresses["bob"])
            row = {"kernel": platform.release(), "link": name,
                   "tcp": transfer(addresses),
                   "udp": transfer(addresses, *UDP),
                   "ping": ping(addresses)}
            print(f"{name:32} TCP {row['tcp']:6.2f} a byte, UDP {row['udp']:6.2f} a byte, "
                  f"ping {row['ping']:8.0f}", flush=True)
            rows.append(row)
    with open(results("links.json"), "w", encoding="ascii") as f:
        json.dump(rows, f, indent=1)


if sys.argv[2:]:
    profile(sys.argv[2])
else:
    main()
