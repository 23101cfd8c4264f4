# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Calls that sleep, each in a thread of its own, and packets that are held back
so that a writer has to."""

import ctypes
import errno
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading

from ipcp import ADDR, DEADLINE, RECV, SEND, enter, in_turns, same, until

EVENTS = {name: getattr(select, f"EPOLL{name}") for name in
          ("IN", "PRI", "OUT", "RDNORM", "WRNORM", "RDHUP", "ERR", "HUP")}
ALL = select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT | select.EPOLLRDHUP
TX_QUEUE = 256		# messages of a flow that may be on their way
# read, write, poll, ioctl, select, epoll_wait, pselect6, ppoll, epoll_pwait
SLEEPS = {"0", "1", "7", "16", "23", "232", "270", "271", "281"}
LIBC = ctypes.CDLL(None, use_errno=True)


def names(mask):
    """Events by name."""
    return " ".join(name for name, bit in EVENTS.items() if mask & bit)


# --- calls

def raw_read(fd, size=65536):
    """A read that nothing repeats after a signal, as os.read() would be."""
    buf = ctypes.create_string_buffer(size)
    got = LIBC.read(fd, buf, size)
    if got < 0:
        raise OSError(ctypes.get_errno(), "read")
    return buf.raw[:got]


def raw_write(fd, message):
    """The same of a write."""
    sent = LIBC.write(fd, message, len(message))
    if sent < 0:
        raise OSError(ctypes.get_errno(), "write")
    return sent


def batch_of_one(end, number, message):
    """IPCP_IOC_SEND or _RECV of one message: the buffer and what it is now."""
    buf = ctypes.create_string_buffer(message, len(message) or 1)
    array = (ctypes.c_uint32 * 4).from_buffer_copy(
        struct.pack("=QII", ctypes.addressof(buf), len(message), 0))
    same(end.ioctl(number, struct.pack("=IIQII", 24, 0, ctypes.addressof(array),
                                       1, 0))[0], 1)
    return buf.raw[:array[2]]


def received(end, size=2048):
    """A message by IPCP_IOC_RECV."""
    return batch_of_one(end, RECV, bytes(size))


def sent(end, message):
    """Sends one by IPCP_IOC_SEND; its length."""
    return len(batch_of_one(end, SEND, message))


def polled(end, events=ALL, seconds=DEADLINE):
    """What poll() says, by name."""
    return names(end.poll(events, seconds))


def selected(end, seconds=DEADLINE):
    """Which of the three sets of select() it is in: r, w, x."""
    sets = in_turns(lambda s: select.select([end.fd], [end.fd], [end.fd], s), seconds)
    return "".join(what for what, found in zip("rwx", sets) if found)


def epolled(end, events=ALL, flags=0, seconds=DEADLINE):
    """What an epoll of its own says, by name."""
    with select.epoll() as epoll:
        epoll.register(end.fd, events | flags)
        return names((in_turns(epoll.poll, seconds) or [(0, 0)])[0][1])


def outcome(call, *args):
    """What it returns, or the name of its errno."""
    try:
        return call(*args)
    except OSError as err:
        return errno.errorcode[err.errno]


class Sleeper:
    """One call, in a thread."""

    def __init__(self, call, *args):
        self.done = []
        self.thread = threading.Thread(target=self.run, args=(call, *args),
                                       daemon=True)
        self.thread.start()

    def run(self, call, *args):
        """The thread."""
        self.done.append(outcome(call, *args))

    def sleeps(self):
        """Is it asleep in its call?"""
        same(self.done, [], "a call that should sleep returned")
        with open(f"/proc/self/task/{self.thread.native_id}/syscall",
                  encoding="ascii") as f:
            return f.read().split()[0] in SLEEPS

    def asleep(self):
        """Waits until it is."""
        until(self.sleeps, "the call sleeps")
        return self

    def outcome(self):
        """What came of it."""
        until(lambda: self.thread.join(1) or self.done, "the call returns")
        return self.done[0]

    def interrupt(self, restart=False):
        """Sends its thread a signal, whose handler has SA_RESTART or not, and
        waits until that was called."""
        caught = []
        signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
        signal.siginterrupt(signal.SIGUSR1, not restart)
        signal.pthread_kill(self.thread.ident, signal.SIGUSR1)
        until(lambda: caught, "the signal was handled")
        return self


# --- packets

def neighbours():
    """Both hosts know each other's hardware address once and for all."""
    links = {host: json.loads(subprocess.check_output(
        ["ip", "-n", host, "-j", "link", "show", "veth"]))[0]["address"]
             for host in ADDR}
    for host, of in ("alice", "bob"), ("bob", "alice"):
        subprocess.run(["ip", "-n", host, "neigh", "replace", ADDR[of], "lladdr",
                        links[of], "nud", "permanent", "dev", "veth"], check=True)


class Held:
    """What alice sends waits at her interface: there the bits for one packet
    of full length come in three minutes."""

    KIND = ("dev", "veth", "root", "tbf", "burst", "1600", "limit", "4mb")

    @staticmethod
    def qdisc(*args):
        """Changes how alice's interface sends."""
        subprocess.run(["tc", "-n", "alice", "qdisc", *args], check=True)

    @staticmethod
    def push(size):
        """A packet of nobody's."""
        enter("alice")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(bytes(size), (ADDR["bob"], 9))

    def __enter__(self):
        self.qdisc("add", *self.KIND, "rate", "64bit")
        # the bits that are there at the beginning are gone with it, whatever
        # small packet came before; else a message might get through later
        self.push(1472)
        return self

    def __exit__(self, *_):
        self.qdisc("del", "dev", "veth", "root")

    def release(self):
        """Lets it all go, in order."""
        self.qdisc("change", *self.KIND, "rate", "1gbit")
        # the new rate counts from the next packet on
        self.push(0)


def on_their_way(one, other):
    """Messages that were sent and did not arrive."""
    there = other.info()
    return one.info().tx_packets - there.rx_packets - there.queued


def fill(one, other):
    """Sends until there is no room for more."""
    message = bytes(one.info().mtu)

    def full():
        try:
            while True:
                os.write(one.fd, message)
        except BlockingIOError:
            return on_their_way(one, other) == TX_QUEUE
    one.nonblock()
    until(full, f"{TX_QUEUE} messages are on their way")
    one.nonblock(False)
