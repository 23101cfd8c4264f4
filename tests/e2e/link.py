# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Interfaces of the kind ipcp_rekey. Usage: link.py REMOVALS, the number of removals
under traffic."""

import errno
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile

from interface import (
    CONNECT, EPOCH, FLOW, INNER, INNER6, LISTEN, OUTER, REKEYED, RX_LEFT, STATE, TX_LEFT,
    carrier, configure, give_addresses, ip, links, lost, make, mtu, number, packets,
    reachable, rekey, shown, tells, there)
from ipcp import (
    A, NET, Late, Netlink, case, drops, enter, fails, note, run, same, unloaded, until,
    write)
from keys import UPCALL_ALLOC, UPCALL_LISTEN, Agents
from transfer import Transfer

REMOVALS = int(sys.argv[1])
REKEYS = 10
PER_LEAF = 1024		# packets
OVERHEAD = 20 + 8 + 28	# IPv4, UDP, header and tag
FIRST_MTU = 1424	# of an interface that has had no flow
PATIENT = {"grace": 600000}

UP, KEYLESS = 1, 8
ETH_P_IP, IP_TOS, IP_RECVTOS = 0x0800, 1, 13
ECT0, CE = 2, 3
UDP_SEGMENT = 103
SO_ZEROCOPY, MSG_ZEROCOPY = 60, 0x4000000
HELD, SEGMENTS = 256, 60	# packets
DATA = 1		# type of a packet with a message
ENOTSUPP = 524		# of the kernel only


@case("ip creates, shows and deletes an interface; without a flow it has no carrier")
def made():
    make("alice")
    same((carrier("alice"), mtu("alice")), (False, FIRST_MTU))
    same(shown("alice"), ({STATE: bytes(4)}, (0, 0, 0)))
    for attribute, value in ((CONNECT, "no name"), (STATE, "x")):
        with fails(errno.EINVAL):
            configure("alice", attribute, value)
    ip("alice", "link", "del", "flow0")


@case("an interface has one queue each way; several are refused, with advice")
def one_queue():
    for option in "numtxqueues", "numrxqueues":
        said = ip("alice", "link", "add", "flow0", option, "4", "type", "ipcp_rekey",
                  wanted=2)
        assert "leave out numtxqueues and numrxqueues" in said, said
        same("flow0" in ip("alice", "link"), False)
        ip("alice", "link", "add", "flow0", option, "1", "type", "ipcp_rekey")
        ip("alice", "link", "del", "flow0")


@case("an interface with a flow has a carrier and the path MTU, and carries IPv4 and IPv6")
def connected():
    with links():
        until(lambda: [mtu(host) for host in INNER] == [1500 - OVERHEAD] * 2,
              "the MTU follows the path")
        reachable()
        info, (held, stalls, flows) = shown("alice")
        same((info[CONNECT], held, stalls, flows), (b"net\0", 0, 0, 1))
        same(shown("bob")[0][LISTEN], b"net\0")
        said = tells("alice")
        same((said["connect"], said["up"], said["flow"], said["keyless"]),
             ("net", True, number("alice", FLOW), False))
        same(number("alice", STATE), UP)
        assert 0 < number("alice", TX_LEFT) < 1 << 33
        assert 0 < number("alice", RX_LEFT) < 1 << 33
        same(lost(), {})


@case("netconsole over an interface is refused: netpoll would send in a hard interrupt")
def netpoll():
    built_in = os.path.exists("/sys/module/netconsole")
    if not built_in:
        subprocess.run(["modprobe", "netconsole"], check=True)
    with links(), tempfile.TemporaryDirectory() as top:
        enter("alice")
        subprocess.run(["mount", "-t", "configfs", "none", top], check=True)
        target = f"{top}/netconsole/target"
        try:
            os.mkdir(target)
            for key, value in (("dev_name", "flow0"), ("local_ip", INNER["alice"]),
                               ("remote_ip", INNER["bob"])):
                write(f"{target}/{key}", value)
            with fails(ENOTSUPP):
                write(f"{target}/enabled", "1")
        finally:
            os.rmdir(target)
            subprocess.run(["umount", top], check=True)
    if not built_in:
        subprocess.run(["rmmod", "netconsole"], check=True)


@case(f"TCP over IPv4 and IPv6 continues across {REKEYS} re-keys without loss")
def rekeys():
    with links(**PATIENT) as agents:
        both = Transfer(), Transfer(INNER6["bob"])
        for count in range(1, REKEYS + 1):
            same(rekey(agents), count)
        note(f"{sum(t.running() for t in both)} of 2 transfers go on")
        for transfer in both:
            transfer.whole()
        same((number("alice", REKEYED), number("bob", EPOCH)), (REKEYS, REKEYS))
        same(lost(), {})


def count_packets():
    """Packets sent by alice and received by bob, and the reverse. Interfaces send
    packets of their own at any time, so the sender's counter is read last, and is never
    less than the receiver's."""
    (back, _, _), (received, returned, _), (_, sent, _) = (
        packets(host, "flow0") for host in ("alice", "bob", "alice"))
    for more, less in (counts := ((sent, received), (returned, back))):
        assert less <= more, counts
    return counts


