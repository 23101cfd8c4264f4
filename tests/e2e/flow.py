# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""A flow from end to end: messages, errors, poll bits, its end."""

import errno
import os
import re
import select
import signal
import struct

from ipcp import (
    ALLOCATED, DEADLINE, NSEC, RB_RD, RB_REKEY, RB_WR, SET_ACCESS, SET_DOWN,
    SET_RCVTIMEO, Endpoint, case, fails, flows, in_turns, pair, rekey, run, same,
    settled, show, talk, until)

OVERHEAD = 28		# header and tag
ALL = select.POLLIN | select.POLLOUT | select.POLLPRI | select.POLLRDHUP
ends = []


@case("a flow is allocated and accepted")
def allocated():
    ends.extend(pair("demo"))
    for end in ends:
        info = end.info()
        same(info.state, ALLOCATED)
        same(info.name, "demo")
        same(info.cipher, 901)
        same(info.rb_flags, RB_RD | RB_WR)
        same(info.error, 0)
    same([end.info().initiator for end in ends], [1, 0])


@case("messages arrive in both directions, in order and whole")
def messages():
    for one, other in (ends, ends[::-1]):
        sent = [bytes([n]) * (n * 7 + 1) for n in range(100)]
        for message in sent:
            one.write(message)
        same([other.receive() for _ in sent], sent)


@case("an empty message makes a read return 0, and does not end the flow")
def empty():
    one, other = ends
    one.write(b"")
    one.write(b"more")
    same(other.receive(), b"")
    same(other.receive(), b"more")


@case("a message as long as the MTU of GET_INFO arrives; a longer one fails with EMSGSIZE")
def longest():
    one, other = ends
    mtu = one.info().mtu
    same(mtu, 1500 - 20 - 8 - OVERHEAD)
    one.write(b"x" * mtu)
    same(other.receive(), b"x" * mtu)
    with fails(errno.EMSGSIZE):
        os.write(one.fd, b"x" * (mtu + 1))
    talk(one, other)


@case("a short buffer truncates a message, and the next message is whole")
def short_buffer():
    one, other = ends
    one.write(b"0123456789")
    one.write(b"next")
    other.wait(select.POLLIN)
    same(other.read(4), b"0123")
    same(other.receive(), b"next")


@case("a vector of buffers is one message")
def vectors():
    one, other = ends
    same(os.writev(one.fd, [b"ab", b"", b"cde"]), 5)
    other.wait(select.POLLIN)
    parts = [bytearray(3), bytearray(9)]
    same(os.readv(other.fd, parts), 5)
    same(parts[0] + parts[1][:2], b"abcde")


@case("a non-blocking read of an empty ring fails with EAGAIN, and POLLIN is not shown")
def would_block():
    one, other = ends
    other.nonblock()
    with fails(errno.EAGAIN):
        other.read()
    same(other.poll(ALL), select.POLLOUT)
    one.write(b"x")
    other.wait(select.POLLIN)
    same(other.read(), b"x")
    with fails(errno.EAGAIN):
        other.read()
    other.nonblock(False)


