# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""IPCP_IOC_SEND and IPCP_IOC_RECV: batches of messages, and the buffers of several
packets that carry them."""

import ctypes
import errno
import os
import struct
import subprocess
import threading

from batches import DONTWAIT, TRUNC, Batch, receive, receive_all, send, send_all
from ipcp import (
    RECV, SEND, Late, Netlink, case, drops, enter, fails, run, same, until)
from keys import Agents


def messages_of(sizes):
    """Messages of these sizes, each with different bytes."""
    return [(struct.pack("=I", i) * (size // 4 + 1))[:size]
            for i, size in enumerate(sizes)]


SHAPES = [
    ("one message", [100]),
    ("two", [100, 100]),
    ("64 of one size", [1350] * 64),
    ("64 small ones", [64] * 64),
    ("the last is shorter", [500] * 20 + [30]),
    ("the last is longer", [500] * 20 + [501]),
    ("all sizes", list(range(0, 200, 7))),
    ("falling sizes", list(range(200, 0, -3))),
    ("empty ones", [0] * 70),
    ("more than a buffer takes", [1000] * 300),
]


def all_shapes(offload):
    """Sends and receives batches of all shapes, with offloads of devices on or off."""
    for host, peer in ("alice", "bob"), ("bob", "alice"):
        enter(host)
        device = subprocess.run(
            ["ip", "-o", "route", "get", {"alice": "10.77.0.1", "bob": "10.77.0.2"}[peer]],
            check=True, stdout=subprocess.PIPE, text=True).stdout.split(" dev ")[1].split()[0]
        subprocess.run(["ethtool", "-K", device, "tx-udp-segmentation", offload,
                        "gso", offload, "gro", offload], check=True)
    with Agents() as agents:
        one, other = agents.flow(f"shapes-{offload}")
        for name, sizes in SHAPES:
            want = messages_of(sizes)
            for a, b in (one, other), (other, one):
                send_all(a, want)
                same(receive_all(b, len(want)) == want, True, name)
        same(one.info().queued, 0, "queued")
        one.close()
        other.close()


@case("batches of all shapes arrive as they were sent")
def shapes():
    all_shapes("on")


@case("batches of all shapes arrive over devices without segmentation offload, too")
def shapes_segmented():
    all_shapes("off")


@case("a batch can be read by single reads and by batched receives of any size")
def mixed_reading():
    with Agents() as agents:
        one, other = agents.flow("mixed")
        want = messages_of([700] * 64)
        same(send(one, want), 64)
        until(lambda: other.info().queued == 64, "all have come")
        got = [other.read() for _ in range(5)] + receive(other, 7) + \
            [other.read()] + receive_all(other, 51, at_once=10)
        same(got == want, True, "all, in order")
        for message in want:
            one.write(message)
        same(receive_all(other, 64) == want, True, "single ones in a batch")
        one.close()
        other.close()


@case("a truncated message has the flag TRUNC, and the next message is whole")
def truncated():
    with Agents() as agents:
        one, other = agents.flow("cut")
        send(one, messages_of([100] * 4))
        until(lambda: other.info().queued == 4, "all have come")
        batch = Batch([100, 60, 0, 200])
        same(batch.call(other, RECV), 4)
        want = messages_of([100] * 4)
        same([batch.get(i) for i in range(4)],
             [(want[0], 0), (want[1][:60], TRUNC), (b"", TRUNC), (want[3], 0)])
        one.close()
        other.close()


@case("batches that cross the end of a leaf continue in the next leaf, and nothing is lost")
def over_leaves():
    with Agents() as agents:
        one, other = agents.flow("leaves", packets_per_leaf=64)
        want = messages_of([900] * 50)
        for _ in range(30):
            same(send(one, want), 50)
            same(receive_all(other, 50) == want, True, "a batch")
        info = other.info()
        same(info.rx_leaf > 20, True, "leaves were left behind")
        same((info.drop_key, info.drop_auth, info.drop_replay, info.drop_other),
             (0, 0, 0, 0), "drops")
        one.close()
        other.close()


@case("messages queued under a leaf that was left behind are read")
def queued_under_old_leaf():
    with Agents() as agents:
        one, other = agents.flow("old", packets_per_leaf=64)
        want = messages_of([400] * 30)
        for n in range(20):
            same(send(one, want), 30)
            # leaves so short end faster than the worker derives the next one
            until(lambda: other.info().queued == 30 * (n + 1), "all are there")  # noqa: B023
        got = receive_all(other, 600)
        same(got == want * 20, True, "all, in order")
        one.close()
        other.close()


@case("messages queued under an epoch whose keys were wiped are read")
def queued_under_old_epoch():
    with Agents() as agents:
        one, other = agents.flow("epoch", linger=100, grace=600000)
        want = messages_of([400] * 60)
        same(send(one, want), 60)
        events = Netlink("bob")
        events.join("events")
        agents.confirmed(one, other)
        epoch, exchange = agents.claim(one.info().id)
        seed = os.urandom(32)
        for end in other, one:
            agents.park(end, epoch, exchange, seed)
            end.rekey()
        one.write(b"new")
        events.event("WIPED", other.info().id, 0)
        events.close()
        same(receive_all(other, 60) == want, True, "all, in order")
        same(other.receive(), b"new")
        same(other.info().drop_key, 0)
        one.close()
        other.close()


@case("a bad address, flag or length ends a batch; the messages before it are sent")
def bad_arguments():
    with Agents() as agents:
        one, other = agents.flow("bad")
        want = messages_of([300] * 8)
        for bad, error in (((1, 300, 0), errno.EFAULT),
                           ((0, 300, 1), errno.EINVAL),
                           ((0, 70000, 0), errno.EMSGSIZE)):
            for at in range(8):
                batch = Batch([300] * 8, want)
                batch.set(at, bad[0] or ctypes.addressof(batch.buffers[at]),
                          *bad[1:])
                if at:
                    same(batch.call(one, SEND), at)
                    same(receive_all(other, at) == want[:at], True)
                else:
                    with fails(error):
                        batch.call(one, SEND)
        send(one, want)
        until(lambda: other.info().queued == 8, "all have come")
        batch = Batch([300] * 8)
        batch.set(2, 1, 300)
        same(batch.call(other, RECV), 2)
        same(receive_all(other, 5) == want[3:], True, "one is lost")
        for number, known in (SEND, 1), (RECV, 7):
            for count, flags in ((0, 0), (1025, 0), (1, known + 1)):
                with fails(errno.EINVAL):
                    Batch([1]).call(one, number, flags, count)
        one.close()
        other.close()


@case("a batched receive waits for the first message only; with DONTWAIT not at all")
def waiting():
    with Agents() as agents:
        one, other = agents.flow("wait")
        with fails(errno.EAGAIN):
            receive(other, 4, flags=DONTWAIT)
        got = []
        thread = threading.Thread(target=lambda: got.extend(receive(other, 4)))
        thread.start()
        one.write(b"first")
        thread.join()
        same(got, [b"first"])
        one.close()
        other.close()


@case("with two readers and two writers of batches each message is received once")
def many_threads():
    with Agents() as agents:
        one, other = agents.flow("many", packets_per_leaf=4096)
        total, got = 4000, []
        lock = threading.Lock()

        def write(first):
            for base in range(first, total, 40):
                send_all(one, [struct.pack("=I", i) * 50
                               for i in range(base, base + 20)])
                # queued messages are only a part of those in transit
                until(lambda: one.info().tx_packets - len(got) < 500,
                      "the readers read")

        def read():
            while True:
                some = receive(other, 16)
                with lock:
                    got.extend(some)
                    if len(got) >= total or b"" in some:
                        break
            one.write(b"")
        threads = [threading.Thread(target=write, args=(first,), daemon=True)
                   for first in (0, 20)]
        threads += [threading.Thread(target=read, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            before = len(got)
            until(lambda: len(got) > before or  # noqa: B023
                  not any(thread.is_alive() for thread in threads),
                  Late(lambda: f"message {len(got)} is read: {one.info()}, "
                       f"{other.info()}, {+drops('bob')}"))
        numbers = sorted(struct.unpack_from("=I", m)[0] for m in got if m)
        same(numbers == list(range(total)), True, "each once")
        one.close()
        other.close()


run()
