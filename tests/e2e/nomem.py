# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Fails each allocation of a call into the module in turn: calls of programs and of
agents, and key derivations by writers when no worker can. Agents that only bring seeds
(keys.py) keep the test fast."""

import collections
import ctypes
import errno
import functools
import itertools
import os
import select
import struct
import subprocess
import threading

import faults
from faults import walk
from ipcp import (
    A, CMD, EVENT, SET_DOWN, Endpoint, Netlink, attrs, case, drops, enter, note,
    run, same, sockaddr, talk, unloaded, until, warnings, write)
from keys import CIPHER, UPCALL_ALLOC, UPCALL_LISTEN, Agents

HOSTS = "alice", "bob"
PATIENT = {"grace": 600000}	# the kernel activates no seed by itself
NOT_SENT = "ENOMEM", "ENOBUFS"	# errors when a route cannot be allocated
PER_LEAF = 64
RING = 1024	# messages
DATA_LIMIT = 128 * 64 * PER_LEAF - 1024
NOBODY, SYS_SETRESUID = 65534, 117
look = {host: Netlink(host) for host in HOSTS}


# --- state

def flows(host):
    """All flows of a host."""
    return look[host].dump("FLOW_GET")


def names(host):
    """All names that are served at a host."""
    return [found[A["NAME_NAME"]].rstrip(b"\0").decode()
            for found in look[host].dump("NAME_GET")]


def gone():
    """Wait until no host has a flow."""
    until(lambda: not any(map(flows, HOSTS)), "no flow")


def confirmed(*ends):
    """Wait until all ends have confirmed the newest epoch, so the next re-key may
    begin."""
    def done(end):
        found = look[end.host].do("FLOW_GET", "FLOW", id=end.info().id)
        return found[A["FLOW_DONE"]] == struct.pack("=I", 1)
    until(lambda: all(map(done, ends)), "all ends have confirmed")


def complaints():
    """Warnings of the kernel, except those about failed allocations of other code."""
    return [line for line in warnings() if "no more sockets" not in line
            and "unreliable refcount tracker" not in line]


class News:
    """A socket of a multicast group: its messages, and whether any were lost."""

    def __init__(self, host, group):
        self.netlink = Netlink(host)
        self.netlink.join(group)
        self.fd = self.netlink.sock.fileno()

    def read(self):
        """Read all messages that have arrived."""
        found, lost = [], False
        while select.select([self.fd], [], [], 0)[0]:
            try:
                found += [(body[0], attrs(body[4:]))
                          for _kind, _seq, body in self.netlink.messages()]
            except OSError as err:
                if err.errno != errno.ENOBUFS:
                    raise
                lost = True
        return found, lost

    def wait(self):
        """Wait for a message or an error, and read it."""
        until(lambda: select.select([self.fd], [], [], 1)[0], "somebody is told")
        return self.read()

    def told(self, event, epoch):
        """This event was received, or an error that some were lost."""
        found, lost = self.read()
        want = struct.pack("=I", EVENT[event]), bytes([epoch])
        assert lost or want in [
            (got.get(A["FLOW_EVENT"]), got.get(A["FLOW_EPOCH"]))
            for command, got in found if command == CMD["FLOW_NTF"]], found

    def close(self):
        """Close the socket."""
        self.netlink.close()


def upcalls(agent):
    """Fetch all upcalls of the agent, so that the next one notifies it again."""
    found = []
    while True:
        try:
            found.append(agent.do("UPCALL_GET"))
        except BlockingIOError:
            return found


class Sleeper(threading.Thread):
    """Bob's agent, which reads its queue only when notified."""

    def __init__(self, agent):
        super().__init__()
        self.agent, self.news = agent, News("bob", "agent")
        self.stop = os.pipe()

    def run(self):
        while True:
            ready = select.select([self.news.fd, self.stop[0]], [], [])[0]
            if self.stop[0] in ready:
                return
            self.news.read()
            for asked in upcalls(self.agent):
                if asked[A["UPCALL_TYPE"]] == struct.pack("=I", UPCALL_LISTEN):
                    self.agent.do("UPCALL_DONE", "UPCALL", error=0,
                                  id=asked[A["UPCALL_ID"]])

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        os.write(self.stop[1], b".")
        self.join()
        self.news.close()


# --- programs

