# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A tunnel of two interfaces, with agents, from alice over a router to bob. The cases
build on each other: each continues in the state that the one before has left. Usage:
tunnel.py MARK of alice's packets, NUMBER of interfaces at once."""

import contextlib
import errno
import functools
import json
import socket
import struct
import subprocess
import sys

import agents
from interface import (
    CONNECT, INNER, INNER6, LISTEN, configure, give_addresses, ip, lost, make, mtu, pings,
    reachable, tells, there)
from ipcp import (
    NET, NETLINKS, Late, case, enter, fails, flows, holders, run, same, unloaded, until,
    warnings)
from transfer import PATIENCE, Transfer, datagrams

MARK, MANY = sys.argv[1], int(sys.argv[2])
SMALL = 1 << 20		# bytes of a TCP connection
WAYS = ("alice", "bob"), ("bob", "alice")
OUTER = {"four": {"alice": "10.77.0.1", "bob": "10.77.0.2"},
         "six": {"alice": "fd77::1", "bob": "fd77::2"}}
OVERHEAD = {"four": 20 + 8 + 28, "six": 40 + 8 + 28}
WIRES = ("alice", "veth"), ("router", "alice"), ("router", "bob"), ("bob", "veth")
BEGIN = len(warnings())


class End:
    """One end of a tunnel: its interface, and the host that has its flow."""

    def __init__(self, host, dev="flow0", home=None):
        self.host, self.dev, self.home = host, dev, home or host

    def netdev(self, *args):
        """Run "ipcp-rekey netdev", as the operator does."""
        command, *name = args
        same(there(self.host, "ipcp-rekey", "netdev", command, self.dev, *name), 0)

    def link(self):
        """The output of "ip link show"."""
        return json.loads(ip(self.host, "-d", "-j", "-s", "link", "show", self.dev))[0]

    def carrier(self):
        """True if the interface has a carrier."""
        return "LOWER_UP" in self.link()["flags"]

    def flow(self):
        """The flow of the interface, or None."""
        number = tells(self.host, self.dev).get("flow")
        return ([f for f in flows(self.home) if f["id"] == number] or [None])[0]

    def peer(self):
        """Address and port of the flow's peer."""
        host, port = self.flow()["peer"].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def count(self):
        """The number of flows that the interface has had."""
        return tells(self.host, self.dev)["flows"]

    def is_true(self, role, name):
        """All tools agree about the interface, with a flow and without."""
        shown, link, flow = tells(self.host, self.dev), self.link(), self.flow()
        same(link["linkinfo"]["info_kind"], "ipcp_rekey")
        same("link_netnsid" in link, self.home != self.host)
        same([shown.get(key) for key in ("connect", "listen")],
             [name if role == key else None for key in ("connect", "listen")])
        same((shown["up"], "LOWER_UP" in link["flags"]), (flow is not None,) * 2)
        same((shown["silent"], shown["keyless"], shown["held"]), (False, False, 0))
        if flow:
            same((flow["name"], flow["role"], flow["state"], flow["encrypted"]),
                 (name, "initiator" if role == "connect" else "responder",
                  "allocated", True))
            assert link["mtu"] <= flow["mtu"], (link, flow)

    def counts(self):
        """Packets received and sent, and errors and drops of both."""
        stats = self.link()["stats64"]
        return [stats[way]["packets"] for way in ("rx", "tx")], \
            [stats[way][what] for way in ("rx", "tx") for what in ("errors", "dropped")]


ALICE, BOB = End("alice"), End("bob")


def connected(one=ALICE, other=BOB):
    """Wait until both are the ends of one flow, and are up."""
    def are():
        a, b = one.flow(), other.flow()
        return a and b and (a["eid"], a["peer_eid"]) == (b["peer_eid"], b["eid"]) and \
            one.carrier() and other.carrier()
    until(are, Late(lambda: f"one flow: {one.link()}, {one.flow()}; "
                    f"{other.link()}, {other.flow()}"), PATIENCE)


