# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Paths of hosts with several addresses: the requested address answers, and a flow
continues over another uplink."""

import ctypes
import errno
import functools
import os
import re
import select
import socket
import struct
import subprocess

from ipcp import (
    NET, PORT, RB_FLOWPEER, Netlink, case, drops, enter, fails, flows, line, pair, run,
    same, settled, show, sockaddr, status_of, talk, tool, until)

HOSTS = os.environ["HOSTS"]
FAMILIES = "IPv4", "IPv6"
DEVICES = {77: "veth", 78: "veth2"}	# of alice, by network
METRICS = {77: 10, 78: 20}		# of alice's routes to bob's service
ETH_P_ALL = 3
SYS_BPF, BPF_PROG_LOAD, BPF_OBJ_PIN, BPF_LWT_XMIT = 321, 5, 6, 12
LIBC = ctypes.CDLL(None, use_errno=True)
ENDS = {}
STEPS = []


def ip(host, *args):
    """Run ip at a host."""
    subprocess.run(["ip", "-n", host, *args], check=True, timeout=NET)


def at(family, net, host):
    """The address of a host in a network."""
    return {"IPv4": f"10.{net}.0.{host}", "IPv6": f"fd{net}::{host}"}[family]


def service(family):
    """The address of bob that both uplinks lead to."""
    return at(family, 99, 2)


def address(end):
    """Address and port of the peer."""
    host, port = show(end)["peer"].rsplit(":", 1)
    return host.strip("[]"), int(port)


def local(end):
    """The local address of the flow."""
    return show(end)["local"]


def heard(end, text):
    """True if a message of that text waits, possibly after others."""
    while end.poll(1):
        if end.read() == text:
            return True
    return False


class Wire:
    """The packets of flows that come to bob over a network, from now on."""

    def __init__(self, net):
        enter("bob")
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((DEVICES[net], ETH_P_ALL))

    def came(self):
        """True if another one has come."""
        while select.select([self.sock], [], [], 0)[0]:
            packet, (_dev, _protocol, kind, *_) = self.sock.recvfrom(65536)
            start, protocol = ((40, packet[6]) if packet[0] >> 4 == 6 else
                               ((packet[0] & 15) * 4, packet[9]))
            if (kind != socket.PACKET_OUTGOING and protocol == socket.IPPROTO_UDP and
                    struct.unpack_from(">H", packet, start + 2)[0] == PORT):
                return True
        return False

    def close(self):
        """Close the socket."""
        self.sock.close()


def step(name):
    """Mark a case that runs for each family, with the family as its argument. The
    cases of one family run in a row, since all flows of the hosts go over the same
    uplinks."""
    def add(fn):
        STEPS.append((name, fn))
        return fn
    return add


def up(net):
    """Restore alice's uplink, with the addresses and routes that went away with it."""
    dev = DEVICES[net]
    ip("alice", "link", "set", dev, "up")
    ip("alice", "addr", "replace", f"{at('IPv4', net, 1)}/24", "dev", dev)
    ip("alice", "addr", "replace", f"{at('IPv6', net, 1)}/64", "dev", dev, "nodad")
    for family in FAMILIES:
        ip("alice", "route", "replace", service(family), "via", at(family, net, 2),
           "metric", str(METRICS[net]))


@step("the requested address answers, even if routing prefers another")
def asked(family):
    one, other = pair(f"far-{family}")
    ENDS[family] = one, other
    talk(one, other)
    settled(one, other)
    same(address(one), (service(family), PORT))
    same(local(other), service(family))
    same(address(other)[0], at(family, 77, 1))
    same(local(one), at(family, 77, 1))


@step("packets of the initiator leave from a port other than the agents' port")
def ports(family):
    assert address(ENDS[family][1])[1] != PORT, show(ENDS[family][1])


def follows(family, stays, wire):
    """Bob, who keeps sending, follows alice to the other uplink: two of her packets are
    enough. While she has no message to send, they are keepalives."""
    other = ENDS[family][1]
    for _ in range(2):
        other.write(b"lost, if bob does not know the way")
        until(wire.came, "alice sends over the other uplink")
        ping(family, stays)
        if address(other)[0] == at(family, stays, 1):
            return
    raise AssertionError("bob does not follow after two packets")


