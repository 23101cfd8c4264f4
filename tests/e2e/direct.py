# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Flows between two programs of one host. They behave as all other flows do, but no
packet leaves the host, and there are no keys."""

import ctypes
import errno
import fcntl
import os
import select
import struct
import subprocess
import threading

from batches import Batch, receive_all
from ipcp import (
    NSEC, RECV, REKEY, SEND, SET_DOWN, SET_RCVTIMEO, Endpoint, case, close, enter,
    fails, flows, run, same, show, talk, until)

MTU = 7424
ON_THE_WAY = 256
ALL = select.POLLIN | select.POLLOUT | select.POLLPRI | select.POLLRDHUP
DEAD = select.POLLIN | select.POLLOUT | select.POLLRDHUP | select.POLLHUP


def pair(name="here"):
    """Both ends of a flow within alice's host."""
    listener = Endpoint("alice").listen(name)
    one = Endpoint("alice").alloc(name)
    other = listener.accept()
    listener.close()
    return one, other


def sent_packets():
    """IP packets that alice's host has sent so far, without ICMPv6, which IPv6 sends on
    its own at any time."""
    enter("alice")
    with open("/proc/net/snmp", encoding="ascii") as f:
        names, counts = (line.split() for line in f if line.startswith("Ip: "))
    count = dict(zip(names, counts))
    with open("/proc/net/snmp6", encoding="ascii") as f:
        count.update(line.split() for line in f)
    return int(count["OutRequests"]) + int(count["Ip6OutRequests"]) - \
        int(count["Icmp6OutMsgs"])


