# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Flows whose encrypted packets are carried by a process, in place of UDP. Such a
process can lose, delay, repeat and reorder packets, and nothing more; when it ends, its
flows go down."""

import contextlib
import errno
import os
import random
import select
import signal
import struct
import subprocess
import tempfile
import threading

from batches import DONTWAIT, receive, receive_all, send_all
from blocked import Sleeper, outcome, polled
from ipcp import (
    ADDR, ALLOCATED, NET, NSEC, PROVIDE, Endpoint, case, close, drops, enter, fails,
    fdinfo, flows, name_arg, pair, rekey, run, same, settled, show, spawn, talk,
    tool, until)

MTU = 1400
OVERHEAD = 28		# header and tag
DATA = 1		# type of a packet
NOBODY = 65534
MOMENTS = int(os.environ.get("COUNT", "10"))
rng = random.Random(int(os.environ.get("TEST_SEED", "1")))


class Provider(Endpoint):
    """A file that provides a name: one end of the path of its packets."""

    def __init__(self, host, name="far", mtu=MTU, flags=0, fd=None):
        super().__init__(host, flags, fd)
        self.name = name.encode()
        self.provide(mtu)

    def provide(self, mtu):
        """Request to provide the name."""
        self.ioctl(PROVIDE, self.argument(mtu))

    def argument(self, mtu, size=24, flags=0):
        """struct ipcp_provide."""
        self.keep, address, length = name_arg(self.name.decode())
        return struct.pack("=IIQII", size, flags, address, length, mtu)


class Way:
    """Moves packets between two hosts until it is closed. Each packet is replaced by
    the list that change() returns for it."""

    def __init__(self, name="far", mtu=MTU):
        self.ends = [Provider(host, name, mtu) for host in ("alice", "bob")]
        self.change = lambda packet: [packet]
        self.moved = 0
        self.stop = os.pipe()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        """Move packets, in a thread."""
        poll = select.poll()
        others = {}
        for end, other in zip(self.ends, self.ends[::-1]):
            end.nonblock()
            poll.register(end.fd, select.POLLIN)
            others[end.fd] = other.fd
        poll.register(self.stop[0], select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.stop[0]:
                    return
                with contextlib.suppress(BlockingIOError):
                    packet = os.read(fd, 65536)
                    self.moved += 1
                    for changed in self.change(packet):
                        os.write(others[fd], changed)

    def __enter__(self):
        return self

    def halt(self):
        """Stop moving packets. A thread asleep in poll() would keep the files open."""
        if self.thread.is_alive():
            os.write(self.stop[1], b"x")
            self.thread.join()

    def __exit__(self, *_):
        self.halt()
        for end in self.ends:
            if end.fd >= 0:
                end.close()
        for fd in self.stop:
            os.close(fd)


def sent_packets():
    """The number of UDP datagrams that both hosts have sent."""
    total = 0
    for host in ADDR:
        enter(host)
        with open("/proc/net/snmp", encoding="ascii") as f:
            names, counts = (line.split() for line in f if line.startswith("Udp: "))
        total += int(dict(zip(names, counts))["OutDatagrams"])
    return total


# --- a flow

@case("a provided flow is allocated, used and re-keyed without a UDP datagram")
def whole_life():
    before = sent_packets()
    with Way() as way:
        one, other = pair("far")
        for end in one, other:
            info = end.info()
            same((info.state, info.mtu, info.error), (ALLOCATED, MTU - OVERHEAD, 0))
        talk(one, other)
        texts = [struct.pack("=I", n) * 100 for n in range(300)]
        for a, b in (one, other), (other, one):
            send_all(a, texts[:200])
            same(receive_all(b, 200) == texts[:200], True, "a batch")
        for size in 0, 1, MTU - OVERHEAD:
            one.write(bytes(size))
            same(other.receive(), bytes(size))
        with fails(errno.EMSGSIZE):
            one.write(bytes(MTU - OVERHEAD + 1))
        epoch = one.info().epoch
        rekey("alice", one.info().id)
        until(lambda: one.info().epoch == epoch + 1, "there are new keys")
        settled(one, other)
        talk(one, other)
        same(way.moved > 400, True)
        close(one, other)
        until(lambda: not flows("alice") and not flows("bob"), "both ends are gone")
    same(sent_packets(), before)


@case("the tools show the provider of a flow and of a name")
def shown():
    with Way():
        one, other = pair("far")
        for end in one, other:
            same(show(end)["peer"].startswith("provider "), True)
        names = {entry["name"]: entry for entry in tool("alice", "name", "list")}
        same((names["far"]["granted"], names["far"]["provider"] > 0), (True, True))
        close(one, other)


@case("a flow goes down when the peer closes its end")
def closed_by_peer():
    with Way():
        one, other = pair("far")
        one.close()
        until(lambda: outcome(other.read) == "ESHUTDOWN", "the other end is down")
        other.close()


# --- what a provider can do

def dropped(end, before):
    """Packets dropped since before: those of this end's flow, and those of no flow."""
    change = drops(end.host, end)
    change.subtract(before)
    return dict(+change)


