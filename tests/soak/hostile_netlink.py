# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Hostile requests over generic netlink: by users without rights, and by agents of
namespaces of their own, which are killed in the middle of their flows."""

import os
import socket
import struct
import subprocess

import yaml
from hostile_player import Player, mangled
from ipcp import A, CMD, NET, PORT, Netlink, attr, enter
from keys import Agents

SPEC = os.path.dirname(os.path.realpath(__file__)) + \
    "/../../Documentation/netlink/specs/ipcp_rekey.yaml"
NLMSG = struct.Struct("=IHHIIBBH")
DUMP, ACK = 0x300, 4
NESTED = 0x8000
SOME = (0, 1, 2, 3, 7, 8, 64, 255, 256, 901, 1024, 0x7fffffff, 0xffffffff)
DUMPS = "FLOW_GET", "NAME_GET", "USER_GET"


def here(_host):
    """The address of the agent of this namespace, as seen by itself."""
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H", PORT) + \
        socket.inet_aton("127.0.0.1") + bytes(8)


def policy():
    """The attributes of each set, and of each request, from the specification."""
    with open(SPEC, encoding="ascii") as f:
        spec = yaml.safe_load(f)
    values = {d["name"]: d["value"] for d in spec["definitions"] if d["type"] == "const"}
    sets = {s["name"]: {a["name"]: a for a in s["attributes"]} for s in spec["attribute-sets"]}
    for attributes in sets.values():
        for found in attributes.values():
            found["checks"] = {what: values.get(value, value)
                               for what, value in found.get("checks", {}).items()}
    requests = {op["name"].replace("-", "_").upper():
                (op["attribute-set"], op.get("do", {}).get("request", {}).get("attributes", []))
                for op in spec["operations"]["list"] if "attribute-set" in op}
    return sets, requests


SETS, REQUESTS = policy()


class Alone(Agents):
    """The agent of this namespace, which acts for both ends of its flows."""

    def __init__(self):	# pylint: disable=super-init-not-called
        self.chains = {}
        self.alice = self.bob = Netlink()
        self.alice.host = "alice"
        self.alice.do("AGENT_SET")

    def at(self, host):
        return here(host)


def opened():
    """Open the device in this namespace."""
    return os.open("/dev/ipcp_rekey", os.O_RDWR | os.O_CLOEXEC)


class Requests(Player):
    """Random requests of a user without rights on a host."""

    OPS = {"request": 20, "mangled": 6, "dump": 4, "batch": 2, "socket": 1}

    def set_up(self):
        if self.host:
            enter(self.host)
        self.drop()
        self.socket = Netlink()
        self.socket.sock.setblocking(False)
        self.ids = [1, 2, 3]

    def value(self, of, depth=0):
        """Bytes of an attribute, mostly valid under its policy."""
        kind, checks, rng = of["type"], of["checks"], self.rng
        if rng.random() < 0.05:
            return rng.randbytes(rng.choice((0, 1, 2, 3, 4, 5, 8, 9, 300, 5000)))
        if kind[0] == "u":
            size = int(kind[1:]) // 8
            low, high = checks.get("min", 0), checks.get("max", (1 << 8 * size) - 1)
            number = rng.choice((low, high, low - 1, high + 1, rng.choice(SOME),
                                 rng.randint(low, min(high, low + 10)))
                                + tuple(self.ids) * 2)
            return (number & (1 << 8 * size) - 1).to_bytes(size, "little")
        if kind == "string":
            size = rng.choice((0, 1, 4, checks.get("max-len", 255), 256))
            return rng.choice((b"own\0", b"x" * size + b"\0", b"y" * size))
        if kind == "nest":
            return self.some(of["nested-attributes"], depth=depth + 1)
        if kind == "flag":
            return b""
        if "endpoint" in of["name"] or of["name"] in ("peer", "local"):
            address = bytearray(here(None))
            if rng.random() < 0.3:
                address[rng.randrange(len(address))] = rng.getrandbits(8)
            if rng.random() < 0.2:
                address = struct.pack("=HH", socket.AF_INET6, 0x6b0d) + rng.randbytes(24)
            return bytes(address)
        size = checks.get("exact-len", rng.choice((0, 1, 8, 32, 33, checks.get("max-len", 1024))))
        return rng.randbytes(size)

    def some(self, space, names=None, depth=0):
        """Encode some attributes of a set."""
        known, rng = SETS[space], self.rng
        names = list(names if names is not None else known)
        if rng.random() < 0.3:
            names = rng.sample(names, rng.randrange(len(names) + 1))
        if rng.random() < 0.15 or depth:
            names += rng.sample(list(known), min(len(known), rng.randrange(4)))
        if rng.random() < 0.1:
            rng.shuffle(names)
        data = b""
        for name in names:
            number = A[f"{space}_{name}".replace("-", "_").upper()]
            if known[name]["type"] == "nest" and rng.random() < 0.8:
                number |= NESTED
            if depth < 3 or known[name]["type"] != "nest":
                data += attr(number, self.value(known[name], depth))
        if rng.random() < 0.03:
            data += attr(rng.getrandbits(16), rng.randbytes(8))
        return data

    def request(self, command=None):
        """Encode a request."""
        command = command or self.rng.choice(list(CMD))
        space, names = REQUESTS.get(command, ("flow", []))
        data = self.some(space, names)
        flags = self.rng.choice((5, 5, 5, 5, 1, 0x305, self.rng.getrandbits(12) | 1))
        self.log(f"{command} {len(data)} {data[:30].hex()}")
        return NLMSG.pack(20 + len(data), self.socket.family, flags,
                          self.rng.getrandbits(31), 0, CMD.get(command, 0),
                          self.rng.choice((1, 1, 1, 0, 255)), 0) + data

    def drain(self):
        """Read all replies, and raise the last error."""
        error = None
        for _ in range(20):
            try:
                data = self.socket.sock.recv(65536)
            except BlockingIOError:
                break
            kind, = struct.unpack_from("=H", data, 4)
            if kind == 2 and len(data) >= 20:
                error = -struct.unpack_from("=i", data, 16)[0]
        if error:
            raise OSError(error, os.strerror(error))

    def do_request(self):
        """A nearly valid request."""
        self.socket.sock.send(self.request())
        self.drain()

    def do_mangled(self):
        """A request with damaged bytes."""
        data = self.request()
        if self.rng.random() < 0.5:	# the header stays
            data = data[:20] + mangled(self.rng, data[20:])
            data = struct.pack("=I", min(len(data), 65000)) + data[4:]
        else:
            data = mangled(self.rng, data)
        self.socket.sock.send(data)
        self.drain()

    def do_dump(self):
        """A dump, perhaps abandoned before its end."""
        command = self.rng.choice(DUMPS)
        other = Netlink()
        try:
            other.send(other.family, CMD[command], b"", DUMP)
            if self.rng.random() < 0.5:
                for kind, _seq, body in other.messages():
                    if kind == other.family and command == "FLOW_GET":
                        at = body.find(struct.pack("=HH", 8, A["FLOW_ID"]))
                        if at >= 0:
                            self.ids = [*self.ids, *struct.unpack_from("=I", body, at + 4)][-8:]
        finally:
            other.close()

    def do_batch(self):
        """Many requests in one call."""
        data = b""
        for _ in range(self.rng.randrange(2, 20)):
            one = self.request()
            data += one + bytes(-len(one) % 4)
        self.socket.sock.send(data)
        self.drain()

    def do_socket(self):
        """Replaces the socket; the kernel drops the state of the old one."""
        self.socket.close()
        self.socket = Netlink()
        self.socket.sock.setblocking(False)
        if self.rng.random() < 0.5:
            self.socket.join(self.rng.choice(list(self.socket.groups)))


class Agent(Requests):
    """The agent of a namespace of its own, or of that of a host: it sets up flows with
    valid requests, and makes random requests about them."""

    OPS = {**Requests.OPS, "agent": 2, "flow": 4, "talk": 6, "rekey": 4, "end": 1,
           "device": 1, "leave": 1}

    def set_up(self):
        self.agents, self.ends = None, []
        if not self.host:
            self.drop()
            self.unshare()
        else:
            enter(self.host)
        self.begin()
        self.ids = [1, 2, 3]

    def unshare(self):
        """Enter a new network namespace, and a new user namespace if not root."""
        uid = os.getuid()
        os.unshare((os.CLONE_NEWUSER if uid else 0) | os.CLONE_NEWNET)
        if uid:
            for path, text in (("uid_map", f"0 {uid} 1"), ("setgroups", "deny"),
                               ("gid_map", f"0 {uid} 1")):
                with open(f"/proc/self/{path}", "w", encoding="ascii") as f:
                    f.write(text)
        self.ip("link set lo up")

    @staticmethod
    def ip(text):
        """Run an ip(8) command."""
        done = subprocess.run(["ip", *text.split()], stderr=subprocess.DEVNULL, timeout=NET,
                              stdin=subprocess.DEVNULL, check=False)
        assert not done.returncode, f"ip {text}"

    def begin(self):
        """Become the agent, in place of any other of this namespace."""
        self.agents = Alone()
        self.socket = Netlink()
        self.socket.sock.setblocking(False)

    def do_request(self):
        """A request, half of the time on the agent's own socket."""
        if self.rng.random() < 0.5:
            super().do_request()
            return
        command = self.rng.choice(list(REQUESTS))
        if command == "AGENT_SET" and self.rng.random() < 0.7:
            command = "FLOW_SET"
        agent = self.agents.alice
        space, names = REQUESTS[command]
        data = self.some(space, names)
        self.log(f"agent's {command} {len(data)} {data[:30].hex()}")
        agent.ask(agent.family, CMD[command], data)

    def do_agent(self):
        """The agent restarts."""
        self.agents.close()
        self.begin()

    def do_flow(self):
        """Sets up a flow completely."""
        if len(self.ends) > 10:
            self.do_end()
        name = f"own{self.rng.randrange(5)}"
        agent = self.agents
        agent.alice.sock.settimeout(2)
        listener = agent.listen(name, fd=opened())
        try:
            self.ends.append(agent.connect(listener, name, fd=opened(), packets_per_leaf=64))
        finally:
            listener.close()
        self.ids = [end.info().id for ends in self.ends for end in ends][-8:]

    def do_talk(self):
        """Messages over one of its flows."""
        for end in self.rng.choice(self.ends or [()]):
            end.nonblock()
            for _ in range(self.rng.choice((1, 5, 100))):
                end.write(self.rng.randbytes(self.rng.choice((0, 5, 900))))
            if self.rng.random() < 0.7:
                for _ in range(50):
                    end.read()

    def do_rekey(self):
        """Installs the next seed of a flow, at both ends or at one."""
        if self.ends:
            one, other = self.rng.choice(self.ends)
            number = one.info().id
            epoch, exchange = self.agents.claim(number)
            seed = self.rng.randbytes(32)
            self.agents.park(other, epoch, exchange, seed)
            if self.rng.random() < 0.8:
                self.agents.park(one, epoch, exchange, seed)

    def do_end(self):
        """Closes a flow at one end, then at the other."""
        if self.ends:
            for end in self.ends.pop(self.rng.randrange(len(self.ends))):
                end.close()

    def do_device(self):
        """Adds, deletes or changes a network device."""
        self.rng.choice((
            lambda: self.ip("link add dum type dummy"), lambda: self.ip("link del dum"),
            lambda: self.ip("link set lo down"), lambda: self.ip("link set lo up"),
            lambda: self.ip("link set lo up"), lambda: self.ip("link set lo mtu 576"),
            lambda: self.ip("link set lo mtu 65536"),
            lambda: self.ip("addr add 10.9.9.9/24 dev dum")))()

    def do_leave(self):
        """Enters another namespace; files and perhaps the agent keep the old one."""
        if self.host:
            return
        old = self.agents
        if self.rng.random() < 0.5:
            self.ends = self.ends[:2]
        self.unshare()
        self.begin()
        if self.rng.random() < 0.5:
            old.close()


class Spaces(Agent):
    """Namespaces of root that begin and end with flows, names and devices in them. A
    device moves from one to another."""

    OPS = {**Agent.OPS, "move": 3, "leave": 4, "request": 8}

    def do_move(self):
        """Uses a veth pair whose other end moves to a namespace that soon ends."""
        before = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.ip("link add here type veth peer name there")
            self.ip("addr add 10.9.8.1/24 dev here")
            self.ip("link set here up")
            other = subprocess.Popen(	# pylint: disable=consider-using-with
                ["unshare", "--net", "sleep", str(self.rng.uniform(0.1, 2))])
            self.ip(f"link set there netns {other.pid}")
            self.do_flow()
            if self.rng.random() < 0.5:
                self.ip("link del here")
            other.wait()
        finally:
            os.close(before)