@case("a flow within a host is allocated without keys, and shown as direct")
def allocated():
    before = sent_packets()
    one, other = pair()
    for end in one, other:
        info = end.info()
        same((info.state, info.cipher, info.mtu, info.error), (3, 0, MTU, 0))
        seen = show(end)
        same((seen["direct"], seen["encrypted"]), (True, False))
        said = subprocess.run(["ipcp-rekey", "flow", "show", str(info.id)],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        assert "peer           this host\n" in said and "\nepoch" not in said, said
    same((one.info().initiator, one.info().name), (1, "here"))
    talk(one, other)
    close(one, other)
    same(sent_packets(), before)


@case("messages arrive in both directions, in order and whole, empty messages, too")
def messages():
    one, other = pair()
    texts = [os.urandom(size) for size in (1, 0, 100, MTU, MTU - 1, 0, 5)]
    for this, that in (one, other), (other, one):
        for text in texts:
            this.write(text)
        same([that.read() for _ in texts], texts)
    with fails(errno.EMSGSIZE):
        one.write(bytes(MTU + 1))
    one.write(b"0123456789")
    one.write(b"next")
    same(other.read(4), b"0123")
    same(other.read(), b"next")
    info, peer = one.info(), other.info()
    same((info.tx_packets, info.tx_bytes), (peer.rx_packets, peer.rx_bytes))
    close(one, other)


def batch(texts):
    """struct ipcp_batch of these messages, and the memory that it points to."""
    bufs = [ctypes.create_string_buffer(text, max(len(text), 1)) for text in texts]
    msgs = ctypes.create_string_buffer(b"".join(
        struct.pack("=QII", ctypes.addressof(buf), len(text), 0)
        for buf, text in zip(bufs, texts)))
    return struct.pack("=IIQII", 24, 0, ctypes.addressof(msgs), len(texts), 0), \
        bufs, msgs


@case("batches arrive in order and whole")
def batches():
    one, other = pair()
    texts = [bytes([i]) * 100 for i in range(64)]
    arg, _bufs, _msgs = batch(texts)
    same(one.ioctl(SEND, arg)[0], 64)
    arg, bufs, _msgs = batch([bytes(100)] * 100)
    same(other.ioctl(RECV, arg)[0], 64)
    same([buf.raw for buf in bufs[:64]], texts)
    close(one, other)


@case("a batch with a bad address sends the messages before it, whatever their size")
def bad_addresses():
    one, other = pair()
    for size in 1, 100, 300, MTU:
        texts = [bytes([i]) * size for i in range(4)]
        for at in range(1, 4):
            bad = Batch([size] * 4, texts)
            bad.set(at, 1, size)
            same(bad.call(one, SEND), at)
            same(receive_all(other, at, size) == texts[:at], True, f"{at} of {size} bytes")
    close(one, other)


@case("256 messages may be queued; the next write fails with EAGAIN, without POLLOUT")
def room():
    one, other = pair()
    one.nonblock()
    for _ in range(ON_THE_WAY):
        one.write(bytes(MTU))
    with fails(errno.EAGAIN):
        one.write(b"x")
    same(one.poll(ALL), 0)
    for _ in range(20):
        other.read()
    one.wait(select.POLLOUT)
    one.write(b"more")
    # nothing was lost
    same(other.info().drop_full, 0)
    same(other.info().queued, ON_THE_WAY - 20 + 1)
    close(one, other)


@case("a writer sleeps until there is room, a reader until there is a message")
def sleepers():
    one, other = pair()
    count = 3000
    failed = []

    def write():
        for i in range(count):
            one.write(struct.pack("=I", i))

    def read():
        for i in range(count):
            if other.read() != struct.pack("=I", i):
                failed.append(i)
    threads = [threading.Thread(target=fn) for fn in (write, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(failed, [])
    other.set(SET_RCVTIMEO, rcvtimeo=NSEC // 50)
    with fails(errno.ETIMEDOUT):
        other.read()
    close(one, other)


@case("queued messages are read, then ESHUTDOWN, when the other end closes")
def closed():
    for first in 0, 1:
        ends = pair()
        gone, left = ends[first], ends[1 - first]
        gone.write(b"last")
        gone.close()
        left.wait(select.POLLHUP)
        same(left.poll(ALL), DEAD)
        same(left.read(), b"last")
        for call in left.read, lambda: left.write(b"x"):	# noqa: B023
            with fails(errno.ESHUTDOWN):
                call()
        left.close()


@case("a sleeping reader and a sleeping writer wake when the other end closes")
def woken():
    for call in (lambda end: end.read(),
                 lambda end: [end.write(b"x") for _ in range(ON_THE_WAY + 1)]):
        one, other = pair()
        seen = []

        def sleep():
            try:
                call(one)	# noqa: B023
            except OSError as err:
                seen.append(err.errno)	# noqa: B023
        thread = threading.Thread(target=sleep)
        thread.start()
        until(lambda: other.info().queued == ON_THE_WAY or	# noqa: B023
              in_kernel(thread), "it sleeps")	# noqa: B023
        other.close()
        thread.join()
        same(seen, [errno.ESHUTDOWN])
        one.close()


def in_kernel(thread):
    """True if this thread sleeps in the kernel."""
    with open(f"/proc/self/task/{thread.native_id}/wchan", encoding="ascii") as f:
        return f.read() not in ("0", "")


@case("a flow that is taken down at one end is down at both ends")
def down():
    one, other = pair()
    one.set(SET_DOWN, down=1)
    same(one.poll(ALL), DEAD | select.POLLERR)
    same(other.poll(ALL), DEAD)
    for end in one, other:
        with fails(errno.ESHUTDOWN):
            end.write(b"x")
        with fails(errno.ESHUTDOWN):
            end.read()
    close(one, other)


@case("a flow within a host is never re-keyed")
def no_rekey():
    one, other = pair()
    with fails(errno.ENODATA):
        fcntl.ioctl(one.fd, REKEY)
    done = subprocess.run(["ipcp-rekey", "rekey", str(one.info().id)],
                          check=False, stderr=subprocess.PIPE)
    same((done.returncode, b"not encrypted" in done.stderr), (1, True))
    subprocess.run(["ipcp-rekey", "rekey", "--all"], check=True)
    same([show(end)["keys"]["due"] for end in (one, other)], [[], []])
    talk(one, other)
    close(one, other)


@case("a non-blocking allocation fails with EINPROGRESS; POLLOUT reports the flow")
def nonblocking():
    listener = Endpoint("alice").listen("here")
    one = Endpoint("alice", os.O_NONBLOCK)
    with fails(errno.EINPROGRESS):
        one.alloc("here")
    one.wait(select.POLLOUT)
    one.nonblock(False)
    other = listener.accept()
    talk(one, other)
    close(one, other, listener)


@case("a flow that was not accepted ends when the name is no longer served")
def not_accepted():
    listener = Endpoint("alice").listen("here")
    one = Endpoint("alice").alloc("here")
    one.write(b"nobody reads this")
    listener.close()
    one.wait(select.POLLHUP)
    with fails(errno.ESHUTDOWN):
        one.read()
    one.close()


@case("a flow that its initiator has closed is still accepted and read")
def gone_before():
    listener = Endpoint("alice").listen("here")
    one = Endpoint("alice").alloc("here")
    one.write(b"from who is gone")
    one.close()
    other = listener.accept()
    same(other.read(), b"from who is gone")
    with fails(errno.ESHUTDOWN):
        other.read()
    close(other, listener)


@case("an allocation fails with EUSERS when the backlog is full")
def backlog():
    listener = Endpoint("alice").listen("here", 1)
    one = Endpoint("alice").alloc("here")
    two = Endpoint("alice")
    with fails(errno.EUSERS):
        two.alloc("here")
    listener.accept().close()
    close(one, two, listener)


@case("a flow leaves the host if no program of the host serves the name")
def elsewhere():
    there = Endpoint("bob").listen("both")
    one = Endpoint("alice").alloc("both")
    other = there.accept()
    same((show(one)["direct"], show(one)["encrypted"]), (False, True))
    talk(one, other)
    close(one, other)
    one, other = pair("both")
    same(show(one)["direct"], True)
    close(one, other, there)


@case("a flow leaves the host if its name is not configured as direct")
def not_configured():
    here = Endpoint("alice").listen("network")
    there = Endpoint("bob").listen("network")
    one = Endpoint("alice").alloc("network")
    other = there.accept()
    talk(one, other)
    same(here.poll(select.POLLIN), 0)
    close(one, other, here, there)


@case("100 flows within a host may be closed at both ends at the same time")
def many():
    listener = Endpoint("alice").listen("here", 100)
    ends = [Endpoint("alice").alloc("here") for _ in range(100)]
    for end in ends:
        end.write(b"x")
    others = [listener.accept() for _ in ends]
    # a worker ends the flows of earlier cases
    until(lambda: len(flows("alice")) == 200, "all flows are there, and no other")
    threads = [threading.Thread(target=close, args=(*some,))
               for some in (ends[::2], others[::2], ends[1::2], others[1::2])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listener.close()


@case("no flow is left at either host")
def nothing_left():
    until(lambda: not flows("alice") and not flows("bob"), "no flow is left")


run()
