# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Netlink commands and groups as an unprivileged user; ioctls with invalid arguments
and in states that do not allow them."""

import collections
import contextlib
import ctypes
import errno
import fcntl
import mmap
import multiprocessing
import os
import pickle
import select
import signal
import socket
import struct
import time

from ipcp import (
    A, ACCEPT, ALLOC, CMD, GET_INFO, INFO, LISTEN, NETLINK_GENERIC, NSEC, PLAIN,
    PROVIDE, QOS, RB_RD, RB_WR, RECV, REKEY, SEND, SET, SET_ACCESS, SET_DOWN,
    SET_PPL, SET_RCVTIMEO, SET_SNDTIMEO, Endpoint, Netlink, attrs, case, each_attr,
    enter, fails, name_arg, run, same, spawn, talk, until, write)
from keys import UPCALL_ALLOC, Agents

DEVICE = "/dev/ipcp_rekey"
SET_TIMESTAMP = 32
NOBODY = 65534
OTHERS = 4242		# a group
PR_SET_DUMPABLE = 4
OPEN_TO_ALL = {"INFO_GET"}
CAN_DO, CAN_DUMP = 2, 4
PAGE = mmap.PAGESIZE


# --- netlink

def as_nobody(fn, host="alice", namespace=False, groups=()):
    """Run fn() as an unprivileged user at a host. Returns its result."""
    enter(host)
    here, there = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setgroups(groups)
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            if namespace:
                os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
            result = fn()
        except Exception as err:	# pylint: disable=broad-except
            result = f"{type(err).__name__}: {err}"
        os.write(there, pickle.dumps(result))
        os._exit(0)
    os.close(there)
    os.waitpid(pid, 0)
    with open(here, "rb") as f:
        return pickle.load(f)


def outcome(fn, *args):
    """Name of the errno that fn() fails with, or "ok"."""
    try:
        fn(*args)
    except OSError as err:
        return errno.errorcode[err.errno]
    return "ok"


def try_all():
    """The result of each command and group. A permitted caller becomes the agent on the
    way."""
    nl = Netlink()
    names = {number: name for name, number in CMD.items()}
    said = {}
    for number, flags in nl.operations:
        if flags & CAN_DO:
            said[names[number]] = outcome(nl.ask, nl.family, number)
        if flags & CAN_DUMP:
            said[names[number] + " dump"] = outcome(nl.ask, nl.family, number,
                                                    b"", 0x300)
    for group in nl.groups:
        said[f"group {group}"] = outcome(nl.join, group)
    nl.close()
    return said


@case("an unprivileged user may use no command but INFO_GET, and join no group")
def nobody():
    said = as_nobody(try_all)
    # the family has all commands and groups of the specification
    notifications = {"UPCALL_NTF", "FLOW_NTF"}
    known = {name for name in CMD if not name.startswith("_") and name != "MAX"}
    same({name.split()[0] for name in said if not name.startswith("group")},
         known - notifications)
    same({name for name in said if name.startswith("group")},
         {"group agent", "group events"})
    assert "FLOW_GET dump" in said and "NAME_GET dump" in said, said
    same({name: what for name, what in said.items() if what != "EPERM"},
         {name: "ok" for name in OPEN_TO_ALL})


@case("root passes the permission checks of commands and groups")
def root():
    enter("alice")
    said = try_all()
    for name in ("INFO_GET", "AGENT_SET", "REKEY_CLAIM", "FLOW_GET dump",
                 "NAME_GET dump", "STATS_GET", "group agent", "group events"):
        same(said[name], "ok", name)
    for name in ("FLOW_GET", "FLOW_NEW", "FLOW_ALLOCATE", "FLOW_SET", "FLOW_DEL",
                 "REKEY_CLEAR", "SEED_SET", "REKEY_ASK", "REKEY_REQUEST", "CTRL_SEND",
                 "SEALED_SEND", "UPCALL_DONE"):
        same(said[name], "EINVAL", name)


@case("root of its own network namespace may use the family, and sees no other namespace")
def own_namespace():
    def look():
        nl = Netlink()
        nl.join("events")
        info = nl.do("INFO_GET")
        return (nl.dump("FLOW_GET"), nl.dump("NAME_GET"),
                info[A["INFO_FLOWS"]], info[A["INFO_HAS_AGENT"]])
    with Agents() as agents:
        ends = agents.flow("demo")
        same(as_nobody(look, namespace=True), ([], [], bytes(4), bytes(4)))
        talk(*ends)
        for end in ends:
            end.close()


@contextlib.contextmanager
def open_to_all():
    """Let everybody open the device meanwhile."""
    mode = os.stat(DEVICE).st_mode
    os.chmod(DEVICE, 0o666)
    try:
        yield
    finally:
        os.chmod(DEVICE, mode)


@case("an agent sees user and group ids as its own user namespace maps them")
def users():
    def cred(mapped):
        def look():
            # otherwise root owns the files below
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            write("/proc/self/setgroups", "deny")
            if mapped:
                write("/proc/self/uid_map", f"0 {NOBODY} 1")
                write("/proc/self/gid_map", f"0 {NOBODY} 1")
            nl = Netlink()
            nl.do("AGENT_SET")
            end = Endpoint(None, fd=os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK))
            with fails(errno.EINPROGRESS):
                end.alloc("demo")
            asked = attrs(nl.upcall(UPCALL_ALLOC)[A["UPCALL_CRED"]])
            shown = attrs(nl.dump("FLOW_GET")[0][A["FLOW_CRED"]])
            return [sorted(number for what in ("UID", "GID", "GROUPS")
                           for number, in struct.iter_unpack("=i", found[A[f"CRED_{what}"]]))
                    for found in (asked, shown)]
        return as_nobody(look, namespace=True, groups=(NOBODY, OTHERS))
    with open_to_all():
        same(cred(True), [[-1, 0, 0, 0]] * 2)
        same(cred(False), [[-1] * 4] * 2)	# unmapped: no policy can name these ids


def name_parts(nl):
    """The names of each message of a dump."""
    nl.send(nl.family, CMD["NAME_GET"], b"", 0x300)
    while True:
        part = [attrs(body[4:])[A["NAME_NAME"]].rstrip(b"\0").decode()
                for kind, _seq, body in nl.messages() if kind == nl.family]
        if not part:
            return
        yield part


@case("a dump shows each name once while other names come and go")
def names():
    with Agents() as agents:
        text = "n" * 240
        served = {f"{text}{n}": agents.listen(f"{text}{n}") for n in range(300)}
        nl = Netlink("bob")
        found, stays = [], set(served)
        for part in name_parts(nl):
            found += part
            for gone in [part[0], *sorted(stays - set(found))[:1]]:
                served.pop(gone).close()
                stays.discard(gone)
            served[f"new{len(found)}"] = agents.listen(f"new{len(found)}")
        same(len(found), len(set(found)), "names that were shown")
        same(stays - set(found), set(), "names that were not")
        assert len(stays) < 300 - 2, "the dump was one message"
        for end in *served.values(), nl:
            end.close()


@case("a second agent is refused; only the agent may claim")
def one_agent():
    with Agents():
        for host in "alice", "bob":
            other = Netlink(host)
            with fails(errno.EBUSY):
                other.do("AGENT_SET")
            with fails(errno.EPERM):
                other.do("REKEY_CLAIM", "CLAIM")
            other.close()


def claimed(nl):
    """The flows in one answer to a claim of all due flows."""
    nl.do("REKEY_CLAIM", "CLAIM", limit=64)
    assert len(nl.last) < 16384, "the answer is long"
    return [attrs(flow)[A["CLAIMED_ID"]] for number, flow in each_attr(nl.last)
            if number == A["CLAIM_FLOW"]]


@case("an answer holds a few of the due flows, the following answers hold the rest")
def claims_in_turn():
    with Agents() as agents:
        listener = agents.listen("demo")
        ends = [agents.connect(listener, "demo") for _ in range(20)]
        for one, _ in ends:
            agents.confirmed(one)
        agents.alice.do("REKEY_REQUEST", "FLOW", all=b"")
        answers = []
        while not answers or answers[-1]:
            answers.append(claimed(agents.alice))
        assert max(map(len, answers)) <= 8, [len(answer) for answer in answers]
        same(sorted(sum(answers, [])),
             sorted(struct.pack("=I", one.info().id) for one, _ in ends))
        for end in listener, *sum(ends, ()):
            end.close()


def take_ports(word):
    """Bind each port id as soon as it is free, and try a command of the agent."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    while True:
        nl = Netlink("alice")
        nl.sock.close()
        nl.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        word.send("ready")
        port = word.recv()
        while True:
            try:
                nl.sock.bind((port, 0))
                break
            except OSError:
                time.sleep(0.00001)
        word.send(outcome(nl.ask, nl.family, CMD["UPCALL_GET"]))
        nl.close()


