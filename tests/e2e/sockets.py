# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""What users of sockets expect of the device: the length of the next message, peeking,
the length of a truncated message, arrival times, a non-blocking LISTEN, the reason of a
refused LISTEN, timeouts that are set early."""

import ctypes
import errno
import fcntl
import os
import select
import struct
import termios
import time

from batches import DONTWAIT, send_all
from blocked import Sleeper, outcome, polled
from ipcp import (
    A, ALLOCATED, NSEC, RECV, SEND, SET, SET_ACCESS, SET_RCVTIMEO, SET_SNDTIMEO,
    Endpoint, case, enter, fails, fdinfo, run, same, talk, until)
from keys import UPCALL_LISTEN, Agents

PEEK, TRUNC = 2, 4		# ipcp_batch.flags
SET_TIMESTAMP = 32
SIZE = 2048
agents = Agents()


def waiting(end):
    """The result of FIONREAD."""
    size = ctypes.c_int(-1)
    fcntl.ioctl(end.fd, termios.FIONREAD, size)
    return size.value


def receive(end, flags=0, count=1, size=SIZE, times=True):
    """IPCP_IOC_RECV: for each message its bytes, length, flags and time."""
    bufs = [ctypes.create_string_buffer(size) for _ in range(count)]
    array = (ctypes.c_uint32 * (4 * count)).from_buffer_copy(b"".join(
        struct.pack("=QII", ctypes.addressof(buf), size, 0) for buf in bufs))
    noted = (ctypes.c_int64 * count)(*[-1] * count)
    got, _ = end.ioctl(RECV, struct.pack(
        "=IIQIIQ", 32, flags, ctypes.addressof(array), count, 0,
        ctypes.addressof(noted) if times else 0))
    return [(bufs[i].raw[:min(array[4 * i + 2], size)], array[4 * i + 2],
             array[4 * i + 3], noted[i]) for i in range(got)]


def arrived(end, count):
    """Wait until this many messages are queued."""
    until(lambda: end.info().queued == count, f"{count} messages are there")


class Flow:
    """Both ends of a flow."""

    def __enter__(self):
        self.ends = agents.flow("demo")
        return self.ends

    def __exit__(self, *_):
        for end in self.ends:
            end.close()


# --- the next message

@case("FIONREAD is the length of the next message, 0 if there is none")
def fionread():
    with Flow() as (one, other):
        same(waiting(other), 0)
        for message in b"123", b"", b"12345":
            one.write(message)
        arrived(other, 3)
        for want in 3, 0, 5:
            same(waiting(other), want)
            other.read()
        same(waiting(other), 0)
        same((other.info().rx_packets, other.info().rx_bytes), (3, 8))


@case("FIONREAD is the length of the next message of several in one buffer")
def fionread_train():
    with Flow() as (one, other):
        send_all(one, [b"a" * 100, b"b" * 100, b"c" * 7])
        arrived(other, 3)
        for want in b"a" * 100, b"b" * 100, b"c" * 7:
            same(waiting(other), len(want))
            same(other.read(), want)


@case("FIONREAD fails without a flow, or with a bad address")
def fionread_refused():
    listener = agents.listen("demo")
    with fails(errno.EINVAL):
        waiting(listener)
    listener.close()
    one = Endpoint("alice")
    with fails(errno.ENOTCONN):
        waiting(one)
    one.close()
    with Flow() as (one, _):
        libc = ctypes.CDLL(None, use_errno=True)
        same((libc.ioctl(one.fd, termios.FIONREAD, ctypes.c_void_p(1)),
              ctypes.get_errno()), (-1, errno.EFAULT))


@case("PEEK leaves a message in the queue, alone or in a buffer of many")
def peek():
    with Flow() as (one, other):
        one.write(b"alone")
        arrived(other, 1)
        send_all(one, [b"a" * 100, b"b" * 100, b"c" * 7])
        arrived(other, 4)
        for want in b"alone", b"a" * 100, b"b" * 100, b"c" * 7:
            for _ in range(2):
                same(receive(other, PEEK)[0][:3], (want, len(want), 0))
            same(other.read(), want)
        same((other.info().rx_packets, other.info().queued), (4, 0))


@case("PEEK waits and truncates like a read, and refuses more than one message")
def peek_limits():
    with Flow() as (one, other):
        same(outcome(receive, other, PEEK | DONTWAIT), "EAGAIN")
        other.set(SET_RCVTIMEO, rcvtimeo=NSEC // 20)
        same(outcome(receive, other, PEEK), "ETIMEDOUT")
        other.set(SET_RCVTIMEO)
        sleeper = Sleeper(receive, other, PEEK).asleep()
        one.write(b"0123456789")
        same(sleeper.outcome()[0][:3], (b"0123456789", 10, 0))
        same(receive(other, PEEK, size=4)[0][:3], (b"0123", 4, 1))
        with fails(errno.EINVAL):
            receive(other, PEEK, count=2)
        other.set(SET_ACCESS, access=2)
        same(outcome(receive, other, PEEK), "EPERM")
        other.set(SET_ACCESS, access=3)
        same(other.read(), b"0123456789")


@case("PEEK returns a whole message while another thread reads all of the buffer")
def peek_and_read():
    with Flow() as (one, other):
        for _ in range(50):
            send_all(one, [bytes([n]) * 50 for n in range(40)])
            arrived(other, 40)
            looker = Sleeper(receive, other, PEEK | DONTWAIT)
            same([got[0][:1] for got in receive(other, count=40)],
                 [bytes([n]) for n in range(40)])
            seen = looker.outcome()
            assert seen == "EAGAIN" or seen[0][0] == seen[0][0][:1] * 50, seen


@case("TRUNC returns the full length of a truncated message")
def real_length():
    with Flow() as (one, other):
        one.write(b"0123456789")
        arrived(other, 1)
        send_all(one, [b"a" * 100, b"b" * 100])
        arrived(other, 3)
        same(receive(other, PEEK | TRUNC, size=4)[0][:3], (b"0123", 10, 1))
        same([got[:3] for got in receive(other, TRUNC, 3, 99)],
             [(b"0123456789", 10, 0), (b"a" * 99, 100, 1), (b"b" * 99, 100, 1)])


# --- when a message came

@case("arrival times are recorded once they are requested")
def times():
    with Flow() as (one, other):
        one.write(b"before")
        arrived(other, 1)
        set_timestamp(other, 1)
        start = time.time_ns()
        one.write(b"first")
        arrived(other, 2)
        between = time.time_ns()
        send_all(one, [b"a" * 100, b"b" * 100])
        arrived(other, 4)
        end = time.time_ns()
        set_timestamp(other, 0)
        one.write(b"after")
        arrived(other, 5)
        peeked = receive(other, PEEK)[0]
        got = receive(other, count=5)
        same(peeked, got[0])
        same([entry[0][:6] for entry in got],
             [b"before", b"first", b"a" * 6, b"b" * 6, b"after"])
        same((got[0][3], got[4][3]), (0, 0))
        assert start <= got[1][3] <= between <= got[2][3] <= got[3][3] <= end, (
            start, between, end, got)


def set_timestamp(end, value, mask=SET_TIMESTAMP):
    """Enable or disable arrival times."""
    end.ioctl(SET, struct.pack("=IIqqIIII", 40, mask, 0, 0, 0, 0, 0, value))


@case("arrival times need a writable address, and SEND refuses them")
def times_refused():
    with Flow() as (one, other):
        for value, mask in (2, SET_TIMESTAMP), (1, 0), (1, SET_ACCESS):
            with fails(errno.EINVAL):
                set_timestamp(other, value, mask)
        one.write(b"x")
        arrived(other, 1)
        buf = ctypes.create_string_buffer(8)
        array = (ctypes.c_uint32 * 4).from_buffer_copy(
            struct.pack("=QII", ctypes.addressof(buf), 8, 0))
        batch = struct.pack("=IIQIIQ", 32, 0, ctypes.addressof(array), 1, 0, 1)
        with fails(errno.EFAULT):
            other.ioctl(RECV, batch)
        with fails(errno.EINVAL):
            one.ioctl(SEND, batch)
        for flags in PEEK, TRUNC:
            with fails(errno.EINVAL):
                one.ioctl(SEND, struct.pack("=IIQII", 24, flags,
                                            ctypes.addressof(array), 1, 0))
        with fails(errno.EINVAL):
            receive(other, 8)


# --- serving a name

def begin_listen(name):
    """Begin a non-blocking LISTEN. Returns the file and the agent's upcall."""
    listener = Endpoint("bob", os.O_NONBLOCK)
    with fails(errno.EINPROGRESS):
        listener.listen(name)
    return listener, agents.bob.upcall(UPCALL_LISTEN)


