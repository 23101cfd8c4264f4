# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Memory of a flow and its keys is charged to the control group of the program that
opened the flow, whichever process allocates the memory. A control group at its limit is
refused memory, and no other group is. The limits of a user hold across all namespaces,
and no user keeps others from the agent."""

import contextlib
import ctypes
import errno
import mmap
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import time

from interface import CONNECT, configure, ip
from ipcp import (
    A, PORT, Endpoint, Netlink, attrs, case, drops, fails, note, run, same,
    sockaddr, spawn, talk, tool, until, write)
from keys import CIPHER, UPCALL_ALLOC, Agents, generation

CGROUPS = "/sys/fs/cgroup"
NOBODY = 65534
PR_SET_DUMPABLE = 4
FLOWS = 150
LINKS = 40
NODE_KEYS = 4096	# bytes; the keys of an end take more
RING = 1024		# packets
MIB = 64		# the lowest limit of a user
FULL = 48		# flows: their full rings exceed the limit of a user
HELD = 32 << 20		# bytes that a program holds
BACKLOG = 1024		# more flows than a group at its limit has memory for
WAITS = 11		# of a writer at the limit of its user
POLLOUT_AFTER = 0.08	# seconds after a failed write, at least: 100 ms less jiffies
REFUSED = 20		# flows refused for lack of memory
BLOB = 1024		# bytes of the longest blob
LATER = 16		# flows of the group that get later seeds
SHOWN = 300		# flows that dumps must show
STATE_INIT = 0
PR_SET_NAME = 15
PARAMETERS = "/sys/module/ipcp_rekey/parameters"
DEVICE = "/dev/ipcp_rekey"
UPCALL_SEALED = 4
PLACES = 4096		# requests that the queue of an agent holds
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, INET_DIAG_CGROUP_ID = 4, 20, 21
NLMSG_ERROR, NLMSG_DONE = 2, 3


class Group:
    """A control group with a memory controller, until remove()."""

    def __init__(self, name):
        self.path = f"{CGROUPS}/ipcp-rekey-{name}"
        with open(f"{CGROUPS}/cgroup.subtree_control", "w", encoding="ascii") as f:
            f.write("+memory")
        os.mkdir(self.path)

    @contextlib.contextmanager
    def entered(self):
        """Moves this process into the group for the block."""
        with open("/proc/self/cgroup", encoding="ascii") as f:
            before = CGROUPS + f.read().split("::")[1].strip()
        self.move(self.path)
        try:
            yield
        finally:
            self.move(before)

    @staticmethod
    def move(path):
        """Moves this process to the group at path."""
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(os.getpid()))

    def charged(self):
        """Bytes of kernel memory charged to the group."""
        with open(f"{self.path}/memory.stat", encoding="ascii") as f:
            return int(dict(line.split() for line in f)["kernel"])

    def events(self):
        """Counts of each memory event of the group."""
        with open(f"{self.path}/memory.events", encoding="ascii") as f:
            return {key: int(value) for key, value in map(str.split, f)}

    def fill(self):
        """Limits the group to the memory that it has now."""
        with open(f"{self.path}/memory.current", encoding="ascii") as f:
            size = f.read()
        with open(f"{self.path}/memory.max", "w", encoding="ascii") as f:
            f.write(size)

    def remove(self):
        """Removes the group."""
        os.rmdir(self.path)


def socket_groups(port):
    """Number of the control group of each UDP socket here that has this port."""
    nl = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
    for family in socket.AF_INET, socket.AF_INET6:
        nl.send(struct.pack("=IHHII4BI48x", 72, SOCK_DIAG_BY_FAMILY, 0x301, 1, 0,
                            family, socket.IPPROTO_UDP, 0, 0, 0xffffffff))
        kind = None
        while kind != NLMSG_DONE:
            data = nl.recv(65536)
            while data:
                size, kind = struct.unpack_from("=IH", data)
                assert kind != NLMSG_ERROR, "the kernel has no udp_diag"
                if kind == SOCK_DIAG_BY_FAMILY and \
                        struct.unpack_from(">H", data, 20)[0] == port:
                    found = attrs(data[88:size])[INET_DIAG_CGROUP_ID]
                    yield int.from_bytes(found, sys.byteorder)
                data = data[(size + 3) & ~3:]
    nl.close()


@case("the UDP sockets of an agent belong to the root control group")
def sockets_of_nobody():
    group = Group("agent")
    try:
        with group.entered():
            agent = Netlink("alice")
            # a port that no agent had needs new sockets
            agent.do("AGENT_SET", "AGENT", port=struct.pack("=H", PORT + 1))
            own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            own.bind(("127.0.0.1", 0))
        groups = list(socket_groups(PORT + 1))
        assert groups, "no socket was found"
        same(set(groups), {os.stat(CGROUPS).st_ino})
        same(list(socket_groups(own.getsockname()[1])), [os.stat(group.path).st_ino])
        own.close()
        agent.close()
    finally:
        group.remove()


class Paid(Agents):
    """Agents whose programs run in a control group of their own."""

    def __init__(self, programs):
        super().__init__()
        self.programs = programs

    def listen(self, name, error=0, fd=None):
        with self.programs.entered():
            return super().listen(name, error, fd)

    def begin(self, name, fd=None):
        with self.programs.entered():
            return super().begin(name, fd)


@case("flows and keys are charged to the program that opens the flow, not to the agent")
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


@case("the flow of an interface is charged to the process that configures the interface")
def charged_to_the_configurer():
    operator = Group("operator")
    devs = [f"paid{i}" for i in range(LINKS)]
    try:
        with Agents() as agents:
            listener = agents.listen("paid")
            for dev in devs:
                ip("alice", "link", "add", dev, "type", "ipcp_rekey")
            before = operator.charged()
            with operator.entered():
                for dev in devs:
                    configure("alice", CONNECT, "paid", dev)
            for _dev in devs:
                agents.answer("paid", agents.alice.upcall(UPCALL_ALLOC))
            pays = operator.charged() - before
            note(f"{LINKS} interfaces: {pays} bytes")
            assert pays >= LINKS * NODE_KEYS, "nobody pays"
            listener.close()
    finally:
        for dev in devs:
            ip("alice", "link", "del", dev, wanted=None)
        operator.remove()


@case("blobs that the agent adds to a flow are charged to the server of the name")
def blobs_are_charged():
    programs, agent = Group("programs"), Group("agent")
    try:
        with Tenant(programs) as agents, agent.entered():
            listener = agents.listen("tenant")
            made = [new_flow(agents, "tenant", 1 + i)[1][A["FLOW_ID"]]
                    for i in range(BACKLOG)]
            programs_paid, agent_paid = programs.charged(), agent.charged()
            for number in made:
                agents.bob.do("FLOW_SET", "FLOW", id=number, blob=bytes(BLOB))
            until(lambda: programs.charged() - programs_paid > BACKLOG * BLOB * 3 / 4,
                  "the program pays for the blobs")
            agent_pays = agent.charged() - agent_paid
            note(f"{BACKLOG} blobs: programs {programs.charged() - programs_paid}, "
                 f"agent {agent_pays} bytes")
            assert agent_pays < BACKLOG * BLOB / 4, "the agent pays"
            listener.close()
    finally:
        programs.remove()
        agent.remove()


def hold(group, ready):
    """Holds unreclaimable memory in a group, and writes to a pipe once it does."""
    group.move(group.path)
    memory = mmap.mmap(-1, HELD)
    for i in range(0, HELD, mmap.PAGESIZE):
        memory[i] = 1
    os.write(ready, b"r")
    signal.pause()


def tried(agent, command, **args):
    """Sends a request; returns its errno and its answer."""
    try:
        return 0, agent.do(command, "FLOW", **args)
    except OSError as err:
        return err.errno, None


def new_flow(agents, name, eid):
    """Errno and answer of FLOW_NEW, a peer's request for a flow."""
    return tried(agents.bob, "FLOW_NEW", name=name.encode() + b"\0",
                 peer=sockaddr("alice"), peer_eid=eid)