def through(name, one=ALICE, other=BOB):
    """Set up a tunnel over a flow to a name."""
    one.netdev("end")
    until(lambda: not one.flow(), "it has no flow")
    other.netdev("listen", name)
    one.netdev("connect", name)
    connected(one, other)
    one.is_true("connect", name)
    other.is_true("listen", name)


def both_ways(size=SMALL, **named):
    """TCP in both directions at once; named: addresses of the hosts."""
    inner = {**INNER, **named}
    return [Transfer(inner[way[1]], size, way) for way in WAYS]


@contextlib.contextmanager
def traffic():
    """TCP that continues in both directions during the block, and after it."""
    streams = both_ways(None)
    try:
        for stream in streams:
            stream.goes_on()
        yield
        for stream in streams:
            stream.goes_on()
        for stream in streams:
            stream.whole()
    finally:
        for stream in streams:
            stream.end()


def nft(host, rules):
    """Load nftables rules at a host."""
    subprocess.run(["ip", "netns", "exec", host, "nft", "-f", "-"], input=rules,
                   text=True, check=True, timeout=NET)


def netns(*args):
    """Add or delete a network namespace."""
    subprocess.run(["ip", "netns", *args], check=True, timeout=NET)


# --- traffic

def carries(name):
    """Send traffic of all kinds, both ways, over both protocols."""
    through(name)
    for end, peer in (ALICE, "bob"), (BOB, "alice"):
        same(end.peer()[0], OUTER[name][peer])
        same(mtu(end.host), 1500 - OVERHEAD[name])
        same((end.flow()["authenticated"], end.flow()["peer_name"]),
             (True, name if peer == "bob" else f"client.{name}"))
    before = [end.counts() for end in (ALICE, BOB)]
    for host, peer in WAYS:
        reachable(host, peer)
        pings(host, INNER[peer], "-I", "flow0")
    for inner in INNER, INNER6:
        for transfer in both_ways(**inner):
            transfer.whole()
        for way in WAYS:
            datagrams(inner[way[1]], way)
    for end, (packets, failed) in zip((ALICE, BOB), before):
        after, failures = end.counts()
        same(failures, failed)
        least = 2 * 16 * 16 + 2 * 2 * 2 + 2 * SMALL // 1500
        assert all(now - then > least for now, then in zip(after, packets)), (after, packets)
    same(lost(), {})


@case("without a flow an interface has no carrier, and no tool shows a flow")
def made():
    for end in ALICE, BOB:
        make(end.host)
        end.is_true(None, None)


for _name, _family in (("four", "IPv4"), ("six", "IPv6")):
    case(f"pings, TCP and datagrams cross both ways, IPv4 and IPv6, over {_family}")(
        functools.partial(carries, _name))


# --- sizes

def wires(size, which=WIRES):
    """Set the MTU of these devices."""
    for host, dev in which:
        ip(host, "link", "set", dev, "mtu", str(size))


def longest(size):
    """Packets of this size cross both ways unfragmented; larger ones are refused."""
    for host, peer in WAYS:
        for address, head in (INNER[peer], 20 + 8), (INNER6[peer], 40 + 8):
            pings(host, address, "-M", "do", "-s", str(size - head))
            same(refused(host, address, size - head + 1), size)


def refused(host, address, size):
    """The limit that the sender of such a long datagram is told."""
    enter(host)
    if ":" in address:
        family, level, discover, limit = socket.AF_INET6, socket.IPPROTO_IPV6, 23, 24
    else:
        family, level, discover, limit = socket.AF_INET, socket.IPPROTO_IP, 10, 14
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(level, discover, 2)	# do
        sock.connect((address, 9))
        with fails(errno.EMSGSIZE):
            sock.send(bytes(size))
        return sock.getsockopt(level, limit)


def found(size):
    """Send until both interfaces have this MTU, then check that it is the limit."""
    with traffic():
        until(lambda: [mtu(host) for host in INNER] == [size] * 2,
              Late(lambda: f"{size}: {[mtu(host) for host in INNER]}"), PATIENCE)
    longest(size)


