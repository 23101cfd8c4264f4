# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Agents of both hosts that exchange no keys: they deliver random seeds to the kernel.
For fast tests of the kernel alone."""

import errno
import os
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../machine")
import keyschedule	# noqa: E402 pylint: disable=wrong-import-position
from ipcp import A, Endpoint, Netlink, attrs, fails, sockaddr, until

CIPHER = 901
UPCALL_LISTEN, UPCALL_ALLOC, UPCALL_CTRL, UPCALL_PROVIDE = 1, 2, 3, 8


def generation(agent, number):
    """Generation of a flow's keys."""
    found = agent.do("FLOW_GET", "FLOW", id=number)
    return struct.unpack("=I", found[A["FLOW_GENERATION"]])[0]


class Chain:
    """The chains that one end mixes its seeds with: after each epoch, by its number."""

    def __init__(self, epoch, seed):
        self.after = {epoch: keyschedule.chain_of(keyschedule.mix(bytes(32), seed))}

    def name(self, epoch):
        """Id of the chain for the seed of an epoch."""
        return keyschedule.chain_id(self.after[(epoch - 1) % 256])

    def add(self, epoch, seed):
        """Adds the chain after a parked seed of an epoch."""
        root = keyschedule.mix(self.after[(epoch - 1) % 256], seed)
        self.after[epoch] = keyschedule.chain_of(root)

    def add_fresh(self, epoch, seed):
        """Adds the chain after a parked seed that was mixed with no chain."""
        self.after[epoch] = keyschedule.chain_of(keyschedule.mix(bytes(32), seed))


class Agents:
    """Both agents, until close()."""

    def __init__(self):
        self.chains = {}
        self.alice, self.bob = Netlink("alice"), Netlink("bob")
        for agent in self.alice, self.bob:
            agent.do("AGENT_SET")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends both agents."""
        self.alice.close()
        self.bob.close()

    def at(self, host):
        """The socket address that a host's flows begin with."""
        return sockaddr(host)

    def listen(self, name, error=0, fd=None, before=None, backlog=0):
        """Serves a name at bob; with an error the agent refuses. Calls before() with
        the upcall before the answer."""
        listener, failed = Endpoint("bob", fd=fd), []

        def serve():
            try:
                listener.listen(name, backlog)
            except OSError as err:
                failed.append(err)
        thread = threading.Thread(target=serve)
        thread.start()
        asked = self.bob.upcall(UPCALL_LISTEN)
        if before:
            before(asked)
        self.bob.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]],
                    error=error)
        thread.join()
        if failed:
            listener.close()
            raise failed[0]
        return listener

    def begin(self, name, fd=None):
        """Begins an allocation at alice; returns the end, and the agent's upcall."""
        one = Endpoint("alice", fd=fd)
        one.nonblock()
        with fails(errno.EINPROGRESS):
            one.alloc(name)
        return one, self.alice.upcall(UPCALL_ALLOC)

    def answer(self, name, asked, between=None, at=None, **params):
        """Answers an allocation: makes the peer's end, and gives both ends their first
        keys, bob's first. Calls between() after bob's. The socket address of a host
        is at(host), by default self.at(host)."""
        at = at or self.at
        params = {"recoverable": 1, **params}
        eid = asked[A["UPCALL_EID"]]
        made = self.bob.do("FLOW_NEW", "FLOW", name=name.encode() + b"\0",
                           peer=at("alice"), peer_eid=eid)
        seed = os.urandom(32)
        for agent, number, host, peer in (
                (self.bob, made[A["FLOW_ID"]], "alice", eid),
                (self.alice, asked[A["UPCALL_FLOW_ID"]], "bob",
                 made[A["FLOW_EID"]])):
            agent.do("FLOW_ALLOCATE", "FLOW", id=number, peer=at(host),
                     peer_eid=peer, cipher=CIPHER, seed=seed,
                     epoch=struct.pack("B", 0), generation=generation(agent, number),
                     **params)
            number = int.from_bytes(number, sys.byteorder)
            self.chains[agent.host, number] = Chain(0, seed)
            if between and agent is self.bob:
                between()

    def connect(self, listener, name, fd=None, **params):
        """Allocates a flow to a served name; returns both ends, which are blocking."""
        one, asked = self.begin(name, fd)
        self.answer(name, asked, **params)
        other = listener.accept()
        one.nonblock(False)
        return one, other

    def flow(self, name, **params):
        """Allocates a flow to a name that has no other flow; returns both ends."""
        listener = self.listen(name)
        ends = self.connect(listener, name, **params)
        listener.close()
        return ends

    def local_flow(self, name):
        """Allocates a flow within bob's host, without keys; returns both ends."""
        listener, one = self.listen(name), Endpoint("bob")
        one.nonblock()
        with fails(errno.EINPROGRESS):
            one.alloc(name)
        asked = self.bob.upcall(UPCALL_ALLOC)
        self.bob.do("FLOW_DIRECT", "FLOW", id=asked[A["UPCALL_FLOW_ID"]])
        other = listener.accept()
        one.nonblock(False)
        listener.close()
        return one, other

    def of(self, end):
        """The agent of this end."""
        return {"alice": self.alice, "bob": self.bob}[end.host]

    def confirmed(self, *ends):
        """Waits until the peer of each end has confirmed that it sends in the newest
        epoch, too. An end takes another seed only then: the initiator checks at the
        claim, the responder when the seed arrives."""
        numbers = [(self.of(end), end.info().id) for end in ends]
        until(lambda: all(any(agent.do("FLOW_GET", "FLOW", id=number)[A["FLOW_DONE"]])
                          for agent, number in numbers),
              "the newest epoch is confirmed")

    def claim(self, number, **how):
        """Claims a re-key of alice's flow; returns its epoch and exchange number."""
        answer = self.alice.do("REKEY_CLAIM", "CLAIM", id=number, **how)
        found = attrs(answer[A["CLAIM_FLOW"]])
        return (found[A["CLAIMED_EPOCH"]][0],
                struct.unpack("=I", found[A["CLAIMED_EXCHANGE"]])[0])

    def claim_fresh(self, number):
        """Claims a re-key of alice's flow with a seed that is mixed with no chain."""
        return self.claim(number, fresh=b"")

    def park(self, end, epoch, exchange, seed=None):
        """Delivers a seed to one end."""
        self.deliver(self.of(end), end.info().id, epoch, exchange,
                     seed or os.urandom(32))

    def deliver(self, agent, number, epoch, exchange, seed):
        """Delivers a seed to a flow of an agent, by its number."""
        chain = self.chains[agent.host, number]
        agent.do("SEED_SET", "FLOW", id=number, epoch=bytes([epoch]),
                 exchange=exchange, seed=seed, chain=chain.name(epoch),
                 generation=generation(agent, number))
        chain.add(epoch, seed)

    def park_fresh(self, end, epoch, exchange, seed):
        """Delivers a seed that is mixed with no chain to one end."""
        number, agent = end.info().id, self.of(end)
        agent.do("SEED_SET", "FLOW", id=number, epoch=bytes([epoch]),
                 exchange=exchange, seed=seed, chain=bytes(8),
                 generation=generation(agent, number))
        self.chains[agent.host, number].add_fresh(epoch, seed)