def first_keys(agents, number, eid):
    """Errno of FLOW_ALLOCATE with a flow's first seed."""
    return tried(agents.bob, "FLOW_ALLOCATE", id=number, peer=sockaddr("alice"),
                 peer_eid=eid, cipher=CIPHER, seed=os.urandom(32),
                 generation=generation(agents.bob, number))[0]


class Tenant(Agents):
    """Agents; the server of the name "tenant" is in a control group of its own."""

    def __init__(self, group):
        super().__init__()
        self.group = group

    def listen(self, name, error=0, fd=None, before=None, backlog=0):
        if name != "tenant":
            return super().listen(name, error, fd, before)
        with self.group.entered():
            return super().listen(name, error, fd, before, BACKLOG)

    def fill(self):
        """Makes flows until the group has no memory for more; returns the errnos."""
        errors = [0]
        while len(errors) < BACKLOG and errors.count(errno.ENOMEM) < REFUSED:
            errors.append(new_flow(self, "tenant", 1000 + len(errors))[0])
        note(f"{errors.count(0)} flows made, then {errors[-REFUSED:]}")
        return errors


@case("a control group at its limit is refused without OOM kills, and delays no other")
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


class Both(Tenant):
    """Agents; both ends of flows to "tenant" are in a control group of their own, and
    alice's ends of other flows belong to a user without privileges."""

    def begin(self, name, fd=None):
        if name == "tenant":
            with self.group.entered():
                return super().begin(name, fd)
        one = Endpoint("alice", os.O_NONBLOCK)
        with nobody(), fails(errno.EINPROGRESS):
            one.alloc(name)
        return one, self.alice.upcall(UPCALL_ALLOC)

    def claimed(self, ends):
        """Epoch and exchange number of a re-key claimed at alice's end."""
        one, _ = ends
        self.confirmed(*ends)
        self.alice.rekey(one.info().id)
        return self.claim(one.info().id)

    def seeds(self, ends, seed, numbers):
        """Errnos of parking a later seed at both ends."""
        return [tried_park(self, end, *numbers, seed) for end in reversed(ends)]


