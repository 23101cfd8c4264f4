# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Common code of the end-to-end tests: cases that print KTAP, flows of either host, the
netlink family, and waiting with a deadline.

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
DEADLINE = 30 * int(os.environ.get("SLOW", "1"))	# seconds that a wait may take
# Timeout of calls that return by themselves, so that a call that hangs shows where. No
# test depends on this time; a machine that was delayed for a while stays below it.
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
    """Registers a function as a case, which fails by an exception."""
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
    """Expects the block to fail with this errno."""
    wanted = errno.errorcode.get(err, err)
    try:
        yield
    except OSError as e:
        if e.errno == err:
            return
        raise AssertionError(f"{errno.errorcode.get(e.errno, e.errno)}, want {wanted}") from e
    raise AssertionError(f"no error, want {wanted}")


class Late:
    """A message for until() that shows the state at the deadline."""

    def __init__(self, words):
        self.words = words

    def __str__(self):
        return self.words()


def until(condition, what, seconds=DEADLINE):
    """Waits until condition() is true, and returns its value. Polling takes at most a
    quarter of a processor's time, since the awaited event may need the processor."""
    limit = Limit(seconds)
    while True:
        start = time.monotonic()
        value = condition()
        if value:
            return value
        if not limit.turn():
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(min(max(0.01, 3 * (time.monotonic() - start)), 0.25))


def grows(count, want, what):
    """Waits until count() is at least want. Each increase restarts the limit, so that a
    busy machine may be slow."""
    while (had := count()) < want:
        until(lambda: count() > had, f"{what}: {had} of {want}")	# noqa: B023


def in_turns(wait, seconds):
    """Repeats wait(s), which waits for an event for s seconds, until a deadline."""
    limit = Limit(seconds)
    while True:
        found = wait(limit.wait())
        if any(found) or not limit.turn():
            return found


def line(stream):
    """The next line that a program prints."""
    assert in_turns(lambda wait: select.select([stream], [], [], wait), DEADLINE)[0], \
        "it says nothing"
    return stream.readline()


def status_of(process):
    """Waits until a process ends; returns its status."""
    until(lambda: process.poll() is not None, "the process ends")
    return process.returncode


def write(path, text):
    """Writes a word to a file of the kernel."""
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def spawn(work, *args):
    """Starts a process that works until it is killed, or its parent ends."""
    pid = os.fork()
    if not pid:
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            work(*args)
        finally:
            os._exit(1)
    return pid


def note(text):
    """Prints lines for human readers."""
    print(*(f"# {line}" for line in str(text).split("\n")), sep="\n", flush=True)


