# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""What the end-to-end tests need in Python: cases that print KTAP, flows of
either host, the netlink family, and waiting with a deadline.

The hosts are the network namespaces of tests/lib/hosts.sh.
"""

import collections
import contextlib
import ctypes
import errno
import faulthandler
import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback

LIB = f"{os.path.dirname(os.path.abspath(__file__))}/../lib"
sys.path.insert(0, LIB)
from limit import Limit	# noqa: E402 pylint: disable=wrong-import-position

ADDR = {"alice": "10.77.0.1", "bob": "10.77.0.2"}
PORT = 3435
DEADLINE = 30 * int(os.environ.get("SLOW", "1"))	# seconds; how long anything may take
# For calls that end by themselves, a net: one that hangs is to say where. No test
# depends on that time; a machine that was held up for a while stays below.
NET = 20 * DEADLINE

RB_RD, RB_WR, RB_FLOWDOWN, RB_FLOWPEER, RB_REKEY = 1, 2, 4, 8, 16
SET_RCVTIMEO, SET_SNDTIMEO, SET_ACCESS, SET_DOWN, SET_PPL = 1, 2, 4, 8, 16
ALLOC, LISTEN, ACCEPT, REKEY, GET_INFO, SET, SEND, RECV, PROVIDE = (
    0xE700 | n for n in range(1, 10))
ALLOCATED = 3
NSEC = 1000000000
PR_SET_PDEATHSIG = 1


# --- cases

CASES = []


def case(name):
    """Marks a function as a case: it fails by an exception."""
    def add(fn):
        CASES.append((name, fn))
        return fn
    return add


def same(got, want, what=""):
    """Fails the case unless both are equal."""
    if got != want:
        raise AssertionError(f"{what}{': ' if what else ''}got {got!r}, want {want!r}")


@contextlib.contextmanager
def fails(err):
    """The code in it must fail with this errno."""
    try:
        yield
    except OSError as e:
        if e.errno == err:
            return
        raise AssertionError(f"{errno.errorcode.get(e.errno)}, want {errno.errorcode[err]}") from e
    raise AssertionError(f"no error, want {errno.errorcode[err]}")


class Late:
    """Words for until() that tell of the state when it is late."""

    def __init__(self, words):
        self.words = words

    def __str__(self):
        return self.words()


def until(condition, what, seconds=DEADLINE):
    """Waits until condition() is true, and returns what it returned. To look takes a
    quarter of a processor's time at most: what is waited for may need it."""
    limit = Limit(seconds)
    while True:
        start = time.monotonic()
        value = condition()
        if value:
            return value
        if not limit.turn():
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(min(max(0.01, 3 * (time.monotonic() - start)), 0.25))


def in_turns(wait, seconds):
    """What wait(s) finds, which waits s seconds for an event; within a deadline."""
    limit = Limit(seconds)
    while True:
        found = wait(limit.wait())
        if any(found) or not limit.turn():
            return found


def write(path, text):
    """A word to a file of the kernel's."""
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def spawn(work, *args):
    """A process that does work until it is killed, or we end."""
    pid = os.fork()
    if not pid:
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            work(*args)
        finally:
            os._exit(1)
    return pid


def note(text):
    """A line for people."""
    print(*(f"# {line}" for line in str(text).split("\n")), sep="\n", flush=True)


def run():
    """Runs all cases; exits with 1 if any failed."""
    failed = 0
    # what hangs is ended by this signal: where was it?
    faulthandler.register(signal.SIGTERM, all_threads=True, chain=True)
    print(f"KTAP version 1\n1..{len(CASES)}", flush=True)
    for number, (name, fn) in enumerate(CASES, 1):
        try:
            fn()
            word = "ok"
        except Exception:	# pylint: disable=broad-except
            failed += 1
            note(traceback.format_exc().rstrip())
            word = "not ok"
        print(f"{word} {number} {name}", flush=True)
    sys.exit(failed > 0)


# --- the machine

