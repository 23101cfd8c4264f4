# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Flows with the installed Python module, blocking and with asyncio."""

import asyncio
import contextlib
import errno
import gc
import os
import signal
import threading
import time
import warnings

import ipcp_rekey
from ipcp import DEADLINE, case, cut, drops, enter, flows, rekey, run, same, until
from ipcp_rekey import (
    AsyncListener, Flow, Flags, Listener, Message, Provider, Qos, State)

SHORT = 0.05		# seconds of a timeout that is meant to expire
TIMEOUT = 20 * DEADLINE	# a safety net for calls that hang


@contextlib.contextmanager
def raises(kind, number, *words):
    """The block must fail with this exception, this errno and these words."""
    try:
        yield
    except OSError as err:
        if type(err) is not kind or err.errno != number:	# pylint: disable=C0123
            raise
        for word in words:
            assert word in str(err), f"{word!r} is not in {str(err)!r}"
        return
    raise AssertionError(f"no error, want {kind.__name__}")


@contextlib.contextmanager
def pair(name="demo"):
    """A flow from alice to bob, with blocking ends that wait for TIMEOUT."""
    enter("bob")
    with Listener.listen(name) as listener:
        enter("alice")
        with Flow.connect(name) as one, listener.accept(TIMEOUT) as other:
            for end in one, other:
                end.set_timeouts(recv=TIMEOUT, send=TIMEOUT)
            yield one, other


@contextlib.asynccontextmanager
async def async_pair():
    """A flow from alice to bob, with asyncio ends."""
    enter("bob")
    with await AsyncListener.listen("demo") as listener:
        enter("alice")
        with await Flow.open("demo") as one, await listener.accept() as other:
            yield one, other


def async_case(name):
    """A case that is a coroutine."""
    def add(coroutine):
        async def limited():
            async with asyncio.timeout(TIMEOUT):
                await coroutine()
        case(name)(lambda: asyncio.run(limited()))
        return coroutine
    return add


@contextlib.contextmanager
def ticks(handler):
    """Signals that interrupt every blocking call."""
    old = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, SHORT / 5, SHORT / 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


# --- blocking

@case("messages go both ways; info() and peer_name identify the peers")
def both_ways():
    with pair() as (one, other):
        for text in b"hello", b"", os.urandom(1000), bytearray(b"world"):
            one.send(text)
            same(other.recv(), bytes(text))
            other.send(text)
            same(one.recv(), bytes(text))
        mine, peers = one.info(), other.info()
        assert mine.cipher in (895, 901, 1018), mine
        same((mine.state, mine.rb_flags), (State.ALLOCATED, Flags.RD | Flags.WR))
        same((mine.tx_packets, mine.tx_bytes), (4, 1010))
        same((peers.rx_packets, peers.rx_bytes), (4, 1010))
        same((mine.initiator, peers.initiator), (True, False))
        same((mine.name, peers.name), ("demo", "demo"))
        same((mine.error, mine.reason), (0, ""))
        same((one.peer_name, one.authenticated), ("demo", True))
        same((mine.peer_name, mine.authenticated), ("demo", True))
        same((other.peer_name, other.authenticated), ("client.demo", True))
        same((peers.peer_name, peers.authenticated), ("client.demo", True))


@case("the server sees the requested quality of service")
def quality():
    qos = Qos(bandwidth=10 ** 9, delay=20, max_gap=5, timeout=60000, availability=3)
    enter("bob")
    with Listener.listen("demo") as listener:
        enter("alice")
        with Flow.connect("demo", qos=qos) as one, \
                listener.accept(TIMEOUT) as other:
            same((one.qos, other.qos), (qos, qos))
    with raises(ipcp_rekey.FlowError, errno.EOPNOTSUPP, "nor keep order"):
        Flow.connect("demo", qos=Qos(in_order=1))