def as_nobody(act):
    """Wrap act() to run as a user with limits, for whom allocations are accounted,
    too."""
    def become(uid):
        # for this thread only, unlike os.seteuid()
        if ctypes.CDLL(None, use_errno=True).syscall(SYS_SETRESUID, -1, uid, -1):
            raise AssertionError(os.strerror(ctypes.get_errno()))

    def wrapped(made):
        become(NOBODY)
        try:
            return act(made)
        finally:
            become(0)
    return wrapped


def begin(end):
    """Request a flow without waiting."""
    try:
        end.alloc("demo")
    except BlockingIOError:
        pass	# EINPROGRESS


@case("opening the device survives failed allocations")
def opening():
    enter("alice")
    walk(lambda _: os.open("/dev/ipcp_rekey", os.O_RDWR),
         after=lambda _, fd, ok: ok and os.close(fd), least=2)


@case("adding a file to an epoll survives failed allocations")
def polling():
    end, epoll = Endpoint("alice"), select.epoll()

    def after(_made, _value, ok):
        if not ok:
            epoll.register(end.fd, select.EPOLLIN)
        epoll.unregister(end.fd)
    walk(lambda _: epoll.register(end.fd, select.EPOLLIN), after=after)
    end.close()


@case("LISTEN survives failed allocations, and wakes a sleeping agent")
def serving():
    def after(end, _value, ok):
        if not ok:
            same(names("bob"), [])
            end.listen("demo")
        same(names("bob"), ["demo"])
        end.close()
    with Agents() as agents, Sleeper(agents.bob):
        for act in (lambda end: end.listen("demo"),
                    as_nobody(lambda end: end.listen("demo"))):
            walk(act, lambda: Endpoint("bob"), after, least=6)


@case("ALLOC survives failed allocations, and wakes the agent")
def asking():
    with Agents() as agents:
        news = News("alice", "agent")

        def after(end, _value, ok):
            if not ok:
                same(flows("alice"), [])
                begin(end)
            news.wait()
            same([struct.unpack("=I", asked[A["UPCALL_TYPE"]])[0]
                  for asked in upcalls(agents.alice)], [UPCALL_ALLOC])
            end.close()
            same(flows("alice"), [])
            upcalls(agents.alice)
            news.read()
        for act in begin, as_nobody(begin):
            walk(act, lambda: Endpoint("alice", os.O_NONBLOCK), after, least=8)
        news.close()


@case("a flow can still be accepted after ACCEPT failed for want of memory")
def accepting():
    with Agents() as agents:
        listener = agents.listen("demo")

        def before():
            one, asked = agents.begin("demo")
            agents.answer("demo", asked)
            listener.wait(select.POLLIN)
            return one

        def after(one, other, ok):
            if not ok:
                other = listener.accept()
            one.nonblock(False)
            talk(one, other)
            one.close()
            other.close()
        walk(lambda _: listener.accept(), before, after, least=3)
        listener.close()
        gone()


@case("closing a flow, an unaccepted flow and a listener never fails for want of memory")
def closing():
    with Agents() as agents:
        def before():
            listener = agents.listen("demo")
            one, asked = agents.begin("demo")
            agents.answer("demo", asked)
            listener.wait(select.POLLIN)
            return one, listener

        def after(made, _value, ok):
            assert ok
            made[0].wait(select.POLLHUP)
            made[0].close()
            same(names("bob"), [])
        walk(lambda made: made[1].close(), before, after)
        gone()

        def after_flow(ends, _value, ok):
            assert ok
            ends[1].wait(select.POLLHUP)
            ends[1].close()
        walk(lambda ends: ends[0].close(), lambda: agents.flow("demo"),
             after_flow)
        gone()


@case("taking a flow down never fails; the peer is told by the close at the latest")
def taking_down():
    def after(ends, _value, ok):
        assert ok
        ends[0].wait(select.POLLHUP)
        ends[0].close()
        ends[1].wait(select.POLLHUP)
        ends[1].close()
    with Agents() as agents:
        walk(lambda ends: ends[0].set(SET_DOWN, down=1),
             lambda: agents.flow("demo"), after)
        gone()


def exhausted(one, message):
    """Send a message until there is no memory for another one. The first ones take
    memory that was used before. Return the number of messages sent."""
    write("/proc/thread-self/make-it-fail", "1")
    faults.put("fail_page_alloc", min_order=0)
    faults.sometimes(100, only_marked=True)
    try:
        for count in range(RING):
            try:
                one.write(message)
            except OSError as err:
                same(err.errno, errno.ENOMEM)
                return count
    finally:
        faults.sometimes(0)
        faults.put("fail_page_alloc", min_order=1)
        write("/proc/thread-self/make-it-fail", "0")
    raise AssertionError(f"{RING} messages were sent without memory")


