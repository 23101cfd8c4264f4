# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Hostile processes for a while, and flows of a user who is none of them, whose
every message is checked meanwhile. Usage: hostile_soak.py MINUTES"""

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
# What a packet that the kernel took is dropped for at the reader, without a fault:
# packets that are none of the flow's had its place.
ROOM = "ahead", "ring-full", "nomem"
# What is to fail: at any time, or without rights; how often the rest has to work
REFUSED = ("pointer", "garbage", "mangled", "train", ("Requests", "request"))
# What needs the agents and a wire that others harm, or a seed at that moment
SELDOM = "right", "alloc", "accept", "listen", "provide", "rekey"
SHARE, ENOUGH = 0.05, 20
REST = 5		# seconds
BUSY = 0.25		# of a processor, at most, when nothing is to be done
ends, streams = [], []
figures = Figures()
rng = random.Random(SEED)


class State:
    """What the cases have in common."""


s = State()


def link_drops():
    """Packets that a processor had no room for, of all namespaces."""
    with open("/proc/net/softnet_stat", encoding="ascii") as f:
        return sum(int(line.split()[1], 16) for line in f)


def roomy():
    """The queue between the hosts takes all that the hostile ones send, too."""
    pid = os.fork()
    if not pid:
        os.setns(os.open("/proc/1/ns/net", os.O_RDONLY), os.CLONE_NEWNET)
        write(BACKLOG, "20000")
        os._exit(0)
    same(os.waitpid(pid, 0)[1], 0, "status of who sets the backlog")


def as_user(uid, fn, *args):
    """The same as a user."""
    os.setresuid(uid, uid, 0)
    try:
        return fn(*args)
    finally:
        os.setresuid(0, 0, 0)


def pair(name, uid):
    """Both ends of a flow of a user's, from alice to bob."""
    listener, one = Endpoint("bob"), Endpoint("alice")
    as_user(uid, listener.listen, name)
    as_user(uid, one.alloc, name)
    other = as_user(uid, listener.accept)
    listener.close()
    return one, other


def complaints():
    """What the kernel warned of, but that others had no memory, and that requests were
    not well-formed."""
    return [line for line in warnings() if not any(words in line for words in (
        "no more sockets", "unreliable refcount tracker", "] netlink: ",
        "] validate_nla: ",
        "Zero length message"))]


def all_drops(of="flows"):
    """By host, and reason, of the flows or of packets that belong to none."""
    return {host: {reason: count for (kind, reason), count in drops(host).items()
                   if kind == of and count} for host in HOSTS}


def cpu_time(is_meant):
    """Seconds that these processes have run so far."""
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


# --- what the test itself does meanwhile

def kill_agent():
    """One of the hosts' agents dies, and is started again."""
    host = rng.choice(HOSTS)
    agents.kill(host)
    time.sleep(rng.uniform(0, 2))
    agents.start(host)
    s.kills += 1


def stop_agent():
    """One of them does nothing for a while."""
    pid = agents.PIDS[rng.choice(HOSTS)]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(rng.uniform(0.1, 4))
    os.kill(pid, signal.SIGCONT)


def try_unload():
    """The module is in use."""
    same(unloaded(), False, "the module was unloaded while there are flows")
    s.unloads += 1


def rekey_all():
    """All flows of a host ask for new keys."""
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


@case(f"{MINUTES} minutes of hostile processes: the messages go on, and nothing is wrong")
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


@case("the hostile processes have ended when they were killed")
def ended():
    same(s.status, 0, "status of who waited for them")


def holders():
    """What of the hostile users there is yet."""
    return [user for user in tool("alice", "stats", "--users") if user["uid"] in USERS]


@case("nothing is left of the hostile users, their flows and names")
def nothing_left():
    try:
        until(lambda: not holders(), "nothing is left of the users", 2 * DEADLINE)
    except AssertionError as err:
        raise AssertionError(f"{err}: {holders()}") from err
    for host in HOSTS:
        until(lambda: len(flows(host)) == FLOWS, f"{host} has the user's flows alone")	# noqa: B023
        same(tool(host, "name", "list"), [], f"names at {host}")


@case("all kinds of calls, requests and packets were made, and some of each worked")
def shares():
    few = []
    for player, op, count, worked in crowd.counts.all():
        note(f"{player}: {op}: {count}, {worked} worked")
        is_to_fail = op in REFUSED + SELDOM or (player, op) in REFUSED
        if not count or (count >= ENOUGH and worked < count * SHARE and not is_to_fail):
            few.append((player, op, count, worked))
    same(few, [], "what was not done, or nearly always failed")


@case("each flow gets new keys at both ends")
def new_keys():
    before = [end.info().rekeys for both in ends for end in both]
    rekey_all()
    until(lambda: all(end.info().rekeys > old for end, old in zip(
        (end for both in ends for end in both), before)), "all flows have new keys", 4 * DEADLINE)


@case("each flow carries messages both ways, and none that was taken is lost")
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


@case("no thread of the kernel and no agent is busy when nothing is to be done")
def at_rest():
    meant = {"workers": lambda _, comm: comm.startswith(("kworker", "ksoftirqd")),
             "agents": lambda pid, _: pid in agents.PIDS.values()}
    def spent():
        before = {what: cpu_time(which) for what, which in meant.items()}
        time.sleep(REST)
        found = {what: cpu_time(which) - before[what] for what, which in meant.items()}
        note(f"seconds of a processor in {REST} s: {found}")
        return found
    # re-keys that the end of the hostile ones let come are to be over first
    until(lambda: max(spent().values()) < BUSY * REST, "workers and agents rest", 4 * DEADLINE)


@case("the flows end, the agents, and the module goes")
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


os.chmod(DEVICE, 0o666)		# all may open it, as the packages have it
roomy()
make_eve()
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
