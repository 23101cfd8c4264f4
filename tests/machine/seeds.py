# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Seeds of real agents: installed in the kernel, and then nowhere in memory.

Only the agents have these seeds, so uprobes at the functions that install them read
each seed in the agent. The trace buffer of the kernel then has the seed, too: one
byte per argument, from the last to the first. So neither the buffer nor its text
matches the seed for the hand outside, which reverses the bytes.
"""

import collections
import os
import re
import struct

from agents import PIDS, stop
from ipcp import case, enter, pair, rekey, run, same, settled, talk, until
from outside import Hand

BINARY = "/usr/sbin/ipcp-rekeyd"
TRACING = "/sys/kernel/tracing"
KEY = 32
NODES, LEAVES = 128, 64
FLOWS, REKEYS = 4, 5
Brought = collections.namedtuple("Brought", "host flow epoch name")


# --- probes

def symbols(path):
    """The file offsets of the functions of a program, by name."""
    with open(path, "rb") as f:
        elf = f.read()
    section_at, = struct.unpack_from("<Q", elf, 0x28)
    segment_at, = struct.unpack_from("<Q", elf, 0x20)
    _, segments, _, sections = struct.unpack_from("<4H", elf, 0x36)
    loads = [load for load in (struct.unpack_from("<IIQQQQ", elf, segment_at + 56 * i)
                               for i in range(segments)) if load[0] == 1]
    tables = [struct.unpack_from("<IIQQQQII", elf, section_at + 64 * i)
              for i in range(sections)]
    found = {}
    for _, kind, _, _, start, size, link, _ in tables:
        if kind != 2:
            continue
        names = tables[link][4]
        for at in range(start, start + size, 24):
            name, info, _, _, value = struct.unpack_from("<IBBHQ", elf, at)
            if info & 15 != 2:
                continue
            name = elf[names + name:elf.index(b"\0", names + name)].decode()
            found.update({name: value - vaddr + offset
                          for _, _, offset, vaddr, _, length in loads
                          if vaddr <= value < vaddr + length})
    return found


def backwards(pointer):
    """The arguments of a probe that store a key, from its last byte to its first."""
    return " ".join(f"b{i}=+{i}({pointer}):x8" for i in reversed(range(KEY)))


class Probes:
    """Probes of the seeds that agents install, and of the secrets they come from."""

    def __init__(self):
        at = symbols(BINARY)
        # struct ipcp_nl_seed: address of the seed, exchange, epoch
        lines = [f"p:ipcp/{event} {BINARY}:{at[function]:#x} {more} {backwards(pointer)}"
                 for event, function, more, pointer in (
                     ("first", "ipcp_nl_flow_allocate", "flow=%si:u32 epoch=+12(%r9):u8",
                      "+0(%r9)"),
                     ("next", "ipcp_nl_seed_set", "flow=%si:u32 epoch=+12(%dx):u8",
                      "+0(%dx)"),
                     ("secret", "oap_kdf_root", "epoch=%si:u8", "%di"))]
        # not open(), which seeks to the end; the file has none
        events = os.open(f"{TRACING}/uprobe_events", os.O_WRONLY | os.O_APPEND)
        for line in lines:
            os.write(events, line.encode() + b"\n")
        os.close(events)
        with open(f"{TRACING}/events/ipcp/enable", "w", encoding="ascii") as f:
            f.write("1")

    @staticmethod
    def hits():
        """Event, process and arguments of each hit, in order."""
        with open(f"{TRACING}/trace", encoding="ascii") as f:
            for line in f:
                found = re.match(r"\s*\S+-(\d+)\s.*: (first|next|secret): \(\w+\) (.*)", line)
                if found:
                    pid, event, args = found.groups()
                    yield event, int(pid), dict(arg.split("=") for arg in args.split())

    @staticmethod
    def end():
        """Remove the probes."""
        with open(f"{TRACING}/events/ipcp/enable", "w", encoding="ascii") as f:
            f.write("0")
        with open(f"{TRACING}/uprobe_events", "w", encoding="ascii"):
            pass


def learn(name, args):
    """Tell the hand a key that a probe has read."""
    turned = "".join(args[f"b{i}"][2:].zfill(2) for i in reversed(range(KEY)))
    return hand.ask("learn", name=name, turned=turned)["same_as"]


def learn_all():
    """Learn from the probes which agent installed which seed, and the secrets that
    the seeds were derived from."""
    hosts = {pid: host for host, pid in PIDS.items()}
    for number, (event, pid, args) in enumerate(Probes.hits()):
        host = hosts[pid]
        if event == "secret":
            secrets.append(learn(f"secret {number} of {host}", args))
        else:
            flow, epoch = int(args["flow"]), int(args["epoch"])
            name = f"seed of epoch {epoch}, {host}'s flow {flow}"
            brought.append(Brought(host, flow, epoch, learn(name, args)))


# --- places in memory

def owners(address):
    """The agents that have this physical address mapped, and their mappings."""
    for host, pid in PIDS.items():
        try:
            with open(f"/proc/{pid}/maps", encoding="ascii") as maps, \
                    open(f"/proc/{pid}/pagemap", "rb") as pages:
                for line in maps:
                    first, last = (int(x, 16) for x in line.split()[0].split("-"))
                    if last >> 63:
                        continue
                    pages.seek(first // 4096 * 8)
                    for i, entry in enumerate(struct.iter_unpack(
                            "<Q", pages.read((last - first) // 4096 * 8))):
                        if entry[0] >> 63 and entry[0] & (1 << 55) - 1 == address // 4096:
                            yield (f"{host}'s agent at "
                                   f"{first + i * 4096 + address % 4096:#x}: {line.strip()}")
        except (FileNotFoundError, ProcessLookupError):
            pass


def look(spent, live):
    """Scan the whole memory: spent keys must be gone, live keys present."""
    seen = hand.ask("scan", gone=spent, live=live)
    same(seen["missing"], [], "keys that are not there")
    places = [" ".join([text, *owners(int(text.rsplit(" ", 1)[1], 16))])
              for text, _ in seen["found"]]
    assert not places, "\n".join(["found", *places])


def whole(names):
    """Patterns of keys: as they are, and in the shapes of HMAC and SHA-256."""
    return [{"seed": name, "itself": True} for name in names]


# --- cases

@case(f"agents allocate {FLOWS} flows and re-key each {REKEYS} times")
def begin():
    for _ in range(FLOWS):
        ends.append(pair("demo"))
    for epoch in range(1, REKEYS + 1):
        for one, _ in ends:
            rekey("alice", one.info().id)
        for both in ends:
            until(lambda both=both, epoch=epoch: {end.info().newest_epoch for end in both} ==
                  {epoch}, f"both ends have epoch {epoch}")
            talk(*both)
        settled(*(end for both in ends for end in both))


@case("both agents install the same seed, a new one for each epoch")
def same_seeds():
    learn_all()
    for one, other in ends:
        numbers = {"alice": one.info().id, "bob": other.info().id}
        names = [[b.name for b in brought if (b.host, b.epoch) == (host, epoch) and
                  b.flow == numbers[host]]
                 for epoch in range(REKEYS + 1) for host in ("alice", "bob")]
        same([len(found) for found in names], [1] * len(names), "seeds brought")
        same(names[::2], names[1::2], "alice's and bob's")
    same(len({b.name for b in brought}), FLOWS * (REKEYS + 1))
    same((len(secrets), len(set(secrets))),
         (2 * FLOWS * (REKEYS + 1), FLOWS * (REKEYS + 1)), "keys of exchanges")


@case("the keys in use are derived from these seeds")
def in_use():
    live = []
    for one, other in ends:
        for end in one, other:
            same((end.info().tx_epoch, end.info().tx_leaf), (REKEYS, 0))
        mine = sorted((b for b in brought
                       if (b.host, b.flow) == ("alice", one.info().id)),
                      key=lambda b: b.epoch)
        same([b.epoch for b in mine], list(range(REKEYS + 1)))
        names = [b.name for b in mine]
        live.append({"seed": names[-1], "after": names[:-1],
                     "cipher": one.info().cipher, "chain": True, "nodes": [1, NODES],
                     "leaves": [[d, 0, LEAVES] for d in (0, 1)]})
    look([], live)


@case("no seed of any epoch is in memory, of the agents or elsewhere")
def no_seed():
    look(whole({b.name for b in brought}), [])


@case("no secret that a seed was derived from is in memory")
def no_secret():
    look(whole(set(secrets)), [])


@case("no seed and no secret is in memory after flows and agents have ended")
def ended():
    for one, other in ends:
        one.close()
        other.close()
    ends.clear()
    for host in PIDS:
        stop(host)
    look(whole({b.name for b in brought}) + whole(set(secrets)), [])


enter("alice")
hand = Hand()
probes = Probes()
ends, brought, secrets = [], [], []
try:
    run()
finally:
    probes.end()
