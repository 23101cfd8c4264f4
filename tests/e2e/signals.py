# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""What poll, select and epoll report of a flow, above all a waiting seed: each of them
reports it exactly while it waits, and no event is missed.

Most seeds here are parked at bob only. He is the responder: until he receives a packet
in the new epoch, each later exchange replaces his seed. So a test can park any number
of seeds without a packet.
"""

import contextlib
import errno
import itertools
import os
import random
import select
import struct

from blocked import (
    ALL, EVENTS, TX_QUEUE, Held, Sleeper, epolled, fill, names, neighbours, outcome,
    polled, selected)
from ipcp import (
    A, DEADLINE, RB_RD, RB_REKEY, RB_WR, SET_ACCESS, SET_DOWN, Endpoint, case,
    fails, in_turns, note, run, same, settled, talk, until)
from keys import UPCALL_ALLOC, UPCALL_LISTEN, Agents

IN, OUT, PRI, ET = (select.EPOLLIN, select.EPOLLOUT, select.EPOLLPRI,
                    select.EPOLLET)
EVERY = sum(EVENTS.values())
MANY = 200		# flows in one epoll
ROUNDS = 2000		# times that another process is woken
NEVER = 600 * 1000	# milliseconds; the longest grace time
agents = Agents()
exchanges = itertools.count(1)
many = []


def change(end, **params):
    """Change a flow as its agent."""
    agents.of(end).do("FLOW_SET", "FLOW", id=end.info().id, **params)


@contextlib.contextmanager
def flow():
    """Both ends of a flow with a grace time so long that the kernel activates no
    seed."""
    ends = agents.flow("demo", grace=NEVER)
    agents.confirmed(*ends)
    yield ends
    for end in ends:
        if end.fd >= 0:
            end.close()


def park(end):
    """Park a seed at bob's end."""
    agents.park(end, epoch=1, exchange=next(exchanges))


def found(epoll, seconds=0, most=-1):
    """The descriptors that an epoll reports, with the names of their events."""
    return {fd: names(mask)
            for fd, mask in in_turns(lambda s: epoll.poll(s, most), seconds)}


def watch(ends, events):
    """An epoll with these ends."""
    epoll = select.epoll()
    for end in ends:
        epoll.register(end.fd, events)
    return epoll


# --- a waiting seed

TAKES = {
    "IPCP_IOC_REKEY": lambda end: end.rekey(),
    "a read": lambda end: same(outcome(end.read), "EAGAIN"),
    "a write": lambda end: end.write(b"x"),
    "the kernel, after the grace time": lambda end: change(end, grace=100),
}


def takes(how):
    """Add a case for one of TAKES."""
    @case(f"EPOLLPRI shows exactly while a seed waits, until activated by {how}")
    def check():
        with flow() as (_one, other):
            other.nonblock()
            level, edge = watch([other], PRI), watch([other], PRI | ET)

            def shown():
                return (polled(other, PRI, 0), selected(other, 0),
                        found(level), found(edge))
            seed = {other.fd: "PRI"}
            same(shown(), ("", "w", {}, {}))
            for _ in range(2):
                change(other, grace=NEVER)
                park(other)
                same(shown(), ("PRI", "wx", seed, seed), "parked")
                same(shown(), ("PRI", "wx", seed, {}), "seen")
                same(other.info().rb_flags, RB_RD | RB_WR | RB_REKEY)
                TAKES[how](other)
                until(lambda: not polled(other, PRI, 0), "it is taken")
                same(shown(), ("", "w", {}, {}), "taken")
                same((other.info().rb_flags, other.info().epoch),
                     (RB_RD | RB_WR, 1))
                with fails(errno.ENODATA):
                    other.rekey()


for name in TAKES:
    takes(name)


@case("a seed that replaces a waiting one belongs to the same event, and is activated once")
def replaced():
    with flow() as (_one, other):
        edge = watch([other], PRI | ET)
        for _ in range(3):
            park(other)
        same(found(edge), {other.fd: "PRI"})
        other.rekey()
        same((found(edge), polled(other, PRI, 0)), ({}, ""))
        same(other.info().rekeys, 3)