@case("a message longer than the buffer is truncated, the next one is whole")
def truncated():
    with pair() as (one, other):
        for text in b"0123456789", b"next", b"0123456789", b"last":
            one.send(text)
        same(other.recv(4), b"0123")
        same(other.recv(4), b"next")
        same(other.recv_many(1, 4), [Message(b"0123", True, 10, 0)])
        same(other.peek(2), Message(b"la", True, 4, 0))
        same(other.recv_many(1, 4), [Message(b"last", False, 4, 0)])
        same(other.info().cipher in list(ipcp_rekey.Cipher), True)


@case("arrival times are recorded on request")
def times():
    with pair() as (one, other):
        other.set_timestamps(True)
        start = time.time_ns()
        one.send(b"x")
        found = other.recv_many(1)[0]
        same(start <= found.time_ns <= time.time_ns(), True)
        other.set_timestamps(False)
        one.send(b"y")
        same(other.recv_many(1)[0].time_ns, 0)


@case("batches carry all messages, in order")
def batches():
    with pair() as (one, other):
        texts = [os.urandom(size) for size in (100, 100, 50, 0, 1, 1000, 7)] * 50
        left = list(texts)
        got = []
        while left:
            del left[:one.send_many(left)]
            while len(got) < len(texts) - len(left):
                got += other.recv_many(16)
        same(got, [Message(text, False, len(text), 0) for text in texts])
        for count in 0, ipcp_rekey.BATCH_MAX + 1:
            for call in (lambda: other.recv_many(count),	# noqa: B023
                         lambda: one.send_many([b""] * count)):	# noqa: B023
                try:
                    call()
                except ValueError:
                    continue
                raise AssertionError(f"a batch of {count} is taken")


@case("a message longer than the path allows is refused")
def too_long():
    with pair() as (one, _other):
        size = one.info().mtu + 1
        for call in (lambda: one.send(bytes(size)),
                     lambda: one.send_many([bytes(size)])):
            with raises(ipcp_rekey.MessageSizeError, errno.EMSGSIZE, "mtu"):
                call()


@case("receive, accept and connect end at their timeouts")
def limits():
    with pair() as (one, _other):
        one.set_timeouts(recv=SHORT)
        for call in one.recv, one.recv_many:
            with raises(ipcp_rekey.FlowTimeoutError, errno.ETIMEDOUT):
                call()
        assert issubclass(ipcp_rekey.FlowTimeoutError, TimeoutError)
    enter("bob")
    with Listener.listen("demo") as listener:
        for seconds in 0, SHORT:
            with raises(ipcp_rekey.FlowTimeoutError, errno.ETIMEDOUT, "no peer"):
                listener.accept(seconds)
        enter("alice")
        with cut(), raises(ipcp_rekey.FlowTimeoutError, errno.ETIMEDOUT, "demo"):
            Flow.connect("demo", timeout=SHORT)


@case("signals neither end nor extend a wait; an exception in a handler ends it")
def signals():
    seen = []
    enter("bob")
    with Listener.listen("demo") as listener:
        enter("alice")
        with ticks(lambda *_: seen.append(1)):
            with raises(ipcp_rekey.FlowTimeoutError, errno.ETIMEDOUT):
                listener.accept(4 * SHORT)
            assert seen
            seen.clear()
            with cut(), raises(ipcp_rekey.FlowTimeoutError, errno.ETIMEDOUT, "demo"):
                Flow.connect("demo", timeout=4 * SHORT)
            assert seen

        def stop(*_):
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt
        with contextlib.suppress(KeyboardInterrupt), ticks(stop):
            listener.accept()


@case("signals do not extend the timeout of a receiving call")
def signals_of_messages():
    seen = []
    with pair() as (one, other):
        one.set_timeouts(recv=4 * SHORT)
        with ticks(lambda *_: seen.append(1)):
            for call in one.recv, one.recv_many, one.peek:
                seen.clear()
                with raises(ipcp_rekey.FlowTimeoutError, errno.ETIMEDOUT):
                    call()
                assert seen
            other.send(b"x")
            one.set_timeouts(recv=TIMEOUT)
            same(one.recv(), b"x")
        one.set_timeouts(recv=None, send=None)
        other.send(b"without a limit")
        same(one.recv(), b"without a limit")
        one.send(b"y")
        same(other.recv(), b"y")


