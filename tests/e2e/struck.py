# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A peer is removed from the list of a name while it has a flow to the name."""

import errno
import os
import re
import select
import signal

from ipcp import (
    ALLOCATED, Endpoint, agent, case, fails, pair, rekey, run, same, settled, talk,
    until, warnings)

FOLDER = f"{os.environ['HOSTS']}/bob"
PEER = "client.demo"	# alice, as the client of demo
KEEP = f"'{PEER}' may not keep a flow to demo: see its peers"
ALLOCATE = f"'{PEER}' may not allocate to demo: see its peers"
ENDS = {}
before = warnings()


def text(name):
    """The contents of a file of bob's."""
    with open(f"{FOLDER}/{name}", encoding="utf-8") as f:
        return f.read()


def reloads():
    """The number of times that bob's agent has reloaded its configuration."""
    return text("agent.log").count("reloaded")


def allow(*peers):
    """Let only these peers allocate flows to demo at bob."""
    listed = ", ".join(f'"{peer}"' for peer in peers)
    conf, count = re.subn(r'(?m)^name "demo" \{\n(\tpeers = .*\n)?',
                          f'name "demo" {{\n\tpeers = {{{listed}}}\n',
                          text("agent.conf"))
    same(count, 1, "names")
    seen = reloads()
    with open(f"{FOLDER}/agent.conf", "w", encoding="utf-8") as f:
        f.write(conf)
    os.kill(int(os.environ["AGENT_bob"]), signal.SIGHUP)
    until(lambda: reloads() > seen, "bob's agent reads its configuration")


def newest(name):
    """The newest epochs of both ends."""
    return [end.info().newest_epoch for end in ENDS[name]]


def failure(end):
    """The failing re-keys of the flow, as this end's agent reports them."""
    for found in agent(end.host)["failed"]:
        if found["flow"] == end.info().id:
            return found
    return {"times": 0, "reason": ""}


def rekeyed(name):
    """Re-key the flow, which must succeed at once."""
    seen = newest(name)[0]
    rekey("alice", ENDS[name][0].info().id)
    until(lambda: min(newest(name)) > seen, f"{name} is re-keyed")
    talk(*ENDS[name])
    settled(*ENDS[name])


def expired(end, to):
    """True if a message is refused since the keys are too old. Until then it must
    arrive."""
    try:
        end.write(b"still there?")
    except OSError as err:
        same(err.errno, errno.EKEYEXPIRED)
        return True
    same(to.receive(), b"still there?")
    return False


@case("the flow of a listed peer is re-keyed")
def listed():
    allow("client.other", PEER)
    for name in "demo", "kept":
        ENDS[name] = pair(name)
        talk(*ENDS[name])
        settled(*ENDS[name])
        rekeyed(name)


@case("re-keys of a peer removed from the list are refused; both agents report why")
def struck():
    allow("client.other")
    one, other = ENDS["demo"]
    rekey("alice", one.info().id)
    for end in one, other:
        until(lambda end=end: KEEP in failure(end)["reason"], f"{end.host}'s agent says why")
    same(text("agent.log").count(KEEP), 1)


@case("further re-keys are refused, without new keys; the flow to another name is re-keyed")
def again():
    one, other = ENDS["demo"]
    seen, times = newest("demo"), failure(other)["times"]
    rekey("alice", one.info().id)
    until(lambda: failure(other)["times"] > times, "it is refused again")
    same(newest("demo"), seen)
    rekeyed("kept")
    same(newest("demo"), seen)


@case("a new flow of the removed peer is refused")
def refused():
    listener = Endpoint("bob").listen("demo")
    asks = Endpoint("alice")
    with fails(errno.EACCES):
        asks.alloc("demo")
    assert ALLOCATE in text("agent.log"), "bob's agent does not say why"
    same(listener.poll(select.POLLIN), 0)
    asks.close()
    listener.close()


@case("writes fail with EKEYEXPIRED once the keys are too old; the flow stays allocated")
def told():
    seen = newest("demo")
    one, other = ENDS["demo"]
    for end, to in (one, other), (other, one):
        until(lambda end=end, to=to: expired(end, to), f"{end.host}'s keys are too old")
        same(end.poll(select.POLLOUT), 0)
        same(end.info().state, ALLOCATED)
    same(newest("demo"), seen)


@case("a peer back on the list gets new keys, and the same flow carries messages again")
def back():
    one, other = ENDS["demo"]
    ids = [end.info().id for end in (one, other)]
    seen = newest("demo")[0]
    allow(PEER)
    rekey("alice", one.info().id)
    for end in one, other:
        end.wait(select.POLLOUT)
    talk(one, other, b"again")
    assert min(newest("demo")) > seen, newest("demo")
    same([end.info().id for end in (one, other)], ids)


@case("the kernel did not warn")
def silent():
    same(warnings(), before)


run()