@case("modified, repeated and forged packets are dropped, each for its reason")
def mischief():
    with Way() as way:
        one, other = pair("far")
        talk(one, other)
        settled(one, other)
        packets = []
        way.change = lambda packet: packets.append(packet) or [packet]
        for n in range(50):
            one.write(b"%d" % n)
        same([other.receive() for _ in range(50)], [b"%d" % n for n in range(50)])
        way.change = lambda packet: [packet]
        before = drops("bob", other)
        data = [packet for packet in packets if packet[0] & 15 == DATA][:50]
        there = way.ends[1]
        for packet in data[:20]:
            os.write(there.fd, packet)
        for n, packet in enumerate(data[:20]):
            changed = bytearray(packet)
            changed[-1 - n % 16] ^= 1
            # a fresh counter, so that only the tag is wrong
            changed[6:8] = struct.pack(">H", 1000 + n)
            os.write(there.fd, changed)
        for _ in range(10):
            os.write(there.fd, data[0][:8] + os.urandom(4) + data[0][12:])
        for size in 12, 20, 27:
            os.write(there.fd, data[0][:size])
        same(dropped(other, before),
             {("flows", "replay"): 20, ("flows", "auth"): 20,
              ("no_flow", "eid"): 10, ("no_flow", "short"): 3})
        with fails(errno.EINVAL):
            os.write(there.fd, b"too short")
        with fails(errno.EMSGSIZE):
            os.write(there.fd, bytes(65508))
        same(other.info().queued, 0)
        talk(one, other)
        close(one, other)


@case("each message arrives at most once when packets are reordered, repeated and lost")
def disorder():
    held = []

    def shuffle(packet):
        held.append(packet)
        if len(held) < 8:
            return []
        out = [packet for packet in held if rng.random() > 0.1]
        held.clear()
        rng.shuffle(out)
        return out + out[:1]
    with Way() as way:
        one, other = pair("far")
        talk(one, other)
        settled(one, other)
        way.change = shuffle
        sent = [b"%d" % n for n in range(400)]
        for message in sent:
            one.write(message)
        until(lambda: way.moved and one.info().tx_packets >= 401, "all are sent")
        way.change = lambda packet: [packet]
        one.write(b"end")
        got = []
        while not got or got[-1] != b"end":
            got.append(other.receive())
        same(len(set(got)), len(got))
        same(set(got) - set(sent) - {b"end"}, set())
        same(len(got) > 250, True)
        close(one, other)


@case("a packet from a provider is not accepted for a flow over UDP")
def foreign():
    with Way() as way:
        one, other = pair("network")
        talk(one, other)
        eid = show(other)["eid"]
        before = drops("bob", other)
        packet = bytearray(64)
        packet[0] = 0x10 | DATA
        struct.pack_into(">I", packet, 8, eid)
        os.write(way.ends[1].fd, packet)
        same(dropped(other, before), {("no_flow", "eid"): 1})
        talk(one, other)
        close(one, other)


# --- the end of a provider

@case("flows of a provider that ends go down with a reason; other flows continue")
def ends():
    one, other = pair("network")
    with Way() as way:
        far, near = pair("far")
        talk(far, near)
        sleepers = [Sleeper(far.read).asleep(), Sleeper(near.read).asleep()]
        way.halt()
        way.ends[0].close()
        same(sleepers[0].outcome(), "ESHUTDOWN")
        info = far.info()
        same((info.error, info.reason), (errno.ENETUNREACH, "the provider went away"))
        with fails(errno.ESHUTDOWN):
            far.write(b"x")
        way.ends[1].close()
        same(sleepers[1].outcome(), "ESHUTDOWN")
        close(far, near)
    talk(one, other)
    close(one, other)


@case("a pending allocation fails when its provider ends")
def ends_early():
    lonely = Provider("alice")
    one = Endpoint("alice")
    sleeper = Sleeper(one.alloc, "far").asleep()
    lonely.wait(select.POLLIN)		# the agent's first message
    lonely.close()
    same(sleeper.outcome(), "ENETUNREACH")
    same(one.info().reason, "the provider went away")
    close(one)


@case("a provider that reads no packets makes its flows block, and no message is lost")
def stalled():
    with Way() as way:
        one, other = pair("far")
        talk(one, other)
        settled(one, other)
        gate = threading.Event()
        way.change = lambda packet: gate.wait() and [packet]
        one.nonblock()
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 2000:
                one.write(b"%d" % sent)
                sent += 1
        same(200 < sent < 300, True, f"{sent} messages were taken")
        gate.set()
        same([other.receive() for _ in range(sent)], [b"%d" % n for n in range(sent)])
        close(one, other)


def carry(name):
    """Move packets, in a process, until it is killed."""
    way = Way(name)
    way.thread.join()