@case("the longest packets cross unfragmented, over wires of 9000 bytes and a narrow router")
def sizes():
    through("four")
    wires(9000)
    found(9000 - OVERHEAD["four"])
    wires(1400, WIRES[2:])
    found(1400 - OVERHEAD["four"])


@case("an operator's smaller MTU stays until reset; wires of 1500 bytes are found again")
def smaller():
    for end in ALICE, BOB:
        ip(end.host, "link", "set", "flow0", "mtu", "1290")
    longest(1290)
    wires(1500)
    with traffic():
        until(lambda: all(end.flow()["mtu"] == 1500 - OVERHEAD["four"]
                          for end in (ALICE, BOB)), "the flow finds it", PATIENCE)
    same([mtu(host) for host in INNER], [1290] * 2)
    for end in ALICE, BOB:
        ip(end.host, "link", "set", "flow0", "mtu", "9000")
    found(1500 - OVERHEAD["four"])


SPEAKER = """
import contextlib, socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    while True:
        with contextlib.suppress(OSError):
            sock.sendto(bytes(1300), ("{}", 9))
        time.sleep(0.01)
"""


def told(host, address):
    """The path MTU to this address that the host's stack has cached, or None."""
    words = ip(host, "route", "get", address).split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None


@case("while the path is measured, senders are not told of the temporary size")
def measured():
    through("four")
    nft("router", "table inet narrow { chain pass { type filter hook forward priority"
        " filter; udp length > 1400 drop; }; }")
    with subprocess.Popen(["ip", "netns", "exec", "alice", "python3", "-c",
                           SPEAKER.format(INNER["bob"])]) as speaker:
        try:
            until(lambda: ALICE.flow()["mtu"] == 1392 - 28, "a size is found", PATIENCE)
            same(told("alice", INNER["bob"]), None)
            nft("router", "flush table inet narrow")
            until(lambda: ALICE.flow()["mtu"] == 1500 - OVERHEAD["four"],
                  "the path is found again", PATIENCE)
        finally:
            speaker.kill()
            nft("router", "delete table inet narrow")


# --- translated addresses

def translate(first):
    """Masquerade alice at the router, with ports from first on, and drop packets that
    she has not asked for. The router forgets all mappings."""
    nft("router", "table inet nat\ndelete table inet nat\ntable inet nat {\n"
        "chain post { type nat hook postrouting priority srcnat;\n"
        f"oifname bob meta l4proto udp masquerade to :{first}-{first + 99}; }}\n"
        "chain pass { type filter hook forward priority filter;\n"
        "iifname bob ct state new drop; }\n}\n")
    forget()


def forget():
    """Drop all mappings, like "conntrack --flush"."""
    enter("router")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as sock:
        sock.settimeout(NET)
        sock.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0))
        same(struct.unpack_from("=i", sock.recv(4096), 16)[0], 0)


def seen_at(address, ports=range(1 << 16), end=BOB):
    """Wait until the peer of an end was heard from this address."""
    def is_seen():
        host, port = end.peer()
        return host == address and port in ports
    until(is_seen, Late(lambda: f"{address}, {ports}: {end.peer()}"), PATIENCE)


@case("a flow survives new translations of its address, under traffic and idle")
def hidden():
    through("four")
    router = "10.77.1.1"
    before = ALICE.count(), BOB.count()
    for first in 41000, 42000:
        with traffic():
            translate(first)
            seen_at(router, range(first, first + 100))
    # only keepalives are sent
    translate(43000)
    seen_at(router, range(43000, 43100))
    reachable("bob", "alice")
    same((ALICE.count(), BOB.count()), before)
    same(there("alice", "ipcp-rekey", "rekey", "--wait", "60", str(ALICE.flow()["id"])), 0)
    through("four")
    seen_at(router, range(43000, 43100))
    for transfer in both_ways():
        transfer.whole()
    nft("router", "delete table inet nat\n")
    forget()
    with traffic():
        seen_at(OUTER["four"]["alice"])