def tried_park(agents, end, epoch, exchange, seed):
    """Errno of parking a later seed."""
    try:
        agents.park(end, epoch, exchange, seed)
    except OSError as err:
        return err.errno
    return 0


def use_up(agents, numbers):
    """Sets a blob of each flow, half as long after a refusal; returns the errnos."""
    size, errors = BLOB, []
    for number in numbers:
        errors.append(tried(agents.bob, "FLOW_SET", id=number, blob=bytes(size))[0])
        if errors[-1] and size > 8:
            size //= 2
    return errors


def refused_addresses(agents, numbers):
    """Allocates flows; tells for each refusal if memory lacked for address or keys."""
    refused = []
    for i, number in enumerate(numbers):
        try:
            agents.bob.do("FLOW_ALLOCATE", "FLOW", id=number, cipher=CIPHER,
                          peer=sockaddr("alice"), peer_eid=1 + i, seed=os.urandom(32),
                          generation=generation(agents.bob, number))
        except OSError as err:
            same(err.errno, errno.ENOMEM)
            # only a refusal of the keys has a message
            refused.append("keys" if err.says else "address")
    return refused


def ask_on(number, refusals):
    """Sets a blob repeatedly, and counts the refusals."""
    agent = Netlink("bob")
    while True:
        if tried(agent, "FLOW_SET", id=number, blob=bytes(BLOB))[0] == errno.ENOMEM:
            refusals[:8] = struct.pack("=Q", struct.unpack("=Q", refusals[:8])[0] + 1)


