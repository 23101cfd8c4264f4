# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Keys in the whole memory of the machine: present while in use, gone afterwards.

The hand outside makes the seeds and searches for all keys derived from them. Flows
of all ciphers are used at the same time; one scan looks for the keys of all.
"""

import bisect
import errno
import os
import signal
import socket
import struct
from unittest import mock

import keys
from blocked import Sleeper
from ipcp import (
    A, ADDR, CMD, NSEC, PORT, SET_RCVTIMEO, Endpoint, Netlink, attr, attrs, case, enter,
    fails, run, same, settled, sockaddr, spawn, until, write)
from keys import Agents
from outside import Hand, Injector, Secret
from probes import Probes

CIPHERS = {"aes-128-gcm": 895, "aes-256-gcm": 901, "chacha20-poly1305": 1018}
PPL, LEAVES, NODES = 64, 64, 128
SOME = PPL // 2			# packets of a leaf after which the next leaf exists
LEAF = 1 << 20
FAR = 50 * LEAVES + 7		# a leaf that no authentic packet reaches
LINGER_MS = 100
FULL = 1024			# messages in a ring
UDP_SEGMENT = 103
SYMBOLS = []


def kill(pids):
    """Kill processes started by spawn()."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class Count(Probes):
    """Number of leaf keys, counted by probes where they are made and wiped."""

    def __init__(self):
        super().__init__("p:ipcp/made ipcp_rekey:ipcp_aead_setkey",
                         "r:ipcp/gone ipcp_rekey:ipcp_leaf_free",
                         "r:ipcp/copied ipcp_rekey:vm_fork")

    def now(self):
        """The current number of leaf keys."""
        return self.hits("made") - self.hits("gone")


class Flow:
    """A flow of one cipher."""

    def __init__(self, cipher):
        self.cipher = cipher
        self.secret = secret(f"{cipher} epoch 0")
        self.secrets = [self.secret]
        with mock.patch.object(keys, "CIPHER", CIPHERS[cipher]), \
                mock.patch.object(os, "urandom", return_value=self.secret.masked):
            self.ends = agents.flow("demo", packets_per_leaf=PPL, linger=LINGER_MS)
        for end in self.ends:
            end.set(SET_RCVTIMEO, rcvtimeo=30 * NSEC)

    def talk(self, messages):
        """Send messages there and back."""
        one, other = self.ends
        for _ in range(messages):
            one.write(b"there")
            same(other.read(), b"there")
            other.write(b"back")
            same(one.read(), b"back")

    def forge(self):
        """Forge a packet far ahead: its key is derived, then authentication fails."""
        end = self.ends[1]
        eid = agents.bob.do("FLOW_GET", "FLOW", id=end.info().id)[A["FLOW_EID"]]
        enter("alice")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(bytes([0x11, 0, 0]) + (FAR * LEAF).to_bytes(5, "big") +
                        eid[::-1] + bytes(32), (ADDR["bob"], PORT))
        until(lambda: end.info().drop_auth == 1, "the packet is dropped")
        end.nonblock()
        with fails(errno.EAGAIN):
            end.read()
        end.nonblock(False)

    def forge_segs(self):
        """Forge packets of the current leaf and the next, all in one GSO buffer."""
        end = self.ends[1]
        eid = agents.bob.do("FLOW_GET", "FLOW", id=end.info().id)[A["FLOW_EID"]]
        leaf, before, count = end.info().rx_leaf, end.info().drop_auth, 20
        packets = b"".join(
            bytes([0x11, 0, 0]) + ((leaf + i % 2) * LEAF + 50 + i).to_bytes(5, "big") +
            eid[::-1] + bytes(32) for i in range(count))
        enter("alice")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(packets) // count)
            sock.sendto(packets, (ADDR["bob"], PORT))
        until(lambda: end.info().drop_auth == before + count, "all of them are dropped")

    def fill(self):
        """Write messages both ways without reading until the rings are full, and go
        on. Return the writers."""
        writers = [spawn(self.write_for_ever, end) for end in self.ends]
        for end in self.ends:
            until(lambda: end.info().queued == FULL, "a ring is full")  # noqa: B023
        return writers

    @staticmethod
    def write_for_ever(end):
        """Write forever; the kernel blocks the writer when there is no key."""
        while True:
            os.write(end.fd, b"who reads this?")

    def empty(self):
        """Read all queued messages."""
        for end in self.ends:
            end.nonblock()
            with fails(errno.EAGAIN):
                while True:
                    end.read()
            end.nonblock(False)

    def rekey(self, epoch, reading=()):
        """Begin the next epoch and end the previous one. Sleeping readers take the
        seed themselves."""
        exchange, chain = claim(self.ends[0])
        before = [*self.secret.after, self.secret.name] if any(chain) else []
        self.secret = secret(f"{self.cipher} epoch {epoch}", before)
        self.secrets.append(self.secret)
        for agent, end in zip((agents.bob, agents.alice), self.ends[::-1]):
            number = end.info().id
            agent.do("SEED_SET", "FLOW", id=number, epoch=bytes([epoch]),
                     exchange=exchange, seed=self.secret.masked, chain=chain,
                     generation=keys.generation(agent, number))
        for end in self.ends:
            if end not in reading:
                end.rekey()
        settled(*self.ends)

    def leaves_there(self):
        """The number of leaf keys that both ends hold after some seconds: per
        direction the current leaf and, once that is in use, the next."""
        return sum(4 if end.info().tx_leaf else 2 for end in self.ends)

    def split(self):
        """The keys of the current epoch: (spent keys, live keys)."""
        spent, live, first = [], [], []
        for direction, (sender, receiver) in enumerate((self.ends, self.ends[::-1])):
            tx, rx = sender.info().tx_leaf, receiver.info().rx_leaf
            node = tx // LEAVES
            spent.append([direction, 0, min(tx, rx)])
            live.append([direction, max(tx, rx), (node + 1) * LEAVES])
            first.append(node + 1)
        # derived for the forged packet far ahead
        start = FAR // LEAVES * LEAVES
        spent.append([0, start, start + LEAVES])
        common = {"seed": self.secret.name, "after": self.secret.after,
                  "cipher": CIPHERS[self.cipher]}
        # no fork is kept once both directions have reached the node
        same(first[0], first[1], "both directions are in one node")
        return ({**common, "itself": True, "root": True, "nodes": [0, first[0]],
                 "forks": [[0, 0, NODES], [1, 0, NODES]], "leaves": spent},
                {**common, "chain": True,
                 "nodes": [first[0], NODES], "leaves": live})


