# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Memory of a flow and its keys is charged to the control group of who opened
it, whoever allocates it; a control group at its limit has less, and nobody else;
the ring of a user with limits grows and shrinks."""

import contextlib
import errno
import mmap
import os
import signal
import time

from ipcp import A, Endpoint, case, fails, note, run, same, sockaddr, spawn, talk, until
from keys import CIPHER, UPCALL_ALLOC, Agents, generation

CGROUPS = "/sys/fs/cgroup"
NOBODY = 65534
FLOWS = 150
NODE_KEYS = 4096	# bytes, and each end has more than that
RING = 1024		# packets
HELD = 32 << 20		# bytes of a program
BACKLOG = 1024		# more flows than a group at its limit has memory for
REFUSED = 20		# flows, for lack of it


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

    def events(self):
        """How often what happened for its limit."""
        with open(f"{self.path}/memory.events", encoding="ascii") as f:
            return {key: int(value) for key, value in map(str.split, f)}

    def fill(self):
        """From now on it may have no more than it has."""
        with open(f"{self.path}/memory.current", encoding="ascii") as f:
            size = f.read()
        with open(f"{self.path}/memory.max", "w", encoding="ascii") as f:
            f.write(size)

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


def hold(group, ready):
    """A program of a group that has memory which nobody can reclaim."""
    group.move(group.path)
    memory = mmap.mmap(-1, HELD)
    for i in range(0, HELD, mmap.PAGESIZE):
        memory[i] = 1
    os.write(ready, b"r")
    signal.pause()


def tried(agent, command, **args):
    """A request; its error and its answer."""
    try:
        return 0, agent.do(command, "FLOW", **args)
    except OSError as err:
        return err.errno, None


def new_flow(agents, name, eid):
    """What becomes of a peer's request for a flow."""
    return tried(agents.bob, "FLOW_NEW", name=name.encode() + b"\0",
                 peer=sockaddr("alice"), peer_eid=eid)


def first_keys(agents, number, eid):
    """What becomes of a flow's first seed."""
    return tried(agents.bob, "FLOW_ALLOCATE", id=number, peer=sockaddr("alice"),
                 peer_eid=eid, cipher=CIPHER, seed=os.urandom(32),
                 generation=generation(agents.bob, number))[0]


class Tenant(Agents):
    """Agents; what tenant serves is of a group of its own."""

    def __init__(self, group):
        super().__init__()
        self.group = group

    def listen(self, name, error=0, fd=None, before=None, backlog=0):
        if name != "tenant":
            return super().listen(name, error, fd, before)
        with self.group.entered():
            return super().listen(name, error, fd, before, BACKLOG)

    def fill(self):
        """Makes flows until the group has no memory for more; the errors."""
        errors = [0]
        while len(errors) < BACKLOG and errors.count(errno.ENOMEM) < REFUSED:
            errors.append(new_flow(self, "tenant", 1000 + len(errors))[0])
        note(f"{errors.count(0)} flows made, then {errors[-REFUSED:]}")
        return errors


@case("a group at its limit is refused, kills nothing, and holds up nobody")
def at_the_limit():
    tenant = Group("tenant")
    asks, ready = os.pipe()
    holder = spawn(hold, tenant, ready)
    same(os.read(asks, 1), b"r")
    try:
        with Tenant(tenant) as agents:
            listener = agents.listen("tenant")
            early = [new_flow(agents, "tenant", 1 + i)[1][A["FLOW_ID"]]
                     for i in range(8)]
            tenant.fill()
            same(set(agents.fill()), {0, errno.ENOMEM}, "what becomes of flows")
            same(errno.ENOMEM in [first_keys(agents, number, 1 + i)
                                  for i, number in enumerate(early)], True,
                 "a seed finds no memory")
            before = time.monotonic()
            for end in agents.flow("other"):
                end.close()
            note(f"another's flow took {time.monotonic() - before:.3f} s")
            events = tenant.events()
            same((events["oom"], events["oom_kill"]), (0, 0), "programs killed")
            same(os.waitpid(holder, os.WNOHANG), (0, 0), "the holder runs")
            listener.close()
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        tenant.remove()


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