@case("an unknown name, an unserved name and a missing agent raise errors of their own")
def no_flow():
    enter("alice")
    with raises(ipcp_rekey.UnknownNameError, errno.EHOSTUNREACH, "nowhere"):
        Flow.connect("nowhere")
    with raises(ipcp_rekey.RefusedError, errno.ECONNREFUSED, "demo"):
        Flow.connect("demo")
    os.unshare(os.CLONE_NEWNET)
    for call in Flow.connect, Listener.listen:
        with raises(ipcp_rekey.NoAgentError, errno.ENOTCONN, "no agent", "demo"):
            call("demo")
    enter("alice")


@case("iterating over messages ends when the peer closes, and fails after take_down()")
def ends():
    with pair() as (one, other):
        one.send_many([b"one", b"two"])
        one.close()
        same(list(other), [b"one", b"two"])
        with raises(ipcp_rekey.FlowDownError, errno.ESHUTDOWN):
            other.send(b"x")
        with raises(ipcp_rekey.FlowError, errno.EBADF):
            one.send(b"x")
        with raises(ipcp_rekey.FlowError, errno.EBADF):
            one.info()
    with pair() as (one, _other):
        one.take_down()
        with raises(ipcp_rekey.FlowDownError, errno.ESHUTDOWN):
            list(one)


@case("access can be revoked and restored")
def access():
    with pair() as (one, other):
        one.set_access(read=True, write=False)
        with raises(ipcp_rekey.DeniedError, errno.EPERM):
            one.send(b"x")
        one.set_access(read=True, write=True)
        one.send(b"x")
        same(other.recv(), b"x")
        one.setblocking(False)
        with raises(ipcp_rekey.WouldBlockError, errno.EAGAIN):
            one.recv()


@case("a descriptor of something else is an error, and so is a negative time limit")
def wrong():
    ends = os.pipe()
    with Flow(ends[0]) as flow:
        with raises(ipcp_rekey.FlowError, errno.ENOTTY):
            flow.rekey()
        try:
            flow.rekey_waiting(-1)
        except ValueError:
            pass
        else:
            raise AssertionError("a negative time limit was accepted")
    os.close(ends[1])


@case("a waiting seed is reported and activated; the flow continues in the new epoch")
def seeds():
    with pair() as (one, other):
        same([end.rekey() for end in (one, other)], [False, False])
        same(one.rekey_waiting(), False)
        one.set_packets_per_leaf(64)
        rekey("alice", one.info().id)
        for end in one, other:
            same(end.rekey_waiting(TIMEOUT), True)
            same(end.info().rb_flags & Flags.REKEY, Flags.REKEY)
            same((end.rekey(), end.rekey()), (True, False))
            same((end.rekey_waiting(), end.info().epoch), (False, 1))
        one.send(b"after")
        same(other.recv(), b"after")
        same(one.info().packets_per_leaf, 64)


@case("a garbage-collected flow is closed, with a warning")
def forgotten():
    enter("bob")
    with Listener.listen("demo"):
        enter("alice")
        flow = Flow.connect("demo")
        fd = flow.fileno()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            del flow
            gc.collect()
        same([warning.category for warning in said], [ResourceWarning])
        try:
            os.fstat(fd)
            raise AssertionError("it is open")
        except OSError as err:
            same(err.errno, errno.EBADF)


# --- asyncio

@async_case("asyncio: many flows run concurrently, each receives the answers to its messages")
async def many():
    async def echo(flow):
        with flow:
            async for message in flow:
                await flow.write(message)

    async def serve(listener, tasks):
        async for flow in listener:
            tasks.create_task(echo(flow))

    async def ask(number):
        with await Flow.open("demo") as flow:
            for i in range(50):
                text = f"{number} {i}".encode()
                await flow.write(text)
                same(await flow.read(), text)

    enter("bob")
    with await AsyncListener.listen("demo") as listener:
        enter("alice")
        async with asyncio.TaskGroup() as tasks:
            server = tasks.create_task(serve(listener, tasks))
            await asyncio.gather(*(ask(number) for number in range(20)))
            server.cancel()


