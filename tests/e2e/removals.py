# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""All users of the module, and the module, removed in any order under traffic.
Usage: removals.py NUMBER of turns

In each turn two hosts have a flow of a program, a flow of kernel code (the module
ipcp_flow_echo) and a flow of an interface, with traffic on all three. Six pieces are
removed, one after the other, while the rest continues. The namespace is alice's, where
the flows are: her interface has moved to carol, and so outlives alice's name.
"""

import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
import time

import echo
from interface import INNER, INNER6, connect, ip, make, there
from ipcp import LIB, Late, case, note, run, same, unloaded, until, warnings
from keys import Agents
from modules import loaded, modprobe, removed, traces
from transfer import Transfer

TURNS = int(sys.argv[1])
SEED = os.environ.get("TEST_SEED", "1")	# of the orders: constant, except in soaks
PIECES = "consumer", "interface", "flow", "agent", "namespace", "module"
USERS = {"consumer", "interface", "flow"}	# these hold the module
HOSTS = "alice", "bob", "carol"
HERE = os.open("/proc/self/ns/net", os.O_RDONLY)
# All keys last longer than a turn.
PATIENT = {"grace": 600000, "linger": 600000}
RATE = 256 << 10	# bytes a second of TCP, to leave room for others
LEFT = 20		# unread messages when a flow is closed

rng = random.Random(int(SEED))
before = warnings()
each = []		# called after each turn, with its number
figures = {}		# measured values


def orders():
    """One order for each turn, shuffled. Before shuffling, each piece is first once and
    last once in every six."""
    found = []
    for turn in range(TURNS):
        first = turn % len(PIECES)
        last = (first + 1 + turn // len(PIECES) % (len(PIECES) - 1)) % len(PIECES)
        between = [piece for i, piece in enumerate(PIECES) if i not in (first, last)]
        rng.shuffle(between)
        found.append((PIECES[first], *between, PIECES[last]))
    rng.shuffle(found)
    return found


def leave():
    """Leave all hosts, so that this process holds no namespace."""
    os.setns(HERE, os.CLONE_NEWNET)


def hosts():
    """Create alice and bob by tests/lib/hosts.sh, and carol."""
    leave()
    subprocess.run(["bash", "-c", '. "$0" && hosts_up && rm -r "$HOSTS"',
                    f"{LIB}/hosts.sh"], check=True)
    subprocess.run(["ip", "netns", "add", "carol"], check=True)
    for host in HOSTS:	# a device that is removed with the namespace of its peer
        subprocess.run(["ip", "link", "add", f"of-{host}", "type", "veth",
                        "peer", "name", "here", "netns", host], check=True)


def live_hosts():
    """The hosts whose namespace still exists, whoever holds it."""
    leave()
    found = [name for _, name in socket.if_nameindex()]
    return [host for host in HOSTS if f"of-{host}" in found]


def no_hosts():
    """Remove the names of all hosts."""
    leave()
    for host in HOSTS:
        if os.path.exists(f"/run/netns/{host}"):
            subprocess.run(["ip", "netns", "del", host], check=True)


class Chat:
    """Messages from one end of a program's flow to the other, until an end fails. All
    must arrive, in order."""

    def __init__(self, one, other):
        self.one, self.other = one, other
        self.number = one.info().id
        self.sent = self.got = 0
        self.over, self.wrong = False, None
        for end in one, other:
            end.nonblock()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def turn(self):
        """Send one message, and read all that arrived."""
        with contextlib.suppress(BlockingIOError):
            self.one.write(b"%d" % self.sent)
            self.sent += 1
        with contextlib.suppress(BlockingIOError):
            while True:
                came = self.other.read()
                if came != b"%d" % self.got:
                    self.wrong = f"{came!r}, not {self.got}"
                self.got += 1

    def work(self):
        """Send and read until told to stop, or an end fails."""
        with contextlib.suppress(OSError):
            while not self.over:
                self.turn()
                time.sleep(0.005)	# leave room for the others

    def stop(self):
        """Stop sending."""
        self.over = True
        until(lambda: not self.thread.is_alive(), "no messages go")

    def close(self, ends):
        """Close the ends in this order, with messages in flight."""
        self.stop()
        with contextlib.suppress(OSError):
            for _ in range(LEFT):
                self.one.write(b"unread")
        for end in ends:
            end.close()
        same(self.wrong, None)


class Turn:
    """All pieces of a turn, until they are removed."""

    def __init__(self):
        self.gone = []
        self.later = contextlib.ExitStack()
        self.agents = self.stream = self.chat = None

    def begin(self):
        """Set up all pieces."""
        same(modprobe(), (0, ""))
        self.later.callback(no_hosts)
        hosts()
        self.agents = Agents()
        self.later.callback(self.agents.close)
        self.begin_interface()
        self.begin_consumer()
        self.chat = Chat(*self.agents.flow("program", **PATIENT))
        leave()
        self.goes_on()

    def begin_interface(self):
        """Set up an interface at bob, and one at carol whose flow is alice's."""
        for host in "alice", "bob":
            make(host)
        connect(self.agents, **PATIENT)
        ip("alice", "link", "set", "flow0", "netns", "carol")
        for address in f"{INNER['alice']}/24", f"{INNER6['alice']}/64":
            ip("carol", "addr", "add", address, "dev", "flow0",
               *(["nodad"] if ":" in address else []))
        ip("carol", "link", "set", "flow0", "up")
        self.stream = Transfer(INNER["bob"], None, ("carol", "bob"), RATE)
        self.later.callback(self.stream.end)

    def begin_consumer(self):
        """Set up a server at bob and a probe at alice."""
        echo.begin()
        self.later.callback(echo.module, "rmmod", "ipcp_flow_echo")
        echo.serve(self.agents, "kernel")
        echo.connect(self.agents, "kernel", **PATIENT)

    # --- removing

    def remove_consumer(self):
        """Unload ipcp_flow_echo with messages in flight."""
        echo.end()

    def remove_interface(self):
        """Delete both interfaces, in random order, with TCP in flight."""
        for host in rng.sample(("carol", "bob"), 2):
            ip(host, "link", "del", "flow0")

    def remove_flow(self):
        """Remove the flow: by its program, or by an administrator while alice has a
        name."""
        if "namespace" not in self.gone and rng.random() < 0.5:
            same(there("alice", "ipcp-rekey", "flow", "del", str(self.chat.number)), 0)
            until(lambda: not self.chat.thread.is_alive(), "the program is told")
        self.chat.close(rng.sample((self.chat.one, self.chat.other), 2))

    def remove_agent(self):
        """Close both agents."""
        self.agents.close()

    def remove_namespace(self):
        """Remove alice's name; the pieces that are left there hold the namespace
        itself."""
        subprocess.run(["ip", "netns", "del", "alice"], check=True)

    def remove_module(self):
        """Unload the module, which must fail while a user of the module is left."""
        if USERS <= set(self.gone):
            until(unloaded, "the module goes")
        else:
            same(removed(), False, f"ipcp_rekey is removed after {self.gone}")
            assert loaded()

    def remove(self, piece):
        """Remove one of the six pieces."""
        getattr(self, f"remove_{piece}")()
        self.gone.append(piece)

    def goes_on(self):
        """The remaining traffic continues: that of an interface while the namespace of
        its flow exists, which a flow or an agent there holds."""
        left = set(PIECES) - set(self.gone)
        if "consumer" in left:
            echo.more()
        if "flow" in left:
            self.moves(self.chat)
        if "interface" in left and left & {"namespace", "consumer", "flow", "agent"}:
            self.moves(self.stream)

    @staticmethod
    def moves(traffic):
        """Wait for more of this traffic, all of it correct."""
        came = traffic.got
        until(lambda: traffic.got > came or traffic.wrong, "traffic goes on")
        same(traffic.wrong, None)

    def nothing_left(self):
        """Alice's namespace has ended, and the module is unloaded."""
        until(lambda: "alice" not in live_hosts(), "alice's namespace has ended")
        if loaded():
            until(unloaded, "the module goes at the end")
        same(traces(), [])

    def end(self):
        """Clean up, in any state of the turn."""
        self.later.close()