@case("a socket that takes over the port id of an ended agent is not the agent")
def port_taken():
    here, there = multiprocessing.Pipe()
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})	# the child preempts this process
    pid = spawn(take_ports, there)
    found = collections.Counter()
    for _ in range(200):
        same(here.recv(), "ready")
        one = Netlink("alice")
        one.do("AGENT_SET")
        here.send(one.sock.getsockname()[0])
        one.close()
        found[here.recv()] += 1
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.sched_setaffinity(0, cpus)
    same(dict(found), {"EPERM": 200})


@case("a netlink attribute that is out of range is refused")
def attributes():
    with Agents() as agents:
        one, _asked = agents.begin("demo")
        number = one.info().id
        for err, key, bad in (
                (errno.EINVAL, "packets_per_leaf", 96),
                (errno.ERANGE, "packets_per_leaf", 32),
                (errno.ERANGE, "packets_per_leaf", 1 << 21),
                (errno.ERANGE, "blob", bytes(1025)),
                (errno.ERANGE, "id", 0), (errno.ENOENT, "id", 4711)):
            with fails(err):
                agents.alice.do("FLOW_SET", "FLOW", **{"id": number, key: bad})
        for size in 0, 31, 33:
            with fails(errno.ERANGE):
                agents.alice.do("SEED_SET", "FLOW", id=number, seed=bytes(size),
                                epoch=b"\1", exchange=1, chain=bytes(8), generation=0)
        for size in 0, 7, 9:
            with fails(errno.ERANGE):
                agents.alice.do("SEED_SET", "FLOW", id=number, seed=bytes(32),
                                epoch=b"\1", exchange=1, chain=bytes(size),
                                generation=0)
        with fails(errno.EOPNOTSUPP):	# the flow is not encrypted yet
            agents.alice.do("SEED_SET", "FLOW", id=number, seed=bytes(32),
                            epoch=b"\1", exchange=1, chain=bytes(8), generation=0)
        one.close()


