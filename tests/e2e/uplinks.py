# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Paths of hosts with several addresses: the one that was asked answers, and a
flow goes on over another uplink.
"""

import errno
import os
import re
import subprocess

from ipcp import (
    PORT, RB_FLOWPEER, Netlink, case, enter, fails, pair, run, same, settled, show,
    sockaddr, talk, until)

HOSTS = os.environ["HOSTS"]
ENDS = {}


def ip(host, *args):
    """Runs ip there."""
    subprocess.run(["ip", "-n", host, *args], check=True, timeout=60)


def address(end):
    """The peer's address, and its port."""
    host, port = show(end)["peer"].rsplit(":", 1)
    return host, int(port)


def local(end):
    """The address of this host."""
    return show(end)["local"]


def heard(end, text):
    """Whether a message of that text waits, after others."""
    while end.poll(1):
        if end.read() == text:
            return True
    return False


@case("the address that was asked answers, though routing prefers another")
def asked():
    one, other = pair("far")
    ENDS["far"] = one, other
    talk(one, other)
    settled(one, other)
    same(address(one), ("10.99.0.2", PORT))
    same(local(other), "10.99.0.2")
    same(address(other)[0], "10.77.0.1")
    same(local(one), "10.77.0.1")


@case("packets of the flow leave from a port of its own, those of the agent, too")
def ports():
    assert address(ENDS["far"][1])[1] != PORT, show(ENDS["far"][1])


def fail_over(gone, stays, speaker):
    """One end goes on talking while the uplink in use fails."""
    one, other = ENDS["far"]
    ids = [end.info().id for end in (one, other)]
    same(address(other)[0], gone)
    ip("alice", "link", "set", {"10.77.0.1": "veth", "10.78.0.1": "veth2"}[gone], "down")
    text = b"on another way " + stays.encode()
    sender, receiver = (one, other) if speaker == "alice" else (other, one)

    def arrives():
        sender.write(text)
        return heard(receiver, text)
    until(arrives, f"a message of {speaker} arrives over {stays}")
    assert not one.info().rb_flags & RB_FLOWPEER, "alice lost bob"
    assert not other.info().rb_flags & RB_FLOWPEER, "bob lost alice"
    until(lambda: address(other)[0] == stays, "bob follows")
    same(address(one), ("10.99.0.2", PORT))
    same(local(other), "10.99.0.2")
    until(lambda: local(one) == stays, "alice leaves from the other address")
    same([end.info().id for end in (one, other)], ids)
    talk_again(one, other)


def talk_again(one, other):
    """Messages still go both ways, after those that were late."""
    for end, to in ((one, other), (other, one)):
        end.write(b"the last one")
        until(lambda to=to: heard(to, b"the last one"), "the last message arrives")


@case("the uplink fails while the initiator sends: the flow goes on over the other")
def initiator_sends():
    fail_over("10.77.0.1", "10.78.0.1", "alice")


@case("the uplink fails while only the responder sends: likewise")
def responder_sends():
    ip("alice", "link", "set", "veth", "up")
    ip("alice", "route", "replace", "10.99.0.2", "via", "10.77.0.2", "metric", "10")
    fail_over("10.78.0.1", "10.77.0.1", "bob")
    ip("alice", "link", "set", "veth2", "up")
    for end in ENDS.pop("far"):
        end.close()


@case("answers of a host with two addresses pass a stateful firewall")
def firewall():
    enter("alice")
    subprocess.run(["nft", "-f", "-"], check=True, timeout=60, text=True, input="""
        table inet guard {
            chain in {
                type filter hook input priority 0; policy accept;
                iifname "veth" udp sport 3435 ct state new counter drop
                iifname "veth" udp sport 3435 ct state invalid counter drop
            }
        }""")
    one, other = pair("second")
    talk(one, other)
    settled(one, other)
    same(address(one), ("10.77.0.3", PORT))
    same(local(other), "10.77.0.3")
    enter("alice")
    rules = subprocess.run(["nft", "list", "table", "inet", "guard"], check=True,
                           stdout=subprocess.PIPE, timeout=60, text=True).stdout
    same(re.findall(r"packets (\d+)", rules), ["0", "0"])
    subprocess.run(["nft", "delete", "table", "inet", "guard"], check=True, timeout=60)
    one.close()
    other.close()


@case("a link-local address goes to its interface")
def link_local():
    one, other = pair("near")
    talk(one, other)
    settled(one, other)
    host, port = address(one)
    assert re.fullmatch(r"\[fe80::[0-9a-f:]+%veth\]", host), host
    same(port, PORT)
    assert local(one).startswith("fe80::"), local(one)
    assert local(other).startswith("fe80::"), local(other)
    one.close()
    other.close()


def config_of(line):
    """What the agent says to a configuration with a name's address."""
    conf = f"{HOSTS}/alice/wrong.conf"
    with open(conf, "w", encoding="ascii") as f:
        f.write(f'name "n" {{ address = "{line}" }}\n')
    done = subprocess.run(["ipcp-rekeyd", "--test", "--config", conf], timeout=60,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode, "accepted"
    return done.stderr


@case("an address of a wrong interface, or of none, is refused with what to write")
def wrong_addresses():
    enter("alice")
    for text, reason in (
            ("fe80::1", "give the interface of a link-local address, such as fe80::1%eth0"),
            ("fd77::2%veth", "only a link-local address has an interface"),
            ("10.77.0.2%veth", "give an IPv4 or IPv6 address"),
            ("fe80::", "give the interface")):
        said = config_of(text)
        assert f"address = {text}: {reason}" in said, said


@case("the kernel refuses an address and a socket that cannot be")
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