@case("a message can be sent again after a write failed for want of memory")
def writing():
    with Agents() as agents:
        one, other = agents.flow("demo")
        for message in b"x", b"x" * 1400:
            count = exhausted(one, message)
            note(f"{count} messages of {len(message)} bytes in memory used before")
            one.write(message)
            for _ in range(count + 1):
                same(other.receive(), message)

        def after(_made, _value, ok):
            if not ok:
                one.write(message)
            same(other.receive(), message)

        def forget():
            enter("alice")
            subprocess.run(["ip", "route", "flush", "cache"], check=True)
        note("over a route that has to be looked up")
        walk(lambda _: one.write(message), forget, after, NOT_SENT)
        one.close()
        other.close()


# --- agents

@case("a failed registration of an agent leaves no socket open")
def becoming():
    words = collections.Counter()
    gone()
    # a worker opens the sockets
    faults.mark_workers(True)
    try:
        for port in range(4001, 4401):
            netlink = Netlink("alice")
            register = functools.partial(
                netlink.do, "AGENT_SET", "AGENT", port=struct.pack("=H", port))
            faults.sometimes(5, only_marked=True)
            try:
                register()
                word = "ok"
            except OSError as err:
                word = errno.errorcode[err.errno]
            finally:
                faults.sometimes(0)
            if word != "ok":
                register()
            netlink.close()
            words[word] += 1
            if min(words["ok"], words.total() - words["ok"]) >= 20:
                break
    finally:
        faults.mark_workers(False)
    note(", ".join(f"{n} x {word}" for word, n in sorted(words.items())))
    # bind(2) reports a group of sockets that cannot be allocated as EADDRINUSE
    assert words.keys() <= {"ok", "ENOMEM", "ENOBUFS", "ENFILE", "EADDRINUSE"}, words
    assert min(words["ok"], words.total() - words["ok"]) >= 20, words


@case("creating a network namespace survives failed allocations of the module")
def namespace():
    def act(nth):
        """Unshare in a child, so that the namespace ends with the child."""
        pid = os.fork()
        if not pid:
            word, _value, hit = faults.failing(nth, lambda: os.unshare(os.CLONE_NEWNET))
            os._exit((not hit) + 2 * (word not in ("ok", "ENOMEM")))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    nth = 1
    while not (status := act(nth)):
        nth += 1
    same(status, 1, "status")
    note(f"{nth - 1} allocations failed")
    assert nth > 1


@case("requests for information, flows and counters survive failed allocations")
def information():
    with Agents() as agents:
        ends = agents.flow("demo")
        number = ends[0].info().id
        for args in ("INFO_GET",), ("STATS_GET",), ("FLOW_GET", "FLOW", number):
            kwargs = {"id": args[2]} if len(args) > 2 else {}
            walk(lambda _: agents.alice.do(*args[:2], **kwargs), least=2)	# noqa: B023
        for end in ends:
            end.close()
        gone()


@case("requests, open and epoll survive failed allocations of any code, not just the module")
def anybodys():
    def ask(*args, **kwargs):
        """Use a socket for each request, since an answer may be lost."""
        walk(lambda netlink: getattr(netlink, args[0])(*args[1:], **kwargs),
             lambda: Netlink("bob"), lambda netlink, *_: netlink.close(),
             NOT_SENT, least=4)
    with Agents() as agents:
        ends = agents.flow("demo")
        listener = agents.listen("demo")
        faults.within(faults.ANYWHERE)
        try:
            ask("dump", "FLOW_GET")
            ask("dump", "NAME_GET")
            ask("do", "FLOW_GET", "FLOW", id=ends[1].info().id)
            opening()
            polling()
        finally:
            faults.within(faults.code())
        talk(*ends)
        for end in *ends, listener:
            end.close()
        gone()


@case("no flow is left after FLOW_NEW failed")
def new_flow():
    with Agents() as agents:
        listener = agents.listen("demo")

        def act(_made):
            made = agents.bob.do("FLOW_NEW", "FLOW", name=b"demo\0",
                                 peer=sockaddr("alice"), peer_eid=1)
            return made[A["FLOW_ID"]]

        def after(_made, number, ok):
            if not ok:
                same(flows("bob"), [])
                number = act(None)
            agents.bob.do("FLOW_DEL", "FLOW", id=number)
            same(flows("bob"), [])
        walk(act, after=after, least=8)
        listener.close()