def answer_listen(asked, **params):
    """Answer as the agent."""
    agents.bob.do("UPCALL_DONE", "UPCALL", id=asked[A["UPCALL_ID"]],
                  **{"error": 0, **params})


@case("a non-blocking LISTEN fails with EINPROGRESS, shows EPOLLOUT, then accepts flows")
def listen_granted():
    listener, asked = begin_listen("demo")
    same(polled(listener, seconds=0), "")
    same(outcome(listener.accept), "EAGAIN")
    same(outcome(listener.listen, "demo"), "EBUSY")
    same((listener.info().name, listener.info().error), ("demo", 0))
    answer_listen(asked)
    same(polled(listener), "OUT")
    same(outcome(listener.accept), "EAGAIN")
    one, asked = agents.begin("demo")
    agents.answer("demo", asked)
    listener.wait(select.POLLIN)
    same(polled(listener), "IN OUT")
    other = listener.accept()
    one.nonblock(False)
    talk(one, other)
    for end in one, other, listener:
        end.close()


@case("a refused non-blocking LISTEN shows EPOLLERR and the reason")
def listen_refused():
    listener, asked = begin_listen("demo")
    listener.nonblock(False)
    sleeper = Sleeper(listener.accept, -1).asleep()
    answer_listen(asked, error=errno.EACCES, reason=b"not for you\0")
    same(sleeper.outcome(), "EACCES")
    same(polled(listener), "IN OUT RDHUP ERR HUP")
    same((listener.info().error, listener.info().reason),
         (errno.EACCES, "not for you"))
    same(outcome(listener.listen, "demo"), "EBUSY")
    listener.close()