@case(f"flows go down when their provider is killed under traffic, {MOMENTS} times")
def killed():
    one, other = pair("network")
    for _ in range(MOMENTS):
        process = spawn(carry, "far")
        until(lambda: {"far"} <= {n["name"] for host in ADDR
                                  for n in tool(host, "name", "list")
                                  if n["provider"] and n["granted"]}, "both provide")
        far, near = pair("far")
        threads = [Sleeper(flood, a, b) for a, b in ((far, near), (near, far))]
        threading.Event().wait(rng.random() / 5)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        same({thread.outcome() for thread in threads}, {"ESHUTDOWN"})
        close(far, near)
        talk(one, other)
    close(one, other)
    until(lambda: not flows("alice") and not flows("bob"), "no flow is left")


def flood(one, other):
    """Send until a send fails, and receive messages that have arrived."""
    while True:
        try:
            os.write(one.fd, b"x" * 500)
        except OSError as err:
            # the provider has ended, its flow not yet
            if err.errno != errno.ENETUNREACH:
                raise
        with contextlib.suppress(BlockingIOError):
            receive(other, 1, flags=DONTWAIT)


# --- the examples

EXAMPLES = f"{os.path.dirname(os.path.abspath(__file__))}/../../tools/userspace/examples"
WIRES = {"unix": (["listen", "{folder}/socket"], ["connect", "{folder}/socket"]),
         "tcp": (["listen", "7000"], ["connect", ADDR["bob"], "7000"])}


def compiled(kind, folder):
    """Compile the example against the installed library. Returns the program."""
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libipcp_rekey"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    program = f"{folder}/provide-{kind}"
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-o", program,
                    f"{EXAMPLES}/provide-{kind}.c", f"{EXAMPLES}/provide.c", *flags,
                    "-pthread"], check=True)
    return program


def provided():
    """True if both hosts provide the name."""
    return all(any(n["name"] == "far" and n["provider"] and n["granted"]
                   for n in tool(host, "name", "list")) for host in ADDR)


def example_case(kind, ways):
    """Add a case of flows over this example."""
    @case(f"flows run over the example provide-{kind}, and go down when it ends")
    def _example():
        with tempfile.TemporaryDirectory() as folder:
            program = compiled(kind, folder)
            processes = []
            for host, words, ready in (("bob", ways[0], listens), ("alice", ways[1], provided)):
                words = [word.format(folder=folder) for word in words]
                processes.append(subprocess.Popen(
                    ["ip", "netns", "exec", host, program, "far", *words]))
                until(ready, f"{host} is ready")
            one, other = pair("far")
            talk(one, other)
            texts = [os.urandom(1000 + n) for n in range(200)]
            send_all(one, texts)
            same(receive_all(other, 200), texts)
            processes[0].kill()
            for end in one, other:
                until(lambda: outcome(end.read) == "ESHUTDOWN", "down")	# noqa: B023
            close(one, other)
            for process in processes:
                process.wait(NET)

    def listens():
        out = subprocess.run(["ip", "netns", "exec", "bob", "ss", "-lxtn"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        return ":7000 " in out or "/socket" in out


for _kind, _ways in WIRES.items():
    example_case(_kind, _ways)


# --- the file

@case("PROVIDE needs permission by the agent's policy")
def policy():
    same(as_nobody("far", "other"), ["Provider", "EACCES"])


def as_nobody(*names):
    """The results of an ordinary user, with the device open, who provides these
    names."""
    enter("alice")
    ends = [os.open("/dev/ipcp_rekey", os.O_RDWR) for _ in names]
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        said = [outcome(Provider, "alice", name, MTU, 0, fd)
                for name, fd in zip(names, ends)]
        os.write(write, " ".join(one if isinstance(one, str) else type(one).__name__
                                 for one in said).encode())
        os._exit(0)
    os.waitpid(process, 0)
    for fd in *ends, write:
        os.close(fd)
    with os.fdopen(read) as f:
        return f.read().split()


@case("a provider's file shows its name, and refuses the calls of flows")
def calls():
    end = Provider("alice")
    same(fdinfo(end), {"ipcp-provide": "far"})
    same((end.info().name, end.info().error), ("far", 0))
    same(polled(end, seconds=0), "OUT")
    same(outcome(end.listen, "far"), "EBUSY")
    same(outcome(end.alloc, "far"), "EBUSY")
    same(outcome(end.provide, MTU), "EBUSY")
    same(outcome(end.accept, NSEC), "EINVAL")
    same(outcome(end.rekey), "ENOTCONN")
    end.nonblock()
    same(outcome(end.read), "EAGAIN")
    end.close()
    fresh = Endpoint("alice")
    for mtu in 0, 1199, 65508:
        with fails(errno.EINVAL):
            fresh.ioctl(PROVIDE, end.argument(mtu))
    with fails(errno.EINVAL):
        fresh.ioctl(PROVIDE, end.argument(MTU, flags=1))
    with fails(errno.EINVAL):
        fresh.ioctl(PROVIDE, end.argument(MTU, size=23))
    fresh.close()


@case("a name that only the peer's host provides is reached over UDP")
def not_here():
    end = Provider("bob", "network")
    one, other = pair("network")
    talk(one, other)
    same(show(one)["peer"].startswith(ADDR["bob"]), True)
    close(one, other, end)


run()
