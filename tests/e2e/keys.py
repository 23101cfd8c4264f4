# SPDX-License-Identifier: GPL-2.0
"""Agents of both hosts that exchange no keys: they make up the seeds that they
bring to the kernel. For tests of the kernel alone, and quick."""

import errno
import os
import struct
import threading

from ipcp import A, Endpoint, Netlink, fails, sockaddr

CIPHER = 901
UPCALL_LISTEN, UPCALL_ALLOC = 1, 2


class Agents:
    """Both agents, for as long as the object lives."""

    def __init__(self):
        self.alice, self.bob = Netlink("alice"), Netlink("bob")
        for agent in self.alice, self.bob:
            agent.do("AGENT_SET")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends both."""
        self.alice.close()
        self.bob.close()

    def listen(self, name, error=0):
        """Serves a name at bob; with an error the agent refuses."""
        listener, failed = Endpoint("bob"), []

        def serve():
            try:
                listener.listen(name)
            except OSError as err:
                failed.append(err)
        thread = threading.Thread(target=serve)
        thread.start()
        asked = self.bob.upcall(UPCALL_LISTEN)
        self.bob.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]],
                    error=error)
        thread.join()
        if failed:
            listener.close()
            raise failed[0]
        return listener

    def begin(self, name):
        """A flow that alice asked for, and what the kernel told the agent."""
        one = Endpoint("alice", os.O_NONBLOCK)
        with fails(errno.EINPROGRESS):
            one.alloc(name)
        return one, self.alice.upcall(UPCALL_ALLOC)

    def connect(self, listener, name, **params):
        """Both ends of a new flow to a name that is served, blocking."""
        one, asked = self.begin(name)
        eid = asked[A["UPCALL_EID"]]
        made = self.bob.do("FLOW_NEW", "FLOW", name=name.encode() + b"\0",
                           peer=sockaddr("alice"), peer_eid=eid)
        seed = os.urandom(32)
        for agent, number, host, peer in (
                (self.bob, made[A["FLOW_ID"]], "alice", eid),
                (self.alice, asked[A["UPCALL_FLOW_ID"]], "bob",
                 made[A["FLOW_EID"]])):
            agent.do("FLOW_ALLOCATE", "FLOW", id=number, peer=sockaddr(host),
                     peer_eid=peer, cipher=CIPHER, seed=seed,
                     epoch=struct.pack("B", 0), **params)
        other = listener.accept()
        one.nonblock(False)
        return one, other

    def flow(self, name, **params):
        """The same, of a name that is served for it alone."""
        listener = self.listen(name)
        ends = self.connect(listener, name, **params)
        listener.close()
        return ends