@case("at the limit later seeds, blobs and addresses are refused; others' requests succeed")
def later_at_the_limit():
    tenant, refusals = Group("tenant"), mmap.mmap(-1, mmap.PAGESIZE)
    asks, ready = os.pipe()
    pids = [spawn(hold, tenant, ready)]
    same(os.read(asks, 1), b"r")
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})	# the reserve of a group is per CPU

    def refused():
        return struct.unpack("=Q", refusals[:8])[0]
    try:
        with Both(tenant) as agents:
            listener = agents.listen("tenant")
            flows = [agents.connect(listener, "tenant") for _ in range(LATER)]
            other = agents.flow("other")
            claims = [agents.claimed(ends) for ends in flows]
            early = [new_flow(agents, "tenant", 1 + i)[1][A["FLOW_ID"]]
                     for i in range(4 * LATER)]
            tenant.fill()
            same(set(agents.fill()), {0, errno.ENOMEM}, "what becomes of flows")
            seeds = [os.urandom(32) for _ in flows]
            said = [agents.seeds(ends, seed, numbers)
                    for ends, seed, numbers in zip(flows, seeds, claims)]
            note(f"seeds: {said}")
            same(set(sum(said, [])) - {0}, {errno.ENOMEM}, "later seeds")
            blobs = use_up(agents, early)
            note(f"blobs: {blobs}")
            same(set(blobs) - {0}, {errno.ENOMEM}, "blobs")
            addresses = refused_addresses(agents, early)
            note(f"refused for lack of memory for: {addresses}")
            assert "address" in addresses, "no address was refused"
            pids.append(spawn(ask_on, flows[0][1].info().id, refusals))
            until(refused, "a request is refused")
            before = refused()
            seed, numbers = os.urandom(32), agents.claimed(other)
            same(agents.seeds(other, seed, numbers), [0, 0], "seeds of others")
            agents.bob.do("FLOW_SET", "FLOW", id=other[1].info().id, blob=bytes(BLOB))
            talk(*other)
            agents.confirmed(other[0])
            more = agents.flow("more")
            talk(*more)
            until(lambda: refused() > before, "it is refused all the time")
            events = tenant.events()
            same((events["oom"], events["oom_kill"]), (0, 0), "programs killed")
            same(os.waitpid(pids[0], os.WNOHANG), (0, 0), "the holder runs")
            write(f"{tenant.path}/memory.max", "max")
            for ends, seed, numbers, errors in zip(flows, seeds, claims, said):
                if errors == [errno.ENOMEM, errno.ENOMEM]:
                    same(agents.seeds(ends, seed, numbers), [0, 0], "the same again")
                    talk(*ends)
            for end in listener, *other, *more, *sum(flows, ()):
                end.close()
    finally:
        os.sched_setaffinity(0, cpus)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        tenant.remove()