# --- agents that are killed

@case("TCP continues while either agent is killed, and the next one re-keys the flow")
def restarted():
    through("four")
    before = ALICE.count(), BOB.count()
    with traffic():
        for host in INNER:
            agents.kill(host)
            agents.start(host)
    same(there("alice", "ipcp-rekey", "rekey", "--wait", "60", str(ALICE.flow()["id"])), 0)
    same((ALICE.count(), BOB.count()), before)
    reachable("bob", "alice")


# --- hosts that move

@case("the responder moves to another address of either protocol and back")
def moves():
    for name, other in ("six", "fd77::4"), ("four", "10.77.0.4"):
        through(name)
        before = ALICE.count(), BOB.count()
        ip("router", "route", "add", other, "dev", "bob")
        for new, old in (other, OUTER[name]["bob"]), (OUTER[name]["bob"], other):
            prefix = "/128" if ":" in new else "/32"
            with traffic():
                ip("bob", "addr", "add", new + prefix, "dev", "veth",
                   *(["nodad"] if ":" in new else []))
                ip("bob", "addr", "del", old + prefix, "dev", "veth")
                seen_at(new, end=ALICE)
        same((ALICE.count(), BOB.count()), before)
        reachable("bob", "alice")


def uplink(dev, number, metric, four, six):
    """Restore alice's uplink, with the addresses and routes that went away with it."""
    ip("alice", "link", "set", dev, "up")
    for address, way in ((f"{four}/32", f"10.77.1.{number}"),
                         (f"{six}/128", f"fd77:1::{number}")):
        ip("alice", "addr", "replace", address, "dev", dev,
           *(["nodad"] if ":" in address else []))
        ip("alice", "route", "replace", way, "dev", dev)
        ip("alice", "route", "replace", "default", "via", way, "dev", dev, "metric", metric)


@case("a flow moves to the other uplink when the uplink in use goes down")
def uplinks():
    first = "veth", "0", "1024", *(OUTER[name]["alice"] for name in ("four", "six"))
    second = "veth2", "2", "2048", "10.77.0.11", "fd77::11"
    for name, place in ("six", 4), ("four", 3):
        through(name)
        before = ALICE.count(), BOB.count()
        for gone, stays in (first, second), (second, first):
            with traffic():
                seen_at(gone[place])
                ip("alice", "link", "set", gone[0], "down")
                seen_at(stays[place])
            uplink(*gone)
        same((ALICE.count(), BOB.count()), before)


# --- routes

def wire_bytes(host):
    """The number of bytes that the host has sent on its wire."""
    return json.loads(ip(host, "-j", "-s", "link", "show", "veth"))[0]["stats64"]["tx"]["bytes"]


@case("a default route leads all packets without the agent's mark through the tunnel")
def default_route():
    ip("bob", "addr", "add", "10.55.0.1/32", "dev", "lo")
    ip("bob", "addr", "add", "fd55::1/128", "dev", "lo", "nodad")
    for family in "-4", "-6":
        ip("alice", family, "rule", "add", "not", "fwmark", MARK, "table", "3435")
        ip("alice", family, "route", "add", "default", "dev", "flow0", "table", "3435")
    try:
        for name in "four", "six":
            before = wire_bytes("alice")
            through(name)
            for address in "10.55.0.1", "fd55::1", *(at["bob"] for at in OUTER.values()):
                pings("alice", address)
            for transfer in both_ways(bob="10.55.0.1"), both_ways(bob="fd55::1",
                                                                  alice=INNER6["alice"]):
                for each in transfer:
                    each.whole()
            used = wire_bytes("alice") - before
            # no packet went through the tunnel twice
            assert 2 * SMALL < used < 4 * SMALL, used
            same(there("alice", "ipcp-rekey", "rekey", "--wait", "60",
                       str(ALICE.flow()["id"])), 0)
    finally:
        for family in "-4", "-6":
            ip("alice", family, "rule", "del", "not", "fwmark", MARK, "table", "3435")
            ip("alice", family, "route", "flush", "table", "3435")