def everything(one, cipher):
    """All keys that an epoch of the test may have had."""
    far = FAR // LEAVES * LEAVES
    return {"seed": one.name, "after": one.after, "cipher": CIPHERS[cipher],
            "itself": True, "root": True, "chain": True, "nodes": [0, NODES], "forks": [[0, 0, NODES], [1, 0, NODES]],
            "leaves": [[d, *part] for d in (0, 1)
                       for part in ((0, 3 * LEAVES), (far, far + LEAVES))]}


def leaves_there():
    """The number of leaf keys that all flows hold."""
    return sum(flow.leaves_there() for flow in flows)


def secret(name, after=()):
    """Make a seed that both agents can install; AFTER are the earlier seeds of the flow
    that it is mixed with."""
    made = Secret(hand, name)
    made.after = list(after)
    secrets.append(made)
    return made


def claim(end):
    """Claim a re-key for alice. Return the number of the exchange and the chain id."""
    enter("alice")
    answer = agents.alice.do("REKEY_CLAIM", "CLAIM", id=end.info().id)
    answer = attrs(answer[A["CLAIM_FLOW"]])
    return answer[A["CLAIMED_EXCHANGE"]], answer[A["CLAIMED_CHAIN"]]


def look(gone, live, want):
    """Scan the whole memory once WANT leaf keys are left."""
    until(lambda: count.now() == want, f"{want} leaf keys are left")
    seen = hand.ask("scan", gone=gone, live=live)
    return {"missing": seen["missing"],
            "found": [f"{text}, near {symbols(code)}" for text, code in seen["found"]]}


def symbols(addresses):
    """The names of the functions at these addresses."""
    if not SYMBOLS:
        with open("/proc/kallsyms", encoding="ascii") as f:
            SYMBOLS.extend(sorted((int(line.split()[0], 16), line.split()[2]) for line in f))
    places = (bisect.bisect(SYMBOLS, (address, "~")) - 1 for address in addresses)
    return " ".join(SYMBOLS[place][1] for place in places if place >= 0)