# --- arguments

KEEP = []
ROOM = ctypes.create_string_buffer(16)


def name(text):
    """Address and length of a name."""
    KEEP.append(name_arg(text))
    return KEEP[-1][1:]


def alloc(size=64, flags=0, address=None, length=None, reserved=0, timeout=0,
          qos=PLAIN):
    """struct ipcp_alloc, with a valid name by default."""
    where, count = name("demo")
    return struct.pack("=IIQIIq", size, flags,
                       where if address is None else address,
                       count if length is None else length,
                       reserved, timeout) + qos


def listen(size=24, flags=0, address=None, length=None, backlog=0):
    """struct ipcp_listen."""
    where, count = name("demo")
    return struct.pack("=IIQII", size, flags,
                       where if address is None else address,
                       count if length is None else length, backlog)


ACCEPT_OLD, ACCEPT_FULL = 48, 312	# without and with the peer's name
BATCH_OLD, BATCH_FULL = 24, 32	# without and with times
INFO_FULL = INFO.size + 264


def accept(size=ACCEPT_FULL, flags=0, timeout=NSEC // 50):
    """struct ipcp_accept."""
    return struct.pack("=IIq296x", size, flags, timeout)


def info(size=INFO.size):
    """struct ipcp_info."""
    return struct.pack("=I", size) + bytes(INFO.size - 4)


def change(size=40, mask=0, rcvtimeo=0, sndtimeo=0, access=0, down=0, ppl=0,
           timestamp=0):
    """struct ipcp_set."""
    return struct.pack("=IIqqIIII", size, mask, rcvtimeo, sndtimeo, access, down,
                       ppl, timestamp)


def batch(size=BATCH_FULL, flags=0, count=1, reserved=0, times=0):
    """struct ipcp_batch."""
    msg = ctypes.create_string_buffer(struct.pack(
        "=QII", ctypes.addressof(ROOM), len(ROOM), 0), 16)
    KEEP.append(msg)
    return struct.pack("=IIQIIQ", size, flags, ctypes.addressof(msg), count,
                       reserved, times)


def quality(loss=1, in_order=0, reserved=b""):
    """struct ipcp_qos."""
    return QOS.pack(0, 0, loss, 1, 0, 0, 0, in_order, reserved)


def at_the_edge(arg, keep=4):
    """Address of a copy of the argument, of which only the first bytes are readable."""
    area = mmap.mmap(-1, 2 * PAGE)
    area[PAGE - keep:PAGE] = arg[:keep]
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    same(ctypes.CDLL(None).mprotect(ctypes.c_void_p(address + PAGE), PAGE, 0), 0)
    KEEP.append(area)
    return address + PAGE - keep


def refuse(end, number, cases):
    """Each argument must fail with its errno. The keys say what is invalid."""
    for what, (err, arg) in cases.items():
        got = outcome(end.ioctl, number, arg)
        same(got, errno.errorcode[err], what)


def provide(size=24, flags=0, mtu=1400):
    """struct ipcp_provide."""
    return listen(size, flags, backlog=mtu)


STRUCTURES = {ALLOC: alloc, LISTEN: listen, ACCEPT: accept, GET_INFO: info,
              SET: change, SEND: batch, RECV: batch, PROVIDE: provide}


@case("each ioctl fails with EFAULT for a bad address")
def addresses():
    end = Endpoint("alice")
    for number, make in STRUCTURES.items():
        for address in 0, 1, PAGE - 1:
            with fails(errno.EFAULT):
                fcntl.ioctl(end.fd, number, address)
        edge = at_the_edge(make())
        with fails(errno.EFAULT):
            # too large for the int of fcntl.ioctl()
            if ctypes.CDLL(None, use_errno=True).ioctl(
                    end.fd, ctypes.c_ulong(number), ctypes.c_void_p(edge)):
                raise OSError(ctypes.get_errno(), "")
    end.close()


@case("a short structure fails with EINVAL, a long one with E2BIG unless the rest is zero")
def sizes():
    with Agents() as agents:
        ends = agents.flow("demo")
        listener = agents.listen("other")
        fresh = Endpoint("alice")
        for number, make in STRUCTURES.items():
            full = len(make())
            least = {GET_INFO: 4, ACCEPT: ACCEPT_OLD, SEND: BATCH_OLD,
                     RECV: BATCH_OLD}.get(number, full)
            for size in {0, 1, 3, least - 1}:
                refuse(fresh, number, {f"size {size}": (errno.EINVAL, make(size))})
            refuse(fresh, number, {
                "more than a page": (errno.E2BIG, make(PAGE + 1) + bytes(PAGE))})
            if number != GET_INFO:
                refuse(fresh, number, {
                    "a longer one": (errno.E2BIG, make(full + 8) + bytes(7) + b"x")})
        # a structure that is extended by zeros is accepted
        ends[0].ioctl(SET, change(48) + bytes(8))
        with fails(errno.ETIMEDOUT):
            listener.ioctl(ACCEPT, accept(ACCEPT_FULL + 8) + bytes(8))
        with fails(errno.ETIMEDOUT):
            listener.ioctl(ACCEPT, accept(ACCEPT_OLD))
        with fails(errno.EBUSY):
            ends[0].ioctl(ALLOC, alloc(72) + bytes(8))
        _, filled = fresh.ioctl(GET_INFO, info(INFO_FULL + 8) +
                                bytes(INFO_FULL + 8 - INFO.size))
        same(struct.unpack_from("=I", filled)[0], INFO_FULL)
        _, filled = ends[0].ioctl(GET_INFO, info(8))
        same(struct.unpack_from("=II", filled), (8, 3))
        same(filled[8:], bytes(len(filled) - 8))
        for end in (*ends, listener, fresh):
            end.close()


@case("invalid fields of ALLOC and LISTEN are refused")
def fields():
    long, edge = name("x" * 256)[0], at_the_edge(b"name")
    end = Endpoint("alice")
    refuse(end, ALLOC, {
        "flags": (errno.EINVAL, alloc(flags=1)),
        "reserved": (errno.EINVAL, alloc(reserved=1)),
        "timeout": (errno.EINVAL, alloc(timeout=-2)),
        "reserved of the quality": (errno.EINVAL, alloc(qos=quality(reserved=b"\0\1"))),
        "no loss": (errno.EOPNOTSUPP, alloc(qos=quality(loss=0))),
        "order": (errno.EOPNOTSUPP, alloc(qos=quality(in_order=1)))})
    refuse(end, LISTEN, {
        "flags": (errno.EINVAL, listen(flags=1)),
        "backlog": (errno.EINVAL, listen(backlog=1025))})
    for number, make in (ALLOC, alloc), (LISTEN, listen):
        refuse(end, number, {
            "no name": (errno.EINVAL, make(length=0)),
            "a long name": (errno.EINVAL, make(address=long, length=256)),
            "a name at 0": (errno.EFAULT, make(address=0)),
            "half a name": (errno.EFAULT, make(address=edge, length=8)),
            **{f"a name with {text!r}":
               (errno.EINVAL, make(*(), address=name(text)[0], length=len(text)))
               for text in ("a b", "a\n", "\ta", "a\0b", "a\x7f")}})
        # valid arguments get as far as the check for an agent
        refuse(end, number, {"no agent": (errno.ENOTCONN, make())})
        refuse(end, number, {"no agent": (errno.ENOTCONN, make(
            address=name("x" * 255)[0], length=255))})
    end.close()


@case("invalid fields of SET are refused")
def changes():
    with Agents() as agents:
        ends = agents.flow("demo")
        refuse(ends[0], SET, {
            "mask": (errno.EINVAL, change(mask=0x40)),
            "a time that is not asked for": (errno.EINVAL, change(timestamp=1)),
            "timestamp": (errno.EINVAL, change(mask=SET_TIMESTAMP, timestamp=2)),
            "rcvtimeo": (errno.EINVAL, change(mask=SET_RCVTIMEO, rcvtimeo=-2)),
            "sndtimeo": (errno.EINVAL, change(mask=SET_SNDTIMEO, sndtimeo=-2)),
            "access": (errno.EINVAL, change(mask=SET_ACCESS, access=4)),
            "down": (errno.EINVAL, change(mask=SET_DOWN, down=2)),
            "up": (errno.EINVAL, change(mask=SET_DOWN, down=0)),
            **{f"leaves of {n}": (errno.EINVAL, change(mask=SET_PPL, ppl=n))
               for n in (0, 1, 32, 63, 96, 1 << 21)},
            # an invalid change among valid ones: none is applied
            "one of many": (errno.EINVAL, change(mask=SET_ACCESS | SET_PPL,
                                                 access=RB_RD, ppl=3))})
        same(ends[0].info().rb_flags, RB_RD | RB_WR)
        ends[0].set(SET_PPL, ppl=64)
        talk(*ends)
        for end in ends:
            end.close()


@case("unknown ioctls fail with ENOTTY")
def unknown():
    end = Endpoint("alice")
    encoded = 1 << 30 | 64 << 16	# as if the number had direction and size
    for number in (0xE700, 0xE70A, 0xE7FF, 0xE601, ALLOC | encoded,
                   GET_INFO | encoded):
        refuse(end, number, {hex(number): (errno.ENOTTY, alloc())})
    end.close()


# --- states

def same_outcomes(end, want):
    """Check the outcome of each call on this endpoint."""
    calls = {
        "ALLOC": lambda: end.ioctl(ALLOC, alloc()),
        "LISTEN": lambda: end.ioctl(LISTEN, listen()),
        "PROVIDE": lambda: end.ioctl(PROVIDE, provide()),
        "ACCEPT": lambda: end.ioctl(ACCEPT, accept()),
        "REKEY": lambda: fcntl.ioctl(end.fd, REKEY),
        "GET_INFO": lambda: end.ioctl(GET_INFO, info()),
        "SET": lambda: end.ioctl(SET, change()),
        "SEND": lambda: end.ioctl(SEND, batch()),
        "RECV": lambda: end.ioctl(RECV, batch()),
        "read": lambda: os.read(end.fd, 10),
        "write": lambda: os.write(end.fd, b"x"),
        "pread": lambda: os.pread(end.fd, 10, 0),
        "seek": lambda: os.lseek(end.fd, 0, os.SEEK_SET),
        "mmap": lambda: mmap.mmap(end.fd, PAGE),
    }
    same({call: outcome(fn) for call, fn in calls.items()},
         {"SEND": want["write"], "RECV": want["read"],
          "GET_INFO": "ok", "pread": "ESPIPE", "seek": "ESPIPE",
          "mmap": "ENODEV", **want})


@case("a fresh endpoint refuses the calls of flows, and ALLOC until there is an agent")
def fresh():
    want = {"ALLOC": "ENOTCONN", "LISTEN": "ENOTCONN", "PROVIDE": "ENOTCONN", "ACCEPT": "EINVAL",
            "REKEY": "ENOTCONN", "SET": "ENOTCONN", "read": "ENOTCONN",
            "write": "ENOTCONN"}
    end = Endpoint("alice", os.O_NONBLOCK)
    same_outcomes(end, want)
    same((end.info().state, end.info().id, end.info().name), (0, 0, ""))
    with Agents():
        del want["ALLOC"], want["LISTEN"], want["PROVIDE"]
        same(end.poll(select.POLLIN | select.POLLOUT), 0)
        with fails(errno.EINPROGRESS):
            end.alloc("demo")
    end.close()


@case("an endpoint that serves a name refuses the calls of flows")
def serving():
    with Agents() as agents:
        end = agents.listen("demo")
        end.nonblock()
        same_outcomes(end, {
            "ALLOC": "EBUSY", "LISTEN": "EBUSY", "PROVIDE": "EBUSY", "ACCEPT": "EAGAIN",
            "REKEY": "ENOTCONN", "SET": "ENOTCONN", "read": "EINVAL",
            "write": "EINVAL"})
        same(end.info().name, "demo")
        end.nonblock(False)
        refuse(end, ACCEPT, {
            "flags": (errno.EINVAL, accept(flags=2)),
            "timeout": (errno.EINVAL, accept(timeout=-2)),
            "nobody comes": (errno.ETIMEDOUT, accept())})
        end.close()
        with fails(errno.EACCES):
            agents.listen("demo", error=errno.EACCES)


@case("a pending allocation refuses most calls; a failed one tells the reason")
def pending():
    with Agents() as agents:
        end, asked = agents.begin("demo")
        want = {"ALLOC": "EBUSY", "LISTEN": "EBUSY", "PROVIDE": "EBUSY", "ACCEPT": "EINVAL",
                "REKEY": "ENODATA", "SET": "ok", "read": "EAGAIN",
                "write": "EAGAIN"}
        same_outcomes(end, want)
        same(end.poll(select.POLLIN | select.POLLOUT), 0)
        agents.alice.do("FLOW_DEL", "FLOW", id=asked[A["UPCALL_FLOW_ID"]],
                        error=errno.EKEYREJECTED, reason=b"because\0")
        assert end.wait(select.POLLERR) & select.POLLHUP
        want.update(read="EKEYREJECTED", write="EKEYREJECTED")
        same_outcomes(end, want)
        same((end.info().error, end.info().reason),
             (errno.EKEYREJECTED, "because"))
        end.close()


@case("a pending allocation ends at its timeout or with its agent")
def given_up():
    with Agents() as agents:
        end = Endpoint("alice")
        with fails(errno.ETIMEDOUT):
            end.alloc("demo", timeout=NSEC // 20)
        end.close()
        end, _asked = agents.begin("demo")
        agents.alice.close()
        end.wait(select.POLLERR)
        same(end.info().error, errno.ENOTCONN)
        end.close()


@case("bad buffers of reads and writes fail with EFAULT, and the flow keeps working")
def allocated():
    libc = ctypes.CDLL(None, use_errno=True)
    with Agents() as agents:
        one, other = agents.flow("demo")
        one.nonblock()
        same_outcomes(one, {
            "ALLOC": "EBUSY", "LISTEN": "EBUSY", "PROVIDE": "EBUSY", "ACCEPT": "EINVAL",
            "REKEY": "ENODATA", "SET": "ok", "read": "EAGAIN", "write": "ok"})
        same(other.receive(), bytes(16))	# SEND
        same(other.receive(), b"x")
        same(libc.write(one.fd, ctypes.c_void_p(8), 10), -1)
        same(ctypes.get_errno(), errno.EFAULT)
        one.write(b"lost with the bad buffer")
        other.wait(select.POLLIN)
        same(libc.read(other.fd, ctypes.c_void_p(8), 100), -1)
        same(ctypes.get_errno(), errno.EFAULT)
        talk(one, other)
        one.close()
        other.close()


def opened(host, access):
    """Open the device with an access mode."""
    enter(host)
    return os.open("/dev/ipcp_rekey", access | os.O_CLOEXEC)


def refused(end):
    """The calls that fail with EBADF on this end."""
    end.nonblock()
    calls = {"read": lambda: os.read(end.fd, 10),
             "RECV": lambda: end.ioctl(RECV, batch()),
             "write": lambda: os.write(end.fd, b"x"),
             "SEND": lambda: end.ioctl(SEND, batch())}
    return {call for call, fn in calls.items() if outcome(fn) == "EBADF"}


@case("each call respects the access mode of its file")
def one_direction():
    with Agents() as agents:
        for access, want in ((os.O_RDONLY, {"write", "SEND"}),
                             (os.O_WRONLY, {"read", "RECV"}),
                             (os.O_RDWR, set())):
            # for the initiator and the responder
            listener = agents.listen("demo", fd=opened("bob", access))
            ends = agents.connect(listener, "demo", fd=opened("alice", access))
            listener.close()
            for end in ends:
                same(refused(end), want, end.host)
                end.set(SET_RCVTIMEO, rcvtimeo=NSEC)	# with any access mode
                end.close()


@case("other files do not know the ioctls of the device")
def other_files():
    pipe = os.pipe()
    sockets = socket.socketpair()
    others = (*pipe, *(s.fileno() for s in sockets),
              os.open("/dev/null", os.O_RDWR), os.open("/", os.O_RDONLY))
    for fd in others:
        for number, make in (*STRUCTURES.items(), (REKEY, lambda: b"")):
            same(outcome(fcntl.ioctl, fd, number, bytearray(make())), "ENOTTY")


@case("no flow and no name is left")
def nothing_left():
    for host in "alice", "bob":
        nl = Netlink(host)
        until(lambda: not nl.dump("FLOW_GET"), "no flow")	# noqa: B023
        same(nl.dump("NAME_GET"), [])
        nl.close()


run()