def counted():
    """All packet counters of both hosts."""
    return {host: ([packets(host, dev) for dev in ("flow0", "veth")],
                   {key: count for key, count in drops(host).items() if count})
            for host in INNER}


@case("large TCP packets arrive whole across key changes, and each packet is counted")
def large():
    with links(packets_per_leaf=PER_LEAF, **PATIENT) as agents:
        reachable()
        before, crossed = count_packets(), packets("alice", "veth")[1]
        failed = [packets(host, "flow0")[2] for host in INNER]
        for address in INNER["bob"], INNER6["bob"]:
            transfer = Transfer(address)
            rekey(agents)
            transfer.whole()
        missing = [sent - received for sent, received in before]
        until(lambda: all(sent - received <= count for (sent, received), count
                          in zip(count_packets(), missing)),
              Late(lambda: f"what was sent was received: {before}, then {counted()}"))
        same(lost(), {})
        same([packets(host, "flow0")[2] for host in INNER], failed)
        sent, crossed = (count_packets()[0][0] - before[0][0],
                         packets("alice", "veth")[1] - crossed)
        note(f"{sent} packets in {crossed} buffers")
        # the size of the buffers depends on how fast TCP measures the path
        assert crossed < 3 * sent // 4, (sent, crossed)


def use_up(agents):
    """Leave alice's flow without a key. Returns its number."""
    flow = number("alice", FLOW)
    agents.alice.do("FLOW_SET", "FLOW", id=flow, max_epoch_age=1)
    until(lambda: there("alice", "ping", "-c", "1", "-W", "1",
                        INNER["bob"]) != 0, "the epoch is too old")
    until(lambda: number("alice", STATE) == UP | KEYLESS, "that is shown")
    return flow


@case("packets are held while there is no key; the next seed releases them")
def keyless():
    with links(**PATIENT) as agents:
        flow = use_up(agents)
        same(carrier("alice"), True)
        held, stalls, _ = shown("alice")[1]
        assert held > 0
        same(stalls, 1)
        agents.alice.do("FLOW_SET", "FLOW", id=flow, max_epoch_age=0)
        rekey(agents)
        until(lambda: number("alice", STATE) == UP and not shown("alice")[1][0],
              "there is a key, and nothing is held")
        same(shown("alice")[1][1], 1)
        reachable()
        same(lost(), {})


@case("no more than 256 packets are held, even of a large one; the rest is counted as dropped")
def overfull():
    with links(**PATIENT) as agents:
        use_up(agents)
        dropped = packets("alice", "flow0")[2][3]
        enter("alice")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
            sock.connect((INNER["bob"], 9))
            for _ in range(HELD // SEGMENTS + 1):
                sock.send(bytes(100 * SEGMENTS))
        until(lambda: shown("alice")[1][0] >= HELD, "the packets are held")
        same(shown("alice")[1][0], HELD)
        assert packets("alice", "flow0")[2][3] > dropped


@case("bytes that are no IP packet are refused and counted")
def not_ip():
    with links():
        enter("alice")
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
            for sent in b"x", b"x" * 1000, b"\x45" + bytes(10):
                sock.sendto(sent, ("flow0", 0))
        same(packets("alice", "flow0")[2], [0, 0, 3, 0])
        reachable()


def datagrams(tos, count=5):
    """TOS bytes of datagrams sent by alice with this traffic class: the set that bob's
    inner socket received, and the set on the outer headers."""
    enter("bob")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
    sock.bind((INNER["bob"], 0))
    sock.settimeout(NET)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    wire.bind(("veth", ETH_P_IP))
    wire.settimeout(NET)
    enter("alice")
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.IPPROTO_IP, IP_TOS, tos)
    inside, outside = set(), set()
    for _ in range(count):
        sender.sendto(b"x" * 1000, sock.getsockname())
        inside.add(sock.recvmsg(2000, 64)[1][0][2][0])
        while True:
            packet = wire.recv(2000)
            if len(packet) > 1000 and packet[28] & 15 == DATA:	# not a probe
                outside.add(packet[1])
                break
    for each in sock, wire, sender:
        each.close()
    return inside, outside


