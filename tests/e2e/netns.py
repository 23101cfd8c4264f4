# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A network namespace ends while messages of its flows are in flight, in a queue
outside of it: alice and bob are ports of a bridge, and the link from the bridge to bob
is slow."""

import contextlib
import errno
import os
import socket
import struct
import subprocess

from interface import carrier, connect, make
from ipcp import (
    A, PORT, Endpoint, case, enter, fails, holders, note, run, same, talk, until, warnings)
from keys import UPCALL_ALLOC, Agents

NOBODY = 65534
MESSAGES = 200
HERE = os.open("/proc/self/ns/net", os.O_RDONLY)
ADDRESSES = {socket.AF_INET: {"alice": "10.77.0.1", "bob": "10.77.0.2"},
             socket.AF_INET6: {"alice": "fd77::1", "bob": "fd77::2"}}
TRICKLE = "tbf rate 1kbit burst 2000 limit 200000"
FAST = "tbf rate 1gbit burst 200000 limit 200000"


def shell(command):
    """Run a command outside of both hosts, so that this process holds neither
    namespace."""
    os.setns(HERE, os.CLONE_NEWNET)
    return subprocess.run(["bash", "-ec", command], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def sockaddr(family, host):
    """The address of a host's agent."""
    address = socket.inet_pton(family, ADDRESSES[family][host])
    head = struct.pack("=H", family) + struct.pack(">H", PORT)
    return head + (address + bytes(8) if family == socket.AF_INET else
                   bytes(4) + address + bytes(4))


@contextlib.contextmanager
def bridged():
    """Create both hosts anew, on a bridge with the ports to_alice and to_bob. One
    processor receives all packets of bob: two processors emptying a queue in turns
    would let the last packet of a flow, which closes it, overtake others."""
    shell("ip link add br0 up type bridge")
    try:
        for host in "alice", "bob":
            shell(f"""
                ip netns del {host} 2>/dev/null || :
                ip netns add {host}
                ip link add to_{host} type veth peer name veth netns {host}
                ip link set to_{host} master br0 up
                ip netns exec {host} sysctl -q -w net.ipv6.conf.veth.accept_dad=0
                ip -n {host} link set lo up
                ip -n {host} link set veth up
                ip -n {host} addr add {ADDRESSES[socket.AF_INET][host]}/24 dev veth
                ip -n {host} addr add {ADDRESSES[socket.AF_INET6][host]}/64 \
                    dev veth nodad""")
        shell("ip netns exec bob bash -ec "
              "'echo 1 >/sys/class/net/veth/queues/rx-0/rps_cpus'")
        yield
    finally:
        shell("ip link del br0; ip link del to_bob")


class Limited(Agents):
    """Agents on addresses of one family; programs of alice belong to a user when they
    request a flow."""

    def __init__(self, family, user=NOBODY):
        super().__init__()
        self.family, self.user = family, user

    def at(self, host):
        return sockaddr(self.family, host)

    def begin(self, name, fd=None):
        one = Endpoint("alice", os.O_NONBLOCK, fd=fd)
        os.setresuid(self.user, self.user, 0)
        try:
            with fails(errno.EINPROGRESS):
                one.alloc(name)
        finally:
            os.setresuid(0, 0, 0)
        return one, self.alice.upcall(UPCALL_ALLOC)

    def peer(self, one):
        """The socket address that a flow of alice sends to."""
        number = struct.pack("=I", one.info().id)
        return self.alice.do("FLOW_GET", "FLOW", id=number)[A["FLOW_PEER"]]


def backlog(device, host=None):
    """The number of packets in a device's queue."""
    where = f"-n {host} " if host else ""
    shown = shell(f"tc {where}-s qdisc show dev {device}")
    return int(shown.split("backlog ")[1].split()[1].rstrip("p"))


def end_alice(agents, one):
    """Close all descriptors of alice, and wait for the end of the namespace."""
    one.close()
    agents.alice.close()
    shell("ip netns del alice")
    # the peer of its device is removed after the module's state of the namespace
    until(lambda: not os.path.exists("/sys/class/net/to_alice"),
          "the namespace has ended")


def queue_outside(family, user=NOBODY):
    """Close the flow and end the namespace, then let the queued messages pass."""
    with bridged():
        agents = Limited(family, user)
        one, other = agents.flow("demo")
        same(agents.peer(one)[:2], struct.pack("=H", family), "the family of the flow")
        talk(one, other)
        until(lambda: holders() == 2, "all messages have left: two files")
        shell(f"tc qdisc add dev to_bob root {TRICKLE}")
        for i in range(MESSAGES):
            one.write(b"%03d" % i + bytes(200))
        end_alice(agents, one)
        waiting = backlog("to_bob")
        note(f"{waiting} packets wait")
        assert waiting > MESSAGES // 2, waiting
        same(holders(), 2, "bob's file and the messages")
        shell(f"tc qdisc change dev to_bob root {FAST}")
        same([other.receive() for _ in range(MESSAGES)],
             [b"%03d" % i + bytes(200) for i in range(MESSAGES)], "messages that came")
        until(lambda: holders() == 1, "no message is on its way")
        other.close()
        agents.bob.close()


@case("IPv4 messages outlive their namespace in a queue of another namespace")
def ipv4():
    queue_outside(socket.AF_INET)


@case("IPv6 messages, whose routes belong to the namespace, outlive it")
def ipv6():
    queue_outside(socket.AF_INET6)


@case("messages of root, which is not limited, outlive their namespace")
def privileged():
    for family in ADDRESSES:
        queue_outside(family, user=0)


@case("messages in a queue of the namespace itself end with the namespace")
def queue_inside():
    with bridged():
        agents = Limited(socket.AF_INET)
        one, other = agents.flow("demo")
        shell(f"tc -n alice qdisc add dev veth root {TRICKLE}")
        for _ in range(MESSAGES):
            one.write(bytes(200))
        assert backlog("veth", "alice") > MESSAGES // 2
        end_alice(agents, one)
        until(lambda: holders() == 1, "no message is on its way: bob's file")
        other.close()
        agents.bob.close()


@case("the peer is told when an interface's flow ends with its namespace")
def interface_inside():
    with bridged():
        agents = Limited(socket.AF_INET)
        for host in "alice", "bob":
            make(host)
        connect(agents)
        agents.alice.close()
        shell("ip netns del alice")
        until(lambda: not carrier("bob"), "bob's interface has no carrier")
        shell("ip -n bob link del flow0")
        agents.bob.close()


@case("the module can be unloaded, and the kernel did not warn")
def no_traces():
    enter("bob")
    until(lambda: subprocess.run(["rmmod", "ipcp_rekey"], check=False,
                                 stderr=subprocess.DEVNULL).returncode == 0,
          "the module goes")
    same(warnings()[BEGIN:], [])


BEGIN = len(warnings())
run()