def fail_over(family, gone, stays, speaker):
    """One end sends while the uplink in use fails."""
    one, other = ENDS[family]
    ids = [end.info().id for end in (one, other)]
    same(address(other)[0], at(family, gone, 1))
    lost = drops("alice", one)["flows", "tx-route"]
    ip("alice", "link", "set", DEVICES[gone], "down")
    # until now alice may have sent over the other uplink from the address of this one
    wire = Wire(stays)
    text = f"on another way {stays}".encode()
    if speaker == "bob":
        follows(family, stays, wire)
        other.write(text)
        until(lambda: heard(one, text), f"the next message arrives over {stays}")
    else:
        one.write(text)
        until(lambda: heard(other, text), f"the first message arrives over {stays}")
    wire.close()
    same(drops("alice", one)["flows", "tx-route"], lost,
         "packets of alice without a route")
    assert not one.info().rb_flags & RB_FLOWPEER, "alice lost bob"
    assert not other.info().rb_flags & RB_FLOWPEER, "bob lost alice"
    until(lambda: address(other)[0] == at(family, stays, 1), "bob follows")
    same(address(one), (service(family), PORT))
    same(local(other), service(family))
    until(lambda: local(one) == at(family, stays, 1), "alice leaves from the other address")
    same([end.info().id for end in (one, other)], ids)
    talk_again(one, other)


def talk_again(one, other):
    """Messages still go both ways, after those that were late."""
    for end, to in ((one, other), (other, one)):
        end.write(b"the last one")
        until(lambda to=to: heard(to, b"the last one"), "the last message arrives")


@step("the flow moves to the other uplink with the next message of the initiator")
def initiator_sends(family):
    fail_over(family, 77, 78, "alice")


@step("the flow moves with two keepalives at most while only the responder sends")
def responder_sends(family):
    up(77)
    fail_over(family, 78, 77, "bob")
    up(78)
    for end in ENDS.pop(family):
        end.close()
    until(lambda: not any(map(flows, ("alice", "bob"))), "no flow is left")
    arrived(family)


def ping(family, net):
    """Let alice ping bob over an uplink. Bob has handled all that came over it before."""
    subprocess.run(["ip", "netns", "exec", "alice", "ping", "-c", "1", "-W", "20",
                    "-I", DEVICES[net], at(family, net, 2)],
                   check=True, stdout=subprocess.DEVNULL, timeout=NET)


def arrived(family):
    """Wait until all that bob has sent has arrived: a ping reply of bob's comes after
    it, on each uplink."""
    for net in DEVICES:
        ping(family, net)


@step("answers of a host with two addresses pass a stateful firewall")
def firewall(family):
    enter("alice")
    subprocess.run(["nft", "-f", "-"], check=True, timeout=NET, text=True, input="""
        table inet guard {
            chain in {
                type filter hook input priority 0; policy accept;
                iifname "veth" udp sport 3435 ct state new counter drop
                iifname "veth" udp sport 3435 ct state invalid counter drop
                iifname "veth" udp sport 3435 ct state established counter
            }
        }""")
    one, other = pair(f"second-{family}")
    talk(one, other)
    settled(one, other)
    same(address(one), (at(family, 77, 3), PORT))
    same(local(other), at(family, 77, 3))
    enter("alice")
    rules = subprocess.run(["nft", "list", "table", "inet", "guard"], check=True,
                           stdout=subprocess.PIPE, timeout=NET, text=True).stdout
    new, invalid, established = map(int, re.findall(r"packets (\d+)", rules))
    same((new, invalid), (0, 0))
    assert established, rules
    subprocess.run(["nft", "delete", "table", "inet", "guard"], check=True, timeout=NET)
    one.close()
    other.close()


for _family in FAMILIES:
    for _name, _fn in STEPS:
        case(f"{_family}: {_name}")(functools.partial(_fn, _family))