def of_each(name):
    """Add a case per cipher, which checks the keys of that cipher in one scan."""
    def add(fn):
        seen = {}

        def one(cipher):
            if not seen:
                seen.update(fn())
            for what in "found", "missing":
                mine = [text for text in seen[what] if text.startswith(cipher)]
                assert not mine, "\n".join([what, *mine])
        for cipher in CIPHERS:
            case(f"{cipher}: {name}")(lambda cipher=cipher: one(cipher))
        return fn
    return add


@of_each("an epoch in use has only unspent keys in memory")
def rotated():
    for flow in flows:
        # up to the second node
        flow.talk(PPL * (LEAVES + 3) + SOME)
        flow.forge()
    parts = [flow.split() for flow in flows]
    return look([spent for spent, _ in parts], [live for _, live in parts],
                leaves_there())


@of_each("no key of a replaced epoch is left, even if a reader slept through forged "
         "packets")
def rekeyed():
    for flow in flows:
        settled(*flow.ends)
    readers = [Sleeper(Endpoint.read, flow.ends[1]).asleep() for flow in flows]
    for flow in flows:
        flow.forge_segs()
        flow.rekey(1, reading=flow.ends[1:])
    seen = look([everything(flow.secrets[0], flow.cipher) for flow in flows], [],
                leaves_there())
    for flow, reader in zip(flows, readers):
        reader.asleep()
        flow.ends[0].write(b"there")
        same(reader.outcome(), b"there")
    return seen


REFUSALS = []


def refused(name, err, chained=False):
    """Add a request with a seed that is refused, with or without a chain."""
    def add(fn):
        REFUSALS.append((name, err, chained, fn))
        return fn
    return add


@refused("no such flow", errno.ENOENT)
def no_flow(seed, _):
    agents.alice.do("FLOW_ALLOCATE", "FLOW", id=12345, peer=sockaddr("bob"), peer_eid=1,
                    cipher=901, seed=seed, generation=0)


@refused("an attribute is missing", errno.EINVAL)
def missing(seed, number):
    agents.alice.do("SEED_SET", "FLOW", id=number, seed=seed)


@refused("another attribute has an invalid length", errno.EINVAL)
def bad_attribute(seed, number):
    agents.alice.do("SEED_SET", "FLOW", id=number, seed=seed, epoch=bytes(3), exchange=77,
                    chain=bytes(8), generation=0)


@refused("the seed attribute is there twice", errno.ESTALE)
def twice(seed, number):
    agents.alice.ask(agents.alice.family, CMD["SEED_SET"], b"".join(
        attr(A[f"FLOW_{name}"], value) for name, value in (
            ("ID", number), ("EPOCH", b"\2"), ("EXCHANGE", 77), ("SEED", seed),
            ("SEED", seed), ("CHAIN", bytes(8)), ("GENERATION", 0))))


@refused("the seed is in another attribute", errno.ERANGE)
def misplaced(seed, number):
    agents.alice.do("SEED_SET", "FLOW", id=number, epoch=b"\2", exchange=77,
                    chain=seed, generation=0)


@refused("the flow has keys", errno.ESTALE)
def has_keys(seed, number):
    agents.alice.do("FLOW_ALLOCATE", "FLOW", id=number, peer=sockaddr("bob"), peer_eid=1,
                    cipher=901, seed=seed, generation=0)


@refused("there is no route to the peer", errno.ENETUNREACH)
def no_route(seed, number):
    nowhere = sockaddr("bob").replace(socket.inet_aton(ADDR["bob"]),
                                      socket.inet_aton("192.0.2.1"))
    agents.alice.do("FLOW_ALLOCATE", "FLOW", id=number, peer=nowhere, peer_eid=1,
                    cipher=901, seed=seed, generation=0)


@refused("no exchange is claimed", errno.ESTALE)
def no_claim(seed, number):
    agents.alice.do("SEED_SET", "FLOW", id=number, epoch=b"\2", exchange=77, seed=seed,
                    chain=bytes(8), generation=0)