@async_case("asyncio: writers await room in a full flow, and all messages arrive")
async def room():
    async with async_pair() as (one, other):
        texts = [str(i).encode() * 100 for i in range(1000)]

        async def write():
            left = list(texts)
            while left:
                del left[:await one.write_many(left[:100])]

        async def read():
            got = []
            while len(got) < len(texts):
                got += [message.data for message in await other.read_many()]
            return got
        got, _ = await asyncio.gather(read(), write())
        same(got, texts)


@async_case("asyncio: other tasks run while messages wait to be read")
async def busy():
    async with async_pair() as (one, other):
        while not drops("bob", other)["flows", "ring-full"]:
            await one.write(b"x")
        turns = 0

        async def count():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)
        task = asyncio.create_task(count())
        for _ in range(1000):
            await other.read()
        task.cancel()
        assert turns > 50, turns


class FullOnce(Flow):
    """A flow without room for the first batch."""

    batches: list[list[bytes]] = []

    def send_many(self, messages):
        self.batches.append(list(messages))
        if len(self.batches) == 1:
            raise BlockingIOError(errno.EAGAIN, "no room")
        return super().send_many(self.batches[-1])


@async_case("asyncio: write_many() sends the messages of an iterator after a wait, too")
async def iterator():
    async with async_pair() as (one, other):
        with FullOnce(one.detach()) as full:
            same(await full.write_many(iter([b"one", b"two"])), 2)
            same(full.batches, [[b"one", b"two"]] * 2)
            same([await other.read() for _ in range(2)], [b"one", b"two"])


@async_case("asyncio: a pending read fails when its access is revoked")
async def revoked():
    async with async_pair() as (_one, other):
        task = asyncio.create_task(other.read())
        await asyncio.sleep(0)
        other.set_access(read=False, write=True)
        with raises(ipcp_rekey.DeniedError, errno.EPERM):
            await task


@async_case("asyncio: readers in several tasks share the messages")
async def readers():
    async with async_pair() as (one, other):
        tasks = [asyncio.create_task(other.read()) for _ in range(10)]
        await asyncio.sleep(0)
        texts = [bytes([i]) for i in range(len(tasks))]
        for text in texts:
            await one.write(text)
        same(await asyncio.gather(*tasks), texts)


@async_case("asyncio: a cancelled read consumes no message")
async def cancelled():
    async with async_pair() as (one, other):
        for text in b"one", b"two":
            task = asyncio.create_task(other.read())
            await asyncio.sleep(0)
            task.cancel()
            await one.write(text)
            same(await asyncio.gather(task, return_exceptions=True) and
                 task.cancelled(), True)
            same(await other.read(), text)
        try:
            async with asyncio.timeout(SHORT):
                await other.read()
        except TimeoutError:
            return
        raise AssertionError("a message out of nowhere")


@async_case("asyncio: close() ends waits in other tasks")
async def closed():
    async with async_pair() as (_one, other):
        tasks = [asyncio.create_task(other.read()) for _ in range(3)]
        await asyncio.sleep(0)
        other.close()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            same((type(found), found.errno), (ipcp_rekey.FlowError, errno.EBADF))
    enter("bob")
    listener = await AsyncListener.listen("demo")
    task = asyncio.create_task(listener.accept())
    await asyncio.sleep(0)
    listener.close()
    with raises(ipcp_rekey.FlowError, errno.EBADF):
        await task


