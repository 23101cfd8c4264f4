# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Interfaces of the kind ipcp_rekey, one at each host, with agents that deliver seeds
only (keys.py)."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys

from ipcp import A, NET, Netlink, attr, attrs, drops, enter, same, until
from keys import UPCALL_ALLOC, UPCALL_LISTEN, Agents

INNER = {"alice": "10.99.0.1", "bob": "10.99.0.2"}
INNER6 = {"alice": "fd99::1", "bob": "fd99::2"}
OUTER = {"alice": "10.77.0.1", "bob": "10.77.0.2"}
# Bytes in transit: far fewer packets than the interface queues (1,024), and no more
# than may wait for a leaf (64), whichever processor is delayed. WINDOW is half of the
# buffer of a socket, since the kernel doubles SO_RCVBUF.
WINDOW = 32 << 10

RTM_NEWLINK, RTM_GETLINK = 16, 18
IFLA_LINKINFO, INFO_KIND, INFO_DATA, INFO_XSTATS = 18, 1, 2, 3
CONNECT, LISTEN, STATE, FLOW, EPOCH, TX_LEFT, RX_LEFT, REKEYED = range(2, 10)


def ip(host, *args, wanted=0):
    """Runs ip at a host; returns its output."""
    done = subprocess.run(["ip", "-n", host, *args], text=True, timeout=NET,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if wanted is not None:
        same(done.returncode, wanted, done.stdout)
    return done.stdout


def there(host, *args):
    """Runs a command at a host; returns its exit status."""
    return subprocess.run(["ip", "netns", "exec", host, *args], check=False,
                          timeout=NET, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


def rtnetlink(host, kind, payload):
    """Sends a request about links; returns the attributes of the answer, or None."""
    enter(host)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.settimeout(NET)
        sock.send(struct.pack("=IHHII", 16 + len(payload), kind, 5, 1, 0) +
                  payload)
        found = None
        while True:
            data = sock.recv(1 << 16)
            while data:
                size, what = struct.unpack_from("=IH", data)
                if what == 2:
                    err = -struct.unpack_from("=i", data, 16)[0]
                    if err:
                        raise OSError(err, os.strerror(err))
                    return found
                found = attrs(data[32:size])
                data = data[(size + 3) & ~3:]


def about(host, dev):
    """The header of a request about an interface."""
    enter(host)
    return struct.pack("=BBHiII", 0, 0, 0, socket.if_nametoindex(dev), 0, 0)


def configure(host, what, name, dev="flow0"):
    """Sets a name of an interface: what is CONNECT or LISTEN."""
    data = attr(INFO_DATA, attr(what, name.encode() + b"\0"))
    rtnetlink(host, RTM_NEWLINK, about(host, dev) +
              attr(IFLA_LINKINFO, attr(INFO_KIND, b"ipcp_rekey\0") + data))


def shown(host, dev="flow0"):
    """Attributes of an interface, and its three additional counters."""
    info = attrs(rtnetlink(host, RTM_GETLINK, about(host, dev))[IFLA_LINKINFO])
    same(info[INFO_KIND], b"ipcp_rekey\0")
    return attrs(info[INFO_DATA]), struct.unpack("=3Q", info[INFO_XSTATS])


def number(host, what):
    """A numeric attribute of the interface."""
    return int.from_bytes(shown(host)[0].get(what, b""), sys.byteorder)


def packets(host, dev):
    """Packets that a device has received and sent, and errors and drops of both."""
    rx, tx = (json.loads(ip(host, "-j", "-s", "link", "show", dev))[0]["stats64"][way]
              for way in ("rx", "tx"))
    return rx["packets"], tx["packets"], [way[what] for way in (rx, tx)
                                          for what in ("errors", "dropped")]


def carrier(host, dev="flow0"):
    """True if the interface has a carrier."""
    return "LOWER_UP" in ip(host, "link", "show", dev)


def mtu(host):
    """MTU of the interface."""
    words = ip(host, "link", "show", "flow0").split()
    return int(words[words.index("mtu") + 1])


def tells(host, dev="flow0"):
    """Status of the interface, as the tool shows it."""
    return json.loads(subprocess.run(
        ["ip", "netns", "exec", host, "ipcp-rekey", "netdev", "show", dev],
        check=True, timeout=NET, stdout=subprocess.PIPE).stdout)


def give_addresses(host, whose=None, dev="flow0"):
    """Gives an interface the addresses of a host, and sets it up."""
    whose = whose or host
    ip(host, "addr", "add", f"{INNER[whose]}/24", "dev", dev)
    ip(host, "addr", "add", f"{INNER6[whose]}/64", "dev", dev, "nodad")
    ip(host, "link", "set", dev, "up")


def make(host, *options):
    """Adds an interface with addresses."""
    ip(host, "link", "add", "flow0", *options, "type", "ipcp_rekey")
    give_addresses(host)


def connect(agents, **params):
    """Connects both interfaces by a flow to a name that bob serves."""
    same(there("bob", "ipcp-rekey", "netdev", "listen", "flow0", "net"), 0)
    asked = agents.bob.upcall(UPCALL_LISTEN)
    agents.bob.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]], error=0)
    same(there("alice", "ipcp-rekey", "netdev", "connect", "flow0", "net"), 0)
    agents.answer("net", agents.alice.upcall(UPCALL_ALLOC), **params)
    until(lambda: carrier("alice") and carrier("bob"), "both have a carrier")


@contextlib.contextmanager
def links(options=(), **params):
    """Agents, and connected interfaces at both hosts, for the block. The options are
    those of alice's interface."""
    with Agents() as agents:
        try:
            make("alice", *options)
            make("bob")
            connect(agents, **params)
            yield agents
        finally:
            for host in INNER:
                ip(host, "link", "del", "flow0", wanted=None)
            subprocess.run(["ip", "netns", "del", "carol"], check=False,
                           stderr=subprocess.DEVNULL)
    until(lambda: not any(Netlink(host).dump("FLOW_GET") for host in INNER),
          "no flow is left")


def lost():
    """Counts of packets dropped for a reason that loses one."""
    return {key: count for host in INNER for key, count in drops(host).items()
            if count and key[1] not in ("closed", "eid", "state", "epoch")}


def pings(host, target, *args):
    """Pings a target, and expects all replies."""
    same(there(host, "ping", "-c", "2", "-W", "60", "-i", "0.2", *args, target), 0,
         f"{host} to {target}")


def reachable(host="alice", peer="bob"):
    """Pings the peer through the interface, over IPv4 and IPv6."""
    for target in INNER[peer], INNER6[peer]:
        pings(host, target)


def rekey(agents):
    """Delivers a new seed to both ends, and waits until both have confirmed it."""
    ends = (agents.bob, number("bob", FLOW)), (agents.alice, number("alice", FLOW))

    def confirmed():
        for agent, flow in ends:
            until(lambda agent=agent, flow=flow:
                  any(agent.do("FLOW_GET", "FLOW", id=flow)[A["FLOW_DONE"]]),
                  "the newest epoch is confirmed")
    confirmed()
    epoch, exchange = agents.claim(ends[1][1])
    seed = os.urandom(32)
    for agent, flow in ends:
        agents.deliver(agent, flow, epoch, exchange, seed)
    confirmed()
    return epoch
