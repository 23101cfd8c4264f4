# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Order, where packets are sent on one processor and received on another one, to
which the device steers them (RPS). Writers are processes of their own on the first;
the reader is where it likes."""

import os
import select
import signal
import struct
import subprocess

from batches import receive, send_all
from ipcp import DEADLINE, case, in_turns, note, run, same, spawn, warnings
from keys import Agents

SENDS, RECEIVES = 0, 1		# processors
COUNT = 8000
STEP = 50			# messages a token is good for, and in a batch
TOKENS = 4			# of each writer
FLOWS = 4			# TOKENS * STEP messages of each fit in a processor's queue
before = warnings()


def message(number):
    """Of various lengths, with a few alike in a row."""
    return struct.pack("=I", number) + bytes(number // 8 % 5 * 200)


def writes(end, count, batched, tokens):
    """A writer: STEP messages for each token."""
    os.sched_setaffinity(0, {SENDS})
    for first in range(0, count, STEP):
        os.read(tokens, 1)
        some = [message(n) for n in range(first, first + STEP)]
        if batched:
            send_all(end, some)
        else:
            for one in some:
                end.write(one)


class Way:
    """A flow, its writer, and what has come."""

    def __init__(self, ends, count, batched):
        self.ends, self.count, self.come, self.given = ends, count, 0, 0
        told, self.tell = os.pipe()
        self.pid = spawn(writes, ends[0], count, batched, told)
        os.close(told)
        self.give()

    def give(self):
        """So many tokens that TOKENS are with the writer, or its messages on their way,
        while it has messages."""
        fresh = min(self.come // STEP + TOKENS, self.count // STEP) - self.given
        self.given += fresh
        os.write(self.tell, bytes(fresh))

    def take(self):
        """Reads some messages, which are the next. Were they the last?"""
        for got in receive(self.ends[1], STEP):
            same(struct.unpack_from("=I", got)[0], self.come, "the next message")
            same(len(got), len(message(self.come)), "its length")
            self.come += 1
        self.give()
        return self.come == self.count

    def stop(self):
        """Ends the writer, which has the agents' sockets open, too."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.tell)

    def close(self):
        """Its end. Nothing was dropped, nor came twice."""
        info = self.ends[1].info()
        same((info.queued, info.drop_key, info.drop_auth, info.drop_replay, info.drop_full,
              info.drop_other), (0,) * 6, "queued, and dropped")
        for end in self.ends:
            end.close()


def taken():
    """Buffers that the second processor has taken from its queue, and how often another
    one has woken it for that."""
    with open("/proc/net/softnet_stat", encoding="ascii") as f:
        for line in f:
            words = [int(word, 16) for word in line.split()]
            if words[12] == RECEIVES:
                return words[0], words[9]
    raise AssertionError("there is no second processor")


def steer(mask):
    """Which processors bob's device may receive on."""
    subprocess.run(["ip", "netns", "exec", "bob", "sh", "-ec",
                    f"echo {mask} >/sys/class/net/veth/queues/rx-0/rps_cpus"], check=True)


def carry(ways):
    """Reads all messages of all flows, as they come."""
    poll, left = select.poll(), {way.ends[1].fd: way for way in ways}
    for fd in left:
        poll.register(fd, select.POLLIN)
    while left:
        ready = in_turns(lambda s: poll.poll(s * 1000), DEADLINE)
        assert ready, f"missing: {[(way.come, way.count) for way in left.values()]}"
        for fd, _ in ready:
            if left[fd].take():
                poll.unregister(fd)
                del left[fd]


def in_order(kinds, count, leaf):
    """A flow for each kind of writer."""
    steer(f"{1 << RECEIVES:x}")
    buffers, woken = taken()
    with Agents() as agents:
        flows = [agents.flow(f"order-{i}", packets_per_leaf=leaf)
                 for i in range(len(kinds))]
        ways = [Way(ends, count, batched) for ends, batched in zip(flows, kinds)]
        try:
            carry(ways)
        finally:
            for way in ways:
                way.stop()
        for way in ways:
            way.close()
    buffers, woken = (now - then for now, then in zip(taken(), (buffers, woken)))
    note(f"the other processor took {buffers} buffers, woken {woken} times")
    # a batch is a buffer at least
    assert buffers >= sum(count // (STEP if batched else 1) for batched in kinds), buffers
    assert woken, "no processor has woken the other"


for _leaf, _what in (1 << 20, "one key"), (1 << 8, "many keys"):
    for _kinds, _count, _name in (
            ([False], COUNT, "single messages"), ([True], COUNT, "batches"),
            ([False, True] * (FLOWS // 2), COUNT // FLOWS, f"{FLOWS} flows at once")):
        @case(f"{_name}, {_what}: all arrive, in order")
        def _(kinds=_kinds, count=_count, leaf=_leaf):
            in_order(kinds, count, leaf)


@case("the kernel did not warn")
def silent():
    same(warnings(), before)


run()