@async_case("asyncio: wait_rekey() reports a waiting seed, a pending read activates it")
async def async_seeds():
    async with async_pair() as (one, other):
        waits = asyncio.create_task(one.wait_rekey())
        reads = asyncio.create_task(other.read())
        await asyncio.sleep(0)
        await asyncio.to_thread(rekey, "alice", one.info().id)
        await waits
        same((one.info().epoch, one.rekey_waiting()), (0, True))
        while other.info().epoch == 0:
            await asyncio.sleep(SHORT)
        same(one.rekey(), True)
        await one.write(b"after")
        same(await reads, b"after")
        waits = asyncio.create_task(one.wait_rekey())
        await asyncio.sleep(0)
        other.close()
        with raises(ipcp_rekey.FlowDownError, errno.ESHUTDOWN):
            await waits


@async_case("asyncio: a peer that falls silent ends a pending read")
async def silent():
    enter("bob")
    with await AsyncListener.listen("demo") as listener:
        enter("alice")
        with await Flow.open("demo", qos=Qos(timeout=1000)) as one, \
                await listener.accept():
            with cut(), raises(ipcp_rekey.PeerSilentError, errno.EPIPE):
                await one.read()


@async_case("asyncio: an unknown name and a timeout fail as with blocking flows")
async def async_no_flow():
    enter("alice")
    with raises(ipcp_rekey.UnknownNameError, errno.EHOSTUNREACH, "nowhere"):
        await Flow.open("nowhere")
    enter("bob")
    with await AsyncListener.listen("demo"):
        enter("alice")
        with cut(), raises(ipcp_rekey.FlowTimeoutError, errno.ETIMEDOUT, "demo"):
            await Flow.open("demo", timeout=SHORT)
    with pair() as (one, _other):
        try:
            await one.read()
            raise AssertionError("a blocking flow is read")
        except ValueError:
            pass
    os.unshare(os.CLONE_NEWNET)
    with raises(ipcp_rekey.NoAgentError, errno.ENOTCONN, "no agent"):
        await AsyncListener.listen("demo")
    enter("alice")


# --- providers

class Way:
    """Moves the packets of flows to "far" from one host to the other."""

    def __init__(self):
        self.moved = 0
        self.stack = contextlib.ExitStack()
        self.tasks = []

    async def __aenter__(self):
        ends = []
        for host in "alice", "bob":
            enter(host)
            ends.append(self.stack.enter_context(await Provider.open("far")))
        self.tasks = [asyncio.create_task(self.bring(*way)) for way in (ends, ends[::-1])]
        return self

    async def bring(self, source, target):
        """Moves all packets in one direction."""
        while True:
            packets = [packet.data for packet in await source.read_many()]
            self.moved += len(packets)
            while packets:
                packets = packets[await target.write_many(packets):]

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.stack.close()


@async_case("asyncio: flows run over the providers of their name, and end with them")
async def async_provider():
    async with Way() as way:
        enter("bob")
        with await AsyncListener.listen("far") as listener:
            enter("alice")
            one, other = await Flow.open("far"), await listener.accept()
        for n in range(200):
            await one.write(b"%d" % n)
            same(await other.read(), b"%d" % n)
        await other.write(b"back")
        same(await one.read(), b"back")
        same((other.peer_name, other.authenticated), ("client.far", True))
        assert way.moved > 200, way.moved
    with one, other:
        for end in one, other:
            with raises(ipcp_rekey.FlowDownError, errno.ESHUTDOWN):
                await end.read()


@case("a blocking provider receives agents' messages; an invalid MTU is refused")
def provider():
    def ask():
        enter("alice")
        with contextlib.suppress(OSError), Flow.connect("far", timeout=TIMEOUT):
            pass
    enter("alice")
    for mtu in 1199, 65508:
        try:
            Provider.provide("far", mtu)
        except ValueError as err:
            assert "1200 to 65507" in str(err), err
        else:
            raise AssertionError(f"packets of {mtu} bytes")
    with Provider.provide("far", 1200) as mine:
        thread = threading.Thread(target=ask)
        thread.start()
        # version 1, a message between agents in the clear
        same(mine.recv()[0], 0x13)
    # the allocation ends with its provider
    thread.join()


@case("no flow is left")
def nothing_left():
    until(lambda: not flows("alice") and not flows("bob"), "no flow is left")


run()