@case("a blocking read ends at its timeout, or with a message")
def read_timeout():
    one, other = ends
    other.set(SET_RCVTIMEO, rcvtimeo=NSEC // 20)
    with fails(errno.ETIMEDOUT):
        other.read()
    other.set(SET_RCVTIMEO, rcvtimeo=-1)
    if not os.fork():
        one.write(b"wake up")
        os._exit(0)
    same(other.read(), b"wake up")
    os.wait()


@case("a read or write without the access right fails with EPERM")
def access():
    one, other = ends
    one.set(SET_ACCESS, access=RB_RD)
    with fails(errno.EPERM):
        os.write(one.fd, b"no")
    one.set(SET_ACCESS, access=RB_WR)
    with fails(errno.EPERM):
        one.read()
    one.set(SET_ACCESS, access=RB_RD | RB_WR)
    talk(one, other)


@case("a waiting seed is reported by POLLPRI and RB_REKEY, and by no other event")
def seed_waits():
    one, other = ends
    settled(one, other)
    rekey("alice", one.info().id)
    for end in ends:
        same(end.wait(select.POLLPRI), select.POLLPRI)
        info = end.info()
        same((info.epoch, info.tx_epoch, info.newest_epoch), (0, 0, 1))
        same(info.rb_flags, RB_RD | RB_WR | RB_REKEY)
    # the seed still waits for the program
    same(one.poll(ALL), select.POLLPRI | select.POLLOUT)


@case("IPCP_IOC_REKEY takes a waiting seed, once")
def take():
    for end in ends:
        end.rekey()
        same(end.poll(select.POLLPRI), 0)
        with fails(errno.ENODATA):
            end.rekey()
        info = end.info()
        same((info.epoch, info.rekeys), (1, 1))
        same(info.rb_flags, RB_RD | RB_WR)
    settled(*ends)
    same([end.info().tx_epoch for end in ends], [1, 1])
    talk(*ends)


@case("a read and a write take a waiting seed, too")
def read_takes():
    one, other = ends
    rekey("alice", one.info().id)
    for end in ends:
        end.wait(select.POLLPRI)
    one.write(b"x")
    same(one.info().epoch, 2)
    same(other.receive(), b"x")
    same(other.info().epoch, 2)
    settled(*ends)


@case("a copy of the descriptor keeps the flow open")
def copy():
    one, other = ends
    kept = os.dup(one.fd)
    one.close()
    one.fd = kept
    talk(one, other)


@case("the peer of a closed end sees POLLHUP, reads queued messages, then ESHUTDOWN")
def closed():
    one, other = ends
    queued = [b"one", b"two", b"three"]
    for message in queued:
        one.write(message)
    one.close()
    seen = other.wait(select.POLLHUP, select.POLLIN | select.POLLRDHUP)
    same(seen, select.POLLHUP | select.POLLIN | select.POLLRDHUP)
    same([other.read() for _ in queued], queued)
    for _ in range(2):
        with fails(errno.ESHUTDOWN):
            other.read()
        with fails(errno.ESHUTDOWN):
            os.write(other.fd, b"anybody?")
    same(other.info().error, errno.ESHUTDOWN)
    other.close()


@case("both ends of a closed flow are removed")
def gone():
    until(lambda: not flows("alice") and not flows("bob"), "no flow is left")


@case("a flow taken down is down at both ends")
def taken_down():
    one, other = pair("demo")
    one.set(SET_DOWN, down=1)
    with fails(errno.ESHUTDOWN):
        one.read()
    other.wait(select.POLLHUP)
    with fails(errno.ESHUTDOWN):
        other.read()
    one.close()
    other.close()


@case("a non-blocking allocation fails with EINPROGRESS; POLLOUT reports the flow")
def in_progress():
    listener = Endpoint("bob").listen("demo")
    one = Endpoint("alice", os.O_NONBLOCK)
    # epoll is set up before there is a flow
    epoll = select.epoll()
    epoll.register(one.fd, select.EPOLLOUT | select.EPOLLET)
    with fails(errno.EINPROGRESS):
        one.alloc("demo")
    with fails(errno.EBUSY):
        one.alloc("demo")
    same(in_turns(epoll.poll, DEADLINE), [(one.fd, select.EPOLLOUT)])
    same(one.info().state, ALLOCATED)
    other = listener.accept()
    talk(one, other)
    for end in one, other, listener:
        end.close()


@case("an idle program cannot hold a re-key back longer than the grace time")
def grace():
    conf = f"{os.environ['HOSTS']}/%s/agent.conf"
    for host in "alice", "bob":
        with open(conf % host, encoding="ascii") as f:
            text = f.read()
        with open(conf % host, "w", encoding="ascii") as f:
            f.write(re.sub(r"grace = \S+", "grace = 0.5", text))
        os.kill(int(os.environ[f"AGENT_{host}"]), signal.SIGHUP)
        log = f"{os.environ['HOSTS']}/{host}/agent.log"
        until(lambda: b"configuration reloaded" in open(log, "rb").read(),  # noqa: B023
              "the agent has read its configuration")
    one, other = pair("demo")
    same([show(end)["grace_ms"] for end in (one, other)], [500, 500])
    settled(one, other)
    rekey("alice", one.info().id)
    # neither end reads, writes or takes the seed
    until(lambda: one.info().tx_epoch == 1 and other.info().tx_epoch == 1,
          "both send in the new epoch")
    settled(one, other)
    same([end.poll(select.POLLPRI) for end in (one, other)], [0, 0])
    talk(one, other)
    one.close()
    other.close()


@case("a flow over IPv6 carries messages, and is re-keyed")
def ipv6():
    one, other = pair("demo6")
    same(one.info().mtu, 1500 - 40 - 8 - OVERHEAD)
    same(show(one)["peer"], "[fd77::2]:3435")
    same(show(other)["peer"].rsplit(":", 1)[0], "[fd77::1]")
    talk(one, other)
    message = struct.pack(">I", 7) * (one.info().mtu // 4)
    one.write(message)
    same(other.receive(), message)
    settled(one, other)
    rekey("alice", one.info().id)
    until(lambda: one.info().tx_epoch == 1, "it was re-keyed")
    talk(one, other)
    one.close()
    other.wait(select.POLLHUP)
    other.close()


run()