def empty_zerocopy(address):
    """Send an empty zerocopy datagram to bob's inner address. Returns what bob received,
    and the numbers of the first and last send that alice was notified of."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    enter("bob")
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.settimeout(NET)
        enter("alice")
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
            sender.sendto(b"", MSG_ZEROCOPY, sock.getsockname())
            data = sock.recv(100)
            until(lambda: poller(sender).poll(0), "alice is notified")
            error = sender.recvmsg(100, 100, socket.MSG_ERRQUEUE)[1][0][2]
            return data, struct.unpack_from("=2I", error, 8)


def poller(sock):
    """A poll object for errors of a socket."""
    poll = select.poll()
    poll.register(sock, 0)
    return poll


@case("empty zerocopy datagrams arrive over IPv4 and IPv6, and their senders are notified")
def zerocopy():
    with links():
        for address in INNER["bob"], INNER6["bob"]:
            same(empty_zerocopy(address), (b"", (0, 0)))
        reachable()
        same(lost(), {})


def delivered_ce():
    """The number of packets delivered with CE, as reported to alice's TCP."""
    words = subprocess.run(["ip", "netns", "exec", "alice", "nstat", "-asz",
                            "TcpExtTCPDeliveredCE"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    return int(words[words.index("TcpExtTCPDeliveredCE") + 1])


def tcp_ecn(mode):
    """Set whether TCP requests ECN."""
    for host in INNER:
        same(there(host, "sysctl", "-qw", f"net.ipv4.tcp_ecn={mode}"), 0)


def told_ce():
    """The number of CE marks reported to TCP in a transfer over IPv4 and one over
    IPv6."""
    first = delivered_ce()
    for address in INNER["bob"], INNER6["bob"]:
        Transfer(address).whole()
    return delivered_ce() - first


@case("ECN is encapsulated as in RFC 6040; outer headers carry no DSCP")
def ecn():
    with links():
        tcp_ecn(1)
        same(told_ce(), 0)
        same(datagrams(0xb8), ({0xb8}, {0}))
        same(datagrams(0xb8 | ECT0), ({0xb8 | ECT0}, {ECT0}))
        # mark packets like a congested router
        rules = ("table ip outer { chain out { type filter hook output priority 0;"
                 " udp dport 3435 ip ecn ect0 ip ecn set ce; }; }")
        same(there("alice", "nft", rules), 0)
        try:
            same(datagrams(0xb8 | ECT0), ({0xb8 | CE}, {CE}))
            marked = told_ce()
            note(f"TCP was told of {marked} packets")
            assert marked, "large packets of TCP lose the mark"
        finally:
            tcp_ecn(2)
            there("alice", "nft", "delete table ip outer")
        same(lost(), {})


@case("no packet is lost when one buffer in 20 is marked CE")
def seldom_marked():
    with links():
        tcp_ecn(1)
        before = packets("bob", "flow0")[2]
        rules = ("table ip outer { chain out { type filter hook output priority 0;"
                 " udp dport 3435 ip ecn ect0 numgen inc mod 20 0 ip ecn set ce; }; }")
        same(there("alice", "nft", rules), 0)
        try:
            marked = told_ce()
        finally:
            tcp_ecn(2)
            there("alice", "nft", "delete table ip outer")
        note(f"TCP was told of {marked} packets")
        assert marked, "no mark arrived"
        same(packets("bob", "flow0")[2], before, "packets that failed or were dropped")
        same(lost(), {})


def told(words):
    """True if the kernel log has these words."""
    return words in subprocess.run(["dmesg"], check=True, text=True,
                                   stdout=subprocess.PIPE, timeout=NET).stdout


@case("senders are told when the path MTU shrinks, and the interface MTU follows")
def narrower():
    with links():
        transfer = Transfer()
        for host in INNER:
            ip(host, "link", "set", "veth", "mtu", "1280")
        try:
            transfer.whole()
            until(lambda: mtu("alice") == 1280 - OVERHEAD, "the MTU follows")
            same("fd99::" in ip("alice", "-6", "addr", "show", "flow0"), False)
            same(told("flow0: MTU 1224 is too small for IPv6, which needs 1280"), True)
            for host in INNER:
                ip(host, "link", "set", "veth", "mtu", "1500")
            Transfer().whole()
            until(lambda: mtu("alice") == 1500 - OVERHEAD, "the MTU follows again")
        finally:
            for host in INNER:
                ip(host, "link", "set", "veth", "mtu", "1500")


@case("an MTU given at creation stays, even if it is the one of an interface without a flow")
def limited():
    with links(options=("mtu", str(FIRST_MTU))):
        until(lambda: mtu("bob") == 1500 - OVERHEAD, "bob's MTU follows the path")
        reachable()
        same(mtu("alice"), FIRST_MTU)


@case("the peer may change its address under traffic")
def roams():
    with links():
        transfer = Transfer()
        ip("alice", "addr", "del", f"{OUTER['alice']}/24", "dev", "veth")
        ip("alice", "addr", "add", "10.77.0.3/24", "dev", "veth")
        try:
            transfer.whole()
        finally:
            ip("alice", "addr", "flush", "dev", "veth", "scope", "global")
            for address in OUTER["alice"] + "/24", "fd77::1/64":
                ip("alice", "addr", "add", address, "dev", "veth",
                   *(["nodad"] if ":" in address else []))


@case("an interface works in a namespace without other devices, and ends with it")
def moves():
    with links():
        subprocess.run(["ip", "netns", "add", "carol"], check=True)
        ip("alice", "link", "set", "flow0", "netns", "carol")
        give_addresses("carol", "alice")
        reachable("carol")
        subprocess.run(["ip", "netns", "del", "carol"], check=True)
        until(lambda: not carrier("bob"), "bob has no carrier")
    until(lambda: not Netlink("alice").dump("FLOW_GET"), "no flow is left")


@case("the namespace of the flow may end before the interface")
def outer_ends():
    subprocess.run(["ip", "netns", "add", "carol"], check=True)
    ip("carol", "link", "add", "flow0", "type", "ipcp_rekey")
    configure("carol", CONNECT, "net")
    ip("carol", "link", "set", "flow0", "netns", "alice")
    subprocess.run(["ip", "netns", "del", "carol"], check=True)

    def ended():
        try:
            configure("alice", CONNECT, "net")
        except OSError as err:
            return err.errno == errno.ENODEV
        return False
    until(ended, "it is known that the namespace ended")
    ip("alice", "link", "del", "flow0")


@case("an interface gets a new flow after a flow ended; without an agent it waits for one")
def again():
    with links() as agents:
        asked = agents.alice.upcall
        same(there("bob", "ipcp-rekey", "netdev", "end", "flow0"), 0)
        until(lambda: not carrier("alice"), "alice has no carrier")
        configure("bob", LISTEN, "net")
        granted = agents.bob.upcall(UPCALL_LISTEN)
        agents.bob.do("UPCALL_DONE", "UPCALL", id=granted[A["UPCALL_ID"]], error=0)
        agents.answer("net", asked(UPCALL_ALLOC))
        until(lambda: carrier("alice") and carrier("bob"), "there is another")
        same(shown("alice")[1][2], 2)
        reachable()
    make("alice")
    configure("alice", CONNECT, "net")
    with Agents() as agents:
        agents.alice.upcall(UPCALL_ALLOC)
    ip("alice", "link", "del", "flow0")


@case("an interface requests its name again after a refusal and after an agent restart")
def refused():
    make("bob")
    with Agents() as agents:
        configure("bob", LISTEN, "net")
        agents.bob.upcall(UPCALL_LISTEN)
    with Agents() as agents:
        for error in errno.EACCES, 0:
            asked = agents.bob.upcall(UPCALL_LISTEN)
            agents.bob.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]], error=error)
    ip("bob", "link", "del", "flow0")


@case(f"an interface is removed under traffic {REMOVALS} times, at either end")
def removed():
    for count in range(REMOVALS):
        with links():
            transfer = Transfer(size=64 << 20)
            until(lambda: number("bob", STATE) == UP, "it is up")
            ip(("alice", "bob")[count % 2], "link", "del", "flow0")
            transfer.end()


@case("the module unloads once no interface has a flow, and removes the remaining interfaces")
def module_goes():
    with links():
        same(unloaded(), False)
        reachable()
    make("alice")
    until(unloaded, "the module goes")
    same("flow0" in ip("alice", "link"), False)
    same(subprocess.run(["modprobe", "ipcp_rekey"], check=False).returncode, 0)


run()
