# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Re-keys of the flow of an interface with TCP and UDP traffic on a bad path.
Usage: link_rekeys.py NUMBER

The soak test runs these cases with more re-keys and pauses, and watches memory.
"""

import contextlib
import os
import sys
import time

import badpath
from interface import EPOCH, INNER, INNER6, REKEYED, links, mtu, number, packets, rekey
from ipcp import DEADLINE, Late, case, drops, note, run, same, until, warnings
from transfer import Datagrams, Transfer

WANTED = int(sys.argv[1])
SEED = os.environ.get("TEST_SEED", "1")	# of netem: constant, except in soaks
MTU = 1500 - 20 - 8 - 28	# IPv4, UDP, header and tag
RATE = 256 << 10	# bytes a second of a TCP connection, to leave room for others
# No key expires by time: packets delayed by a stalled machine can still be decrypted.
PATIENT = {"grace": 600000, "linger": 600000}
before = warnings()
each = []		# called after each re-key, with its number
figures = {}		# measured values
pause = 0.0		# pylint: disable=invalid-name


class State:
    """Shared by the cases: an interface at each host, and its load."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.agents = None
        self.streams, self.datagrams = [], []

    def loads(self):
        """All streams and datagram loads."""
        return self.streams + self.datagrams

    def check(self):
        """Fail if any load has failed so far."""
        for load in self.loads():
            load.check()

    def moves(self):
        """Wait until each load has received more."""
        got = [load.got for load in self.loads()]

        def moved():
            self.check()
            return all(load.got > old for load, old in zip(self.loads(), got))
        until(moved, Late(lambda: f"all go on: {got}, then "
                          f"{[load.got for load in self.loads()]}"), 4 * DEADLINE)


s = State()


def losses():
    """Dropped packets by host and reason, except replays of netem's copies."""
    return {(host, *key): n for host in INNER for key, n in drops(host).items()
            if n and key != ("flows", "replay")}


@case("each host has an interface, on a path that loses, duplicates and reorders packets")
def begin():
    badpath.make()
    s.agents = s.stack.enter_context(links(**PATIENT))
    until(lambda: [mtu(host) for host in INNER] == [MTU] * 2, "the path is known")
    badpath.spoil(SEED)
    s.streams += [Transfer(INNER["bob"], None, rate=RATE),
                  Transfer(INNER6["alice"], None, ("bob", "alice"), RATE)]
    s.datagrams += [Datagrams("alice", "bob"), Datagrams("bob", "alice")]
    s.moves()
    note(f"seed of netem: {SEED}")


@case(f"TCP connections continue across {WANTED} re-keys, and all bytes are correct")
def rekeys():
    start = time.monotonic()
    for count in range(1, WANTED + 1):
        same(rekey(s.agents), count % 256)
        s.moves()
        time.sleep(pause)
        for look in each:
            look(count)
    took = time.monotonic() - start
    figures.update(seconds=took, ms=took / WANTED * 1000)
    note("{ms:.0f} ms a re-key".format(**figures))
    same([(number(host, REKEYED), number(host, EPOCH)) for host in INNER],
         [(WANTED, WANTED % 256)] * 2)


@case("the path lost, duplicated and reordered packets")
def bad():
    def seen():
        ways = [badpath.count(host) for host in INNER]
        s.check()
        return all(load.overtaken for load in s.datagrams) and \
            all(way.dropped and way.replays for way in ways)
    until(seen, "each of it was seen")


@case("TCP connections end with all bytes received")
def ends():
    for stream in s.streams:
        stream.whole()
    for load in s.datagrams:
        load.finish()
    figures["bytes of TCP"] = sum(load.got for load in s.streams)
    note(f"bytes of TCP: {[load.got for load in s.streams]}")


@case("each packet was received once, lost by netem, or duplicated by netem")
def accounted():
    ways = {}

    def at_rest():
        ways.update((host, badpath.count(host)) for host in INNER)
        return not any(map(badpath.unexplained, ways.values()))
    until(at_rest, Late(lambda: str({host: badpath.unexplained(way)
                                     for host, way in ways.items()})))
    for load, (host, way) in zip(s.datagrams, ways.items()):
        gone = way.left - way.came
        assert 0 < way.dropped <= badpath.lost(way), way
        until(lambda load=load, gone=gone: load.missing() <= gone,
              Late(lambda load=load, gone=gone: f"{load.missing()} datagrams are missing, "
                   f"{gone} messages were lost"))
        load.close()
        load.check()
        same(set(load.seen) - {0, 1}, set(), "times that a datagram came")
        note(f"{host} sent {way.flow_sent} messages: {way.flow_got} came; netem lost "
             f"{badpath.lost(way)} packets and made {badpath.copies(way)} copies; "
             f"{load.sent} datagrams, {load.missing()} missing, {load.overtaken} overtaken")
        figures[f"messages from {host}"] = way.flow_sent
        figures[f"messages from {host} that netem lost"] = gone
        figures[f"copies of packets from {host}"] = badpath.copies(way)


@case("no packet was dropped for another reason, and the kernel did not warn")
def quiet():
    same(losses(), {})
    same([packets(host, "flow0")[2][1::2] for host in INNER], [[0, 0]] * 2,
         "dropped by the interfaces, received and sent")
    s.stack.close()
    same(warnings()[len(before):], [])


if __name__ == "__main__":
    run()
