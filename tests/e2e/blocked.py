# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Sleeping calls, each in a thread of its own, and packets that are held back to make
writers sleep."""

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
TX_QUEUE = 256		# messages that a flow may have in transit
# read, write, poll, ioctl, select, epoll_wait, pselect6, ppoll, epoll_pwait
SLEEPS = {"0", "1", "7", "16", "23", "232", "270", "271", "281"}
LIBC = ctypes.CDLL(None, use_errno=True)


def names(mask):
    """Names of the events in a mask."""
    return " ".join(name for name, bit in EVENTS.items() if mask & bit)


# --- calls

def raw_read(fd, size=65536):
    """Reads without the retry after a signal that os.read() does."""
    buf = ctypes.create_string_buffer(size)
    got = LIBC.read(fd, buf, size)
    if got < 0:
        raise OSError(ctypes.get_errno(), "read")
    return buf.raw[:got]


def raw_write(fd, message):
    """Writes without the retry after a signal that os.write() does."""
    sent = LIBC.write(fd, message, len(message))
    if sent < 0:
        raise OSError(ctypes.get_errno(), "write")
    return sent


def batch_of_one(end, number, message):
    """Does IPCP_IOC_SEND or _RECV with one message; returns the message afterwards."""
    buf = ctypes.create_string_buffer(message, len(message) or 1)
    array = (ctypes.c_uint32 * 4).from_buffer_copy(
        struct.pack("=QII", ctypes.addressof(buf), len(message), 0))
    same(end.ioctl(number, struct.pack("=IIQII", 24, 0, ctypes.addressof(array),
                                       1, 0))[0], 1)
    return buf.raw[:array[2]]


def received(end, size=2048):
    """Receives a message by IPCP_IOC_RECV."""
    return batch_of_one(end, RECV, bytes(size))


def sent(end, message):
    """Sends a message by IPCP_IOC_SEND; returns its length."""
    return len(batch_of_one(end, SEND, message))


def polled(end, events=ALL, seconds=DEADLINE):
    """Names of the events that poll() reports."""
    return names(end.poll(events, seconds))


def selected(end, seconds=DEADLINE):
    """Sets of select() that contain the descriptor: r, w, x."""
    sets = in_turns(lambda s: select.select([end.fd], [end.fd], [end.fd], s), seconds)
    return "".join(what for what, found in zip("rwx", sets) if found)


def epolled(end, events=ALL, flags=0, seconds=DEADLINE):
    """Names of the events that a new epoll instance reports."""
    with select.epoll() as epoll:
        epoll.register(end.fd, events | flags)
        return names((in_turns(epoll.poll, seconds) or [(0, 0)])[0][1])


def outcome(call, *args):
    """Result of a call, or the name of its errno."""
    try:
        return call(*args)
    except OSError as err:
        return errno.errorcode[err.errno]


class Sleeper:
    """A call in a thread of its own."""

    def __init__(self, call, *args):
        self.done = []
        self.thread = threading.Thread(target=self.run, args=(call, *args),
                                       daemon=True)
        self.thread.start()

    def run(self, call, *args):
        """Runs in the thread."""
        self.done.append(outcome(call, *args))

    def sleeps(self):
        """True if the thread sleeps in its call."""
        same(self.done, [], "a call that should sleep returned")
        with open(f"/proc/self/task/{self.thread.native_id}/syscall",
                  encoding="ascii") as f:
            return f.read().split()[0] in SLEEPS

    def asleep(self):
        """Waits until the thread sleeps in its call."""
        until(self.sleeps, "the call sleeps")
        return self

    def outcome(self):
        """Waits until the call returns; returns its outcome."""
        until(lambda: self.thread.join(1) or self.done, "the call returns")
        return self.done[0]

    def interrupt(self, restart=False):
        """Sends the thread a signal, with or without SA_RESTART, and waits until the
        handler was called."""
        caught = []
        signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
        signal.siginterrupt(signal.SIGUSR1, not restart)
        signal.pthread_kill(self.thread.ident, signal.SIGUSR1)
        until(lambda: caught, "the signal was handled")
        return self


# --- packets

def neighbours():
    """Adds permanent neighbour entries of the hosts for each other."""
    links = {host: json.loads(subprocess.check_output(
        ["ip", "-n", host, "-j", "link", "show", "veth"]))[0]["address"]
             for host in ADDR}
    for host, of in ("alice", "bob"), ("bob", "alice"):
        subprocess.run(["ip", "-n", host, "neigh", "replace", ADDR[of], "lladdr",
                        links[of], "nud", "permanent", "dev", "veth"], check=True)


class Held:
    """Holds packets of alice back at her interface, with a rate of one full packet in
    three minutes."""

    KIND = ("dev", "veth", "root", "tbf", "burst", "1600", "limit", "4mb")

    @staticmethod
    def qdisc(*args):
        """Changes the qdisc of alice's interface."""
        subprocess.run(["tc", "-n", "alice", "qdisc", *args], check=True)

    @staticmethod
    def push(size):
        """Sends a packet that belongs to no flow."""
        enter("alice")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(bytes(size), (ADDR["bob"], 9))

    def __enter__(self):
        self.qdisc("add", *self.KIND, "rate", "64bit")
        # Use up the initial tokens, even if a small packet came before: else a
        # message might get through later.
        self.push(1472)
        return self

    def __exit__(self, *_):
        self.qdisc("del", "dev", "veth", "root")

    def release(self):
        """Releases the held packets, in order."""
        self.qdisc("change", *self.KIND, "rate", "1gbit")
        # the new rate applies from the next packet on
        self.push(0)


def on_their_way(one, other):
    """Messages in transit: sent, but not yet arrived."""
    there = other.info()
    return one.info().tx_packets - there.rx_packets - there.queued


def fill(one, other):
    """Sends until the flow has no room for another message."""
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
