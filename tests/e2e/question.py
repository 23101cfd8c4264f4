# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Asking the peer whether it still has the keys of a flow: how the kernel asks, what
counts as an answer, and what silence permits. Agents only bring seeds (keys.py)."""

import contextlib
import errno
import os
import struct

from ipcp import A, Netlink, case, cut, fails, run, same, talk
from keys import Agents

ANSWERED, SILENT = 2, 3
LASTING = {"grace": 600000, "peer_timeout": 600000}
SOME = 77	# number of an exchange that asks for a fresh seed


class Asker:
    """An end of a flow, whose agent asks."""

    def __init__(self, agents, end):
        self.agent, self.number = agents.of(end), end.info().id
        self.events = Netlink(end.host)
        self.events.join("events")

    def ask(self, exchange=SOME):
        """Make the kernel ask the peer."""
        self.agent.do("REKEY_ASK", "FLOW", id=self.number, exchange=exchange)

    def hears(self, result, epoch=0):
        """Wait for the event; the flow must show the same result. Returns the exchange
        of the result."""
        self.events.event({ANSWERED: "ANSWERED", SILENT: "SILENT"}[result], self.number, epoch)
        found = self.agent.do("FLOW_GET", "FLOW", id=self.number)
        same(struct.unpack("=I", found[A["FLOW_QUESTION"]])[0], result)
        return struct.unpack("=I", found[A["FLOW_QUESTION_EXCHANGE"]])[0]

    def close(self):
        """Stop listening for events."""
        self.events.close()


@contextlib.contextmanager
def flow():
    """A long-lived flow: its agents, its ends, and an Asker at each end."""
    with Agents() as agents:
        ends = agents.flow("demo", **LASTING)
        talk(*ends)
        agents.confirmed(ends[0])
        askers = [Asker(agents, end) for end in ends]
        yield agents, ends, askers
        for one in *askers, *ends:
            one.close()


@case("a peer with the keys answers; then a fresh seed can be neither claimed nor parked")
def answered():
    with flow() as (agents, ends, askers):
        for asker in askers:
            asker.ask()
            same(asker.hears(ANSWERED), SOME)
        with fails(errno.EPERM):
            agents.claim_fresh(askers[0].number)
        with fails(errno.ESTALE):
            agents.park_fresh(ends[1], 1, SOME, bytes(range(32)))
        talk(*ends)


@case("a recent answer counts for another exchange, too")
def again():
    with flow() as (_agents, _ends, (asker, _)):
        asker.ask()
        same(asker.hears(ANSWERED), SOME)
        with cut():
            asker.ask(SOME + 1)
            same(asker.hears(ANSWERED), SOME + 1)


@case("a silent peer permits one fresh seed, in which both ends continue")
def silent():
    with flow() as (agents, ends, (asker, other)):
        with cut():
            asker.ask()
            with fails(errno.EBUSY):
                asker.ask(SOME + 1)
            asker.ask()	# asking again continues the question
            with fails(errno.EPERM):
                agents.claim_fresh(asker.number)
            same(asker.hears(SILENT), SOME)
            epoch, exchange = agents.claim_fresh(asker.number)
            agents.alice.do("REKEY_CLEAR", "FLOW", id=asker.number, exchange=exchange)
            with fails(errno.EPERM):	# only one claim per question
                agents.claim_fresh(asker.number)
            asker.ask()
            same(asker.hears(SILENT), SOME)
            epoch, exchange = agents.claim_fresh(asker.number)
            seed = os.urandom(32)
            with fails(errno.ESTALE):	# bob has not asked
                agents.park_fresh(ends[1], epoch, exchange, seed)
            other.ask(exchange)
            same(other.hears(SILENT), exchange)
            for end in ends[::-1]:
                agents.park_fresh(end, epoch, exchange, seed)
                end.rekey()
        same((epoch, exchange), (1, 2))
        agents.confirmed(ends[0])
        talk(*ends)
        for end in ends:
            same(end.info().tx_epoch, 1)


@case("questions by strangers, without an exchange, or about unsuitable flows are refused")
def refused():
    with flow() as (agents, _ends, (asker, _)):
        pending, asked = agents.begin("demo")
        unsure = agents.flow("demo", recoverable=0)
        stranger = Netlink("alice")
        number = {"id": asker.number, "exchange": SOME}
        for err, agent, args in (
                (errno.EPERM, stranger, number),
                (errno.EINVAL, agents.alice, {"id": asker.number}),
                (errno.ENOENT, agents.alice, {**number, "id": 12345}),
                (errno.EAGAIN, agents.alice, {**number, "id": asked[A["UPCALL_FLOW_ID"]]}),
                (errno.EOPNOTSUPP, agents.alice, {**number, "id": unsure[0].info().id})):
            with fails(err):
                agent.do("REKEY_ASK", "FLOW", **args)
        for end in stranger, pending, *unsure:
            end.close()


run()
