# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The kernel never discloses a key: all that it returns is recorded and searched for
the seeds of this test and for all keys derived from them.

A refused request comes back with its error, as usual with netlink. If its operation
takes a seed, the request comes back empty, whatever value was wrong. A seed for another
operation comes back as it was sent: to the sender alone, and only if the sender did not
ask for short answers (NETLINK_CAP_ACK), as agents do.
"""

import collections
import contextlib
import ctypes
import errno
import fcntl
import glob
import os
import socket
import struct
import subprocess
from unittest import mock

import keys
from agents import PIDS, stop
from blocked import received, sent
from ipcp import (
    A, ADDR, CAP_ACK, CMD, PORT, SOL_NETLINK, Endpoint, Netlink, attr, case, enter, note,
    run, same, settled, sockaddr, write)
from keys import Agents
from leaks import Keys

CIPHERS = {"aes-128-gcm": 895, "aes-256-gcm": 901, "chacha20-poly1305": 1018}
PPL = 64
LIST_MEMBERSHIPS, SO_PROTOCOL = 9, 38
PIDFD_GETFD = 438
TRACE = "/sys/kernel/tracing/instances/silence"
secret = Keys()
heard = collections.defaultdict(list)	# by source
seeds = {}				# by cipher, the newest last


# --- recording

class Recorder:
    """A netlink socket that records all that it receives."""

    def __init__(self, sock, kind):
        self.sock, self.kind = sock, kind

    def recv(self, size):
        """Receive and record."""
        data = self.sock.recv(size)
        heard[self.kind].append(data)
        return data

    def __getattr__(self, name):
        return getattr(self.sock, name)


def recorded(nl, kind, capped=True):
    """Record all that a generic netlink socket receives."""
    nl.sock.setsockopt(SOL_NETLINK, CAP_ACK, capped)
    nl.sock = Recorder(nl.sock, kind)
    return nl


def recorded_ioctl(self, number, arg):
    """An ioctl, which records its structure afterwards, even if the ioctl fails."""
    arg = bytearray(arg)
    try:
        return fcntl.ioctl(self.fd, number, arg, True), bytes(arg)
    finally:
        heard["device"].append(bytes(arg))


def recorded_read(self, size=65536):
    """Read and record a message."""
    message = os.read(self.fd, size)
    heard["device"].append(message)
    return message


def trace_begin():
    """Enable all trace events of the module, and its debug messages in the kernel
    log."""
    os.makedirs(TRACE, exist_ok=True)
    write(f"{TRACE}/events/ipcp_rekey/enable", "1")
    control = "/sys/kernel/debug/dynamic_debug/control"
    if os.path.exists(control):
        write(control, "module ipcp_rekey +p")


def trace_end():
    """Record the trace events, as text and in binary."""
    write(f"{TRACE}/events/ipcp_rekey/enable", "0")
    with open(f"{TRACE}/trace", "rb") as f:
        heard["trace"].append(f.read())
    for cpu in glob.glob(f"{TRACE}/per_cpu/cpu*"):
        with open(f"{cpu}/stats", encoding="ascii") as f:
            assert "\noverrun: 0\n" in f.read(), "trace events were lost"
        fd = os.open(f"{cpu}/trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while page := os.read(fd, 4096):
                heard["trace as stored"].append(page)
        os.close(fd)
    os.rmdir(TRACE)


def new_seed(name, before=()):
    """A fresh seed of a flow that had others before."""
    seed = os.urandom(32)
    secret.add(name, [*before, seed])
    return seed


def silent(kind):
    """This source has returned data, and no key is in the data."""
    assert heard[kind], "nothing came"
    data = b"\0".join(heard[kind])
    note(f"{len(data)} bytes")
    same(secret.found(data), [], "keys")


# --- the agents, and this test

def sockets_of(pid):
    """The generic netlink sockets that another process uses for requests: those in no
    group."""
    pidfd = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    for number in os.listdir(f"/proc/{pid}/fd"):
        if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
            continue
        fd = libc.syscall(PIDFD_GETFD, pidfd, int(number), 0)
        assert fd >= 0, os.strerror(ctypes.get_errno())
        with socket.socket(fileno=fd) as sock:
            if sock.family == socket.AF_NETLINK and \
               sock.getsockopt(socket.SOL_SOCKET, SO_PROTOCOL) == 16 and \
               not any(sock.getsockopt(SOL_NETLINK, LIST_MEMBERSHIPS, 64)):
                yield sock
    os.close(pidfd)


@case("agents request answers that do not repeat their requests (NETLINK_CAP_ACK)")
def capped():
    for host, pid in PIDS.items():
        same([sock.getsockopt(SOL_NETLINK, CAP_ACK) for sock in sockets_of(pid)], [1],
             f"{host}'s agent")
        stop(host)
    acting.append(Agents())
    for nl in acting[0].alice, acting[0].bob:
        recorded(nl, "answers")


@case("the search finds a key in each representation")
def looked_for():
    seed = new_seed("the search's own")
    piece = seed[11:19]
    same(secret.found(os.urandom(100000)), [])
    for data in (piece, piece[::-1], piece.hex().encode(), piece.hex().upper().encode(),
                 piece.hex(" ").encode(), piece.hex(":").encode(),
                 ", ".join(f"{byte:#04x}" for byte in piece).encode(),
                 f"{struct.unpack('<Q', piece)[0]:016x}".encode(),
                 "{:08x} {:08x}".format(*struct.unpack("<II", piece)).encode()):
        same(secret.found(b"\1some" + data + b"thing\n"), ["the search's own, seed"],
             repr(data))


# --- flows

def new_flow(cipher):
    """Both ends of a flow with a seed of ours."""
    seeds[cipher] = [new_seed(f"{cipher}, epoch 0")]
    with mock.patch.object(keys, "CIPHER", CIPHERS[cipher]), \
            mock.patch.object(os, "urandom", return_value=seeds[cipher][0]):
        return acting[0].flow("demo", packets_per_leaf=PPL, linger=100)


def use(one, other):
    """Send messages into the third leaf each way, by write and read and by the
    ioctls."""
    for _ in range(PPL + 2):
        for end, peer in ((one, other), (other, one)):
            end.write(b"message")
            same(peer.receive(), b"message")
    for end, peer in ((one, other), (other, one)):
        for _ in range(PPL):
            same(sent(end, b"message"), 7, "bytes sent")
            heard["device"].append(received(peer))


def rekeyed(cipher, one, other):
    """Start the next epoch."""
    acting[0].confirmed(one, other)
    epoch, exchange = acting[0].claim(one.info().id)
    seed = new_seed(f"{cipher}, epoch {epoch}", seeds[cipher])
    seeds[cipher].append(seed)
    for end in other, one:
        acting[0].park(end, epoch, exchange, seed)
    for end in one, other:
        end.rekey()
    settled(one, other)


def ask_all(one, other):
    """Send all requests for information."""
    for end in one, other:
        nl = acting[0].of(end)
        number = end.info().id
        enter(end.host)
        for command, args in (("INFO_GET", {}), ("STATS_GET", {}), ("FLOW_GET", {"id": number}),
                              ("FLOW_SET", {"id": number, "blob": b"of the agent"}),
                              ("REKEY_REQUEST", {"id": number})):
            nl.do(command, "FLOW", **args)
        same(len(nl.dump("FLOW_GET")) > 0, True, "flows")
        nl.dump("NAME_GET")
        with contextlib.suppress(BlockingIOError):
            while True:
                nl.do("UPCALL_GET")


def strangers():
    """Send packets of no flow, which are dropped."""
    enter("alice")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for packet in (b"", b"\x11" * 40, b"\x21" * 40):
            sock.sendto(packet, (ADDR["bob"], PORT))


@case("flows of each cipher are used, re-keyed, queried and closed")
def flows():
    listening = [recorded(Netlink(host), "events") for host in ("alice", "bob")]
    for nl in listening:
        for group in nl.groups:
            nl.join(group)
    trace_begin()
    for cipher in CIPHERS:
        one, other = new_flow(cipher)
        use(one, other)
        ask_all(one, other)
        rekeyed(cipher, one, other)
        use(one, other)
        ask_all(one, other)
        strangers()
        if cipher != "aes-256-gcm":
            one.close()
            other.close()
        else:
            ends.extend((one, other))
    for nl in listening:
        nl.dump("FLOW_GET")	# waiting events come before the answer
        nl.close()


# --- refusals

def refusals(number):
    """Requests with a seed that their operation refuses."""
    place = {"id": number, "peer": sockaddr("bob"), "peer_eid": 1, "cipher": 901,
             "generation": 0}
    yield "no such flow", errno.ENOENT, "FLOW_ALLOCATE", {**place, "id": 12345}
    yield "an attribute is missing", errno.EINVAL, "SEED_SET", {"id": number}
    yield "the flow has keys", errno.ESTALE, "FLOW_ALLOCATE", place
    yield "nobody claimed the flow", errno.ESTALE, "SEED_SET", {
        "id": number, "epoch": b"\2", "exchange": 77, "chain": bytes(8),
        "generation": 0}


def no_requests(number):
    """Requests with a seed that violate the policy of an operation that takes a seed:
    the violation, the operation, its other attributes, the length of the seed."""
    place = {"id": number, "peer": sockaddr("bob"), "peer_eid": 1, "cipher": 901,
             "generation": 0}
    park = {"id": number, "epoch": b"\2", "exchange": 77, "chain": bytes(8),
            "generation": 0}
    yield "a cipher that is none", "FLOW_ALLOCATE", {**place, "cipher": 7}, 32
    yield "a time out of range", "FLOW_ALLOCATE", {**place, "grace": 1}, 32
    yield "an epoch of two bytes", "SEED_SET", {**park, "epoch": b"\2\2"}, 32
    yield "a seed of 31 bytes", "SEED_SET", park, 31
    yield "a seed of 33 bytes", "SEED_SET", park, 33


def hidden_seeds(number, seed):
    """Requests with a seed where the policy does not expect one."""
    park = {"id": number, "epoch": b"\2", "exchange": 77, "chain": bytes(8),
            "generation": 0}
    yield "in an attribute of another operation", \
        payload_of(park, bytes(32)) + attr(A["FLOW_REASON"], seed)
    yield "in an attribute of its own", \
        payload_of(park) + attr(A["FLOW_SEED"], attr(A["FLOW_SEED"], seed))
    yield "where a number should be", payload_of({**park, "exchange": seed}, bytes(32))


def payload_of(args, *seeds):
    """The attributes of a request: seeds first, of which the last counts."""
    return b"".join([attr(A["FLOW_SEED"], seed) for seed in seeds] +
                    [attr(A[f"FLOW_{key.upper()}"], value) for key, value in args.items()])


def refused(nl, command, payload):
    """Send a request. Returns its errno."""
    try:
        nl.ask(nl.family, CMD[command], payload)
    except OSError as err:
        return err.errno
    return 0


@contextlib.contextmanager
def answers_of(nl, kind, is_capped):
    """Record the answers of a socket separately."""
    nl.sock.kind = kind
    nl.sock.setsockopt(SOL_NETLINK, CAP_ACK, is_capped)
    try:
        yield
    finally:
        nl.sock.kind = "answers"
        nl.sock.setsockopt(SOL_NETLINK, CAP_ACK, 1)


def refuse_all(kind, is_capped):
    """Let the operations refuse all seeds, a single one and one after another."""
    nl, number = acting[0].alice, ends[0].info().id
    stranger = recorded(Netlink("alice"), kind, is_capped)
    with answers_of(nl, kind, is_capped):
        for what, err, command, args in refusals(number):
            for count in 1, 2:
                seeds = [os.urandom(32) for _ in range(count)]
                for seed in seeds:
                    secret.add_key(what, seed)
                same(refused(nl, command, payload_of(args, *seeds)), err, what)
                same(refused(stranger, command, payload_of(args, *seeds)) in
                     (err, errno.EPERM), True, f"{what}, not the agent")
    stranger.close()


@case("the answer to a refused seed contains no part of the seed")
def answered():
    refuse_all("refusals", True)
    silent("refusals")


@case("the request that an answer repeats contains no part of a refused seed")
def echoed():
    refuse_all("refusals with the request", False)
    assert max(map(len, heard["refusals with the request"])) > 100, "no request came back"
    silent("refusals with the request")


@case("the answer to a malformed request contains no part of its seed")
def malformed():
    nl = acting[0].alice
    with answers_of(nl, "malformed", True):
        for what, command, args, size in no_requests(ends[0].info().id):
            seed = os.urandom(size)
            secret.add_key(what, seed)
            for seeds in (seed,), (seed, seed):
                err = refused(nl, command, payload_of(args, *seeds))
                same(err in (errno.EINVAL, errno.ERANGE), True, f"{what}: {err}")
    silent("malformed")


@case("the malformed request that an answer repeats contains no part of its seed")
def malformed_echoed():
    nl, number = acting[0].alice, ends[0].info().id
    with answers_of(nl, "malformed with the request", False):
        for what, command, args, size in no_requests(number):
            seeds = [os.urandom(size) for _ in range(2)]
            for seed in seeds:
                secret.add_key(what, seed)
            for some in seeds[:1], seeds:
                same(refused(nl, command, payload_of(args, *some)) != 0, True, what)
        for command in "SEED_SET", "FLOW_ALLOCATE":
            seed = os.urandom(32)
            secret.add_key(f"hidden, {command}", seed)
            for what, payload in hidden_seeds(number, seed):
                same(refused(nl, command, payload) != 0, True, f"{command}, {what}")
    assert max(map(len, heard["malformed with the request"])) > 100, "no request came back"
    silent("malformed with the request")


@case("only the sender gets back a seed for an operation that takes none")
def to_the_sender():
    nl = acting[0].alice
    others = [recorded(Netlink(host), "others") for host in ("alice", "bob")]
    for other in others:
        for group in other.groups:
            other.join(group)
    seed = os.urandom(32)
    secret.add_key("a seed for an operation without", seed)
    with answers_of(nl, "sender", False):
        same(refused(nl, "FLOW_SET", payload_of({"id": ends[0].info().id}, seed)) != 0,
             True, "refused")
    note(f"came back to the sender: {secret.found(b''.join(heard.pop('sender')))}")
    nl.do("REKEY_REQUEST", "FLOW", id=ends[0].info().id)
    for other in others:
        other.dump("FLOW_GET")
        other.close()
    silent("others")


# --- all recorded data

for place, sentence in (
        ("answers", "no netlink answer contains part of a key"),
        ("events", "no event contains part of a key"),
        ("device", "no answer and no message of the device contains part of a key"),
        ("trace", "no trace event as text contains part of a key"),
        ("trace as stored", "no trace event in binary contains part of a key"),
        ("kernel log", "no line of the kernel log contains part of a key")):
    def look(place=place):
        """Search the data that the cases before have recorded."""
        if place == "answers":
            for end in ends:
                end.close()
            acting[0].close()
        if place == "trace":
            trace_end()
        if place == "kernel log":
            heard[place].append(subprocess.run(["dmesg"], check=True,
                                               stdout=subprocess.PIPE).stdout)
        silent(place)
    case(sentence)(look)


acting, ends = [], []
with mock.patch.object(Endpoint, "ioctl", recorded_ioctl), \
        mock.patch.object(Endpoint, "read", recorded_read):
    run()
