# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Calls that wait, and the end of each: by the awaited event, at a timeout, by a
signal, at the end of the flow. Buffers that are too short. Descriptors that several
processes share."""

import contextlib
import errno
import os
import resource
import select
import socket
import struct
import sys
import threading

from blocked import (
    ALL, Held, Sleeper, fill, neighbours, outcome, polled, raw_read, raw_write,
    received, sent)
from ipcp import (
    A, ACCEPT, ADDR, ALLOCATED, CMD, GET_INFO, INFO, NET, NSEC, PORT, PROVIDE, SET_DOWN,
    SET_RCVTIMEO, SET_SNDTIMEO, Endpoint, attr, case, enter, fails, name_arg, note, run, same,
    set_link, show, sockaddr, talk, until)
from keys import CIPHER, UPCALL_ALLOC, UPCALL_LISTEN, UPCALL_PROVIDE, Agents, generation
from load import Load

RING = 1024		# messages that the receive ring holds
UNSEEN = 1 << 19	# counters from here on are of no packet
FOR_EVER = -1
TURNS = 200		# races between two threads
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
    """Reads all queued messages."""
    end.nonblock()
    got = []
    with contextlib.suppress(BlockingIOError):
        while True:
            got.append(end.read())
    end.nonblock(False)
    return got


def arrived(end, count):
    """Waits until count messages are queued."""
    until(lambda: end.info().queued == count, f"{count} messages are there")


# --- the ring

@case("a non-blocking read of an empty ring fails with EAGAIN")
def empty():
    with flow() as ends:
        for end in ends:
            end.nonblock()
            same([outcome(end.read) for _ in range(2)], ["EAGAIN"] * 2)


@case(f"the ring queues {RING} messages in order; further messages are dropped and counted")
def full_ring():
    with flow() as (one, other):
        for number in range(RING + 2):
            one.write(struct.pack("=I", number))
        until(lambda: other.info().drop_full == 2, "two were dropped")
        same(other.info().queued, RING)
        same(drain(other), [struct.pack("=I", n) for n in range(RING)])
        same(other.info().queued, 0)
        talk(one, other)


@case("with a writer and two readers at once each message is received once")
def two_readers():
    with flow() as (one, other):
        load = Load(one, other, writers=1, readers=2, tokens=16)
        load.advance(2000)
        load.finish()


@case("a sleeping reader wakes and returns the message that arrives")
def blocking_read():
    with flow() as (one, other):
        for read in READS:
            reader = Sleeper(read, other).asleep()
            one.write(b"good morning")
            same(reader.outcome(), b"good morning")


@case("an empty message makes a read return 0, and does not end the flow")
def empty_message():
    with flow() as (one, other):
        reader = Sleeper(other.read).asleep()
        one.write(b"")
        same(reader.outcome(), b"")
        same(polled(other, ALL, 0), "OUT")
        talk(one, other)


# --- room in the send queue

@case("256 messages may be in transit; the next write fails with EAGAIN, without EPOLLOUT")
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


@case("sleeping writers continue once there is room; no message is lost or duplicated")
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


@case("a full send queue does not limit the other direction")
def other_direction():
    with flow() as (one, other), Held():
        fill(one, other)
        other.write(b"x")
        same(one.receive(), b"x")


# --- timeouts

@case("a read fails with ETIMEDOUT at its timeout; with 0 or -1 the read waits forever")
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


@case("a write fails with ETIMEDOUT at its timeout, which is separate from that of reads")
def write_limit():
    with flow() as (one, other), Held() as held:
        fill(one, other)
        one.set(SET_RCVTIMEO | SET_SNDTIMEO, rcvtimeo=FOR_EVER, sndtimeo=SOON)
        same([outcome(write, one) for write in WRITES], ["ETIMEDOUT"] * 2)
        # a timeout that is not in the mask stays unchanged
        one.set(SET_RCVTIMEO, rcvtimeo=SOON, sndtimeo=0)
        same([outcome(write, one) for write in WRITES], ["ETIMEDOUT"] * 2)
        one.set(SET_SNDTIMEO, rcvtimeo=0, sndtimeo=0)
        same([outcome(read, one) for read in READS], ["ETIMEDOUT"] * 2)
        writer = Sleeper(raw_write, one.fd, b"x").asleep()
        held.release()
        same(writer.outcome(), 1)


@case("ACCEPT and ALLOC fail with ETIMEDOUT at their timeout; ALLOC fails permanently")
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
    """Adds the cases for one end of a flow."""
    @case(f"queued messages of a flow are read, then {err}, when {how}")
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

    @case(f"a sleeping read of a flow fails with {err} when {how}")
    def sleeping():
        with flow() as (one, other):
            readers = [Sleeper(read, other).asleep() for read in READS]
            end_it(one, other)
            same([reader.outcome() for reader in readers], [err] * 2)


for _how, (_err, _fn) in ENDS.items():
    ended(_how, _err, _fn)


@case("a sleeping write fails with ESHUTDOWN when the flow goes down")
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


@case("writes continue after the peer timeout, and reach the peer")
def write_silent():
    with flow() as (one, other):
        agents.alice.do("FLOW_SET", "FLOW", id=one.info().id, peer_timeout=1000)
        one.wait(select.POLLRDHUP)
        one.write(b"are you there?")
        same(other.receive(), b"are you there?")


def too_long(end, send, length):
    """True if a message of this length is refused."""
    try:
        send(end, bytes(length))
    except OSError as err:
        same(err.errno, errno.EMSGSIZE)
        return True
    return False


@case("messages that were too long are sent again once the link takes them")
def write_longer_link():
    for send in Endpoint.write, sent:
        with flow() as (one, _):
            # no keepalive looks up the route
            agents.alice.do("FLOW_SET", "FLOW", id=one.info().id, peer_timeout=0)
            length = one.info().mtu
            try:
                set_link("alice", 1400)
                until(lambda: too_long(one, send, length), "the link is too small")
            finally:
                set_link("alice", 1500)
            until(lambda: not too_long(one, send, length), "the link takes the message")


@contextlib.contextmanager
def forger(end):
    """A function that sends bob's end of a flow a packet with a counter not seen yet and
    an invalid tag."""
    eid = agents.bob.do("FLOW_GET", "FLOW", id=end.info().id)[A["FLOW_EID"]]
    enter("alice")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # DATA of epoch 0
        yield lambda counter: sock.sendto(
            b"\x11\0\0" + struct.pack(">Q", counter)[3:] + eid[::-1] + bytes(32),
            (ADDR["bob"], PORT))


@case("forged packets do not extend the timeout of a read")
def forged_at_timeout():
    with flow() as (_, other), forger(other) as forge:
        other.set(SET_RCVTIMEO, rcvtimeo=NSEC)
        dropped = 0
        for read in READS:
            reader = Sleeper(read, other)

            def ended():
                nonlocal dropped
                if not reader.done:	# noqa: B023
                    dropped += 1
                    forge(UNSEEN + dropped)
                return reader.done	# noqa: B023
            # The packets come at least twice per timeout, and keep coming.
            until(ended, "the read ends while forged packets arrive")
            same(reader.outcome(), "ETIMEDOUT")
            until(lambda: other.info().drop_auth == dropped,	# noqa: B023
                  f"{dropped} forged packets were dropped")
        assert dropped > 2, dropped


@case("a forged packet is not readable, and does not hide the error of the flow")
def forged():
    with flow() as (one, other):
        with forger(other) as forge:
            forge(UNSEEN)
        until(lambda: other.info().drop_auth == 1, "the forged packet was dropped")
        same(other.info().queued, 0)
        same(polled(other, ALL, 0), "OUT")
        agents.bob.do("FLOW_DEL", "FLOW", id=other.info().id)
        other.nonblock()
        same(outcome(other.read), "ESHUTDOWN")
        one.close()


# --- signals

# SA_RESTART of the handler, and timeout of the call
INTERRUPTED = (False, 0), (False, NET), (True, NET)

@case("a signal ends a read with EINTR; SA_RESTART restarts a read without a timeout")
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


@case("a signal ends a write with EINTR; SA_RESTART restarts a write without a timeout")
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


@case("a signal ends ACCEPT with EINTR; SA_RESTART restarts an ACCEPT without a timeout")
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


@case("a signal makes LISTEN fail with EINTR or ask again; the file stays usable")
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
    """Result of a single poll(), which returns only once it is woken."""
    poll = select.poll()
    poll.register(end.fd, events)
    return poll.poll(1000 * NET)


@case("a poller that waits since before LISTEN is woken when the name is served")
def listen_polled():
    listener = Endpoint("bob")
    poller = Sleeper(poll_once, listener, select.POLLOUT).asleep()
    agents.listen("demo", fd=listener.fd)
    same(poller.outcome(), [(listener.fd, select.POLLOUT)])
    listener.close()


@case("a signal interrupts ALLOC with EINTR, and the allocation continues")
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


# --- allocation

@case("a non-blocking ALLOC fails with EINPROGRESS; EPOLLOUT reports the flow")
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


@case("ALLOC sleeps until the flow is allocated, and so do reads and writes meanwhile")
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


def provide(end):
    """Request to provide a name, and make the file blocking. Returns the upcall."""
    _keep, address, length = name_arg("far")
    end.nonblock()
    with fails(errno.EINPROGRESS):
        end.ioctl(PROVIDE, struct.pack("=IIQII", 24, 0, address, length, 1400))
    end.nonblock(False)
    return agents.alice.upcall(UPCALL_PROVIDE)


@case("reads and writes of a provider sleep until the agent answers")
def sleeping_provide():
    for error in 0, errno.EACCES:
        end = Endpoint("alice")
        asked = provide(end)
        calls = [Sleeper(read, end).asleep() for read in READS]
        calls += [Sleeper(write, end).asleep() for write in WRITES]
        agents.alice.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]], error=error)
        if error:
            same([call.outcome() for call in calls], ["EACCES"] * 4)
        else:
            same([call.outcome() for call in calls[2:]], ["EINVAL"] * 2)  # no packet
            for call in calls[:2]:
                call.interrupt()
                same(call.outcome(), "EINTR")
        end.close()


@case("reads and writes of a provider without an answer have their timeouts and O_NONBLOCK")
def unanswered_provide():
    end = Endpoint("alice")
    end.set(SET_RCVTIMEO | SET_SNDTIMEO, rcvtimeo=SOON, sndtimeo=SOON)
    asked = provide(end)
    same([outcome(call, end) for call in READS + WRITES], ["ETIMEDOUT"] * 4)
    end.nonblock()
    same([outcome(call, end) for call in READS + WRITES], ["EAGAIN"] * 4)
    agents.alice.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]], error=0)
    end.close()


@case("ALLOC fails with the errno of the agent, and so do all reads and writes")
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


@case("ACCEPT sleeps until there is a flow; listener and flow have separate O_NONBLOCK")
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


@case("ACCEPT without a free descriptor fails with EMFILE, and the flow stays queued")
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

@case("a short buffer truncates a message, and the next message is whole")
def short_buffer():
    with flow() as (one, other):
        for message in b"0123456789", b"next":
            one.write(message)
        arrived(other, 2)
        same(other.read(4), b"0123")
        same(other.read(), b"next")
        same((other.info().rx_packets, other.info().rx_bytes), (2, 14))


@case("a read of length 0 returns 0 at once, and takes no message")
def no_buffer():
    with flow() as (one, other):
        other.set(SET_RCVTIMEO, rcvtimeo=SOON)
        same(outcome(raw_read, other.fd, 0), b"")
        one.write(b"x")
        arrived(other, 1)
        same(outcome(raw_read, other.fd, 0), b"")
        same(os.readv(other.fd, [bytearray(0)]), 0)
        same(other.read(), b"x")


@case("a vector is one message, whatever its parts; a vector without bytes is none")
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


@case("RWF_NOWAIT makes a single read of a blocking file non-blocking")
def nowait():
    with flow() as (one, other):
        buf = bytearray(10)
        same(outcome(os.preadv, other.fd, [buf], -1, os.RWF_NOWAIT), "EAGAIN")
        one.write(b"x")
        arrived(other, 1)
        same(os.preadv(other.fd, [buf], -1, os.RWF_NOWAIT), 1)


# --- descriptors

def closed(end):
    """Waits until this end reports that its peer is gone."""
    same(polled(end, select.EPOLLRDHUP), "RDHUP HUP")


@case("copies of a descriptor share the flow, its timeouts and O_NONBLOCK")
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


@case("a child inherits the flow, and keeps the flow open when its parent closes it")
def child():
    with flow() as (one, other):
        pid = os.fork()
        if not pid:
            with contextlib.suppress(OSError):
                one.write(one.read()[::-1])
                one.read()	# returns once the peer has the answer
            os._exit(0)
        one.close()
        other.write(b"abc")
        same(other.receive(), b"cba")
        other.write(b"that is all")
        os.waitpid(pid, 0)
        closed(other)


@case("a flow can be passed over a Unix socket, and stays open without a holder meanwhile")
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
        # this time no process receives the descriptor
        socket.send_fds(here, [b"x"], [one.fd])
        one.close()
        same(polled(other, ALL, 0), "OUT")
        here.close()
        there.close()
        closed(other)


@case("FLOW_GET finds a flow by number or by endpoint id, and rejects both together")
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


def message(agent, seq, command, **values):
    """A request about a flow, to be sent by any thread."""
    payload = b"".join(attr(A[f"FLOW_{key.upper()}"], value)
                       for key, value in values.items())
    return struct.pack("=IHHIIBBH", 20 + len(payload), agent.family, 5, seq, 0,
                       CMD[command], 1, 0) + payload


def answered(agent, seqs):
    """The errno of each of these requests, by sequence number."""
    found = {}
    while len(found) < len(seqs):
        for kind, seq, body in agent.messages():
            if kind == 2 and seq in seqs:
                found[seq] = -struct.unpack_from("=i", body)[0]
    return found


@case("of two threads that allocate a flow one succeeds, and the flow has the peer given there")
def allocated_twice():
    agent, listener = agents.bob, agents.listen("twice")
    peers = {1: sockaddr("alice"), 2: sockaddr("bob")}
    late = 0
    for turn in range(TURNS):
        made = agent.do("FLOW_NEW", "FLOW", name=b"twice\0", peer=sockaddr("alice"),
                        peer_eid=9)
        number = made[A["FLOW_ID"]]
        both = threading.Barrier(2)
        calls = [message(agent, eid, "FLOW_ALLOCATE", id=number, peer=peer, peer_eid=eid,
                         cipher=CIPHER, seed=os.urandom(32), epoch=b"\0",
                         generation=generation(agent, number))
                 for eid, peer in peers.items()]

        def send(call, both=both):
            both.wait()
            agent.sock.send(call)
        threads = [threading.Thread(target=send, args=(call,))
                   for call in calls[::1 if turn % 2 else -1]]
        for thread in threads:
            thread.start()
        errors = answered(agent, peers)
        for thread in threads:
            thread.join()
        same(sorted(errors.values()), [0, errno.ESTALE])
        winner = min(errors, key=errors.get)
        late += winner == 2
        found = agent.do("FLOW_GET", "FLOW", id=number)
        same(struct.unpack("=I", found[A["FLOW_PEER_EID"]])[0], winner)
        same(found[A["FLOW_PEER"]][:8], peers[winner][:8])
        agent.do("FLOW_DEL", "FLOW", id=number)
    note(f"{late} of {TURNS} flows have the second peer")
    listener.close()


@case("a sleeping read keeps the flow open until the read ends")
def closed_meanwhile():
    with flow() as (one, other):
        reader = Sleeper(one.read).asleep()
        one.close()
        same(polled(other, ALL, 0), "OUT")
        other.write(b"the last")
        same(reader.outcome(), b"the last")
        closed(other)


# --- identity of the peer

PEER = struct.Struct("=256sII")		# the end of struct ipcp_info
SAID = struct.Struct("=II256s")		# the end of struct ipcp_accept
CAROL = b"carol.example\0"
PROVED = {"peer_name": CAROL, "authenticated": 1}


def peer(end):
    """Name of the peer, and whether the peer has proved the name."""
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
    """Accepts a flow; returns the end, and name and authentication of its peer."""
    arg = struct.pack("=IIq32x", 48 + SAID.size, 0, 0) + bytes(SAID.size)
    fd, arg = listener.ioctl(ACCEPT, arg)
    authenticated, reserved, name = SAID.unpack(arg[48:])
    same(reserved, 0)
    return Endpoint("bob", fd=fd), (name.rstrip(b"\0") + b"\0", authenticated)


@case("the name that the peer has proved is shown at both ends, and by ACCEPT")
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


@case("GET_INFO fills a structure of intermediate size; ACCEPT rejects reserved bytes")
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


@case("a peer name that was not proved, or is not printable, is rejected")
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
