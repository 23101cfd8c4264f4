# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Packet order when packets are sent on one processor and received on another one, to
which the device steers them (RPS), or each flow on one of the two, by its ports. Writers
are processes of their own on the first; the reader runs on any."""

import os
import select
import signal
import struct
import subprocess

from batches import receive, send_all
from ipcp import (
    A, DEADLINE, case, in_turns, note, run, same, sockaddr, spawn, until, warnings)
from keys import UPCALL_CTRL, Agents

SENDS, RECEIVES = 0, 1		# processors
COUNT = 8000
STEP = 25			# messages per token, and per batch
FLOWS = 4			# AHEAD tokens of each fit in a processor's queue
GROUP, SOURCES = 8, 8		# first socket with a port of its own, and their number
# Tokens of each writer. With few packets a key, no more messages are in flight than may
# wait for a key (64), since the worker that makes it may be late.
AHEAD, FEW = 8, 2
before = warnings()


def message(number):
    """A message of varying length; a few in a row have the same length."""
    return struct.pack("=I", number) + bytes(number // 8 % 5 * 200)


def writes(end, count, batched, tokens):
    """Run a writer: STEP messages for each token."""
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
    """A flow, its writer, and the messages received."""

    def __init__(self, ends, count, batched, ahead):
        self.ends, self.count, self.ahead = ends, count, ahead
        self.come = self.given = 0
        told, self.tell = os.pipe()
        self.pid = spawn(writes, ends[0], count, batched, told)
        os.close(told)
        self.give()

    def give(self):
        """Keep self.ahead tokens with the writer or in flight, while it has messages to
        send."""
        fresh = min(self.come // STEP + self.ahead, self.count // STEP) - self.given
        self.given += fresh
        os.write(self.tell, bytes(fresh))

    def take(self):
        """Read some messages, which must be the next ones. Returns whether the last has
        come."""
        for got in receive(self.ends[1], STEP):
            same(struct.unpack_from("=I", got)[0], self.come, "the next message")
            same(len(got), len(message(self.come)), "its length")
            self.come += 1
        self.give()
        return self.come == self.count

    def stop(self):
        """Kill the writer, which holds the agents' sockets open, too."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.tell)

    def close(self):
        """Close the flow. No packet was dropped or repeated."""
        info = self.ends[1].info()
        same((info.queued, info.drop_key, info.drop_auth, info.drop_replay, info.drop_full,
              info.drop_other), (0,) * 6, "queued, and dropped")
        for end in self.ends:
            end.close()


def taken(processor):
    """The number of buffers that a processor took from its queue, and how often another
    processor woke it for them."""
    with open("/proc/net/softnet_stat", encoding="ascii") as f:
        for line in f:
            words = [int(word, 16) for word in line.split()]
            if words[12] == processor:
                return words[0], words[9]
    raise AssertionError(f"there is no processor {processor}")


def least(kinds, count):
    """The least number of buffers that carry the messages of these writers: a batch is at
    least one."""
    return sum(count // (STEP if batched else 1) for batched in kinds)


def steer(mask):
    """Set the processors that bob's device may receive on."""
    subprocess.run(["ip", "netns", "exec", "bob", "sh", "-ec",
                    f"echo {mask} >/sys/class/net/veth/queues/rx-0/rps_cpus"], check=True)


def carry(ways):
    """Read all messages of all flows, as they arrive."""
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


def transfer(flows, kinds, count, ahead):
    """Carry messages over the flows, with a writer of its kind for each."""
    ways = [Way(ends, count, batched, ahead) for ends, batched in zip(flows, kinds)]
    try:
        carry(ways)
    finally:
        for way in ways:
            way.stop()
    for way in ways:
        way.close()


def in_order(kinds, count, leaf, ahead):
    """Run a flow for each kind of writer."""
    steer(f"{1 << RECEIVES:x}")
    buffers, woken = taken(RECEIVES)
    with Agents() as agents:
        transfer([agents.flow(f"order-{i}", packets_per_leaf=leaf)
                  for i in range(len(kinds))], kinds, count, ahead)
    buffers, woken = (
        now - then for now, then in zip(taken(RECEIVES), (buffers, woken)))
    note(f"the other processor took {buffers} buffers, woken {woken} times")
    assert buffers >= least(kinds, count), buffers
    assert woken, "no processor has woken the other"


for _leaf, _ahead, _what in (1 << 20, AHEAD, "one key"), (1 << 8, FEW, "many keys"):
    for _kinds, _count, _name in (
            ([False], COUNT, "single messages"), ([True], COUNT, "batches"),
            ([False, True] * (FLOWS // 2), COUNT // FLOWS, f"{FLOWS} flows at once")):
        @case(f"{_name}, {_what}: all messages arrive in order")
        def _(kinds=_kinds, count=_count, leaf=_leaf, ahead=_ahead):
            in_order(kinds, count, leaf, ahead)


def number(found, name):
    """A 32-bit attribute."""
    return struct.unpack("=I", found[A[name]])[0]


def receivers(agents):
    """The processors that receive what alice sends, by the socket that the packets leave
    from. Bob's sockets of one port have the numbers of their processors."""
    def at(source):
        agents.alice.do("CTRL_SEND", "UPCALL", peer=sockaddr("bob"), payload=b"to whom?",
                        socket=source)
        return number(agents.bob.upcall(UPCALL_CTRL), "UPCALL_SOCKET")
    return {source: at(source) for source in range(GROUP, GROUP + SOURCES)}


def spread():
    """Agents with ports of alice's that bob receives from on both processors. The kernel
    chooses the ports."""
    def one():
        agents = Agents()
        agents.alice.do("AGENT_SET", "AGENT", source_ports=SOURCES)
        if set(receivers(agents).values()) == {SENDS, RECEIVES}:
            return agents
        agents.close()
        return None
    return until(one, "both processors receive")


def flow_to(agents, name, processor, **params):
    """A flow that this processor receives. Alice's sockets take turns."""
    at = receivers(agents)
    for _ in at:
        ends = agents.flow(name, **params)
        found = agents.alice.do("FLOW_GET", "FLOW", id=ends[0].info().id)
        if at[number(found, "FLOW_SOCKET")] == processor:
            return ends
        for end in ends:
            end.close()
    raise AssertionError(f"no flow leaves from a socket that processor {processor} receives")


for _leaf, _ahead, _what in (1 << 20, AHEAD, "one key"), (1 << 8, FEW, "many keys"):
    @case(f"{FLOWS} flows to two processors, {_what}: the messages of each arrive in order")
    def _(leaf=_leaf, ahead=_ahead):
        steer(f"{1 << SENDS | 1 << RECEIVES:x}")
        with spread() as agents:
            flows = [flow_to(agents, f"both-{i}", (SENDS, RECEIVES)[i % 2],
                             packets_per_leaf=leaf) for i in range(FLOWS)]
            before_all = [taken(processor)[0] for processor in (SENDS, RECEIVES)]
            transfer(flows, [False, False, True, True], COUNT // FLOWS, ahead)
            for processor, then in zip((SENDS, RECEIVES), before_all):
                buffers = taken(processor)[0] - then
                note(f"processor {processor} took {buffers} buffers")
                # one flow of single messages, and one of batches
                assert buffers >= least([False, True], COUNT // FLOWS), buffers


@case("the kernel did not warn")
def silent():
    same(warnings(), before)


run()
