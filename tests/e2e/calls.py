# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Calls that wait, and how each of them ends: with what it waits for, at its
time limit, by a signal, by the end of the flow. Buffers that do not fit.
Descriptors that several have."""

import contextlib
import errno
import os
import resource
import select
import socket
import struct
import sys

from blocked import (
    ALL, Held, Sleeper, fill, neighbours, outcome, polled, raw_read, raw_write,
    received, sent)
from ipcp import (
    A, ACCEPT, ADDR, ALLOCATED, GET_INFO, INFO, NET, NSEC, PORT, SET_DOWN,
    SET_RCVTIMEO, SET_SNDTIMEO, Endpoint, case, enter, fails, run, same, show, sockaddr,
    talk, until)
from keys import CIPHER, UPCALL_ALLOC, UPCALL_LISTEN, Agents, generation
from load import Load

RING = 1024		# messages that wait for their reader
FOR_EVER = -1
SOON = NSEC // 20
READS = (lambda end: raw_read(end.fd), received)	# read and RECV
WRITES = (lambda end: raw_write(end.fd, b"x"),		# write and SEND
          lambda end: sent(end, b"x"))
agents = Agents()


@contextlib.contextmanager
def flow():
    """Both ends of a flow."""
    ends = agents.flow("demo")
    yield ends
    for end in ends:
        if end.fd >= 0:
            end.close()


def drain(end):
    """All messages that are there."""
    end.nonblock()
    got = []
    with contextlib.suppress(BlockingIOError):
        while True:
            got.append(end.read())
    end.nonblock(False)
    return got


def arrived(end, count):
    """Waits until so many messages are queued."""
    until(lambda: end.info().queued == count, f"{count} messages are there")


# --- the ring

@case("an empty ring is EAGAIN to who does not wait")
def empty():
    with flow() as ends:
        for end in ends:
            end.nonblock()
            same([outcome(end.read) for _ in range(2)], ["EAGAIN"] * 2)


@case(f"{RING} messages wait in order; one more is dropped, and counted")
def full_ring():
    with flow() as (one, other):
        for number in range(RING + 2):
            one.write(struct.pack("=I", number))
        until(lambda: other.info().drop_full == 2, "two were dropped")
        same(other.info().queued, RING)
        same(drain(other), [struct.pack("=I", n) for n in range(RING)])
        same(other.info().queued, 0)
        talk(one, other)


@case("a writer and two readers at once: each message comes once")
def two_readers():
    with flow() as (one, other):
        load = Load(one, other, writers=1, readers=2, tokens=16)
        load.advance(2000)
        load.finish()


@case("a sleeping reader gets the message that comes")
def blocking_read():
    with flow() as (one, other):
        for read in READS:
            reader = Sleeper(read, other).asleep()
            one.write(b"good morning")
            same(reader.outcome(), b"good morning")


@case("an empty message ends a read with 0, and nothing else")
def empty_message():
    with flow() as (one, other):
        reader = Sleeper(other.read).asleep()
        one.write(b"")
        same(reader.outcome(), b"")
        same(polled(other, ALL, 0), "OUT")
        talk(one, other)


# --- room

@case("256 messages may be on their way: then EAGAIN, and no EPOLLOUT")
def no_room():
    with flow() as (one, other), Held() as held:
        fill(one, other)
        same(polled(one, ALL, 0), "")
        one.nonblock()
        same([outcome(write, one) for write in WRITES], ["EAGAIN"] * 2)
        held.release()
        same(polled(one, select.EPOLLOUT), "OUT")
        one.write(b"x")
        arrived(other, one.info().tx_packets)
        same(drain(other)[-1], b"x")


@case("sleeping writers get room when there is, and nothing is lost or twice")
def blocking_write():
    with flow() as (one, other), Held() as held:
        fill(one, other)
        before = one.info().tx_packets
        writers = [Sleeper(call, where, bytes([n])).asleep()
                   for n, (call, where) in enumerate(
                       [(raw_write, one.fd), (sent, one)] * 2)]
        held.release()
        same([writer.outcome() for writer in writers], [1] * 4)
        arrived(other, before + 4)
        same(sorted(drain(other)[-4:]), [bytes([n]) for n in range(4)])
        same(other.info().drop_full, 0)


@case("the other direction has room of its own")
def other_direction():
    with flow() as (one, other), Held():
        fill(one, other)
        other.write(b"x")
        same(one.receive(), b"x")


# --- time limits

@case("a read has its time limit, then ETIMEDOUT; 0 and -1 are for ever")
def read_limit():
    with flow() as (one, other):
        for limit in SOON, 1:
            other.set(SET_RCVTIMEO, rcvtimeo=limit)
            same([outcome(read, other) for read in READS], ["ETIMEDOUT"] * 2)
        for limit in FOR_EVER, 0:
            other.set(SET_RCVTIMEO, rcvtimeo=SOON)
            other.set(SET_RCVTIMEO, rcvtimeo=limit)
            reader = Sleeper(other.read).asleep()
            one.write(b"x")
            same(reader.outcome(), b"x")


@case("a write has its own")
def write_limit():
    with flow() as (one, other), Held() as held:
        fill(one, other)
        one.set(SET_RCVTIMEO | SET_SNDTIMEO, rcvtimeo=FOR_EVER, sndtimeo=SOON)
        same([outcome(write, one) for write in WRITES], ["ETIMEDOUT"] * 2)
        # a limit that is not in the mask stays as it is
        one.set(SET_RCVTIMEO, rcvtimeo=SOON, sndtimeo=0)
        same([outcome(write, one) for write in WRITES], ["ETIMEDOUT"] * 2)
        one.set(SET_SNDTIMEO, rcvtimeo=0, sndtimeo=0)
        same([outcome(read, one) for read in READS], ["ETIMEDOUT"] * 2)
        writer = Sleeper(raw_write, one.fd, b"x").asleep()
        held.release()
        same(writer.outcome(), 1)


@case("so has ACCEPT, and ALLOC, which then has failed for good")
def other_limits():
    listener = agents.listen("demo")
    same(outcome(listener.accept, SOON), "ETIMEDOUT")
    listener.close()
    one = Endpoint("alice")
    same(outcome(one.alloc, "demo", SOON), "ETIMEDOUT")
    same(outcome(one.alloc, "demo"), "EBUSY")
    same([outcome(one.read), outcome(os.write, one.fd, b"x")], ["ETIMEDOUT"] * 2)
    one.close()


# --- the end of a flow

ENDS = {
    "its agent takes it down": ("ESHUTDOWN", lambda one, other: agents.bob.do(
        "FLOW_DEL", "FLOW", id=other.info().id)),
    "its program takes it down": ("ESHUTDOWN", lambda one, other: other.set(
        SET_DOWN, down=1)),
    "the peer takes it down": ("ESHUTDOWN", lambda one, other: one.set(
        SET_DOWN, down=1)),
    "the peer closes it": ("ESHUTDOWN", lambda one, other: one.close()),
    "the peer is silent": ("EPIPE", lambda one, other: agents.bob.do(
        "FLOW_SET", "FLOW", id=other.info().id, peer_timeout=1000)),
}


def ended(how, err, end_it):
    """The cases for one way."""
    @case(f"what is queued is read, then {err}, when {how}")
    def queued():
        with flow() as (one, other):
            messages = [b"one", b"two", b"", b"three"]
            for message in messages:
                one.write(message)
            arrived(other, len(messages))
            end_it(one, other)
            other.wait(select.POLLRDHUP)
            same([other.read() for _ in messages], messages)
            for nonblock in True, False:
                other.nonblock(nonblock)
                same([outcome(other.read) for _ in range(2)], [err] * 2)

    @case(f"a sleeping read ends with {err} when {how}")
    def sleeping():
        with flow() as (one, other):
            readers = [Sleeper(read, other).asleep() for read in READS]
            end_it(one, other)
            same([reader.outcome() for reader in readers], [err] * 2)


for _how, (_err, _fn) in ENDS.items():
    ended(_how, _err, _fn)


@case("a sleeping write ends with ESHUTDOWN when the flow goes down")
def write_down():
    for end_it in (
            lambda one, other: agents.alice.do("FLOW_DEL", "FLOW", id=one.info().id),
            lambda one, other: one.set(SET_DOWN, down=1),
            lambda one, other: other.set(SET_DOWN, down=1),
            lambda one, other: other.close()):
        with flow() as (one, other), Held():
            fill(one, other)
            writers = [Sleeper(write, one).asleep() for write in WRITES]
            end_it(one, other)
            same([writer.outcome() for writer in writers], ["ESHUTDOWN"] * 2)


@case("a silent peer stops no writer")
def write_silent():
    with flow() as (one, other):
        agents.alice.do("FLOW_SET", "FLOW", id=one.info().id, peer_timeout=1000)
        one.wait(select.POLLRDHUP)
        one.write(b"are you there?")
        same(other.receive(), b"are you there?")


@case("a forged packet is nothing to read, and not between a reader and the error")
def forged():
    with flow() as (one, other):
        eid = agents.bob.do("FLOW_GET", "FLOW", id=other.info().id)[A["FLOW_EID"]]
        enter("alice")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            # DATA, epoch 0, a counter not seen yet; nothing of it is true
            sock.sendto(b"\x11\0\0" + struct.pack(">Q", 5)[3:] + eid[::-1] +
                        bytes(32), (ADDR["bob"], PORT))
        until(lambda: other.info().drop_auth == 1, "the forged packet was dropped")
        same(other.info().queued, 0)
        same(polled(other, ALL, 0), "OUT")
        agents.bob.do("FLOW_DEL", "FLOW", id=other.info().id)
        other.nonblock()
        same(outcome(other.read), "ESHUTDOWN")
        one.close()


# --- signals

# Has the handler SA_RESTART, and the call a time limit?
INTERRUPTED = (False, 0), (False, NET), (True, NET)

@case("a signal ends a read with EINTR; SA_RESTART lets one go on that waits for ever")
def read_signal():
    with flow() as (one, other):
        for read in READS:
            for restart, limit in INTERRUPTED:
                other.set(SET_RCVTIMEO, rcvtimeo=limit * NSEC)
                reader = Sleeper(read, other).asleep().interrupt(restart)
                same(reader.outcome(), "EINTR", (restart, limit))
            other.set(SET_RCVTIMEO, rcvtimeo=0)
            reader = Sleeper(read, other).asleep().interrupt(True).asleep()
            one.write(b"x")
            same(reader.outcome(), b"x")


@case("a write as well")
def write_signal():
    with flow() as (one, other), Held() as held:
        fill(one, other)
        for write in WRITES:
            for restart, limit in INTERRUPTED:
                one.set(SET_SNDTIMEO, sndtimeo=limit * NSEC)
                writer = Sleeper(write, one).asleep().interrupt(restart)
                same(writer.outcome(), "EINTR", (restart, limit))
        one.set(SET_SNDTIMEO, sndtimeo=0)
        writers = [Sleeper(write, one).asleep().interrupt(True).asleep()
                   for write in WRITES]
        before = one.info().tx_packets
        held.release()
        same([writer.outcome() for writer in writers], [1] * 2)
        same(one.info().tx_packets, before + 2)


@case("and ACCEPT")
def accept_signal():
    listener = agents.listen("demo")
    for restart, limit in INTERRUPTED:
        waiter = Sleeper(listener.accept, limit * NSEC).asleep()
        same(waiter.interrupt(restart).outcome(), "EINTR", (restart, limit))
    waiter = Sleeper(listener.accept, 0).asleep().interrupt(True).asleep()
    one, asked = agents.begin("demo")
    agents.answer("demo", asked)
    other = waiter.outcome()
    one.nonblock(False)
    talk(one, other)
    for end in one, other, listener:
        end.close()


@case("LISTEN asks again after a signal, or is EINTR; the file may be used then")
def listen_signal():
    listener = Endpoint("bob")
    waiter = Sleeper(listener.listen, "demo").asleep()
    agents.bob.upcall(UPCALL_LISTEN)
    same(waiter.interrupt().outcome(), "EINTR")
    waiter = Sleeper(listener.listen, "demo").asleep()
    first = agents.bob.upcall(UPCALL_LISTEN)[A["UPCALL_ID"]]
    waiter.interrupt(True)
    second = agents.bob.upcall(UPCALL_LISTEN)[A["UPCALL_ID"]]
    with fails(errno.ENOENT):
        agents.bob.do("UPCALL_DONE", "UPCALL", id=first, error=0)
    agents.bob.do("UPCALL_DONE", "UPCALL", id=second, error=0)
    same(waiter.outcome(), listener)
    same(listener.info().name, "demo")
    listener.close()


def poll_once(end, events):
    """What poll() says that is called once, and so has to be woken."""
    poll = select.poll()
    poll.register(end.fd, events)
    return poll.poll(1000 * NET)


@case("who has polled the file since before LISTEN is told that the name is served")
def listen_polled():
    listener = Endpoint("bob")
    poller = Sleeper(poll_once, listener, select.POLLOUT).asleep()
    agents.listen("demo", fd=listener.fd)
    same(poller.outcome(), [(listener.fd, select.POLLOUT)])
    listener.close()


@case("a signal ends the wait of ALLOC with EINTR, but not the allocation")
def alloc_signal():
    listener = agents.listen("demo")
    for restart in False, True:
        one = Endpoint("alice")
        waiter = Sleeper(one.alloc, "demo").asleep()
        asked = agents.alice.upcall(UPCALL_ALLOC)
        same(waiter.interrupt(restart).outcome(), "EINTR")
        with fails(errno.EBUSY):
            one.alloc("demo")
        same(polled(one, ALL, 0), "")
        agents.answer("demo", asked)
        same(polled(one), "OUT")
        other = listener.accept()
        talk(one, other)
        one.close()
        other.close()
    listener.close()


# --- to become a flow

@case("ALLOC without waiting is EINPROGRESS, then EPOLLOUT")
def in_progress():
    listener = agents.listen("demo")
    one, asked = agents.begin("demo")	# EINPROGRESS
    with fails(errno.EBUSY):
        one.alloc("demo")
    same((polled(one, ALL, 0), outcome(one.read)), ("", "EAGAIN"))
    same(outcome(one.set, SET_DOWN, 0, 0, 0, 1), "EAGAIN")
    agents.answer("demo", asked)
    same(polled(one), "OUT")
    same((one.info().state, one.info().error), (ALLOCATED, 0))
    other = listener.accept()
    one.nonblock(False)
    talk(one, other)
    for end in one, other, listener:
        end.close()


@case("ALLOC sleeps until there is a flow; who reads or writes then waits, too")
def sleeping_alloc():
    listener = agents.listen("demo")
    one = Endpoint("alice")
    waiter = Sleeper(one.alloc, "demo").asleep()
    asked = agents.alice.upcall(UPCALL_ALLOC)
    reader = Sleeper(one.read).asleep()
    writer = Sleeper(raw_write, one.fd, b"early").asleep()
    agents.answer("demo", asked)
    same((waiter.outcome(), writer.outcome()), (one, 5))
    other = listener.accept()
    same(other.receive(), b"early")
    other.write(b"late")
    same(reader.outcome(), b"late")
    for end in one, other, listener:
        end.close()


@case("ALLOC says what the agent says, and so do reads and writes from then on")
def refused_alloc():
    one = Endpoint("alice")
    sleepers = [Sleeper(one.alloc, "demo").asleep()]
    number = agents.alice.upcall(UPCALL_ALLOC)[A["UPCALL_FLOW_ID"]]
    sleepers += [Sleeper(one.read).asleep(),
                 Sleeper(raw_write, one.fd, b"x").asleep()]
    agents.alice.do("FLOW_DEL", "FLOW", id=number, error=errno.ECONNREFUSED,
                    reason=b"nobody home\0")
    same([sleeper.outcome() for sleeper in sleepers], ["ECONNREFUSED"] * 3)
    same((one.info().error, one.info().reason),
         (errno.ECONNREFUSED, "nobody home"))
    with fails(errno.EBUSY):
        one.alloc("demo")
    one.close()


@case("ACCEPT sleeps until there is a flow; O_NONBLOCK of either file is its own")
def sleeping_accept():
    listener = agents.listen("demo")
    waiter = Sleeper(listener.accept).asleep()
    one, asked = agents.begin("demo")
    agents.answer("demo", asked)
    other = waiter.outcome()
    same(os.get_blocking(other.fd), True)
    same(os.get_inheritable(other.fd), False)
    other.close()
    one.close()
    listener.nonblock()
    same(outcome(listener.accept), "EAGAIN")
    one, asked = agents.begin("demo")
    agents.answer("demo", asked)
    listener.wait(select.POLLIN)
    fd, _ = listener.ioctl(ACCEPT, struct.pack("=IIq32x", 48, 1, 0))
    same((os.get_blocking(fd), os.get_blocking(listener.fd)), (False, False))
    os.close(fd)
    one.close()
    listener.close()


@case("ACCEPT without a descriptor to give is EMFILE, and the flow waits on")
def no_descriptor():
    listener = agents.listen("demo")
    one, asked = agents.begin("demo")
    agents.answer("demo", asked)
    listener.wait(select.POLLIN)
    lowest = os.dup(listener.fd)
    os.close(lowest)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        said = outcome(listener.accept)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    same(said, "EMFILE")
    same(polled(listener, ALL, 0), "IN OUT")
    other = listener.accept()
    one.nonblock(False)
    talk(one, other)
    for end in one, other, listener:
        end.close()


# --- buffers

@case("what does not fit is cut off, the next message is whole")
def short_buffer():
    with flow() as (one, other):
        for message in b"0123456789", b"next":
            one.write(message)
        arrived(other, 2)
        same(other.read(4), b"0123")
        same(other.read(), b"next")
        same((other.info().rx_packets, other.info().rx_bytes), (2, 14))


@case("a read into no buffer is 0 at once, and takes nothing")
def no_buffer():
    with flow() as (one, other):
        other.set(SET_RCVTIMEO, rcvtimeo=SOON)
        same(outcome(raw_read, other.fd, 0), b"")
        one.write(b"x")
        arrived(other, 1)
        same(outcome(raw_read, other.fd, 0), b"")
        same(os.readv(other.fd, [bytearray(0)]), 0)
        same(other.read(), b"x")


@case("a vector is one message, whatever its parts; none of them is no message")
def vectors():
    with flow() as (one, other):
        same(os.writev(one.fd, [b"ab", b"", b"cde"]), 5)
        same(os.writev(one.fd, [b"", b""]), 0)
        same(os.writev(one.fd, [bytes([n]) for n in range(100)]), 100)
        arrived(other, 2)
        parts = [bytearray(2), bytearray(0), bytearray(2)]
        same(os.readv(other.fd, parts), 4)
        same(b"".join(parts), b"abcd")
        parts = [bytearray(1) for _ in range(101)]
        same(os.readv(other.fd, parts), 100)
        same(b"".join(parts), bytes(range(100)) + b"\0")


@case("one call may say that it does not wait, in a file that does")
def nowait():
    with flow() as (one, other):
        buf = bytearray(10)
        same(outcome(os.preadv, other.fd, [buf], -1, os.RWF_NOWAIT), "EAGAIN")
        one.write(b"x")
        arrived(other, 1)
        same(os.preadv(other.fd, [buf], -1, os.RWF_NOWAIT), 1)


# --- descriptors

def closed(end):
    """Waits until the other side is told that this one is gone."""
    same(polled(end, select.EPOLLRDHUP), "RDHUP HUP")


@case("copies of a descriptor share the flow, its limits and O_NONBLOCK")
def copies():
    with flow() as (one, other):
        kept = Endpoint("alice", fd=os.dup(one.fd))
        one.set(SET_RCVTIMEO, rcvtimeo=SOON)
        same(outcome(kept.read), "ETIMEDOUT")
        one.nonblock()
        same(outcome(kept.read), "EAGAIN")
        one.nonblock(False)
        one.close()
        kept.set(SET_RCVTIMEO, rcvtimeo=0)
        talk(kept, other)
        kept.close()
        closed(other)


@case("a child has the flow, too, and keeps it when its parent lets go")
def child():
    with flow() as (one, other):
        pid = os.fork()
        if not pid:
            with contextlib.suppress(OSError):
                one.write(one.read()[::-1])	# until the peer has heard it
                one.read()
            os._exit(0)
        one.close()
        other.write(b"abc")
        same(other.receive(), b"cba")
        other.write(b"that is all")
        os.waitpid(pid, 0)
        closed(other)


@case("a flow is passed on over a Unix socket, and may be nobody's meanwhile")
def passed():
    with flow() as (one, other):
        here, there = socket.socketpair()
        socket.send_fds(here, [b"x"], [one.fd])
        one.close()
        other.write(b"meanwhile")
        _, (fd,), _, _ = socket.recv_fds(there, 1, 1)
        one = Endpoint("alice", fd=fd)
        same(one.receive(), b"meanwhile")
        talk(one, other)
        # this time nobody receives it
        socket.send_fds(here, [b"x"], [one.fd])
        one.close()
        same(polled(other, ALL, 0), "OUT")
        here.close()
        there.close()
        closed(other)


@case("a flow is found by its number or by its endpoint id, not by both")
def found_by_endpoint_id():
    with flow() as (one, _):
        number = one.info().id
        found = agents.alice.do("FLOW_GET", "FLOW", id=number)
        eid = int.from_bytes(found[A["FLOW_EID"]], sys.byteorder)
        again = agents.alice.do("FLOW_GET", "FLOW", eid=eid)
        same(int.from_bytes(again[A["FLOW_ID"]], sys.byteorder), number)
        with fails(errno.EINVAL):
            agents.alice.do("FLOW_GET", "FLOW", id=number, eid=eid)
        with fails(errno.ENOENT):
            agents.alice.do("FLOW_GET", "FLOW", eid=eid ^ 1)


@case("who sleeps in a read keeps the flow until that ends")
def closed_meanwhile():
    with flow() as (one, other):
        reader = Sleeper(one.read).asleep()
        one.close()
        same(polled(other, ALL, 0), "OUT")
        other.write(b"the last")
        same(reader.outcome(), b"the last")
        closed(other)


# --- who the peer is

PEER = struct.Struct("=256sII")		# the end of struct ipcp_info
SAID = struct.Struct("=II256s")		# of struct ipcp_accept
CAROL = b"carol.example\0"
PROVED = {"peer_name": CAROL, "authenticated": 1}


def peer(end):
    """The name that it has proved, and whether it has proved one."""
    size = INFO.size + PEER.size
    arg = end.ioctl(GET_INFO, struct.pack("=I", size) + bytes(size - 4))[1]
    same(int.from_bytes(arg[:4], sys.byteorder), size, "size")
    name, authenticated, reserved = PEER.unpack(arg[INFO.size:])
    same(reserved, 0)
    seen = show(end)
    same((seen["peer_name"], seen["authenticated"]),
         (name.rstrip(b"\0").decode(), bool(authenticated)), "flow list")
    return name.rstrip(b"\0") + b"\0", authenticated


def accept(listener):
    """An end, and what ACCEPT says of its peer to a program that asks."""
    arg = struct.pack("=IIq32x", 48 + SAID.size, 0, 0) + bytes(SAID.size)
    fd, arg = listener.ioctl(ACCEPT, arg)
    authenticated, reserved, name = SAID.unpack(arg[48:])
    same(reserved, 0)
    return Endpoint("bob", fd=fd), (name.rstrip(b"\0") + b"\0", authenticated)


@case("the name that the peer has proved is told to both ends, and by ACCEPT")
def peer_names():
    for params, want in (PROVED, (CAROL, 1)), ({}, (b"\0", 0)), (
            {"peer_name": b"n" * 255 + b"\0", "authenticated": 1},
            (b"n" * 255 + b"\0", 1)), (
            {"peer_name": b"\0", "authenticated": 0}, (b"\0", 0)):
        listener = agents.listen("demo")
        one, asked = agents.begin("demo")
        agents.answer("demo", asked, **params)
        other, said = accept(listener)
        same(said, want)
        same((peer(one), peer(other)), (want, want))
        one.nonblock(False)
        talk(one, other)
        for end in one, other, listener:
            end.close()


@case("a size in between gets a part, and reserved bytes of ACCEPT are refused")
def peer_sizes():
    with flow() as (one, _):
        size = INFO.size + 128
        arg = one.ioctl(GET_INFO, struct.pack("=I", size) + bytes(size - 4))[1]
        same(arg[:4], struct.pack("=I", size))
    listener = agents.listen("demo")
    arg = struct.pack("=IIq32xII256x", 48 + SAID.size, 0, 0, 0, 1)
    with fails(errno.EINVAL):
        listener.ioctl(ACCEPT, arg)
    listener.close()


@case("no name that was not proved, and none that cannot be shown")
def peer_names_refused():
    one, asked = agents.begin("demo")
    number = asked[A["UPCALL_FLOW_ID"]]
    for params, words in (
            ({"peer_name": CAROL}, "together"),
            ({"peer_name": CAROL, "authenticated": 0}, "together"),
            ({"authenticated": 1}, "together"),
            ({"peer_name": b"\0", "authenticated": 1}, "together"),
            ({"peer_name": CAROL, "authenticated": 2}, ""),
            ({"peer_name": b"carol", "authenticated": 1}, ""),
            ({"peer_name": b"n" * 256 + b"\0", "authenticated": 1}, ""),
            ({"peer_name": b"car ol\0", "authenticated": 1}, "printable"),
            ({"peer_name": b"car\nol\0", "authenticated": 1}, "printable"),
            ({"peer_name": b"car\x1bol\0", "authenticated": 1}, "printable"),
            ({"peer_name": b"car\xc3\xb6l\0", "authenticated": 1}, "printable"),
            ({"peer_name": b"carol\0x\0", "authenticated": 1}, "printable")):
        try:
            agents.alice.do("FLOW_ALLOCATE", "FLOW", id=number,
                            peer=sockaddr("bob"), peer_eid=1, cipher=CIPHER,
                            seed=bytes(range(32)), epoch=b"\0",
                            generation=generation(agents.alice, number), **params)
        except OSError as err:
            assert err.errno in (errno.EINVAL, errno.ERANGE), (params, err)
            assert words in err.says and err.says, (params, err.says)
        else:
            raise AssertionError(f"{params} was taken")
    one.close()


neighbours()
run()