@case("without a mark, packets routed into their own tunnel are lost, without other harm")
def loops():
    for name, prefix in ("four", "/32"), ("six", "/128"):
        through(name)
        before, failed = ALICE.count(), BOB.counts()[1]
        with traffic():
            route = OUTER[name]["alice"] + prefix, "dev", "flow0", "metric", "1"
            ip("bob", "route", "add", *route)
            until(lambda: BOB.counts()[1] != failed, "what loops ends as an error")	# noqa: B023
            ip("bob", "route", "del", *route)
        same((ALICE.count(), mtu("bob")), (before, 1500 - OVERHEAD[name]))
        reachable("bob", "alice")


# --- namespaces and names

@case("an interface moved before it is connected works, also when renamed and moved back")
def namespaces():
    netns("add", "carol")
    ip("alice", "link", "del", "flow0")
    ip("alice", "link", "add", "flow0", "type", "ipcp_rekey")
    ip("alice", "link", "set", "flow0", "netns", "carol")
    give_addresses("carol", "alice")
    carol = End("carol", home="alice")
    carol.is_true(None, None)
    through("four", carol)
    for host, peer in ("carol", "bob"), ("bob", "alice"):
        reachable(host, peer)
    streams = [Transfer(INNER[peer], None, way) for peer, way in
               (("bob", ("carol", "bob")), ("alice", ("bob", "carol")))]
    try:
        ip("carol", "link", "set", "flow0", "name", "tun0")
        carol.dev = "tun0"
        for end in carol, BOB:
            for stream in streams:
                stream.goes_on()
            ip(end.host, "link", "set", end.dev, "down")
            same(end.carrier(), False)
            ip(end.host, "link", "set", end.dev, "up")
        for stream in streams:
            stream.goes_on()
            stream.whole()
    finally:
        for stream in streams:
            stream.end()
    connected(carol)
    carol.is_true("connect", "four")
    before, flow = carol.count(), carol.flow()["id"]
    ip("carol", "link", "set", "tun0", "netns", "alice", "name", "flow0")
    give_addresses("alice")
    # an interface loses its IPv6 addresses when it goes down
    ip("bob", "addr", "replace", f"{INNER6['bob']}/64", "dev", "flow0", "nodad")
    connected()
    same((ALICE.count(), ALICE.flow()["id"]), (before, flow))
    ALICE.is_true("connect", "four")
    reachable("bob", "alice")
    netns("del", "carol")


@case("TCP continues when either end is deleted under traffic and created again")
def deleted():
    for end, role in (BOB, "listen"), (ALICE, "connect"):
        with traffic():
            ip(end.host, "link", "del", "flow0")
            make(end.host)
            end.is_true(None, None)
            end.netdev(role, "four")
            connected()
        ALICE.is_true("connect", "four")
        BOB.is_true("listen", "four")


@case("a host can have both ends of a tunnel")
def one_host():
    one, other = End("bob", "one"), End("bob", "other")
    for end in one, other:
        ip("bob", "link", "add", end.dev, "type", "ipcp_rekey")
        ip("bob", "link", "set", end.dev, "up")
    through("self", one, other)
    assert one.flow()["id"] != other.flow()["id"]
    # the MTU of the loopback device exceeds the maximum of an interface
    until(lambda: [end.link()["mtu"] for end in (one, other)] == [one.link()["max_mtu"]] * 2,
          "the largest MTU there is")
    netns("add", "carol")
    ip("bob", "link", "set", "other", "netns", "carol")
    other = End("carol", "other", home="bob")
    ip("carol", "addr", "add", "10.98.0.2/24", "dev", "other")
    ip("carol", "link", "set", "other", "up")
    ip("bob", "addr", "add", "10.98.0.1/24", "dev", "one")
    connected(one, other)
    other.is_true("listen", "self")
    for address, way in ("10.98.0.2", ("bob", "carol")), ("10.98.0.1", ("carol", "bob")):
        Transfer(address, SMALL, way).whole()
    ip("bob", "link", "del", "one")
    until(lambda: not other.carrier(), "the other end is alone")
    other.is_true("listen", "self")
    # its namespace would end it later
    ip("carol", "link", "del", "other")
    netns("del", "carol")


