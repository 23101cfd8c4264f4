# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Memory of a flow and its keys is charged to the control group of who opened
it, whoever allocates it; the ring of a user with limits grows and shrinks."""

import contextlib
import errno
import os

from ipcp import Endpoint, case, fails, note, run, same, talk, until
from keys import UPCALL_ALLOC, Agents

CGROUPS = "/sys/fs/cgroup"
NOBODY = 65534
FLOWS = 150
NODE_KEYS = 4096	# bytes, and each end has more than that
RING = 1024		# packets


class Group:
    """A control group with a memory controller, for as long as it is needed."""

    def __init__(self, name):
        self.path = f"{CGROUPS}/ipcp-rekey-{name}"
        with open(f"{CGROUPS}/cgroup.subtree_control", "w", encoding="ascii") as f:
            f.write("+memory")
        os.mkdir(self.path)

    @contextlib.contextmanager
    def entered(self):
        """This process is in it meanwhile."""
        with open("/proc/self/cgroup", encoding="ascii") as f:
            before = CGROUPS + f.read().split("::")[1].strip()
        self.move(self.path)
        try:
            yield
        finally:
            self.move(before)

    @staticmethod
    def move(path):
        """Moves this process."""
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(os.getpid()))

    def charged(self):
        """Bytes of kernel memory that it pays for."""
        with open(f"{self.path}/memory.stat", encoding="ascii") as f:
            return int(dict(line.split() for line in f)["kernel"])

    def remove(self):
        """Ends it."""
        os.rmdir(self.path)


class Paid(Agents):
    """Agents whose programs are in a group of their own."""

    def __init__(self, programs):
        super().__init__()
        self.programs = programs

    def listen(self, name, error=0, fd=None):
        with self.programs.entered():
            return super().listen(name, error, fd)

    def begin(self, name, fd=None):
        with self.programs.entered():
            return super().begin(name, fd)


@case("flows and keys are charged to who opened them, not to the agent")
def charged_to_the_opener():
    programs, agent = Group("programs"), Group("agent")
    ends = []
    try:
        with Paid(programs) as agents, agent.entered():
            for i in range(FLOWS):
                ends += agents.flow(f"paid{i}")
            program_pays, agent_pays = programs.charged(), agent.charged()
            note(f"{FLOWS} flows: programs {program_pays}, agent {agent_pays} bytes")
            assert program_pays >= 2 * FLOWS * NODE_KEYS, "the opener does not pay"
            assert agent_pays < program_pays / 4, "the agent pays"
            for end in ends:
                end.close()
            until(lambda: programs.charged() < program_pays / 2,
                  "the memory is given back")
    finally:
        programs.remove()
        agent.remove()


class Limited(Agents):
    """Agents whose programs at alice have no privileges when they ask."""

    def begin(self, name, fd=None):
        one = Endpoint("alice", os.O_NONBLOCK, fd=fd)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            with fails(errno.EINPROGRESS):
                one.alloc(name)
        finally:
            os.setresuid(0, 0, 0)
        return one, self.alice.upcall(UPCALL_ALLOC)


def arrived(info):
    """All messages that came, whatever became of them."""
    return info.rx_packets + info.queued + info.drop_full


def fill(sender, reader, dropped):
    """Sends until the reader's ring drops one more; how many it then has."""
    sent, before = 0, arrived(reader.info())
    while reader.info().drop_full == dropped:
        sender.write(bytes(1000))
        sent += 1
        same(sent < 4 * RING, True, "the ring is bounded")
    # none is under way any more: it would find room as soon as one is read
    until(lambda: arrived(reader.info()) == before + sent, "all have arrived")
    return reader.info().queued


@case("the ring of a user with limits takes what any ring takes, and again")
def ring_of_a_user():
    with Limited() as agents:
        one, other = agents.flow("limited")
        for _ in range(2):
            before = one.info().drop_full
            same(fill(other, one, before), RING, "packets in the ring")
            for _ in range(RING):
                same(one.read(), bytes(1000))
        talk(one, other)
        one.close()
        other.close()


run()