def allocate(host):
    """Fail to park the first seed at one side, and bring it again."""
    with Agents() as agents:
        listener = agents.listen("demo")

        def bring(side, made):
            agent = getattr(agents, side)
            agent.do("FLOW_ALLOCATE", "FLOW", epoch=b"\0", cipher=CIPHER, generation=0,
                     blob=bytes(100), **made[side])

        def before():
            one, asked = agents.begin("demo")
            found = agents.bob.do("FLOW_NEW", "FLOW", name=b"demo\0",
                                  peer=sockaddr("alice"),
                                  peer_eid=asked[A["UPCALL_EID"]])
            seed = os.urandom(32)
            made = {"one": one, "alice": {
                "id": asked[A["UPCALL_FLOW_ID"]], "peer": sockaddr("bob"),
                "peer_eid": found[A["FLOW_EID"]], "seed": seed
            }, "bob": {
                "id": found[A["FLOW_ID"]], "peer": sockaddr("alice"),
                "peer_eid": asked[A["UPCALL_EID"]], "seed": seed}}
            if host == "alice":
                bring("bob", made)
            return made

        def after(made, _value, ok):
            if not ok:
                bring(host, made)
            if host == "bob":
                bring("alice", made)
            other = listener.accept()
            made["one"].nonblock(False)
            talk(made["one"], other)
            made["one"].close()
            other.close()
        walk(lambda made: bring(host, made), before, after, NOT_SENT, least=10)
        listener.close()
        gone()


@case("the first seed can be brought again after parking failed at the initiator")
def allocate_initiator():
    allocate("alice")


@case("the first seed can be brought again after parking failed at the responder")
def allocate_responder():
    allocate("bob")


@case("a flow can be claimed after a failed claim; clearing a claim never fails")
def claiming():
    with Agents() as agents:
        ends = agents.flow("demo", **PATIENT)
        number = ends[0].info().id

        def after(_made, claimed, ok):
            if not ok:
                claimed = agents.claim(number)
            agents.alice.do("REKEY_CLEAR", "FLOW", id=number, exchange=claimed[1])
        confirmed(*ends)
        walk(lambda _: agents.claim(number), after=after, least=4)

        def after_clear(_made, _value, ok):
            assert ok
        walk(lambda claimed: agents.alice.do("REKEY_CLEAR", "FLOW", id=number,
                                             exchange=claimed[1]),
             lambda: agents.claim(number), after_clear)
        for end in ends:
            end.close()


def store(host):
    """Fail to park a seed at one side, and bring it again."""
    with Agents() as agents:
        one, other = ends = agents.flow("demo", **PATIENT)
        mine = one if host == "alice" else other

        def before():
            confirmed(*ends)
            made = (*agents.claim(one.info().id), os.urandom(32))
            if mine is one:	# the responder parks before it answers
                agents.park(other, *made)
            return made

        def after(made, _value, ok):
            same(mine.poll(select.POLLPRI), select.POLLPRI if ok else 0)
            if not ok:
                talk(*ends)
                agents.park(mine, *made)
            if mine is other:
                agents.park(one, *made)
            mine.rekey()
            talk(*ends)
        walk(lambda made: agents.park(mine, *made), before, after, least=8)
        note(f"re-keyed {one.info().rekeys} times")
        one.close()
        other.close()


@case("the same seed can be brought again after parking failed at the initiator")
def store_initiator():
    store("alice")


@case("the same seed can be brought again after parking failed at the responder")
def store_responder():
    store("bob")


@case("activating a seed never fails: by the ioctl, a read or a write")
def install():
    calls = {"ioctl": lambda end: end.rekey(), "read": lambda end: end.read(),
             "write": lambda end: end.write(b"new")}
    with Agents() as agents:
        one, other = ends = agents.flow("demo", **PATIENT)
        for mine, peer, how in [(*pair, how) for pair in (ends, ends[::-1])
                                for how in calls]:
            news = News(mine.host, "events")

            def before():
                confirmed(*ends)
                peer.write(b"old")	# noqa: B023
                mine.wait(select.POLLIN)	# noqa: B023
                made = (*agents.claim(one.info().id), os.urandom(32))
                agents.park(other, *made)
                agents.park(one, *made)
                news.read()	# noqa: B023
                return made[0]

            def after(epoch, _value, ok):
                assert ok or how == "write"	# noqa: B023
                same(mine.info().epoch, epoch)	# noqa: B023
                news.told("TAKEN", epoch)	# noqa: B023
                if how != "read":	# noqa: B023
                    same(mine.read(), b"old")	# noqa: B023
                if how == "write" and ok:	# noqa: B023
                    same(peer.receive(), b"new")	# noqa: B023
                talk(*ends)
            note(f"{how} at {mine.host}")
            walk(lambda _: calls[how](mine), before, after, least=2)	# noqa: B023
            news.close()
        one.close()
        other.close()


