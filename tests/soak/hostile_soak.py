# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Hostile processes, and meanwhile flows of another user with every message checked.
Usage: hostile_soak.py MINUTES"""

import os
import random
import signal
import subprocess
import sys
import time

import agents
import faults
from hostile_calls import Calls
from hostile_crowd import BEGUN, KILLED, USERS, Crowd
from hostile_data import GOT, STALLS, Stream
from hostile_packets import make_eve
from hostile_sockets import crosses, delete_link, make_link
from ipcp import (
    DEADLINE, NSEC, SET_RCVTIMEO, SET_SNDTIMEO, Endpoint, Netlink, case, drops, flows,
    note, run, same, tool, unloaded, until, warnings, write)
from measure import Figures

MINUTES = int(sys.argv[1])
SEED = int(os.environ["TEST_SEED"])
OWNER = 4001
FLOWS = 4
DEVICE = "/dev/ipcp_rekey"
HOSTS = "alice", "bob"
BACKLOG = "/proc/sys/net/core/netdev_max_backlog"
CAN_FAIL = os.path.exists("/sys/kernel/debug/failslab/require-start")
FAILING = 10		# percent of the allocations of some processes
# Legitimate reasons to drop a packet at the reader: foreign packets took the room.
ROOM = "ahead", "ring-full", "nomem"
# Operations that should fail: always, or without rights
REFUSED = ("pointer", "garbage", "mangled", "batch", ("Requests", "request"))
# Operations that need an undisturbed agent and link, a seed or a connection at that
# moment, or the right socket
SELDOM = ("right", "alloc", "accept", "listen", "provide", "rekey", "option", "read",
          "errors")
# Least share of the others that works, and (expected) runs from which it counts
SHARE, ENOUGH = 0.05, 20
REST = 5		# seconds
BUSY = 0.25		# largest share of a processor in use at rest
ends, streams = [], []
figures = Figures()
rng = random.Random(SEED)


class State:
    """The state shared by the cases."""


s = State()


def link_drops():
    """Packets dropped for a full backlog, in all namespaces."""
    with open("/proc/net/softnet_stat", encoding="ascii") as f:
        return sum(int(line.split()[1], 16) for line in f)


def roomy():
    """Enlarge the backlog, so that it has room for hostile packets, too."""
    pid = os.fork()
    if not pid:
        os.setns(os.open("/proc/1/ns/net", os.O_RDONLY), os.CLONE_NEWNET)
        write(BACKLOG, "20000")
        os._exit(0)
    same(os.waitpid(pid, 0)[1], 0, "status of who sets the backlog")


def as_user(uid, fn, *args):
    """Call a function as a user."""
    os.setresuid(uid, uid, 0)
    try:
        return fn(*args)
    finally:
        os.setresuid(0, 0, 0)


def pair(name, uid):
    """Both ends of a flow of a user, from alice to bob."""
    listener, one = Endpoint("bob"), Endpoint("alice")
    as_user(uid, listener.listen, name)
    as_user(uid, one.alloc, name)
    other = as_user(uid, listener.accept)
    listener.close()
    return one, other


def complaints():
    """Kernel warnings, except those about missing memory of others and about malformed
    requests."""
    return [line for line in warnings() if not any(words in line for words in (
        "no more sockets", "unreliable refcount tracker", "] netlink: ",
        "] validate_nla: ",
        "Zero length message"))]


def all_drops(of="flows"):
    """Drops by host and reason, of flows or of packets without a flow."""
    return {host: {reason: count for (kind, reason), count in drops(host).items()
                   if kind == of and count} for host in HOSTS}


def cpu_time(is_meant):
    """Processor time in seconds of matching processes so far."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                comm, rest = f.read().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if is_meant(int(pid), comm.split("(", 1)[1]):
            ticks += sum(map(int, rest.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


# --- actions of the test meanwhile

def kill_agent():
    """Kill the agent of a host and start it again."""
    host = rng.choice(HOSTS)
    agents.kill(host)
    time.sleep(rng.uniform(0, 2))
    agents.start(host)
    s.kills += 1


def stop_agent():
    """Stop the agent of a host for a while."""
    pid = agents.PIDS[rng.choice(HOSTS)]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(rng.uniform(0.1, 4))
    os.kill(pid, signal.SIGCONT)


def try_unload():
    """Try to unload the module, which is in use."""
    same(unloaded(), False, "the module was unloaded while there are flows")
    s.unloads += 1


def rekey_all():
    """Request new keys for all flows of a host."""
    asking = Netlink(rng.choice(HOSTS))
    asking.do("REKEY_REQUEST", "FLOW", all=b"")
    asking.close()


# --- cases

@case(f"{FLOWS} flows of a user, with checked messages both ways")
def begin():
    note(f"seed {SEED}, {MINUTES} minutes, allocations {'' if CAN_FAIL else 'do not '}fail")
    s.kills = s.unloads = 0
    for _ in range(FLOWS):
        ends.append(pair("kept", OWNER))
    for one, other in ends:
        for source, sink in (one, other), (other, one):
            streams.append(Stream(len(streams), source, sink, OWNER, SEED))
    for stream in streams:
        stream.advance(5, "before all begins")


@case(f"{MINUTES} minutes of hostile processes: messages keep arriving intact")
def hostile():
    if CAN_FAIL:
        faults.begin()
        faults.sometimes(FAILING, only_marked=True)
    crowd.begin()
    limit, told = time.monotonic() + 60 * MINUTES, time.monotonic() + 60
    try:
        while time.monotonic() < limit:
            time.sleep(rng.uniform(1, 8))
            act = rng.choices((kill_agent, stop_agent, try_unload, rekey_all), (2, 1, 2, 2))[0]
            act()
            for stream in streams:
                stream.advance(1, f"after {act.__name__}")
            same(os.waitpid(crowd.pid, os.WNOHANG)[0], 0, "who begins hostile processes ended")
            if time.monotonic() > told:
                told += 60
                note(f"{crowd.shared[BEGUN]} processes, "
                     f"{sum(n for _, _, n, _ in crowd.counts.all())} calls, "
                     f"{sum(stream.shared[GOT] for stream in streams)} messages checked")
    finally:
        s.status = crowd.end()
        if CAN_FAIL:
            faults.end()


@case("every hostile process ends when it is killed")
def ended():
    same(s.status, 0, "status of who waited for them")


@case("the interface carries packets, and goes away")
def link():
    until(crosses, "packets cross the link", 2 * DEADLINE)
    delete_link()


def holders():
    """The hostile users who still have resources."""
    return [user for user in tool("alice", "stats", "--users") if user["uid"] in USERS]


@case("no flow, name or user entry of the hostile users is left")
def nothing_left():
    try:
        until(lambda: not holders(), "nothing is left of the users", 2 * DEADLINE)
    except AssertionError as err:
        raise AssertionError(f"{err}: {holders()}") from err
    for host in HOSTS:
        until(lambda: len(flows(host)) == FLOWS, f"{host} has the user's flows alone")	# noqa: B023
        same(tool(host, "name", "list"), [], f"names at {host}")


@case("calls, requests and packets of all kinds were made, and some of each worked")
def shares():
    few = []
    for player, op, count, worked in crowd.counts.all():
        note(f"{player}: {op}: {count}, {worked} worked")
        is_to_fail = op in REFUSED + SELDOM or (player, op) in REFUSED
        if not count and crowd.counts.expected(player, op) >= ENOUGH or \
                count >= ENOUGH and worked < count * SHARE and not is_to_fail:
            few.append((player, op, count, worked))
    same(few, [], "what was not done, or nearly always failed")


@case("each checked flow gets new keys at both ends")
def new_keys():
    before = [end.info().rekeys for both in ends for end in both]
    rekey_all()
    until(lambda: all(end.info().rekeys > old for end, old in zip(
        (end for both in ends for end in both), before)), "all flows have new keys", 4 * DEADLINE)


@case("each checked flow carries messages both ways, and no accepted message is lost")
def flows_live():
    for stream in streams:
        stream.advance(10, "after all has ended")
    for one, other in ends:
        same([end.info().error for end in (one, other)], [0, 0])
    results = [stream.finish() for stream in streams]
    s.checked, s.lost = (sum(column) for column in zip(*results))
    s.stalls = sum(stream.shared[STALLS] for stream in streams)
    found = all_drops()
    note(f"{s.checked} messages, {s.lost} lost, {s.stalls} stalls; link lost "
         f"{link_drops() - lost_before}; the flows' drops: {found}; others: {all_drops('no_flow')}")
    may = link_drops() - lost_before + sum(
        found[host].get(reason, 0) for host in HOSTS for reason in ROOM)
    assert s.lost <= may, f"{s.lost} messages are lost, {may} can be for want of room"


@case("kernel threads and agents are idle at rest")
def at_rest():
    meant = {"workers": lambda _, comm: comm.startswith(("kworker", "ksoftirqd")),
             "agents": lambda pid, _: pid in agents.PIDS.values()}
    def spent():
        before = {what: cpu_time(which) for what, which in meant.items()}
        time.sleep(REST)
        found = {what: cpu_time(which) - before[what] for what, which in meant.items()}
        note(f"seconds of a processor in {REST} s: {found}")
        return found
    # re-keys that were held up by hostile processes have to finish first
    until(lambda: max(spent().values()) < BUSY * REST, "workers and agents rest", 4 * DEADLINE)


@case("the flows close, the agents stop, and the module can be unloaded")
def over():
    rekeys = sum(end.info().rekeys for both in ends for end in both)
    for both in ends:
        for end in both:
            end.close()
    until(lambda: not flows("alice") and not flows("bob"), "no flow is left")
    figures.add("minutes", MINUTES, "")
    figures.add("messages checked", s.checked, "")
    figures.add("messages lost for want of room", s.lost, "")
    figures.add("re-keys of both ends", rekeys, "")
    figures.add("agents killed", s.kills, "")
    figures.add("refused unloads", s.unloads, "")
    figures.add("hostile processes", crowd.shared[BEGUN], "")
    figures.add("hostile processes killed", crowd.shared[KILLED], "")
    for player, op, count, worked in crowd.counts.all():
        figures.add(f"{player}: {op}", count, "")
        figures.add(f"{player}: {op}, that worked", worked, "")
    for host in HOSTS:
        agents.stop(host)
    until(unloaded, "the module goes", 2 * DEADLINE)


@case("the kernel did not warn")
def quiet():
    same(complaints()[logged:], [])


os.chmod(DEVICE, 0o666)		# for all users; the packages allow a group only
roomy()
make_eve()
make_link()
until(crosses, "packets cross the link")
logged, lost_before = len(complaints()), link_drops()
given = [pair("play", USERS[0]) for _ in range(FLOWS)]
for both in given:
    for end in both:
        end.set(SET_RCVTIMEO | SET_SNDTIMEO, rcvtimeo=NSEC // 5, sndtimeo=NSEC // 5)
Calls.given = {host: [both[i].fd for both in given] for i, host in enumerate(HOSTS)}
crowd = Crowd(SEED, CAN_FAIL)
for both in given:
    for end in both:
        end.close()
try:
    run()
finally:
    subprocess.run(["chmod", "600", DEVICE], check=False)