@refused("the seed is for another epoch", errno.EINVAL, chained=True)
def wrong_epoch(seed, number):
    exchange, chain = claim(flows[0].ends[0])
    try:
        agents.alice.do("SEED_SET", "FLOW", id=number, epoch=b"\7", exchange=exchange,
                        seed=seed, chain=chain,
                        generation=keys.generation(agents.alice, number))
    finally:
        agents.alice.do("REKEY_CLEAR", "FLOW", id=number, exchange=exchange)


@refused("the flow does not hold the chain", errno.ESTALE, chained=True)
def wrong_chain(seed, number):
    exchange, chain = claim(flows[0].ends[0])
    try:
        agents.alice.do("SEED_SET", "FLOW", id=number, epoch=b"\2", exchange=exchange,
                        seed=seed, chain=chain[::-1],
                        generation=keys.generation(agents.alice, number))
    finally:
        agents.alice.do("REKEY_CLEAR", "FLOW", id=number, exchange=exchange)


@refused("the sender is not the agent", errno.EPERM)
def not_agent(seed, number):
    other = Netlink("alice")
    other.sock = Injector(other.sock, secrets)
    try:
        other.do("SEED_SET", "FLOW", id=number, epoch=b"\2", exchange=1, seed=seed,
                 chain=bytes(8), generation=0)
    finally:
        other.close()


@case("a refused seed leaves no key in memory")
def refusals():
    number = flows[0].ends[0].info().id
    brought = []
    held = [*flows[0].secret.after, flows[0].secret.name]
    for name, err, chained, fn in REFUSALS:
        enter("alice")
        brought.append(secret(f"refused: {name}", held if chained else ()))
        with fails(err):
            fn(brought[-1].masked, number)
    seen = look([everything(one, "aes-256-gcm") for one in brought], [],
                leaves_there())
    assert not seen["found"], "\n".join(seen["found"])


def all_there_were():
    """The keys of all epochs of all flows."""
    return [everything(one, flow.cipher) for flow in flows for one in flow.secrets]


def hibernated():
    """Scan while a program is about to write the machine to disk, before it freezes
    other processes."""
    with open("/dev/snapshot", "rb"):
        return nothing_left()


def suspended():
    """Suspend the machine, up to the point where all processes are frozen."""
    write("/sys/power/pm_test", "freezer")
    write("/sys/module/suspend/parameters/pm_test_delay", "0")
    write("/sys/power/state", "freeze")
    write("/sys/power/pm_test", "none")
    return nothing_left()


def copied():
    """Let a copy of the machine continue from here; the kernel is notified."""
    hand.send("fork")
    until(lambda: count.hits("copied") == 1, "the kernel is told")
    return nothing_left()


def nothing_left():
    """No key is in memory as soon as the notifier has returned."""
    same(count.now(), 0, "leaf keys")
    return look(all_there_were(), [], 0)


# words for case names: function, the epoch that is lost
LOSSES = {
    "written to disk": (hibernated, 1),
    "suspended": (suspended, 2),
    "copied": (copied, 3),
}


def lose(way, epoch):
    """Lose all keys while messages go both ways and the rings are full."""
    for flow in flows:
        if len(flow.secrets) <= epoch:
            flow.rekey(epoch)	# the loss before took its keys
    writers = [pid for flow in flows for pid in flow.fill()]
    try:
        return way()
    finally:
        kill(writers)
        for flow in flows:
            flow.empty()


for _what, (_way, _epoch) in LOSSES.items():
    of_each(f"no key is in memory when the machine is {_what}, with full rings")(
        lambda way=_way, epoch=_epoch: lose(way, epoch))


@of_each("no key is left in memory when the flow is closed")
def closed():
    for flow in flows:
        flow.rekey(4)
        flow.talk(PPL)
        for end in flow.ends:
            end.close()
    gone = all_there_were()
    flows.clear()
    return look(gone, [], 0)


hand = Hand()
secrets = []
agents = Agents()
agents.alice.sock = Injector(agents.alice.sock, secrets)
agents.bob.sock = Injector(agents.bob.sock, secrets)
count = Count()
flows = []
try:
    flows += [Flow(cipher) for cipher in CIPHERS]
    run()
finally:
    for flow in flows:
        for end in flow.ends:
            end.close()
    agents.close()
    count.end()