def ready(host):
    """The number of the many interfaces that have a carrier at a host."""
    return sum("LOWER_UP" in link["flags"] for link in json.loads(ip(host, "-j", "link"))
               if link["ifname"].startswith("many"))


@case(f"{MANY} interfaces of a host and their flows end with the namespace they are in")
def many():
    before, users = [len(flows(host)) for host in INNER], holders()
    netns("add", "carol")
    names = [f"many{number}" for number in range(MANY)]
    for number, name in enumerate(names):
        ip("bob", "link", "add", name, "type", "ipcp_rekey")
        ip("alice", "link", "add", name, "netns", "carol", "type", "ipcp_rekey")
        for host, role, last in ("bob", LISTEN, 2), ("carol", CONNECT, 1):
            ip(host, "addr", "add", f"10.98.{number}.{last}/24", "dev", name)
            ip(host, "link", "set", name, "up")
            configure(host, role, name, name)
    until(lambda: [ready("carol"), ready("bob")] == [MANY] * 2,
          Late(lambda: f"all of {MANY}: {ready('carol')}, {ready('bob')}"), PATIENCE)
    ends = [[(f["name"], *sorted((f["eid"], f["peer_eid"]))) for f in flows(host)
             if f["name"] in names] for host in INNER]
    same(sorted(ends[0]), sorted(ends[1]))
    for number in range(MANY):
        for last, way in (2, ("carol", "bob")), (1, ("bob", "carol")):
            datagrams(f"10.98.{number}.{last}", way, rounds=1)
    same([len(flows(host)) for host in INNER], [count + MANY for count in before])
    enter("bob")
    netns("del", "carol")
    until(lambda: [len(flows(host)) for host in INNER] == before, "no flow is left", PATIENCE)
    until(lambda: ready("bob") == 0, "nor a carrier")
    for name in names:
        ip("bob", "link", "del", name)
    until(lambda: holders() == users, Late(lambda: f"{users} hold the module: {holders()}"))


@case("two interfaces, each in the other's namespace, end with the namespaces")
def crossed():
    users = holders()
    places = ("carol", "dave"), ("dave", "carol")
    for place, _ in places:
        netns("add", place)
    for number, (home, place) in enumerate(places):
        ip(home, "link", "add", f"cross{number}", "type", "ipcp_rekey")
        ip(home, "link", "set", f"cross{number}", "netns", place)
        configure(place, CONNECT, "four", f"cross{number}")
    enter("bob")
    for place, _ in places:
        netns("del", place)
    until(lambda: holders() == users, Late(lambda: f"{users} hold the module: {holders()}"))


# --- the end

@case("an interface permanently loses its flow when the namespace of its creation ends")
def home_ends():
    netns("add", "carol")
    ip("alice", "link", "set", "flow0", "netns", "carol")
    give_addresses("carol", "alice")
    carol = End("carol", home="alice")
    connected(carol)
    stream = Transfer(INNER["bob"], None, ("carol", "bob"))
    stream.goes_on()
    agents.stop("alice")
    NETLINKS.pop("alice").close()
    enter("bob")
    netns("del", "alice")
    until(lambda: not carol.carrier(), "it has no carrier")
    stream.end()
    shown = tells("carol")
    same((shown["up"], shown["connect"], "flow" in shown), (False, "four", False))
    with fails(errno.ENODEV):
        configure("carol", CONNECT, "four")
    ip("carol", "link", "del", "flow0")
    netns("del", "carol")


@case("the module can be unloaded, and the kernel did not warn")
def no_traces():
    agents.stop("bob")
    ip("bob", "link", "del", "flow0")
    until(unloaded, "the module goes")
    same(warnings()[BEGIN:], [])


run()
