# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""All that uses the module, and the module, removed in any order under traffic.
Usage: removals.py NUMBER of turns

Each turn has two hosts with a flow of a program, one of kernel code (the module
ipcp_flow_echo) and one of an interface, and traffic on all three. Six pieces are
removed, one after the other; what is left goes on. The namespace is alice's, where
the flows are: her interface has moved to carol, and so outlives its name.
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
SEED = os.environ.get("TEST_SEED", "1")	# of the orders: the same each time, but in soaks
PIECES = "consumer", "interface", "flow", "agent", "namespace", "module"
USERS = {"consumer", "interface", "flow"}	# what the module stays for
HOSTS = "alice", "bob", "carol"
HERE = os.open("/proc/self/ns/net", os.O_RDONLY)
# All keys stay for as long as a turn may take.
PATIENT = {"grace": 600000, "linger": 600000}
RATE = 256 << 10	# bytes a second of TCP, so that others have a turn
LEFT = 20		# messages that nobody reads, where a flow is closed

rng = random.Random(int(SEED))
before = warnings()
each = []		# called after each turn, with its number
figures = {}		# what was measured


def orders():
    """One for each turn. In six in a row each piece is first once and last once."""
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
    """This process is in no host, and so holds none."""
    os.setns(HERE, os.CLONE_NEWNET)


def hosts():
    """Both, as tests/lib/hosts.sh makes them."""
    leave()
    subprocess.run(["bash", "-c", '. "$0" && hosts_up && rm -r "$HOSTS"',
                    f"{LIB}/hosts.sh"], check=True)
    subprocess.run(["ip", "netns", "add", "carol"], check=True)
    for host in HOSTS:	# a device that goes when the namespace of its other end does
        subprocess.run(["ip", "link", "add", f"of-{host}", "type", "veth",
                        "peer", "name", "here", "netns", host], check=True)


def live_hosts():
    """Those whose namespace has not ended, whoever holds it."""
    leave()
    found = [name for _, name in socket.if_nameindex()]
    return [host for host in HOSTS if f"of-{host}" in found]


def no_hosts():
    """None of them has a name."""
    leave()
    for host in HOSTS:
        if os.path.exists(f"/run/netns/{host}"):
            subprocess.run(["ip", "netns", "del", host], check=True)


class Chat:
    """Messages from one end of a program's flow to the other: each comes, in order,
    until an end fails."""

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
        """Sends one, and reads all that came."""
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
        """Until told to stop, or an end fails."""
        with contextlib.suppress(OSError):
            while not self.over:
                self.turn()
                time.sleep(0.005)	# the others have a turn

    def stop(self):
        """No more are sent."""
        self.over = True
        until(lambda: not self.thread.is_alive(), "no messages go")

    def close(self, ends):
        """Lets go of the ends in this order, with messages on their way."""
        self.stop()
        with contextlib.suppress(OSError):
            for _ in range(LEFT):
                self.one.write(b"unread")
        for end in ends:
            end.close()
        same(self.wrong, None)


class Turn:
    """All pieces, until they are removed."""

    def __init__(self):
        self.gone = []
        self.later = contextlib.ExitStack()
        self.agents = self.stream = self.chat = None

    def begin(self):
        """Sets all up."""
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
        """One at bob and one at carol, whose flow is alice's."""
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
        """A server at bob, and a probe at alice."""
        echo.begin()
        self.later.callback(echo.module, "rmmod", "ipcp_flow_echo")
        echo.serve(self.agents, "kernel")
        echo.connect(self.agents, "kernel", **PATIENT)

    # --- removing

    def remove_consumer(self):
        """With messages on their way."""
        echo.end()

    def remove_interface(self):
        """Both ends, in any order, with TCP on its way."""
        for host in rng.sample(("carol", "bob"), 2):
            ip(host, "link", "del", "flow0")

    def remove_flow(self):
        """By its program, or by an administrator while alice has a name."""
        if "namespace" not in self.gone and rng.random() < 0.5:
            same(there("alice", "ipcp-rekey", "flow", "del", str(self.chat.number)), 0)
            until(lambda: not self.chat.thread.is_alive(), "the program is told")
        self.chat.close(rng.sample((self.chat.one, self.chat.other), 2))

    def remove_agent(self):
        """Both."""
        self.agents.close()

    def remove_namespace(self):
        """Alice's name; what is left there holds the namespace itself."""
        subprocess.run(["ip", "netns", "del", "alice"], check=True)

    def remove_module(self):
        """It goes if nothing is left that uses it. If not, it says so."""
        if USERS <= set(self.gone):
            until(unloaded, "the module goes")
        else:
            same(removed(), False, f"ipcp_rekey is removed after {self.gone}")
            assert loaded()

    def remove(self, piece):
        """One of the six."""
        getattr(self, f"remove_{piece}")()
        self.gone.append(piece)

    def goes_on(self):
        """What is left moves. An interface does while the namespace of its flow has
        not ended, which a flow or an agent there holds."""
        left = set(PIECES) - set(self.gone)
        if "consumer" in left:
            echo.more()
        if "flow" in left:
            self.moves(self.chat)
        if "interface" in left and left & {"namespace", "consumer", "flow", "agent"}:
            self.moves(self.stream)

    @staticmethod
    def moves(traffic):
        """More of it comes, all of it right."""
        came = traffic.got
        until(lambda: traffic.got > came or traffic.wrong, "traffic goes on")
        same(traffic.wrong, None)

    def nothing_left(self):
        """Alice's namespace has ended; the module is gone."""
        until(lambda: "alice" not in live_hosts(), "alice's namespace has ended")
        if loaded():
            until(unloaded, "the module goes at the end")
        same(traces(), [])

    def end(self):
        """Whatever became of it."""
        self.later.close()


def turn(order):
    """All of it once."""
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


@case(f"{TURNS} times removed in any order: what uses the module holds it, nothing else")
def removals():
    no_hosts()	# two_hosts made them
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


@case("it loads again, and the kernel did not warn")
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
    same(modprobe(), (0, ""))	# who called us takes it away
    same(warnings()[len(before):], [])


if __name__ == "__main__":
    run()