def open_on():
    """Asks for flows repeatedly, as the user nobody."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"opener", 0, 0, 0)
    while True:
        ends = [Endpoint("alice", os.O_NONBLOCK) for _ in range(4)]
        with nobody():
            for end in ends:
                outcome(end.alloc, "far")
        for end in ends:
            end.close()


@case("a dump shows the complete owner of a flow, or none while the flow is created")
def owner_in_dumps():
    with Agents():
        look, shown, without = Netlink("alice"), 0, 0
        until(lambda: not look.dump("FLOW_GET"), "nothing is left of the case before")
        pid = spawn(open_on)
        try:
            exe = os.stat(f"/proc/{pid}/exe")
            dumps = 0
            while shown < SHOWN:
                dumps += 1
                for flow in look.dump("FLOW_GET"):
                    state = int.from_bytes(flow[A["FLOW_STATE"]], sys.byteorder)
                    if A["FLOW_CRED"] not in flow:
                        without += 1
                        same(state, STATE_INIT, "state of a flow without an owner")
                        continue
                    shown += 1
                    cred = attrs(flow[A["FLOW_CRED"]])
                    got = [int.from_bytes(cred.get(A[f"CRED_{name}"], b""), sys.byteorder)
                           for name in ("UID", "PID", "EXE_INO")]
                    same(got, [NOBODY, pid, exe.st_ino])
                    same(cred[A["CRED_COMM"]], b"opener\0")
            note(f"{dumps} dumps: {shown} owners, {without} flows not yet made")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        look.close()
    until(lambda: NOBODY not in users(), "nothing is left of the user")


@contextlib.contextmanager
def nobody():
    """Runs the block as the user nobody, without privileges."""
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@contextlib.contextmanager
def limit(**parameters):
    """Sets these parameters of the module for the block."""
    before = {}
    try:
        for name, value in parameters.items():
            with open(f"{PARAMETERS}/{name}", encoding="ascii") as f:
                before[name] = f.read()
            write(f"{PARAMETERS}/{name}", str(value))
        yield
    finally:
        for name, value in before.items():
            write(f"{PARAMETERS}/{name}", value)


def elsewhere(work):
    """Result of work() as the user nobody, in new user and network namespaces."""
    here, there = os.pipe()
    mode = os.stat(DEVICE).st_mode & 0o777
    os.chmod(DEVICE, 0o666)
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            # a dumpable process may write the maps of its user namespace
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
            result = work()
        except Exception as err:	# pylint: disable=broad-except
            result = f"{type(err).__name__}: {err}"
        os.write(there, pickle.dumps(result))
        os._exit(0)
    os.close(there)
    with open(here, "rb") as f:
        result = pickle.load(f)
    os.waitpid(pid, 0)
    os.chmod(DEVICE, mode)
    return result


def opened(flags=0):
    """Opens the device in the namespace of this process."""
    return Endpoint(None, fd=os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | flags))


def outcome(fn, *args):
    """Name of the errno that fn() fails with, or "ok"."""
    try:
        fn(*args)
    except OSError as err:
        return errno.errorcode[err.errno]
    return "ok"


def users():
    """Accounts of all users, by user id."""
    return {user["uid"]: user for user in tool("alice", "stats", "--users")}


class Limited(Agents):
    """Agents whose programs at alice allocate flows without privileges. Flows of the
    previous case count until their peers know that they are closed."""

    def __enter__(self):
        until(lambda: NOBODY not in users(), "nothing is left of the user")
        return super().__enter__()

    def begin(self, name, fd=None):
        one = Endpoint("alice", os.O_NONBLOCK, fd=fd)
        with nobody(), fails(errno.EINPROGRESS):
            one.alloc(name)
        return one, self.alice.upcall(UPCALL_ALLOC)


def arrived(info):
    """Messages that arrived: read, queued, or dropped at a full ring."""
    return info.rx_packets + info.queued + info.drop_full


def fill(sender, reader, dropped):
    """Sends until the reader's ring drops a message; returns how many it holds."""
    sent, before = 0, arrived(reader.info())
    while reader.info().drop_full == dropped:
        sender.write(bytes(1000))
        sent += 1
        same(sent < 4 * RING, True, "the ring is bounded")
    # a message in transit would find room after the first read
    until(lambda: arrived(reader.info()) == before + sent, "all have arrived")
    return reader.info().queued


@case("the ring of a user with limits holds as much as any ring, and again once drained")
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