@case("EPOLLPRI shows at both ends, epoch after epoch")
def both_ends():
    with flow() as ends:
        for epoch in 1, 2, 3:
            number, exchange = agents.claim(ends[0].info().id)
            same(number, epoch)
            seed = os.urandom(32)
            for end in ends[::-1]:
                same((polled(end, ALL, 0), selected(end, 0)), ("OUT", "w"))
                agents.park(end, epoch, exchange, seed)
                same((polled(end, ALL, 0), selected(end, 0)), ("PRI OUT", "wx"))
            for end in ends:
                end.rekey()
                same((polled(end, ALL, 0), selected(end, 0)), ("OUT", "w"))
            talk(*ends)
            settled(*ends)
            same([end.info().tx_epoch for end in ends], [epoch] * 2)


@case("an epoll that is older than the flow reports all its events, but not the first seed")
def before():
    listener = agents.listen("demo")
    one = Endpoint("alice", os.O_NONBLOCK)
    seed, room, message = (watch([one], bit | ET) for bit in (PRI, OUT, IN))
    with fails(errno.EINPROGRESS):
        one.alloc("demo")
    asked = agents.alice.upcall(UPCALL_ALLOC)
    same([found(epoll) for epoll in (seed, room, message)], [{}, {}, {}])
    agents.answer("demo", asked, grace=NEVER)
    same(found(room, DEADLINE), {one.fd: "OUT"})
    other = listener.accept()
    other.write(b"x")
    same(found(message, DEADLINE), {one.fd: "IN"})
    same(found(seed), {})
    agents.confirmed(one)
    agents.park(one, *agents.claim(one.info().id))
    same(found(seed), {one.fd: "PRI"})
    for end in one, other, listener:
        end.close()


# --- many flows