def turn(order):
    """Run one turn."""
    this = Turn()
    try:
        this.begin()
        for piece in order:
            this.remove(piece)
            this.goes_on()
        this.nothing_left()
    except Exception:
        note(f"the order: {', '.join(order)}; gone: {this.gone}")
        raise
    finally:
        this.end()
    until(lambda: not live_hosts(), Late(lambda: f"each namespace ends: {live_hosts()}"))


@case(f"pieces are removed in any order, {TURNS} times: only users of the module hold it")
def removals():
    no_hosts()	# made by two_hosts
    until(unloaded, "the module goes")
    note(f"seed of the orders: {SEED}")
    start = time.monotonic()
    for count, order in enumerate(orders(), 1):
        turn(order)
        same(warnings()[len(before):], [], f"turn {count}: {order}")
        for look in each:
            look(count)
    figures.update(turns=TURNS, seconds=time.monotonic() - start)
    note("{turns} turns, {seconds:.0f} s".format(**figures))


@case("the module loads again, and the kernel did not warn")
def again():
    same(modprobe(), (0, ""))
    hosts()
    with Agents() as agents:
        one, other = agents.flow("again")
        one.write(b"there")
        same(other.receive(), b"there")
        for end in one, other:
            end.close()
    no_hosts()
    until(unloaded, "the module goes")
    same(traces(), [])
    same(modprobe(), (0, ""))	# unloaded by the caller
    same(warnings()[len(before):], [])


if __name__ == "__main__":
    run()
