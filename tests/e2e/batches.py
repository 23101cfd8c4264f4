# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Batches of messages: IPCP_IOC_SEND and IPCP_IOC_RECV."""

import ctypes
import struct

from ipcp import RECV, SEND

TRUNC, DONTWAIT = 1, 1
BATCH = struct.Struct("=IIQII")
MSG = struct.Struct("=QII")


class Batch:
    """Descriptors of messages, and the buffers of the messages."""

    def __init__(self, sizes, messages=None):
        self.buffers = [ctypes.create_string_buffer(max(size, 1))
                        for size in sizes]
        self.array = bytearray(MSG.size * len(sizes))
        for i, size in enumerate(sizes):
            if messages:
                ctypes.memmove(self.buffers[i], messages[i], size)
            self.set(i, ctypes.addressof(self.buffers[i]), size)

    def set(self, i, base, size, flags=0):
        """Writes a descriptor."""
        MSG.pack_into(self.array, i * MSG.size, base, size, flags)

    def get(self, i):
        """Message and flags of a descriptor."""
        _base, size, flags = MSG.unpack_from(self.array, i * MSG.size)
        return self.buffers[i].raw[:size], flags

    def call(self, end, number, flags=0, count=None):
        """Sends or receives the batch; returns how many messages were handled."""
        count = len(self.buffers) if count is None else count
        array = (ctypes.c_char * len(self.array)).from_buffer(self.array)
        return end.ioctl(number, BATCH.pack(BATCH.size, flags,
                                            ctypes.addressof(array), count,
                                            0))[0]


def send(end, messages, flags=0):
    """Sends messages in one call; returns how many were sent."""
    return Batch([len(m) for m in messages], messages).call(end, SEND, flags)


def send_all(end, messages):
    """Sends all messages, in as many calls as the room in the send queue needs."""
    sent = 0
    while sent < len(messages):
        sent += send(end, messages[sent:])


def receive(end, count, size=2048, flags=0):
    """Receives up to count messages in one call."""
    batch = Batch([size] * count)
    return [batch.get(i)[0] for i in range(batch.call(end, RECV, flags))]


def receive_all(end, count, size=2048, at_once=64):
    """Receives count messages, in several calls."""
    got = []
    while len(got) < count:
        got += receive(end, min(at_once, count - len(got)), size)
    return got