def program(command, name):
    """Start ipcp-rekey at one end of a flow."""
    enter("bob" if command == "listen" else "alice")
    return subprocess.Popen(["ipcp-rekey", command, name], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def no_route_for(server, client):
    """A message that is sent while there is no route must arrive once there is one."""
    print("before", file=client.stdin, flush=True)
    same(line(server.stdout), "before\n")
    for dev in DEVICES.values():
        ip("alice", "link", "set", dev, "down")
    number = drops("alice")["flows", "tx-route"]
    print("meanwhile", file=client.stdin, flush=True)
    # more packets than the kernel sends by itself, or the program has ended
    until(lambda: client.poll() is not None or
          drops("alice")["flows", "tx-route"] > number + 9, "packets find no route")
    assert client.poll() is None, "connect gave up"
    for net in DEVICES:
        up(net)
    same(line(server.stdout), "meanwhile\n")
    client.stdin.close()
    same((status_of(client), status_of(server)), (0, 0))


@case("a sending program survives a time without any route")
def no_route():
    name = "far-IPv4"
    with program("listen", name) as server:
        try:
            until(lambda: any(n["name"] == name and n["granted"]
                              for n in tool("bob", "name", "list")), "bob serves")
            with program("connect", name) as client:
                try:
                    no_route_for(server, client)
                finally:
                    client.terminate()
        finally:
            server.terminate()
            for net in DEVICES:
                up(net)


@case("a flow to a link-local address goes over its interface")
def link_local():
    one, other = pair("near")
    talk(one, other)
    settled(one, other)
    host, port = address(one)
    assert re.fullmatch(r"fe80::[0-9a-f:]+%veth", host), host
    same(port, PORT)
    for end in (one, other):
        assert re.fullmatch(r"fe80::[0-9a-f:]+%veth", local(end)), local(end)
    one.close()
    other.close()


# LWT_XMIT: set the mark, *(u32 *)(ctx + 8) = 1, and return BPF_LWT_REROUTE
REROUTE = struct.pack("=" + "BBhi" * 4, 0xb4, 2, 0, 1, 0x63, 0x21, 8, 0,
                      0xb4, 0, 0, 128, 0x95, 0, 0, 0)
BPF = f"{HOSTS}/bpf"		# "ip -n" hides what is mounted below /sys
PINNED = f"{BPF}/reroute"


def bpf(command, *fields):
    """bpf(2), with fields of 32 or 64 bits."""
    attr = struct.pack(*fields)
    result = LIBC.syscall(SYS_BPF, command, attr, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return result


def pin_program():
    """Load the program, and pin it at PINNED."""
    os.mkdir(BPF)
    subprocess.run(["mount", "-t", "bpf", "bpf", BPF], check=True)
    code, licence = ctypes.create_string_buffer(REROUTE), ctypes.create_string_buffer(b"GPL")
    fd = bpf(BPF_PROG_LOAD, "=IIQQ", BPF_LWT_XMIT, len(REROUTE) // 8,
             ctypes.addressof(code), ctypes.addressof(licence))
    path = ctypes.create_string_buffer(PINNED.encode())
    bpf(BPF_OBJ_PIN, "=QI", ctypes.addressof(path), fd)
    os.close(fd)


@case("packets that a BPF program of their route reroutes stay in their namespace")
def rerouted():
    one, other = pair("far-IPv6")
    talk(one, other)
    settled(one, other)
    via = service("IPv6"), "via", at("IPv6", 77, 2)
    pin_program()
    ip("alice", "-6", "rule", "add", "fwmark", "1", "lookup", "100")
    ip("alice", "route", "add", *via, "table", "100")
    ip("alice", "route", "add", *via, "metric", "1", "encap", "bpf", "xmit", "pinned", PINNED)
    sent = show(one)["stats"]["tx_packets"]
    talk(one, other)
    assert show(one)["stats"]["tx_packets"] > sent
    ip("alice", "route", "del", *via, "metric", "1")
    ip("alice", "-6", "rule", "del", "fwmark", "1", "lookup", "100")
    one.close()
    other.close()


def config_of(line):
    """The error of ipcp-rekeyd for a configuration with this address of a name."""
    conf = f"{HOSTS}/alice/wrong.conf"
    with open(conf, "w", encoding="ascii") as f:
        f.write(f'name "n" {{ address = "{line}" }}\n')
    done = subprocess.run(["ipcp-rekeyd", "--test", "--config", conf], timeout=NET,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode, "accepted"
    return done.stderr


@case("an address with a wrong or missing interface is refused, with a hint what to write")
def wrong_addresses():
    enter("alice")
    for text, reason in (
            ("fe80::1", "give the interface of a link-local address, such as fe80::1%eth0"),
            ("fd77::2%veth", "only a link-local address has an interface"),
            ("10.77.0.2%veth", "give an IPv4 or IPv6 address"),
            ("fe80::", "give the interface")):
        said = config_of(text)
        assert f"address = {text}: {reason}" in said, said


@case("the kernel refuses an invalid local address or socket")
def refused():
    nl = Netlink("bob")
    message = {"peer": sockaddr("alice"), "payload": b"x"}
    for bad in ({"socket": 7}, {"socket": 1 << 31}, {"local": bytes(16)},
                {"local": b"x"}):
        with fails(errno.EINVAL):
            nl.do("CTRL_SEND", "UPCALL", **message, **bad)
    nl.do("CTRL_SEND", "UPCALL", **message, socket=0, local=bytes(4))
    nl.close()


run()