@case(f"of {MANY} flows, exactly those with a waiting seed are reported")
def many_flows():
    listener = agents.listen("many")
    many.extend(agents.connect(listener, "many", grace=NEVER)
                for _ in range(MANY))
    listener.close()
    ends = [other for _one, other in many]
    agents.confirmed(*ends)
    level, edge = watch(ends, PRI), watch(ends, PRI | ET)
    poll = select.poll()
    for end in ends:
        poll.register(end.fd, PRI)
    fds, chance, parked = [end.fd for end in ends], random.Random(15), set()
    for _ in range(6):
        fresh = set(chance.sample(ends, chance.randint(1, 40))) - parked
        for end in fresh:
            park(end)
        parked |= fresh
        want = {end.fd: "PRI" for end in parked}
        same(found(level, most=MANY), want, "level")
        same(found(edge, most=MANY), {end.fd: "PRI" for end in fresh}, "edge")
        same({fd: names(mask) for fd, mask in poll.poll(0)}, want, "poll")
        same(set(select.select([], [], fds, 0)[2]), set(want), "select")
        for end in chance.sample(sorted(parked, key=lambda end: end.fd),
                                 len(parked) // 2):
            end.rekey()
            parked.remove(end)
    for end in parked:
        end.rekey()
    same((found(level), found(edge)), ({}, {}))


@case("each flow is reported once, however few events are requested at a time")
def few_at_a_time():
    ends = [other for _one, other in many]
    edge = watch(ends, PRI | ET)
    for end in ends:
        park(end)
    seen = []
    while batch := edge.poll(0, 7):
        seen += batch
    same(sorted(seen), sorted((end.fd, PRI) for end in ends))
    for end in ends:
        end.rekey()


@case("the events of 2000 messages are still reported if nobody polls in time")
def unseen():
    ends = [other for _one, other in many]
    edge = watch(ends, IN | ET)
    for count in range(10):
        for one, _other in many:
            one.write(bytes([count]))
    until(lambda: all(other.info().queued == 10 for other in ends), "all came")
    same(found(edge, most=MANY), {other.fd: "IN" for other in ends})
    for other in ends:
        same([other.read() for _ in range(10)], [bytes([n]) for n in range(10)])
    same(found(edge), {})
    for ends in many:
        for end in ends:
            end.close()


# --- membership in an epoll

@case("a flow can be in an epoll once, until it is removed")
def in_epoll():
    with flow() as (_one, other):
        epoll = watch([other], PRI)
        with fails(errno.EEXIST):
            epoll.register(other.fd, PRI)
        park(other)
        same(found(epoll), {other.fd: "PRI"})
        epoll.modify(other.fd, OUT)
        same(found(epoll), {other.fd: "OUT"})
        epoll.unregister(other.fd)
        same(found(epoll), {})
        with fails(errno.ENOENT):
            epoll.unregister(other.fd)
        epoll.register(other.fd, PRI | ET)
        same(found(epoll), {other.fd: "PRI"})


@case("each epoll with a flow reports its events, and so does an epoll of epolls")
def two_epolls():
    with flow() as (_one, other):
        first, second = watch([other], PRI | ET), watch([other], PRI | ET)
        above = select.epoll()
        above.register(first.fileno(), IN)
        park(other)
        same(found(above), {first.fileno(): "IN"})
        same((found(first), found(second)), ({other.fd: "PRI"},) * 2)
        same(found(above), {})


@case("a closed flow is removed from its epoll")
def closed():
    with flow() as (_one, other):
        epoll = watch([other], PRI)
        park(other)
        other.close()
        same(found(epoll), {})


# --- no event is lost

class Child:
    """A process with a copy of all descriptors."""

    def __init__(self, work):
        self.told, tell = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            status = 1
            try:
                work(lambda count: os.write(tell, struct.pack("=I", count)))
                status = 0
            except Exception as err:	# pylint: disable=broad-except
                note(f"{type(err).__name__}: {err}")
            finally:
                os._exit(status)
        os.close(tell)

    def tells(self, want):
        """Wait until the child has reported this count; it must never report more."""
        count = -1
        while count < want:
            got = b""
            if in_turns(lambda s: select.select([self.told], [], [], s), 2 * DEADLINE)[0]:
                got = os.read(self.told, 4)
            assert got, f"{count} of {want} were seen"
            count = struct.unpack("=I", got)[0]
        same(count, want)

    def end(self):
        """The child must have succeeded."""
        same(os.waitpid(self.pid, 0)[1], 0, "status of the other process")
        os.close(self.told)


@case(f"an edge-triggered epoll reports {ROUNDS} seeds, each parked once the last was "
      "activated")
def each_seed():
    with flow() as (_one, other):
        number = other.info().id

        def work(tell):
            epoll = watch([other], PRI | ET)
            tell(0)
            for count in range(1, ROUNDS + 1):
                same(found(epoll, DEADLINE), {other.fd: "PRI"}, f"seed {count}")
                other.rekey()
                tell(count)
        child = Child(work)
        child.tells(0)
        for count in range(1, ROUNDS + 1):
            agents.deliver(agents.bob, number, 1, next(exchanges), os.urandom(32))
            child.tells(count)
        child.end()
        same(other.info().rekeys, ROUNDS)


@case("seeds parked at any time wake a sleeping reader, which activates the last one")
def reader_takes():
    with flow() as (one, other):
        def work(_tell):
            same(other.read(), b"end")
        child = Child(work)
        for burst in [1, 2, 3, 1, 1] * 20:
            for _ in range(burst):
                park(other)
            until(lambda: not polled(other, PRI, 0), "the reader took it")
        one.write(b"end")
        child.end()


@case(f"an edge-triggered epoll reports all of {ROUNDS} messages sent in bursts")
def each_message():
    with flow() as (one, other):
        def work(tell):
            epoll = watch([other], IN | ET)
            tell(0)
            count = 0
            while count < ROUNDS:
                same(found(epoll, DEADLINE), {other.fd: "IN"}, f"message {count}")
                with contextlib.suppress(BlockingIOError):
                    while True:
                        same(other.read(), struct.pack("=I", count))
                        count += 1
                tell(count)
        other.nonblock()
        child = Child(work)
        child.tells(0)
        count, chance = 0, random.Random(15)
        while count < ROUNDS:
            for _ in range(min(chance.randint(1, 8), ROUNDS - count)):
                one.write(struct.pack("=I", count))
                count += 1
            child.tells(count)
        child.end()


# --- sleepers are woken

POLLS = {
    "poll": polled,
    "select": selected,
    "epoll, level": epolled,
    "epoll, edge": lambda end: epolled(end, flags=ET),
}


def asleep(end, more=()):
    """Threads asleep in each of these calls."""
    calls = {**POLLS, **dict(more)}
    return {name: Sleeper(call, end).asleep() for name, call in calls.items()}


def woken(sleepers, want, **others):
    """Check the outcome of each call: want, or its own in others. With None the call
    must still sleep."""
    for name, sleeper in list(sleepers.items()):
        expected = others.get(name.split(",")[0], want)
        if expected is None:
            sleeper.asleep()
            continue
        same(sleeper.outcome(), expected, name)
        del sleepers[name]


READ = ("read", lambda end: end.read())
WRITE = ("write", lambda end: os.write(end.fd, b"at last"))


@contextlib.contextmanager
def full_flow():
    """A flow whose first end has nothing to read and no room to write."""
    with flow() as (one, other), Held() as held:
        fill(one, other)
        yield one, other, held


@case("a seed wakes pollers; sleeping readers and writers activate it and sleep on")
def wakes_seed():
    with full_flow() as (one, other, held):
        sleepers = asleep(one)
        agents.park(one, *agents.claim(one.info().id))
        woken(sleepers, "PRI", select="x")
        one.rekey()
        held.release()
        until(lambda: other.info().queued >= TX_QUEUE, "all have arrived")
    for call in READ, WRITE:
        with full_flow() as (one, other, held):
            sleepers = {call[0]: Sleeper(call[1], one).asleep()}
            agents.park(one, *agents.claim(one.info().id))
            until(lambda: one.info().epoch == 1, "it is taken")	# noqa: B023
            same(polled(one, ALL, 0), "")
            sleepers[call[0]].asleep()
            other.write(b"a message")
            held.release()
            woken(sleepers, None, read=b"a message", write=len(b"at last"))


@case("raising the maximum age of an expired epoch wakes pollers")
def wakes_age():
    with flow() as (one, _other), select.epoll() as poller:
        change(one, max_epoch_age=1)
        until(lambda: not polled(one, select.EPOLLOUT, 0), "the epoch has expired")
        poller.register(one.fd, select.EPOLLOUT | select.EPOLLET)
        same(poller.poll(0), [])
        change(one, max_epoch_age=0)
        same(poller.poll(DEADLINE), [(one.fd, select.EPOLLOUT)])


@case("a flow that goes down wakes pollers, readers and writers")
def wakes_down():
    with full_flow() as (one, _other, _held):
        sleepers = asleep(one, [READ, WRITE])
        agents.alice.do("FLOW_DEL", "FLOW", id=one.info().id)
        woken(sleepers, "IN OUT RDHUP ERR HUP", select="rw", read="ESHUTDOWN",
              write="ESHUTDOWN")


@case("a silent peer wakes readers and pollers, not writers and select, which cannot show it")
def wakes_silent():
    with full_flow() as (one, other, held):
        sleepers = asleep(one, [READ, WRITE])
        change(one, peer_timeout=1000)
        woken(sleepers, "RDHUP", select=None, read="EPIPE", write=None)
        other.write(b"here I am")
        woken(sleepers, None, select="r", write=None)
        held.release()
        woken(sleepers, None, write=len(b"at last"))


@case("revoking read access wakes readers; restoring it wakes pollers if a message waits")
def wakes_read():
    with full_flow() as (one, other, held):
        sleepers = asleep(one, [READ, WRITE])
        one.set(SET_ACCESS, access=RB_WR)
        woken(sleepers, None, read="EPERM")
        other.write(b"a message")
        until(lambda: one.info().queued == 1, "it is there")
        woken(sleepers, None)
        one.set(SET_ACCESS, access=RB_RD | RB_WR)
        woken(sleepers, "IN", select="r", write=None)
        held.release()
        woken(sleepers, None, write=len(b"at last"))


@case("revoking write access wakes writers; restoring it wakes pollers if there is room")
def wakes_write():
    with full_flow() as (one, other, held):
        sleepers = asleep(one, [READ, WRITE])
        one.set(SET_ACCESS, access=RB_RD)
        woken(sleepers, None, write="EPERM")
        held.release()
        until(lambda: other.info().queued >= TX_QUEUE, "there is room")
        woken(sleepers, None)
        one.set(SET_ACCESS, access=RB_RD | RB_WR)
        woken(sleepers, "OUT", select="w", read=None)
        other.write(b"a message")
        woken(sleepers, None, read=b"a message")


# --- all bits

STATES = {}


def state(name, want):
    """Register a function that brings an end into a state, and the events shown
    then."""
    def add(fn):
        STATES[name] = fn, want
        return fn
    return add


@state("nothing happens", "OUT WRNORM")
def nothing(one, _other):
    return one


@state("a message waits", "IN OUT RDNORM WRNORM")
def message(one, other):
    other.write(b"x")
    until(lambda: one.info().queued == 1, "it is there")
    return one


@state("a message waits and reading is not permitted", "OUT WRNORM")
def no_read(one, other):
    one.set(SET_ACCESS, access=RB_WR)
    return message(one, other)


@state("a message waits and writing is not permitted", "IN RDNORM")
def no_write(one, other):
    one.set(SET_ACCESS, access=RB_RD)
    return message(one, other)


@state("a seed waits", "PRI OUT WRNORM")
def seed_waits(_one, other):
    park(other)
    return other


@state("a seed and a message wait", "IN PRI OUT RDNORM WRNORM")
def both_wait(one, other):
    park(other)
    return message(other, one)


@state("the peer is silent", "OUT WRNORM RDHUP")
def silent(one, _other):
    change(one, peer_timeout=1000)
    one.wait(select.POLLRDHUP)
    return one


@state("the peer was silent and has returned", "IN OUT RDNORM WRNORM")
def back(one, other):
    silent(one, other)
    change(one, peer_timeout=NEVER)
    other.write(b"here I am")
    same(one.receive(), b"here I am")
    return message(one, other)


@state("the peer closed the flow", "IN OUT RDNORM WRNORM RDHUP HUP")
def peer_closed(one, other):
    other.close()
    one.wait(select.POLLHUP)
    return one


@state("the agent took the flow down", "IN OUT RDNORM WRNORM RDHUP ERR HUP")
def agent_down(one, _other):
    agents.alice.do("FLOW_DEL", "FLOW", id=one.info().id)
    return one


@state("the program took the flow down", "IN OUT RDNORM WRNORM RDHUP ERR HUP")
def program_down(one, _other):
    one.set(SET_DOWN, down=1)
    return one


@state("the program took the flow down and then the peer closed it",
       "IN OUT RDNORM WRNORM RDHUP ERR HUP")
def both_down(one, other):
    settled(one, other)
    one.set(SET_DOWN, down=1)
    other.wait(select.POLLHUP)
    left = one.info().rx_left
    other.close()
    until(lambda: one.info().rx_left < left, "the peer's end was heard")
    return one


def shows(name, fn, want):
    """Add a case for one of STATES."""
    @case(f"poll and epoll show {want} when {name}")
    def check():
        with flow() as (one, other):
            end = fn(one, other)
            for way in polled(end, EVERY, 0), epolled(end, EVERY, 0, 0):
                same(way, want)


for name, (maker, bits) in STATES.items():
    shows(name, maker, bits)


@case("a fresh file, and one that waits for its agent, show no events")
def pending():
    one = Endpoint("alice", os.O_NONBLOCK)
    same(polled(one, EVERY, 0), "")
    with fails(errno.EINPROGRESS):
        one.alloc("demo")
    number = agents.alice.upcall(UPCALL_ALLOC)[A["UPCALL_FLOW_ID"]]
    same(polled(one, EVERY, 0), "")
    agents.alice.do("FLOW_DEL", "FLOW", id=number, error=errno.EHOSTUNREACH)
    same(polled(one, EVERY, 0), "IN OUT RDNORM WRNORM RDHUP ERR HUP")
    one.close()


@case("a listener shows waiting flows, also to an epoll older than its LISTEN")
def serving():
    listener = Endpoint("bob")
    epoll = watch([listener], IN | ET)
    same(polled(listener, EVERY, 0), "")
    thread = Sleeper(listener.listen, "demo")
    agents.bob.do("UPCALL_DONE", "UPCALL",
                  id=agents.bob.upcall(UPCALL_LISTEN)[A["UPCALL_ID"]], error=0)
    same(thread.outcome(), listener)
    same(polled(listener, EVERY, 0), "OUT WRNORM")
    same(found(epoll), {})
    one, asked = agents.begin("demo")
    agents.answer("demo", asked)
    same(found(epoll, DEADLINE), {listener.fd: "IN"})
    same(polled(listener, EVERY, 0), "IN OUT RDNORM WRNORM")
    other = listener.accept()
    same(polled(listener, EVERY, 0), "OUT WRNORM")
    for end in one, other, listener:
        end.close()


neighbours()
run()