@case("the old blob stays if a new one cannot be stored")
def blob():
    with Agents() as agents:
        ends = agents.flow("demo", blob=b"before")
        number = ends[0].info().id

        def after(_made, _value, ok):
            found = agents.alice.do("FLOW_GET", "FLOW", id=number)
            same(found[A["FLOW_BLOB"]], b"after" if ok else b"before")
        walk(lambda _: agents.alice.do("FLOW_SET", "FLOW", id=number, blob=b"after"),
             after=after)
        for end in ends:
            end.close()


@case("agents' messages can be sent again, or stay first in the queue, after a failure")
def messages():
    with Agents() as agents:
        one, other = agents.flow("demo")
        news = News("bob", "agent")
        upcalls(agents.bob)
        news.read()

        def came():
            news.wait()
            return [found.get(A["UPCALL_PAYLOAD"]) for found in upcalls(agents.bob)]
        sends = {
            "in the clear": lambda _: agents.alice.do(
                "CTRL_SEND", "UPCALL", peer=sockaddr("bob"), payload=b"hello"),
            "sealed": lambda _: agents.alice.do(
                "SEALED_SEND", "FLOW", id=one.info().id, payload=b"hello")}
        for how, send in sends.items():
            def after(_made, _value, ok):
                if not ok:
                    send(None)	# noqa: B023
                same(came(), [b"hello"])
            note(how)
            walk(send, after=after, errors=NOT_SENT, least=2)

        def sent():
            send(None)
            news.wait()

        def after_get(_made, found, ok):
            if not ok:
                found = agents.bob.do("UPCALL_GET")
            same(found[A["UPCALL_PAYLOAD"]], b"hello")
            same(upcalls(agents.bob), [])
        note("taken off the queue")
        walk(lambda _: agents.bob.do("UPCALL_GET"), sent, after_get, NOT_SENT,
             least=2)
        news.close()
        one.close()
        other.close()


# --- without workers

def at_the_leafs_end(one):
    """Send until the next message is the first of a leaf."""
    while (DATA_LIMIT - one.info().tx_left) % PER_LEAF:
        one.write(b"on")


def arrives(one, other, text):
    """Send a message, and return whether it arrives within a second."""
    one.write(text)
    while other.poll(select.POLLIN, 1):
        if other.read() == text:
            return True
    return False


@case("without workers a writer derives keys, and what the peer has no key for is dropped")
def no_workers():
    with Agents() as agents:
        one, other = ends = agents.flow("demo", packets_per_leaf=PER_LEAF)
        confirmed(*ends)
        leaves, lost = one.info().leaves, drops("bob")["flows", "nomem"]
        faults.mark_workers(True)
        faults.sometimes(100, only_marked=True)
        try:
            def after(_made, _value, ok):
                if not ok:
                    one.write(b"next")
            walk(lambda _: one.write(b"next"), lambda: at_the_leafs_end(one), after,
                 least=4)
            until(lambda: drops("bob")["flows", "nomem"] > lost, "messages are dropped")
        finally:
            faults.sometimes(0)
            faults.mark_workers(False)
        assert one.info().leaves >= leaves + 4, one.info()
        note("with workers again")
        # A few leaves far ahead are derived per second, so some messages are dropped.
        texts = (b"again %d" % n for n in itertools.count())
        until(lambda: arrives(one, other, next(texts)), "a message arrives again")
        talk(*ends)
        made = (*agents.claim(one.info().id), os.urandom(32))
        agents.park(other, *made)
        agents.park(one, *made)
        talk(*ends)
        confirmed(*ends)
        one.close()
        other.close()


@case("no flow, name or module is left, and the kernel did not warn")
def nothing_left():
    gone()
    same([names(host) for host in HOSTS], [[], []])
    until(unloaded, "the module goes")
    same(complaints()[logged:], [])


logged = len(complaints())
watch = [News(host, "events") for host in HOSTS]
faults.begin()
try:
    run()
finally:
    faults.end()
