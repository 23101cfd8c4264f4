# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A bad path between alice and bob that counts every packet.

The path replaces the veth between the hosts: each host has a veth to a third namespace,
"path", which forwards packets. Netem at the egress of a host drops some packets. Netem
at the egress of the path delays all packets, duplicates some and reorders some. Loss
comes before duplication, so no copy is lost: all packets that the first netem lets
through arrive, and all packets that the second netem adds are copies.

Netem drops and duplicates buffers, and a buffer may hold several packets of a flow,
since veth does not segment. The drop counter of netem counts buffers, and is only a
lower bound of the lost packets. The tc actions and the sent counter of netem count each
packet of a buffer: the difference before and after netem is the exact number of lost
packets.
"""

import collections
import contextlib
import json
import subprocess
import sys

from interface import OUTER, ip, packets, there
from ipcp import A, Netlink, attrs, drops, same, tc

PEER = {"alice": "bob", "bob": "alice"}
LIMIT = "limit", "100000"		# packets: more than can be in transit
LOSES = "loss", "1%"
WORSENS = "delay", "5ms", "reorder", "5%", "duplicate", "2%"
# Indices of counting actions: messages of the flow, its other packets, all the rest
DATA, OTHER, REST = 1, 2, 3
UDP = "protocol", "ip", "u32", "match", "ip", "protocol", "17", "0xff"
MATCHES = {DATA: ("prio", "1", *UDP, "match", "u8", "0x11", "0xff", "at", "28"),
           OTHER: ("prio", "2", *UDP),
           REST: ("prio", "3", "protocol", "all", "matchall")}

# Counters of one direction, in the order of the path: messages or (_all) packets;
# "dropped" and "spilt" are buffers that a netem has dropped
Way = collections.namedtuple("Way", """interface_sent flow_sent left left_all dropped
    passed_all came_all came crossed_all went_all spilt replays flow_got interface_got""")


def one_queue(host, dev):
    """Keeps packets in order with one receive queue, whichever processor is delayed,
    and turns IPv6 off, so that the device sends no packets on its own."""
    same(there(host, "sh", "-c", f"echo 1 >/sys/class/net/{dev}/queues/rx-0/rps_cpus && "
               f"echo 1 >/proc/sys/net/ipv6/conf/{dev}/disable_ipv6"), 0)


def connect(host):
    """Connects a host and the path by a veth."""
    dev = f"to_{host}"
    ip("path", "link", "add", dev, "type", "veth", "peer", "name", "veth", "netns", host)
    one_queue("path", dev)
    one_queue(host, "veth")
    ip(host, "addr", "add", f"{OUTER[host]}/24", "dev", "veth")
    ip(host, "link", "set", "veth", "up")
    ip("path", "link", "set", dev, "up")


def mac(host):
    """Hardware address of a host's device."""
    return json.loads(ip(host, "-j", "link", "show", "veth"))[0]["address"]


def count_leaving(host):
    """Counts all packets that leave a host, before netem."""
    tc(host, "qdisc", "add", "dev", "veth", "clsact")
    for number, match in MATCHES.items():
        tc(host, "filter", "add", "dev", "veth", "egress", *match,
           "action", "gact", "pass", "index", str(number))
    tc(host, "qdisc", "add", "dev", "veth", "root", "netem", *LIMIT)


def pass_on(host):
    """Counts all packets from a host at the path, and forwards those of a flow to the
    peer."""
    other, base = f"to_{PEER[host]}", 10 * (host == "bob")
    tc("path", "qdisc", "add", "dev", f"to_{host}", "clsact")
    for number, match in MATCHES.items():
        index = "index", str(base + number)
        action = ("gact", "drop", *index) if number == REST else \
            ("mirred", "egress", "redirect", *index, "dev", other)
        tc("path", "filter", "add", "dev", f"to_{host}", "ingress", *match,
           "action", *action)
    tc("path", "qdisc", "add", "dev", other, "root", "netem", *LIMIT)


def make():
    """Makes the path, which is good until spoil()."""
    subprocess.run(["ip", "netns", "add", "path"], check=True)
    ip("alice", "link", "del", "veth")
    for host in PEER:
        connect(host)
    for host, peer in PEER.items():
        ip(host, "neigh", "add", OUTER[peer], "lladdr", mac(peer), "dev", "veth",
           "nud", "permanent")
    for host in PEER:
        count_leaving(host)
        pass_on(host)


def spoil(seed):
    """Makes the path bad, with the same random decisions for the same seed."""
    for host in PEER:
        tc(host, "qdisc", "change", "dev", "veth", "root", "netem", *LIMIT, *LOSES,
           "seed", seed)
        tc("path", "qdisc", "change", "dev", f"to_{host}", "root", "netem", *LIMIT,
           *WORSENS, "seed", seed)


def actions(host, kind):
    """Packets that each action of a kind has seen, by its index."""
    listed = json.loads(tc(host, "-s", "-j", "actions", "list", "action", kind))
    return {action["index"]: action["stats"]["packets"]
            for part in listed for action in part.get("actions", [])}


def netem(host, dev):
    """Packets that netem at a device has sent, and buffers that it has dropped."""
    found, = (qdisc for qdisc in json.loads(tc(host, "-s", "-j", "qdisc", "show", "dev", dev))
              if qdisc["kind"] == "netem")
    return found["packets"], found["drops"]


def flow_packets(host):
    """Messages that the only flow of a host has sent, and that it has received."""
    with contextlib.closing(Netlink(host)) as asking:
        found, = asking.dump("FLOW_GET")
    stats = attrs(found[A["FLOW_STATS"]])
    return [int.from_bytes(stats[A[f"STATS_{way}_PACKETS"]], sys.byteorder)
            for way in ("TX", "RX")]


def count(host):
    """Counters of the direction from this host to its peer."""
    peer, base = PEER[host], 10 * (host == "bob")
    left, crossed, rest = (actions(*at) for at in (
        (host, "gact"), ("path", "mirred"), ("path", "gact")))
    crossed_all = crossed[base + DATA] + crossed[base + OTHER]
    passed_all, dropped = netem(host, "veth")
    went_all, spilt = netem("path", f"to_{peer}")
    return Way(
        interface_sent=packets(host, "flow0")[1], flow_sent=flow_packets(host)[0],
        left=left[DATA], left_all=sum(left.values()), dropped=dropped,
        passed_all=passed_all, came_all=crossed_all + rest[base + REST],
        came=crossed[base + DATA], crossed_all=crossed_all, went_all=went_all, spilt=spilt,
        replays=drops(peer)["flows", "replay"], flow_got=flow_packets(peer)[1],
        interface_got=packets(peer, "flow0")[0])


def lost(way):
    """Packets that netem lost."""
    return way.left_all - way.passed_all


def copies(way):
    """Packets that netem added."""
    return way.went_all - way.crossed_all


def unexplained(way):
    """Pairs of counters that differ, but must be equal once no packet is in transit:
    only netem loses or adds packets, each message that crosses is received once, and
    each copy is dropped as a replay."""
    return {what: pair for what, pair in {
        "sent by the interface, and by its flow": (way.interface_sent, way.flow_sent),
        "sent by the flow, and at the device": (way.flow_sent, way.left),
        "let through by netem, and at the path": (way.passed_all, way.came_all),
        "messages at the path, and of the peer's flow": (way.came, way.flow_got),
        "received by the flow, and by the interface": (way.flow_got, way.interface_got),
        "copies, and what was dropped as one": (copies(way), way.replays),
        "dropped where copies are made, and none": (way.spilt, 0),
    }.items() if pair[0] != pair[1]}