@case("idle flows return the memory that they reserved, also without a peer timeout")
def idle_flows_give_back():
    with Limited() as agents:
        one, other = agents.flow("idle")
        agents.alice.do("FLOW_SET", "FLOW", id=one.info().id, peer_timeout=0)
        before = users()[NOBODY]["bytes"]
        for _ in range(RING // 4):
            one.write(bytes(1000))
            other.write(bytes(1000))
        until(lambda: one.info().queued == RING // 4, "all have arrived")
        assert users()[NOBODY]["bytes"] > before, "nothing is reserved"
        for _ in range(RING // 4):
            one.read()
        until(lambda: users()[NOBODY]["bytes"] == before, "all is given back")
        one.close()
        other.close()


@case("a write at the limit of the user fails with EDQUOT, and POLLOUT is rare")
def no_room_to_write():
    def writable(end, timeout):
        return bool(select.select([], [end.fd], [], timeout)[1])
    with Limited() as agents, limit(max_user_mib=MIB):
        ends = [end for i in range(FULL) for end in agents.flow(f"full{i}")]
        for sender in ends[1::2]:	# fill the rings of the user nobody
            for _ in range(RING):
                sender.write(bytes(1000))
        one = ends[0]
        assert writable(one, 0), "nothing was refused yet"
        until(lambda: outcome(one.write, bytes(1000)) == "EDQUOT" and
              not writable(one, 0), "it is told so, and nothing else")
        waits = []

        def waited():
            """Notes the time from a write that fails until POLLOUT."""
            start = time.monotonic()
            if outcome(one.write, bytes(1000)) == "EDQUOT":
                until(lambda: writable(one, 1), "POLLOUT tells to try again")
                waits.append(time.monotonic() - start)
            return len(waits) == WAITS
        until(lambda: writable(one, 1), "POLLOUT tells to try again")
        until(waited, f"{WAITS} writes fail")
        # a delay of the machine only lengthens them
        wait = sorted(waits)[WAITS // 2]
        note(f"POLLOUT {wait:.3f} s after a failed write")
        assert wait > POLLOUT_AFTER, wait
        for end in ends[2::2]:
            end.close()
        until(lambda: writable(one, 0) and outcome(one.write, bytes(1000)) == "ok",
              "it can be written again")
        for end in ends[:1] + ends[1::2]:
            end.close()


@case("flows of a user in all namespaces count against one limit")
def namespaces_share_a_limit():
    def ask():
        agent, ends = Netlink(), [opened(os.O_NONBLOCK) for _ in range(3)]
        agent.do("AGENT_SET")
        return [outcome(end.alloc, "far") for end in ends]
    with Limited() as agents, limit(max_user_flows=4):
        ends = agents.flow("first") + agents.flow("second")
        same(users()[NOBODY]["flows"], 2)
        same(users()[NOBODY]["max_flows"], 4)
        same(elsewhere(ask), ["EINPROGRESS", "EINPROGRESS", "EDQUOT"])
        for end in ends:
            end.close()
    until(lambda: NOBODY not in users(), "nothing is left of the user")


@case("a served name counts against the limit of flows")
def names_count():
    with Limited() as agents, limit(max_user_flows=1):
        one, _asked = agents.begin("far")
        other = Endpoint("alice")
        with nobody():
            same(outcome(other.listen, "near"), "EDQUOT")
        one.close()
        other.close()


@case("sockets and queues of agents are charged to their user, in all namespaces")
def agents_of_a_user():
    def serve():
        agents = []
        for _ in range(MIB):
            agents.append(Netlink())
            said = outcome(agents[-1].do, "AGENT_SET")
            if said != "ok":
                return len(agents), said
            os.unshare(os.CLONE_NEWNET)
        return len(agents), said
    # MiB: two sockets of two families for each processor, and the messages in queues
    each = max(8, 4 * min(os.cpu_count(), 8)) + 8
    until(lambda: NOBODY not in users(), "nothing is left of the case before")
    with limit(max_user_mib=MIB):
        same(elsewhere(serve), (MIB // each + 1, "EDQUOT"))
    until(lambda: NOBODY not in users(), "nothing is left of the user")


@case("requests of one user leave room in the agent's queue for other users")
def requests_share_the_queue():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * PLACES, 2 * PLACES))
    ends, said = [], "EINPROGRESS"
    with Agents():
        while said == "EINPROGRESS" and len(ends) <= PLACES:
            ends.append(Endpoint("alice", os.O_NONBLOCK))
            with nobody():
                said = outcome(ends[-1].alloc, "far")
        note(f"{len(ends) - 1} requests, then {said}")
        same(said, "EDQUOT")
        assert len(ends) <= PLACES / 4, len(ends)
        same(users()[NOBODY]["upcalls"], len(ends) - 1)
        other = Endpoint("alice", os.O_NONBLOCK)
        same(outcome(other.alloc, "far"), "EINPROGRESS", "for another user")
        for end in ends + [other]:
            end.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@case("the request to serve a name is removed when its program is killed")
def given_up():
    with Agents() as agents:
        end = Endpoint("bob")

        def serve():
            os.setresuid(NOBODY, NOBODY, NOBODY)
            end.listen("near")
        pid = spawn(serve)
        until(lambda: users().get(NOBODY, {}).get("upcalls") == 1, "it has asked")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        until(lambda: NOBODY not in users(), "nothing is left of the user")
        with fails(errno.EAGAIN):
            agents.bob.do("UPCALL_GET")
        end.close()


@case("a dump in a user namespace shows the users of the namespace only")
def who_is_shown():
    def look():
        agent = Netlink()
        agent.do("AGENT_SET")
        unmapped = agent.dump("USER_GET")
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"0 {NOBODY} 1")
        mapped = agent.dump("USER_GET")
        return unmapped, [struct.unpack("=I", user[A["USER_UID"]])[0]
                          for user in mapped]
    with Agents():
        one = Endpoint("alice", os.O_NONBLOCK)
        os.setresuid(NOBODY - 1, NOBODY - 1, 0)
        try:
            same(outcome(one.alloc, "far"), "EINPROGRESS")
        finally:
            os.setresuid(0, 0, 0)
        assert NOBODY - 1 in users()
        same(elsewhere(look), ([], [0]))
        one.close()


@case("a flood of cleartext messages neither delays nor drops sealed messages")
def sealed_first():
    def refused():
        return drops("bob")["no_flow", "ctrl-full"]
    with Agents() as agents:
        one, other = agents.flow("flooded")
        before, sent, kinds = refused(), 0, []
        while refused() == before:
            agents.alice.do("CTRL_SEND", "UPCALL", peer=sockaddr("bob"),
                            payload=bytes(1000))
            sent += 1
            same(sent < 2 * PLACES, True, "the queue is bounded")
        agents.alice.do("SEALED_SEND", "FLOW", id=one.info().id, payload=b"hello")

        def sealed():
            found = agents.bob.do("UPCALL_GET")
            kinds.append(struct.unpack("=I", found[A["UPCALL_TYPE"]])[0])
            return kinds[-1] == UPCALL_SEALED and found
        same(until(sealed, "the sealed message")[A["UPCALL_PAYLOAD"]], b"hello")
        note(f"{sent} messages of the flood, {len(kinds) - 1} before the sealed one")
        assert len(kinds) < sent / 2, "the sealed message waits for the flood"
        one.close()
        other.close()


@case("module parameters outside their bounds are rejected with EINVAL")
def parameters_have_bounds():
    for name, value, said in (("max_user_flows", 0, "EINVAL"),
                              ("max_user_flows", 1, "ok"),
                              ("max_user_flows", 1 << 31, "EINVAL"),
                              ("max_user_flows", "many", "EINVAL"),
                              ("max_user_mib", 63, "EINVAL"),
                              ("max_user_mib", 64, "ok"),
                              ("max_user_mib", 1024, "ok"),
                              ("max_user_mib", 1025, "EINVAL")):
        with open(f"{PARAMETERS}/{name}", encoding="ascii") as f:
            before = f.read()
        same(outcome(write, f"{PARAMETERS}/{name}", str(value)), said,
             f"{name}={value}")
        write(f"{PARAMETERS}/{name}", before)


run()