def run():
    """Runs all cases; exits with 1 if any failed."""
    failed = 0
    # a test that hangs is ended by SIGTERM: show where
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
    """Warnings in the kernel log, without harmless ones (kernel-log.sh)."""
    return subprocess.run(["bash", "-c", '. "$0" && kernel_warnings', f"{LIB}/kernel-log.sh"],
                          text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines()


def unloaded(module="ipcp_rekey"):
    """Unloads a module; returns whether it is gone. The only valid reason for a failure
    is that the module is in use. The ciphers stay loaded, since they load slowly."""
    done = subprocess.run(["rmmod", module], text=True, stderr=subprocess.PIPE,
                          timeout=NET, check=False)
    if done.returncode:
        assert "in use" in done.stderr, done.stderr
    return done.returncode == 0


def holders():
    """Number of references to the module."""
    with open("/sys/module/ipcp_rekey/refcnt", encoding="ascii") as f:
        return int(f.read())


# --- hosts

def enter(host):
    """Enters a host: files, sockets and programs are opened there from now on."""
    fd = os.open(f"/run/netns/{host}", os.O_RDONLY)
    os.setns(fd, os.CLONE_NEWNET)
    os.close(fd)


def tc(host, *args):
    """Runs tc at a host; returns its output."""
    return subprocess.run(["tc", "-n", host, *args], check=True, timeout=NET,
                          stdout=subprocess.PIPE, text=True).stdout


def set_link(host, size):
    """Sets the MTU of a host's link."""
    subprocess.run(["ip", "-n", host, "link", "set", "veth", "mtu", str(size)],
                   check=True, timeout=NET)


@contextlib.contextmanager
def cut():
    """Drops all packets between the hosts for the block."""
    for host in "alice", "bob":
        tc(host, "qdisc", "add", "dev", "veth", "root", "netem", "loss", "100%")
    try:
        yield
    finally:
        for host in "alice", "bob":
            tc(host, "qdisc", "del", "dev", "veth", "root")


def tool(host, *args):
    """Output of "ipcp-rekey ARGS --json" at a host."""
    enter(host)
    out = subprocess.run(["ipcp-rekey", *args, "--json"], check=True,
                         stdout=subprocess.PIPE, timeout=NET).stdout
    return json.loads(out)


def agent(host):
    """Status of the agent at a host."""
    return tool(host, "agent", "status", "--socket",
                f"{os.environ['HOSTS']}/{host}/agent.sock")


def flows(host):
    """All flows at a host."""
    return tool(host, "flow", "list")


def rekey(host, number):
    """Requests a re-key of a flow."""
    enter(host)
    subprocess.run(["ipcp-rekey", "rekey", str(number)], check=True,
                   timeout=NET)


NETLINKS = {}


def netlink(host):
    """The shared socket of a host, for callers that only send requests."""
    if host not in NETLINKS:
        NETLINKS[host] = Netlink(host)
    return NETLINKS[host]


def drops(host, *ends):
    """All counters of dropped packets at a host: those that belong to no flow, and the
    sum over the flows of these ends. Without ends: over all flows, also those of earlier
    cases that have not gone yet."""
    nl = netlink(host)
    found = collections.Counter()
    ids = {end.info().id for end in ends}
    sets = [("no_flow", nl.do("STATS_GET")[A["NET_STATS_DROPS"]])]
    sets += [("flows", attrs(flow[A["FLOW_STATS"]])[A["STATS_DROPS"]])
             for flow in nl.dump("FLOW_GET")
             if not ends or int.from_bytes(flow[A["FLOW_ID"]], sys.byteorder) in ids]
    for kind, counters in sets:
        counters = attrs(counters)
        for name, number in DROPS.items():
            found[kind, name] += int.from_bytes(counters[number], sys.byteorder)
    return found


def tool_drops(host):
    """All counters of dropped packets at a host, as the tool shows them."""
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
        """Does an ioctl; returns its result, and its structure afterwards, as bytes."""
        arg = bytearray(arg)
        ret = fcntl.ioctl(self.fd, number, arg, True)
        return ret, bytes(arg)

    def alloc(self, name, timeout=0, qos=PLAIN):
        """Allocates a flow to a name."""
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
        """Accepts the next flow."""
        fd, _ = self.ioctl(ACCEPT, struct.pack("=IIq32x", 48, 0, timeout))
        return Endpoint(self.host, fd=fd)

    def rekey(self):
        """Takes a waiting seed."""
        fcntl.ioctl(self.fd, REKEY)

    def info(self):
        """struct ipcp_info of the flow."""
        arg = struct.pack("=I", INFO.size) + bytes(INFO.size - 4)
        info = Info._make(INFO.unpack(self.ioctl(GET_INFO, arg)[1]))
        return info._replace(reason=info.reason.split(b"\0")[0].decode(),
                             name=info.name.split(b"\0")[0].decode())

    def set(self, mask, rcvtimeo=0, sndtimeo=0, access=0, down=0, ppl=0):
        """Changes the settings in mask."""
        self.ioctl(SET, struct.pack("=IIqqIIII", 40, mask, rcvtimeo, sndtimeo,
                                    access, down, ppl, 0))

    def nonblock(self, on=True):
        """Sets or clears O_NONBLOCK."""
        os.set_blocking(self.fd, not on)

    def poll(self, events, seconds=0):
        """Events that poll() reports: of these, and those that are always reported."""
        poll = select.poll()
        poll.register(self.fd, events)
        return (in_turns(lambda s: poll.poll(s * 1000), seconds) or [(0, 0)])[0][1]

    def wait(self, event, others=0):
        """Waits until poll() reports an event; returns all reported events."""
        return until(lambda: (lambda seen: seen & event and seen)
                     (self.poll(event | others, 1)), f"poll event {event:#x}")

    def read(self, size=65536):
        """Reads the next message."""
        return os.read(self.fd, size)

    def receive(self, size=65536):
        """Reads the next message, within a deadline."""
        self.wait(select.POLLIN)
        return self.read(size)

    def write(self, message):
        """Sends a message."""
        same(os.write(self.fd, message), len(message), "bytes written")

    def close(self):
        """Closes the descriptor."""
        os.close(self.fd)
        self.fd = -1


def fdinfo(end):
    """The lines of fdinfo that the module adds."""
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
    """Closes these ends."""
    for end in ends:
        end.close()


def show(end):
    """Status of this end's flow, as the tool shows it."""
    return tool(end.host, "flow", "show", str(end.info().id))


def settled(*ends):
    """Waits until all ends send in the newest epoch, and have confirmed it."""
    def done():
        return all(f["keys"]["done"] and not f["keys"]["in_flight"] and
                   f["keys"]["tx_epoch"] == f["keys"]["newest_epoch"]
                   for f in map(show, ends))
    until(done, "all ends have confirmed the newest epoch")


def talk(one, other, text=b"are you there?"):
    """Exchanges a message in each direction."""
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
    """Encodes an attribute: of bytes, or of a 32-bit number."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    size = 4 + len(value)
    return struct.pack("=HH", size, number) + value + bytes(-size % 4)


def each_attr(data):
    """Yields number and value of each attribute in data."""
    while len(data) >= 4:
        size, number = struct.unpack_from("=HH", data)
        assert size >= 4, f"no attribute: {data[:16].hex()}"
        yield number & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


def attrs(data):
    """The attributes in data, by number; the last of each number."""
    return dict(each_attr(data))


def sockaddr(host):
    """Socket address of a host's agent."""
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H", PORT) + \
        socket.inet_aton(ADDR[host]) + bytes(8)


def refusal(err, body, is_capped):
    """The OSError of a refused request, with the extended ack of the kernel: .says is
    the message, .attribute the number of the attribute or None. A capped answer repeats
    the request's header only, so .attribute is None."""
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
    """A generic netlink socket of the module's family, or of another one."""

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
        self.last = b""		# the last answer, as received
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
        """Closes the socket; its agent ends with it."""
        self.sock.close()

    def send(self, family, command, payload, flags):
        """Sends a request; messages() returns the answers."""
        self.seq += 1
        self.sock.send(struct.pack("=IHHIIBBH", 20 + len(payload), family,
                                   flags | 1, self.seq, 0, command, 1, 0) +
                       payload)

    def ask(self, family, command, payload=b"", flags=0x4):
        """Sends a request; returns the attributes of its answers, or raises OSError."""
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
        """True if answers do not repeat the request."""
        return bool(self.sock.getsockopt(SOL_NETLINK, CAP_ACK))

    def messages(self):
        """Receives messages: kind, sequence number and body of each."""
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
        """Joins a group, which the constructor has found."""
        self.sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, self.groups[group])

    def event(self, want, number, epoch):
        """Waits for an event of a flow and epoch; discards all earlier events."""
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
        """Requests a re-key of a flow."""
        self.do("REKEY_REQUEST", "FLOW", id=number)

    def upcall(self, kind):
        """The next upcall of this kind, within a deadline; discards earlier upcalls."""
        def take():
            with contextlib.suppress(BlockingIOError):
                while True:
                    found = self.do("UPCALL_GET")
                    if struct.unpack("=I", found[A["UPCALL_TYPE"]])[0] == kind:
                        return found
        return until(take, f"upcall {kind}")
