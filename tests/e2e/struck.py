# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A peer that is struck off the list of a name, while it has a flow to it."""

import errno
import os
import re
import select
import signal

from ipcp import (
    ALLOCATED, Endpoint, agent, case, fails, pair, rekey, run, same, settled, talk,
    until, warnings)

FOLDER = f"{os.environ['HOSTS']}/bob"
PEER = "client.demo"	# alice, as she asks for demo
KEEP = f"'{PEER}' may not keep a flow to demo: see its peers"
ALLOCATE = f"'{PEER}' may not allocate to demo: see its peers"
ENDS = {}
before = warnings()


def text(name):
    """What is in a file of bob's."""
    with open(f"{FOLDER}/{name}", encoding="utf-8") as f:
        return f.read()


def reloads():
    """How often bob's agent has read its configuration anew."""
    return text("agent.log").count("reloaded")


def allow(*peers):
    """Bob's agent lets these allocate flows to demo, and no others."""
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
    """What this end's agent says of the re-keys of the flow that fail."""
    for found in agent(end.host)["failed"]:
        if found["flow"] == end.info().id:
            return found
    return {"times": 0, "reason": ""}


def rekeyed(name):
    """The flow gets new keys at once."""
    seen = newest(name)[0]
    rekey("alice", ENDS[name][0].info().id)
    until(lambda: min(newest(name)) > seen, f"{name} is re-keyed")
    talk(*ENDS[name])
    settled(*ENDS[name])


def expired(end, to):
    """A message is refused, as the keys are too old; it arrives before they are."""
    try:
        end.write(b"still there?")
    except OSError as err:
        same(err.errno, errno.EKEYEXPIRED)
        return True
    same(to.receive(), b"still there?")
    return False


@case("the flow of a peer that is on the list is re-keyed")
def listed():
    allow("client.other", PEER)
    for name in "demo", "kept":
        ENDS[name] = pair(name)
        talk(*ENDS[name])
        settled(*ENDS[name])
        rekeyed(name)


@case("once it is struck off, re-keys are refused, and both agents say why")
def struck():
    allow("client.other")
    one, other = ENDS["demo"]
    rekey("alice", one.info().id)
    for end in one, other:
        until(lambda end=end: KEEP in failure(end)["reason"], f"{end.host}'s agent says why")
    same(text("agent.log").count(KEEP), 1)


@case("each time, and no key is new; the flow to another name is re-keyed")
def again():
    one, other = ENDS["demo"]
    seen, times = newest("demo"), failure(other)["times"]
    rekey("alice", one.info().id)
    until(lambda: failure(other)["times"] > times, "it is refused again")
    same(newest("demo"), seen)
    rekeyed("kept")
    same(newest("demo"), seen)


@case("a new flow is refused")
def refused():
    listener = Endpoint("bob").listen("demo")
    asks = Endpoint("alice")
    with fails(errno.EACCES):
        asks.alloc("demo")
    assert ALLOCATE in text("agent.log"), "bob's agent does not say why"
    same(listener.poll(select.POLLIN), 0)
    asks.close()
    listener.close()


@case("the programs are told once the keys are too old; the flow is there")
def told():
    seen = newest("demo")
    one, other = ENDS["demo"]
    for end, to in (one, other), (other, one):
        until(lambda end=end, to=to: expired(end, to), f"{end.host}'s keys are too old")
        same(end.poll(select.POLLOUT), 0)
        same(end.info().state, ALLOCATED)
    same(newest("demo"), seen)


@case("back on the list, it gets new keys, and messages go on in the same flow")
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