@case("the answer to a non-blocking LISTEN that was closed fails with ENOENT")
def listen_closed():
    listener, asked = begin_listen("demo")
    listener.close()
    with fails(errno.ENOENT):
        answer_listen(asked)


@case("after a refused LISTEN the file tells the reason, and can be used again")
def listen_reason():
    listener = Endpoint("bob")
    same((listener.info().error, listener.info().reason), (0, ""))
    for error, reason in (errno.EACCES, "not for you"), (errno.EUSERS, "too many"):
        sleeper = Sleeper(listener.listen, "demo").asleep()
        asked = agents.bob.upcall(UPCALL_LISTEN)
        same(listener.info().error in (0, errno.EACCES), True)
        answer_listen(asked, error=error, reason=reason.encode() + b"\0")
        same(sleeper.outcome(), errno.errorcode[error])
        same((listener.info().error, listener.info().reason), (error, reason))
    sleeper = Sleeper(listener.listen, "demo").asleep()
    answer_listen(agents.bob.upcall(UPCALL_LISTEN))
    same(sleeper.outcome(), listener)
    same((listener.info().name, listener.info().error, listener.info().reason),
         ("demo", 0, ""))
    listener.close()


# --- timeouts

@case("timeouts can be set before ALLOC, and accepted flows inherit the listener's")
def early_limits():
    soon = NSEC // 20
    enter("bob")
    listener = agents.listen("demo")
    listener.set(SET_RCVTIMEO | SET_SNDTIMEO, rcvtimeo=soon, sndtimeo=soon)
    with fails(errno.ENOTCONN):
        listener.set(SET_RCVTIMEO | SET_ACCESS, rcvtimeo=soon, access=3)
    fresh = Endpoint("alice")
    fresh.set(SET_RCVTIMEO, rcvtimeo=soon)
    with fails(errno.EINVAL):
        fresh.set(SET_RCVTIMEO, rcvtimeo=-2)
    one, other = agents.connect(listener, "demo", fd=fresh.fd)
    same(one.info().state, ALLOCATED)
    for end in one, other:
        same(outcome(end.read), "ETIMEDOUT")
    for end in one, other, listener:
        end.close()


# --- fdinfo

@case("fdinfo describes the flow or the listener of a descriptor")
def descriptors():
    one = Endpoint("alice")
    same(fdinfo(one), {})
    one.close()
    listener = agents.listen("demo")
    same(fdinfo(listener), {"ipcp-listen": "demo"})
    one, asked = agents.begin("demo")
    number = str(one.info().id)
    same(fdinfo(one), {"ipcp-flow": number, "ipcp-name": "demo",
                       "ipcp-state": "alloc-pending"})
    agents.answer("demo", asked, peer_name=b"bob.example\0", authenticated=1)
    other = listener.accept()
    same(fdinfo(one), {"ipcp-flow": number, "ipcp-name": "demo",
                       "ipcp-state": "allocated", "ipcp-peer": "bob.example",
                       "ipcp-epoch": "0"})
    for end in one, other, listener:
        end.close()


run()