def warnings():
    """What the kernel has warned of, but for what is harmless (kernel-log.sh)."""
    return subprocess.run(["bash", "-c", '. "$0" && kernel_warnings', f"{LIB}/kernel-log.sh"],
                          text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines()


def unloaded(module="ipcp_rekey"):
    """Unloads a module (the ciphers stay, which load slowly). Is it gone? The only
    reason why not may be that somebody uses it."""
    done = subprocess.run(["rmmod", module], text=True, stderr=subprocess.PIPE,
                          timeout=NET, check=False)
    if done.returncode:
        assert "in use" in done.stderr, done.stderr
    return done.returncode == 0


def holders():
    """How many hold the module."""
    with open("/sys/module/ipcp_rekey/refcnt", encoding="ascii") as f:
        return int(f.read())


# --- hosts

def enter(host):
    """Opens files, sockets and programs in this host from here on."""
    fd = os.open(f"/run/netns/{host}", os.O_RDONLY)
    os.setns(fd, os.CLONE_NEWNET)
    os.close(fd)


def tc(host, *args):
    """What tc says in this host."""
    return subprocess.run(["tc", "-n", host, *args], check=True, timeout=NET,
                          stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def cut():
    """Neither host hears the other meanwhile."""
    for host in "alice", "bob":
        tc(host, "qdisc", "add", "dev", "veth", "root", "netem", "loss", "100%")
    try:
        yield
    finally:
        for host in "alice", "bob":
            tc(host, "qdisc", "del", "dev", "veth", "root")


def tool(host, *args):
    """What "ipcp-rekey ARGS --json" says there."""
    enter(host)
    out = subprocess.run(["ipcp-rekey", *args, "--json"], check=True,
                         stdout=subprocess.PIPE, timeout=NET).stdout
    return json.loads(out)


def agent(host):
    """What the agent there says of itself."""
    return tool(host, "agent", "status", "--socket",
                f"{os.environ['HOSTS']}/{host}/agent.sock")


def flows(host):
    """All flows there."""
    return tool(host, "flow", "list")


def rekey(host, number):
    """Asks for a re-key."""
    enter(host)
    subprocess.run(["ipcp-rekey", "rekey", str(number)], check=True,
                   timeout=NET)


NETLINKS = {}


def netlink(host):
    """A socket of there, for all who only ask."""
    if host not in NETLINKS:
        NETLINKS[host] = Netlink(host)
    return NETLINKS[host]


def drops(host):
    """All counters of dropped packets there: those that belong to no flow, and
    the sum over the flows."""
    nl = netlink(host)
    found = collections.Counter()
    sets = [("no_flow", nl.do("STATS_GET")[A["NET_STATS_DROPS"]])]
    sets += [("flows", attrs(flow[A["FLOW_STATS"]])[A["STATS_DROPS"]])
             for flow in nl.dump("FLOW_GET")]
    for kind, counters in sets:
        counters = attrs(counters)
        for name, number in DROPS.items():
            found[kind, name] += int.from_bytes(counters[number], sys.byteorder)
    return found


def tool_drops(host):
    """The same, as the tool shows it."""
    return collections.Counter({(kind, reason.replace("_", "-")): n
                                for kind, reasons in tool(host, "stats").items()
                                for reason, n in reasons.items()})


# --- the device

QOS = struct.Struct("=QIIIIIBB2s")
INFO = struct.Struct("=6I4B5I15Q2I128s256s")
Info = collections.namedtuple("Info", """size state id cipher rb_flags mtu
    epoch tx_epoch newest_epoch initiator tx_leaf rx_leaf packets_per_leaf
    peer_timeout error tx_left rx_left tx_packets tx_bytes rx_packets rx_bytes
    drop_key drop_auth drop_replay drop_full drop_other rekeys leaves
    recoveries recovery_age queued
    mtu_confirmed reason name""")
PLAIN = QOS.pack(0, 0, 1, 1, 0, 0, 0, 0, b"")	# loss and bit errors are accepted


def name_arg(name):
    """A name where the kernel can read it: buffer, address, length."""
    buf = ctypes.create_string_buffer(name.encode())
    return buf, ctypes.addressof(buf), len(name.encode())


class Endpoint:
    """An open device."""

    def __init__(self, host, flags=0, fd=None):
        if fd is None:
            enter(host)
            fd = os.open("/dev/ipcp_rekey", os.O_RDWR | os.O_CLOEXEC | flags)
        self.host, self.fd = host, fd

    def ioctl(self, number, arg):
        """An ioctl with the bytes of its structure, which it returns."""
        arg = bytearray(arg)
        ret = fcntl.ioctl(self.fd, number, arg, True)
        return ret, bytes(arg)

    def alloc(self, name, timeout=0, qos=PLAIN):
        """Asks for a flow."""
        _keep, addr, length = name_arg(name)
        self.ioctl(ALLOC, struct.pack("=IIQIIq", 64, 0, addr, length, 0,
                                      timeout) + qos)
        return self

    def listen(self, name, backlog=0):
        """Serves a name."""
        _keep, addr, length = name_arg(name)
        self.ioctl(LISTEN, struct.pack("=IIQII", 24, 0, addr, length, backlog))
        return self

    def accept(self, timeout=NET * NSEC):
        """The next flow."""
        fd, _ = self.ioctl(ACCEPT, struct.pack("=IIq32x", 48, 0, timeout))
        return Endpoint(self.host, fd=fd)

    def rekey(self):
        """Takes a seed."""
        fcntl.ioctl(self.fd, REKEY)

    def info(self):
        """What the kernel says of it."""
        arg = struct.pack("=I", INFO.size) + bytes(INFO.size - 4)
        info = Info._make(INFO.unpack(self.ioctl(GET_INFO, arg)[1]))
        return info._replace(reason=info.reason.split(b"\0")[0].decode(),
                             name=info.name.split(b"\0")[0].decode())

    def set(self, mask, rcvtimeo=0, sndtimeo=0, access=0, down=0, ppl=0):
        """Changes it."""
        self.ioctl(SET, struct.pack("=IIqqIIII", 40, mask, rcvtimeo, sndtimeo,
                                    access, down, ppl, 0))

    def nonblock(self, on=True):
        """Reads and writes wait no more, or again."""
        os.set_blocking(self.fd, not on)

    def poll(self, events, seconds=0):
        """The events that are there, of these and those that always count."""
        poll = select.poll()
        poll.register(self.fd, events)
        return (in_turns(lambda s: poll.poll(s * 1000), seconds) or [(0, 0)])[0][1]

    def wait(self, event, others=0):
        """Waits until poll() shows an event; returns all of them."""
        return until(lambda: (lambda seen: seen & event and seen)
                     (self.poll(event | others, 1)), f"poll event {event:#x}")

    def read(self, size=65536):
        """The next message."""
        return os.read(self.fd, size)

    def receive(self, size=65536):
        """The same, within a deadline."""
        self.wait(select.POLLIN)
        return self.read(size)

    def write(self, message):
        """Sends one."""
        same(os.write(self.fd, message), len(message), "bytes written")

    def close(self):
        """Lets go of it."""
        os.close(self.fd)
        self.fd = -1


def fdinfo(end):
    """The lines of fdinfo that are ours."""
    with open(f"/proc/self/fdinfo/{end.fd}", encoding="ascii") as f:
        lines = [line.rstrip("\n").split(":\t") for line in f]
    return {key: value for key, value in lines if key.startswith("ipcp-")}


def pair(name):
    """A flow from alice to bob: both ends, through the agents."""
    listener = Endpoint("bob").listen(name)
    initiator = Endpoint("alice").alloc(name)
    responder = listener.accept()
    listener.close()
    return initiator, responder


def close(*ends):
    """Lets go of them."""
    for end in ends:
        end.close()


def show(end):
    """All that the tool shows of this end's flow."""
    return tool(end.host, "flow", "show", str(end.info().id))


def settled(*ends):
    """Waits until the newest epoch is sent in and confirmed everywhere."""
    def done():
        return all(f["keys"]["done"] and not f["keys"]["in_flight"] and
                   f["keys"]["tx_epoch"] == f["keys"]["newest_epoch"]
                   for f in map(show, ends))
    until(done, "all ends have confirmed the newest epoch")


def talk(one, other, text=b"are you there?"):
    """A message each way."""
    one.write(text)
    same(other.receive(), text)
    other.write(text[::-1])
    same(one.receive(), text[::-1])


# --- netlink

def constants(prefix):
    """Names and numbers of enum entries, from the header of the family."""
    path = os.path.dirname(os.path.abspath(__file__))
    path += "/../../include/uapi/linux/ipcp_rekey_netlink.h"
    with open(path, encoding="ascii") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    found, value = {}, 0
    for word in re.findall(r"enum[^{]*\{|(\w+)(?: = (\w+))?,", text):
        if not word[0]:
            value = 0
            continue
        if word[1]:
            value = int(word[1])
        if word[0].startswith(prefix):
            found[word[0][len(prefix):]] = value
        value += 1
    return found


CMD = constants("IPCP_REKEY_CMD_")
A = constants("IPCP_REKEY_A_")
EVENT = constants("IPCP_REKEY_EVENT_")
DROPS = {name[6:].lower().replace("_", "-"): number
         for name, number in A.items()
         if name.startswith("DROPS_") and not name.endswith("MAX")}
NETLINK_GENERIC, GENL_ID_CTRL = 16, 16
SOL_NETLINK, ADD_MEMBERSHIP, CAP_ACK, EXT_ACK = 270, 1, 10, 11


def attr(number, value):
    """An attribute: of bytes, or of a number with 32 bits."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    size = 4 + len(value)
    return struct.pack("=HH", size, number) + value + bytes(-size % 4)


def each_attr(data):
    """The attributes in there, one after the other: number and value."""
    while len(data) >= 4:
        size, number = struct.unpack_from("=HH", data)
        assert size >= 4, f"no attribute: {data[:16].hex()}"
        yield number & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


def attrs(data):
    """The attributes in there, by number; the last of each."""
    return dict(each_attr(data))


def sockaddr(host):
    """Where a host's agent is."""
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H", PORT) + \
        socket.inet_aton(ADDR[host]) + bytes(8)


def refusal(err, body, is_capped):
    """The OSError of a refused request, with what the kernel says of it: in
    .says the words, in .attribute the number of the attribute, else None. A
    capped answer has the request's header only, and so no such number."""
    error = OSError(err, os.strerror(err))
    size = 16 if is_capped else struct.unpack_from("=I", body, 4)[0]
    more = attrs(body[4 + ((size + 3) & ~3):])
    error.says = more.get(1, b"").rstrip(b"\0").decode()
    error.attribute = None
    if 2 in more and not is_capped:
        offset = 4 + int.from_bytes(more[2], sys.byteorder)
        error.attribute, = struct.unpack_from("=H", body, offset + 2)
    return error


class Netlink:
    """A socket of our family, or of another."""

    def __init__(self, host=None, family="ipcp_rekey"):
        self.host = host
        if host:
            enter(host)
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                  NETLINK_GENERIC)
        self.sock.setsockopt(SOL_NETLINK, EXT_ACK, 1)
        self.sock.settimeout(NET)
        self.sock.bind((0, 0))
        self.seq = 0
        self.events = []
        self.last = b""		# the last answer, as it came
        reply = self.ask(GENL_ID_CTRL, 3, attr(2, family.encode() + b"\0"))[0]
        self.family = struct.unpack("=H", reply[1])[0]
        self.groups = {}
        for group in attrs(reply[7]).values():
            group = attrs(group)
            self.groups[group[1].rstrip(b"\0").decode()] = \
                struct.unpack("=I", group[2])[0]
        # number and flags of each operation that the kernel has
        self.operations = [struct.unpack("=II", op[1] + op[2])
                           for op in map(attrs, attrs(reply[6]).values())]

    def close(self):
        """Ends it, and what depended on it."""
        self.sock.close()

    def send(self, family, command, payload, flags):
        """A request, whose answers are the next messages()."""
        self.seq += 1
        self.sock.send(struct.pack("=IHHIIBBH", 20 + len(payload), family,
                                   flags | 1, self.seq, 0, command, 1, 0) +
                       payload)

    def ask(self, family, command, payload=b"", flags=0x4):
        """A request; the answers' attributes, or an OSError."""
        self.send(family, command, payload, flags)
        answers = []
        while True:
            for kind, seq, body in self.messages():
                if seq != self.seq:
                    self.events.append((body[0], attrs(body[4:])))
                elif kind in (2, 3):
                    err = -struct.unpack_from("=i", body)[0]
                    if err:
                        raise refusal(err, body, self.is_capped())
                    return answers
                else:
                    self.last = body[4:]
                    answers.append(attrs(self.last))

    def is_capped(self):
        """Do answers not repeat what was asked?"""
        return bool(self.sock.getsockopt(SOL_NETLINK, CAP_ACK))

    def messages(self):
        """What came next: kind, sequence number, body of each message."""
        data = self.sock.recv(65536)
        while len(data) >= 16:
            size, kind, _flags, seq, _pid = struct.unpack_from("=IHHII", data)
            yield kind, seq, data[16:size]
            data = data[(size + 3) & ~3:]

    def do(self, command, *args, **kwargs):
        """do("FLOW_NEW", "FLOW", name=...): the answer's attributes."""
        space = args[0] if args else ""
        payload = b"".join(attr(A[f"{space}_{key.upper()}"], value)
                           for key, value in kwargs.items())
        return (self.ask(self.family, CMD[command], payload) or [{}])[0]

    def dump(self, command):
        """All answers of a dump."""
        return self.ask(self.family, CMD[command], b"", 0x300)

    def join(self, group):
        """Takes part in a group, which the constructor has found."""
        self.sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, self.groups[group])

    def event(self, want, number, epoch):
        """Waits for an event of a flow and epoch; those before are gone then."""
        want = number, EVENT[want], epoch
        limit = Limit(DEADLINE)
        while True:
            while self.events:
                command, found = self.events.pop(0)
                if command == CMD["FLOW_NTF"] and want == tuple(
                        int.from_bytes(found.get(A[f"FLOW_{key}"], b""), sys.byteorder)
                        for key in ("ID", "EVENT", "EPOCH")):
                    return
            if not limit.turn():
                raise AssertionError(f"no event {want} within {DEADLINE} s")
            if not select.select([self.sock], [], [], limit.wait())[0]:
                continue
            for _kind, _seq, body in self.messages():
                self.events.append((body[0], attrs(body[4:])))

    def rekey(self, number):
        """Asks for a re-key of a flow."""
        self.do("REKEY_REQUEST", "FLOW", id=number)

    def upcall(self, kind):
        """The next upcall of this kind, within a deadline; those before are gone
        then."""
        def take():
            with contextlib.suppress(BlockingIOError):
                while True:
                    found = self.do("UPCALL_GET")
                    if struct.unpack("=I", found[A["UPCALL_TYPE"]])[0] == kind:
                        return found
        return until(take, f"upcall {kind}")
