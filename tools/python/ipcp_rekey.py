# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The ipcp_rekey contributors
"""Flows of the ipcp_rekey module: encrypted message channels to names.

Flow and Listener block, as sockets do. Flow.open() and AsyncListener are for
asyncio. A Provider carries the packets of flows in place of UDP. See
ipcp_rekey.py(3) for examples, ipcp_rekey(4) for the device.
"""

import asyncio
import contextlib
import ctypes
import dataclasses
import enum
import errno
import fcntl
import math
import os
import select
import time
import typing
import warnings

__all__ = [
    "AbortedError", "AsyncListener", "AuthenticationError", "Cipher", "DEVICE",
    "DeniedError", "Flags", "Flow", "FlowDownError", "FlowError",
    "FlowTimeoutError", "Info", "KeysExpiredError", "LimitError", "Listener",
    "Message", "MessageSizeError", "NoAgentError", "PeerSilentError", "Provider", "Qos",
    "RefusedError", "State", "UnknownNameError", "WouldBlockError"]

DEVICE = "/dev/ipcp_rekey"
NAME_LEN = 255		# longest name in bytes
REASON_LEN = 128	# bytes of a reason, with the NUL
BATCH_MAX = 1024	# messages of a batch
BACKLOG_MAX = 1024	# flows that wait to be accepted
RECV_SIZE = 65536	# bytes; no message is longer
PACKET_MIN, PACKET_MAX = 1200, 65507	# bytes that a provider's longest packet may have
ALLOC_TIMEOUT = 20.0	# seconds

_TIMEOUT_NONE = -1
_TIMEOUT_MAX = 2 ** 63 - 1
_POLL_MAX = 2 ** 31 // 1000	# seconds that a call of poll() can wait
_CALLS_MAX = 16		# of a task, before other tasks run
_ACCEPT_NONBLOCK = 0x1
_SET_RCVTIMEO, _SET_SNDTIMEO, _SET_ACCESS, _SET_DOWN, _SET_PPL = 1, 2, 4, 8, 16
_SET_TIMESTAMP = 32
_MSG_TRUNC = 0x1
_BATCH_DONTWAIT, _BATCH_PEEK, _BATCH_TRUNC = 0x1, 0x2, 0x4
_IOC_TYPE = 0xE7
_ALLOC, _LISTEN, _ACCEPT, _REKEY, _GET_INFO, _SET, _SEND, _RECV, _PROVIDE = (
    _IOC_TYPE << 8 | number for number in range(1, 10))

_UNCHANGED = object()


# --- structures of <linux/ipcp_rekey.h>

class _Qos(ctypes.Structure):
    _fields_ = [("bandwidth", ctypes.c_uint64)] + [
        (name, ctypes.c_uint32)
        for name in ("delay", "loss", "ber", "max_gap", "timeout")] + [
        ("availability", ctypes.c_uint8), ("in_order", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 2)]


class _Sized(ctypes.Structure):
    """A structure that begins with its size."""

    def __init__(self, **values):
        super().__init__(size=ctypes.sizeof(self), **values)


class _Alloc(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("name", ctypes.c_uint64), ("name_len", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32), ("timeout", ctypes.c_int64),
                ("qos", _Qos)]


class _Listen(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("name", ctypes.c_uint64), ("name_len", ctypes.c_uint32),
                ("backlog", ctypes.c_uint32)]


class _Provide(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("name", ctypes.c_uint64), ("name_len", ctypes.c_uint32),
                ("mtu", ctypes.c_uint32)]


class _Accept(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("timeout", ctypes.c_int64), ("qos", _Qos),
                ("authenticated", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32),
                ("peer_name", ctypes.c_char * (NAME_LEN + 1))]


class _Info(_Sized):
    _fields_ = [
        (name, ctypes.c_uint32)
        for name in ("size", "state", "id", "cipher", "rb_flags", "mtu")] + [
        (name, ctypes.c_uint8)
        for name in ("epoch", "tx_epoch", "newest_epoch", "initiator")] + [
        (name, ctypes.c_uint32)
        for name in ("tx_leaf", "rx_leaf", "packets_per_leaf", "peer_timeout",
                     "error")] + [
        (name, ctypes.c_uint64)
        for name in ("tx_left", "rx_left", "tx_packets", "tx_bytes",
                     "rx_packets", "rx_bytes", "drop_key", "drop_auth",
                     "drop_replay", "drop_full", "drop_other", "rekeys",
                     "leaves", "recoveries", "recovery_age")] + [
        ("queued", ctypes.c_uint32), ("mtu_confirmed", ctypes.c_uint32),
        ("reason", ctypes.c_char * REASON_LEN),
        ("name", ctypes.c_char * (NAME_LEN + 1)),
        ("peer_name", ctypes.c_char * (NAME_LEN + 1)),
        ("authenticated", ctypes.c_uint32), ("reserved2", ctypes.c_uint32)]


class _Set(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("mask", ctypes.c_uint32),
                ("rcvtimeo", ctypes.c_int64), ("sndtimeo", ctypes.c_int64),
                ("access", ctypes.c_uint32), ("down", ctypes.c_uint32),
                ("packets_per_leaf", ctypes.c_uint32),
                ("timestamp", ctypes.c_uint32)]


class _Msg(ctypes.Structure):
    _fields_ = [("base", ctypes.c_uint64), ("len", ctypes.c_uint32),
                ("flags", ctypes.c_uint32)]


class _Batch(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("msgs", ctypes.c_uint64), ("count", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32), ("times", ctypes.c_uint64)]


# --- types for programs

class State(enum.IntEnum):
    """State of a flow."""

    INIT = 0
    ALLOC_PENDING = 1
    ACCEPT_PENDING = 2
    ALLOCATED = 3
    DEALLOC_PENDING = 4
    DEALLOCATED = 5


class Cipher(enum.IntEnum):
    """Cipher of a flow."""

    NONE = 0
    AES_128_GCM = 895
    AES_256_GCM = 901
    CHACHA20_POLY1305 = 1018


class Flags(enum.IntFlag):
    """Flags word of a flow."""

    RD = 0x01		# the program may read
    WR = 0x02		# the program may write
    FLOWDOWN = 0x04	# the flow is down for good
    FLOWPEER = 0x08	# the peer is silent
    REKEY = 0x10	# a seed waits to be taken


@dataclasses.dataclass(frozen=True, slots=True)
class Qos:
    """Quality of service that a program requests.

    Flows neither retransmit nor keep order: loss must be true, in_order 0.
    """

    bandwidth: int = 0		# bits per second, 0 for any
    delay: int = 0		# milliseconds
    loss: bool = True
    ber: bool = True
    max_gap: int = 0		# milliseconds
    timeout: int = 0		# peer timeout in milliseconds, 0 for 120000
    availability: int = 0	# class of nines
    in_order: int = 0

    def _pack(self) -> _Qos:
        return _Qos(**{field.name: int(getattr(self, field.name))
                       for field in dataclasses.fields(self)})

    @classmethod
    def _unpack(cls, qos: _Qos) -> "Qos":
        values = {field.name: getattr(qos, field.name)
                  for field in dataclasses.fields(cls)}
        values.update(loss=bool(qos.loss), ber=bool(qos.ber))
        return cls(**values)


@dataclasses.dataclass(frozen=True, slots=True)
class Info:		# pylint: disable=too-many-instance-attributes
    """Information about a flow, as ipcp_rekey(4) describes each field."""

    size: int
    state: State
    id: int
    cipher: int
    rb_flags: Flags
    mtu: int
    epoch: int
    tx_epoch: int
    newest_epoch: int
    initiator: bool
    tx_leaf: int
    rx_leaf: int
    packets_per_leaf: int
    peer_timeout: int
    error: int
    tx_left: int
    rx_left: int
    tx_packets: int
    tx_bytes: int
    rx_packets: int
    rx_bytes: int
    drop_key: int
    drop_auth: int
    drop_replay: int
    drop_full: int
    drop_other: int
    rekeys: int
    leaves: int
    recoveries: int
    recovery_age: int
    queued: int
    mtu_confirmed: bool
    reason: str
    name: str
    peer_name: str
    authenticated: bool

    @classmethod
    def _unpack(cls, info: _Info) -> "Info":
        values = {field.name: getattr(info, field.name)
                  for field in dataclasses.fields(cls)}
        values.update(
            state=State(info.state), rb_flags=Flags(info.rb_flags),
            initiator=bool(info.initiator),
            mtu_confirmed=bool(info.mtu_confirmed), reason=_text(info.reason),
            name=_text(info.name), peer_name=_text(info.peer_name),
            authenticated=bool(info.authenticated))
        return cls(**values)


class Message(typing.NamedTuple):
    """A message of a batch. A truncated one lacks its end."""

    data: bytes
    truncated: bool
    length: int		# bytes of the whole message
    time_ns: int	# arrival, as time.time_ns(); 0 if not recorded


# --- errors

class FlowError(OSError):
    """A call on a flow or a listener failed."""


class AbortedError(FlowError, ConnectionAbortedError):
    """The agent gave up without a reason."""


class AuthenticationError(FlowError):
    """The peer could not prove its name, or rejected our proof."""


class DeniedError(FlowError, PermissionError):
    """The agent's policy does not allow this user the name, or access to the
    flow was taken away."""


class FlowDownError(FlowError, BrokenPipeError):
    """The flow is down for good."""


class FlowTimeoutError(FlowError, TimeoutError):
    """The time limit passed."""


class KeysExpiredError(FlowError):
    """The keys are used up or too old, and no new seed came."""


class LimitError(FlowError):
    """The user has too many flows, names or requests, or too much memory."""


class MessageSizeError(FlowError):
    """The message is longer than the path allows."""


class NoAgentError(FlowError):
    """No agent runs in this network namespace."""


class PeerSilentError(FlowError, BrokenPipeError):
    """The peer is silent. This may pass."""


class RefusedError(FlowError, ConnectionRefusedError):
    """The peer does not serve the name, or has too many flows or requests."""


class UnknownNameError(FlowError):
    """The name is unknown, or nobody answered."""


class WouldBlockError(FlowError, BlockingIOError):
    """The call would wait, and the file is non-blocking."""


_FLOW_ERRORS = {
    errno.EAGAIN: WouldBlockError,
    errno.EINPROGRESS: WouldBlockError,
    errno.ECONNABORTED: AbortedError,
    errno.ECONNREFUSED: RefusedError,
    errno.EACCES: DeniedError,
    errno.EPERM: DeniedError,
    errno.EDQUOT: LimitError,
    errno.EUSERS: LimitError,
    errno.EKEYEXPIRED: KeysExpiredError,
    errno.EKEYREJECTED: AuthenticationError,
    errno.EMSGSIZE: MessageSizeError,
    errno.EPIPE: PeerSilentError,
    errno.ESHUTDOWN: FlowDownError,
    errno.ETIMEDOUT: FlowTimeoutError,
}
# The meaning of these numbers when a name is requested or served.
_NAME_ERRORS = _FLOW_ERRORS | {
    errno.EHOSTUNREACH: UnknownNameError,
    errno.ENOTCONN: NoAgentError,
}

_FLOW_WORDS = {
    errno.EAGAIN: "the call would wait",
    errno.EBADF: "closed, or not open for this direction",
    errno.EDQUOT: "too much memory is in this user's queues",
    errno.EINVAL: "not a flow",
    errno.EKEYEXPIRED: "the keys are used up or too old, and no new seed came; "
                       "check that both agents run",
    errno.EMSGSIZE: "the message is longer than the path allows; see info().mtu",
    errno.ENOTCONN: "not a flow",
    errno.EPERM: "access to the flow was taken away",
    errno.EPIPE: "the peer is silent",
    errno.ESHUTDOWN: "the flow is down",
    errno.ETIMEDOUT: "the time limit passed",
}
_NAME_WORDS = {
    errno.EACCES: "the agent's policy does not allow this user the name",
    errno.ECONNABORTED: "the agent gave up without a reason",
    errno.ECONNREFUSED: "the peer does not serve the name, or has too many flows",
    errno.EDQUOT: "this user has too many flows, names or requests",
    errno.EHOSTUNREACH: "the name is unknown, or nobody answered",
    errno.EKEYREJECTED: "the peer could not prove its name, or rejected ours; "
                        "check the certificates of both",
    errno.ENOTCONN: "no agent runs in this network namespace; start ipcp-rekeyd",
    errno.EOPNOTSUPP: "flows neither retransmit nor keep order",
    errno.ETIMEDOUT: "no answer in time",
    errno.EUSERS: "the agent's queue of requests is full",
}
_ACCEPT_WORDS = {
    errno.EAGAIN: "no flow waits to be accepted",
    errno.EBADF: "the listener is closed",
    errno.EINVAL: "not a listener",
    errno.ETIMEDOUT: "no peer asked for a flow in time",
}
_OPEN_WORDS = {
    errno.ENOENT: "no such device; load the module: modprobe ipcp_rekey",
    errno.ENODEV: "the module is not loaded; load it: modprobe ipcp_rekey",
    errno.ENXIO: "the module is not loaded; load it: modprobe ipcp_rekey",
    errno.EACCES: "no access to the device; let root run: adduser USER ipcp-rekey, "
                  "and log in again",
}


# --- helpers

def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _name_buffer(name: str):
    """Return the bytes of a name, in memory that the kernel can read."""
    raw = name.encode()
    if not 1 <= len(raw) <= NAME_LEN or any(c <= 0x20 or c == 0x7f for c in raw):
        raise ValueError(f"a name has 1 to {NAME_LEN} bytes, no spaces and no "
                         f"control characters: {name!r}")
    return ctypes.create_string_buffer(raw, len(raw))


def _nanoseconds(seconds: float | None) -> int:
    """Convert a time limit for the kernel, where 0 would select the default."""
    if seconds is None:
        return _TIMEOUT_NONE
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"a time limit is None or at least 0: {seconds!r}")
    return max(1, int(min(seconds * 1e9, _TIMEOUT_MAX)))


def _check_backlog(backlog: int) -> None:
    if not 1 <= backlog <= BACKLOG_MAX:
        raise ValueError(f"a backlog is 1 to {BACKLOG_MAX} flows: {backlog}")


def _check_count(count: int) -> None:
    if not 1 <= count <= BATCH_MAX:
        raise ValueError(f"a batch has 1 to {BATCH_MAX} messages: {count}")


def _check_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"a buffer has at least 1 byte: {size}")


def _open_device(flags: int) -> int:
    try:
        return os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | flags)
    except OSError as err:
        words = _OPEN_WORDS.get(err.errno, err.strerror)
        raise OSError(err.errno, words, DEVICE) from None


def _ioctl(fd: int, number: int, arg) -> int:
    """Issue an ioctl; repeat the call after a signal whose handler returned."""
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    while True:
        try:
            return fcntl.ioctl(fd, number, arg)
        except InterruptedError:
            pass


def _wake(future: asyncio.Future) -> None:
    if not future.done():
        future.set_result(None)


class _Gate:
    """Lets tasks wait for events of a file, one task at a time.

    An event loop watches one callback for each file and direction, and knows
    neither EPOLLPRI nor EPOLLRDHUP. An epoll instance of its own has no such
    limits.
    """

    def __init__(self, fd: int, events: int):
        self.turn = asyncio.Lock()
        self._calls = 0		# since a task has waited
        self._future: asyncio.Future | None = None
        self._epoll = select.epoll()
        try:
            self._epoll.register(fd, events)
        except OSError:
            self._epoll.close()
            raise

    async def pause(self) -> None:
        """Let other tasks run if many calls had nothing to wait for."""
        self._calls += 1
        if self._calls > _CALLS_MAX:
            self._calls = 0
            await asyncio.sleep(0)

    async def wait(self) -> None:
        """Wait for an event. Requires self.turn."""
        self._calls = 0
        loop = asyncio.get_running_loop()
        fd = self._epoll.fileno()
        self._future = loop.create_future()
        loop.add_reader(fd, _wake, self._future)
        try:
            await self._future
        finally:
            self._future = None
            if not self._epoll.closed:
                loop.remove_reader(fd)

    def wake(self) -> None:
        """Let the waiting task repeat its call."""
        if self._future:
            _wake(self._future)

    def close(self) -> None:
        """Make the waiting task fail."""
        future = self._future
        if future and not future.get_loop().is_closed():
            future.get_loop().remove_reader(self._epoll.fileno())
            if not future.done():
                future.set_exception(FlowError(errno.EBADF, "closed meanwhile"))
        self._epoll.close()


class _Buffers:
    """Memory for a batch of received messages."""

    def __init__(self, count: int, size: int):
        self.shape = count, size
        self._memory = bytearray(count * size)
        pinned = (ctypes.c_char * len(self._memory)).from_buffer(self._memory)
        self._base = ctypes.addressof(pinned)
        self._pinned = pinned
        self.array = (_Msg * count)()
        self.times = (ctypes.c_int64 * count)()

    def prepare(self) -> None:
        """Offer the kernel all of the memory."""
        count, size = self.shape
        for i in range(count):
            self.array[i] = self._base + i * size, size, 0

    def messages(self, count: int) -> list[Message]:
        """Return the messages that the kernel has stored."""
        _, size = self.shape
        view = memoryview(self._memory)
        return [Message(bytes(view[i * size:i * size + min(size, msg.len)]),
                        bool(msg.flags & _MSG_TRUNC), msg.len, self.times[i])
                for i, msg in enumerate(self.array[:count])]


class _Endpoint:
    """An open device."""

    def __init__(self, fd: int):
        self._blocking = os.get_blocking(fd)	# fails if fd is not a descriptor
        self._fd = fd
        self._gates: dict[int, _Gate] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_fd", -1) >= 0:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()

    def __repr__(self):
        return f"<ipcp_rekey.{type(self).__name__} fd={self._fd}>"

    def fileno(self) -> int:
        """Return the file descriptor, -1 if closed."""
        return self._fd

    def detach(self) -> int:
        """Release the file descriptor: the caller must close it."""
        fd, self._fd = self._fd, -1
        for gate in self._gates.values():
            gate.close()
        self._gates.clear()
        return fd

    def close(self) -> None:
        """Close the file. Tasks that wait for it fail with EBADF."""
        fd = self.detach()
        if fd >= 0:
            os.close(fd)

    def info(self) -> Info:
        """Return state, counters and names."""
        arg = _Info()
        try:
            _ioctl(self._fd, _GET_INFO, arg)
        except OSError as err:
            raise self._error(err, _FLOW_WORDS) from None
        return Info._unpack(arg)

    def _error(self, err: OSError | int, words: dict, kinds=None,
               name: str | None = None) -> FlowError:
        """Return the exception for an errno, with the kernel's reason if any."""
        number = err if isinstance(err, int) else err.errno
        kind = (kinds or _FLOW_ERRORS).get(number, FlowError)
        text = words.get(number) or os.strerror(number)
        if self._fd >= 0 and kind is not WouldBlockError:
            arg = _Info()
            with contextlib.suppress(OSError):	# closed by another thread
                _ioctl(self._fd, _GET_INFO, arg)
            if arg.error == number and arg.reason:
                text = _text(arg.reason)
        return kind(number, text) if name is None else kind(number, text, name)

    def _ask(self, name: str, number: int, arg) -> None:
        """Ask the agent for a name; a non-blocking file gets the answer later."""
        try:
            _ioctl(self._fd, number, arg)
        except OSError as err:
            if err.errno != errno.EINPROGRESS:
                raise self._error(err, _NAME_WORDS, _NAME_ERRORS, name) from None

    def _check_granted(self, name: str) -> None:
        events = self._poll(select.POLLOUT)
        if events & select.POLLERR:
            raise self._error(self.info().error, _NAME_WORDS, _NAME_ERRORS, name)
        if not events:
            raise WouldBlockError(errno.EAGAIN, "not answered yet")

    def _poll(self, events: int, timeout: float | None = 0.0) -> int:
        if self._fd < 0:
            raise FlowError(errno.EBADF, "closed")
        poll = select.poll()
        poll.register(self._fd, events)
        found = None
        while timeout is not None and timeout > _POLL_MAX and not found:
            found = poll.poll(_POLL_MAX * 1000)
            timeout -= _POLL_MAX
        if not found:
            found = poll.poll(None if timeout is None else math.ceil(timeout * 1000))
        return found[0][1] if found else 0

    async def _until_done(self, events: int, call, *args):
        """Repeat a call until it does not have to wait."""
        if self._blocking:
            raise ValueError("this file is blocking; setblocking(False) first")
        gate = self._gates.get(events)
        if gate is None:
            if self._fd < 0:
                raise FlowError(errno.EBADF, "closed")
            try:
                gate = self._gates[events] = _Gate(self._fd, events)
            except OSError as err:
                raise FlowError(err.errno, err.strerror) from None
        async with gate.turn:
            await gate.pause()
            while True:
                try:
                    return call(*args)
                except BlockingIOError:
                    await gate.wait()


_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLPRI
_WRITABLE = select.EPOLLOUT | select.EPOLLPRI


class _Mover(_Endpoint):
    """A file that sends and receives messages, or packets."""

    _notes_times = True

    def __init__(self, fd: int):
        super().__init__(fd)
        self._spare: list[_Buffers] = []
        # in seconds, as set by set_timeouts()
        self._limits: dict[int, float | None] = {_SEND: None, _RECV: None}

    def setblocking(self, blocking: bool) -> None:
        """Make all copies of the file blocking or non-blocking."""
        os.set_blocking(self._fd, blocking)
        self._blocking = blocking

    # --- blocking calls

    def send(self, message) -> None:
        """Send one message, whole or not at all."""
        if self._limits[_SEND] is not None:
            self.send_many([message])
            return
        try:
            os.write(self._fd, message)
        except OSError as err:
            raise self._error(err, _FLOW_WORDS) from None

    def recv(self, size: int = RECV_SIZE) -> bytes:
        """Receive one message. The part beyond size bytes is discarded."""
        _check_size(size)
        if self._limits[_RECV] is not None:
            return self.recv_many(1, size)[0].data
        try:
            return os.read(self._fd, size)
        except OSError as err:
            raise self._error(err, _FLOW_WORDS) from None

    def send_many(self, messages) -> int:
        """Send messages in one call; return how many were sent.

        The argument has 1 to BATCH_MAX messages. The first ones are sent, and at
        least one: the call waits for the first message only.
        """
        messages = list(messages)
        _check_count(len(messages))
        sizes = [memoryview(message).nbytes for message in messages]
        joined = b"".join(messages)
        base = ctypes.cast(ctypes.c_char_p(joined), ctypes.c_void_p).value
        array = (_Msg * len(sizes))()
        for i, size in enumerate(sizes):
            array[i] = base, size, 0
            base += size
        return self._transfer(_SEND, array)

    def recv_many(self, count: int = 64, size: int = RECV_SIZE) -> list[Message]:
        """Receive up to count messages in one call, and at least one.

        A message of more than size bytes is truncated. The call waits for the
        first message only.
        """
        _check_size(size)
        _check_count(count)
        try:
            buffers = self._spare.pop()
        except IndexError:
            buffers = None
        if buffers is None or buffers.shape != (count, size):
            buffers = _Buffers(count, size)
        buffers.prepare()
        try:
            return buffers.messages(self._transfer(
                _RECV, buffers.array, _BATCH_TRUNC,
                buffers.times if self._notes_times else None))
        finally:
            if not self._spare:
                self._spare.append(buffers)

    def _transfer(self, number: int, array, flags: int = 0, times=None) -> int:
        arg = _Batch(msgs=ctypes.addressof(array), count=len(array), flags=flags,
                     times=0 if times is None else ctypes.addressof(times))
        limit = self._limits[number] if self._blocking else None
        try:
            if limit is None:
                return _ioctl(self._fd, number, arg)
            return self._transfer_within(limit, number, arg)
        except OSError as err:
            raise self._error(err, _FLOW_WORDS) from None

    def _transfer_within(self, limit: float, number: int, arg: _Batch) -> int:
        """Wait for at most limit seconds, even if signals interrupt the wait.

        The kernel's own time limit would begin anew with each call.
        """
        until = time.monotonic() + limit
        events = _READABLE if number == _RECV else _WRITABLE
        arg.flags |= _BATCH_DONTWAIT
        while True:
            left = until - time.monotonic()
            try:
                return _ioctl(self._fd, number, arg)
            except BlockingIOError:
                if left <= 0:
                    raise OSError(errno.ETIMEDOUT, "") from None
            self._poll(events, left)

    # --- asyncio

    async def read(self, size: int = RECV_SIZE) -> bytes:
        """Await one message. The part beyond size bytes is discarded."""
        return await self._until_done(_READABLE, self.recv, size)

    async def write(self, message) -> None:
        """Send one message, whole or not at all, once there is room."""
        await self._until_done(_WRITABLE, self.send, message)

    async def read_many(self, count: int = 64,
                        size: int = RECV_SIZE) -> list[Message]:
        """Await up to count messages, and at least one; see recv_many()."""
        return await self._until_done(_READABLE, self.recv_many, count, size)

    async def write_many(self, messages) -> int:
        """Send messages once there is room for one; see send_many()."""
        # send_many() may be called several times
        return await self._until_done(_WRITABLE, self.send_many, list(messages))


class Flow(_Mover):
    """A flow: a channel for messages to a peer and back.

    connect() returns a blocking flow, "await open()" one for asyncio. send and
    recv are for the former; read, write and "async for" for the latter.
    Iterating over a flow yields its messages until the peer closes the flow.
    Threads may share a flow, and tasks, too.
    """

    def __init__(self, fd: int):
        """Take over the file descriptor of a flow."""
        super().__init__(fd)
        self._peer: tuple[str, bool] | None = None
        self.qos: Qos | None = None	# as requested; None if not known

    # --- allocation

    @classmethod
    def connect(cls, name: str, timeout: float | None = ALLOC_TIMEOUT, *,
                qos: Qos = Qos()) -> "Flow":
        """Request a flow to a name, and wait for the flow.

        timeout is in seconds; None for no limit.
        """
        return cls._begin(0, name, timeout, qos)

    @classmethod
    async def open(cls, name: str, timeout: float | None = ALLOC_TIMEOUT, *,
                   qos: Qos = Qos()) -> "Flow":
        """Request a flow to a name, and await the flow, which is non-blocking."""
        flow = cls._begin(os.O_NONBLOCK, name, timeout, qos)
        try:
            await flow._until_done(_WRITABLE, flow._check_allocated, name)
        except BaseException:
            flow.close()
            raise
        return flow

    @classmethod
    def _begin(cls, flags, name, timeout, qos) -> "Flow":
        buffer = _name_buffer(name)
        arg = _Alloc(name=ctypes.addressof(buffer), name_len=len(buffer),
                     timeout=_nanoseconds(timeout), qos=qos._pack())
        flow = cls(_open_device(flags))
        flow.qos = qos
        try:
            flow._allocate(arg, name)
        except BaseException:
            flow.close()
            raise
        return flow

    def _allocate(self, arg: _Alloc, name: str) -> None:
        try:
            fcntl.ioctl(self._fd, _ALLOC, arg)
        except InterruptedError:
            # The allocation continues, until its own time limit.
            if self._blocking:
                self._poll(select.POLLOUT, None)
                self._check_allocated(name)
        except OSError as err:
            if err.errno != errno.EINPROGRESS:
                raise self._error(err, _NAME_WORDS, _NAME_ERRORS, name) from None

    def _check_allocated(self, name: str) -> None:
        info = self.info()
        if info.error and info.state != State.ALLOCATED:
            raise self._error(info.error, _NAME_WORDS, _NAME_ERRORS, name)
        if info.state in (State.INIT, State.ALLOC_PENDING, State.ACCEPT_PENDING):
            raise WouldBlockError(errno.EAGAIN, "not allocated yet")

    # --- the peer

    def _known_peer(self) -> tuple[str, bool]:
        if self._peer is None:
            info = self.info()
            peer = info.peer_name, info.authenticated
            if info.state != State.ALLOCATED:
                return peer
            self._peer = peer
        return self._peer

    @property
    def peer_name(self) -> str:
        """Name that the peer has proved; empty if none."""
        return self._known_peer()[0]

    @property
    def authenticated(self) -> bool:
        """True if the peer has proved peer_name."""
        return self._known_peer()[1]

    # --- messages

    def peek(self, size: int = RECV_SIZE) -> Message:
        """Return the next message, and leave it in the queue."""
        _check_size(size)
        buffers = _Buffers(1, size)
        buffers.prepare()
        return buffers.messages(self._transfer(
            _RECV, buffers.array, _BATCH_PEEK | _BATCH_TRUNC, buffers.times))[0]

    def _is_end(self, err: FlowError) -> bool:
        """True if the flow is down because the peer closed it."""
        return err.errno == errno.ESHUTDOWN and self._fd >= 0 and \
            not self._poll(0) & select.POLLERR

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        try:
            return self.recv()
        except FlowDownError as err:
            if self._is_end(err):
                raise StopIteration from None
            raise

    # --- asyncio

    async def wait_rekey(self) -> None:
        """Await a seed that waits to be taken.

        A task that waits in read() or write() takes the seed first.
        """
        await self._until_done(select.EPOLLPRI, self._need_rekey)

    def _need_rekey(self) -> None:
        if not self.rekey_waiting():
            raise WouldBlockError(errno.EAGAIN, "no seed waits")

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self.read()
        except FlowDownError as err:
            if self._is_end(err):
                raise StopAsyncIteration from None
            raise

    # --- keys and settings

    def rekey_waiting(self, timeout: float | None = 0.0) -> bool:
        """Return True if a seed waits, or comes within timeout seconds."""
        _nanoseconds(timeout)	# checks the value
        events = self._poll(select.POLLPRI, timeout)
        if events & select.POLLPRI:
            return True
        if events & select.POLLHUP:
            raise self._error(errno.ESHUTDOWN, _FLOW_WORDS)
        return False

    def rekey(self) -> bool:
        """Take a waiting seed. Return False if none waits.

        Every call that sends or receives takes a waiting seed, too.
        """
        try:
            _ioctl(self._fd, _REKEY, 0)
        except OSError as err:
            if err.errno == errno.ENODATA:
                return False
            raise self._error(err, _FLOW_WORDS) from None
        return True

    def set_timeouts(self, *, recv=_UNCHANGED, send=_UNCHANGED) -> None:
        """Limit the wait of blocking calls, in seconds; None for no limit."""
        values: dict[str, int] = {"mask": 0}
        if recv is not _UNCHANGED:
            values["mask"] |= _SET_RCVTIMEO
            values["rcvtimeo"] = _nanoseconds(recv)
        if send is not _UNCHANGED:
            values["mask"] |= _SET_SNDTIMEO
            values["sndtimeo"] = _nanoseconds(send)
        self._set(**values)
        if recv is not _UNCHANGED:
            self._limits[_RECV] = recv
        if send is not _UNCHANGED:
            self._limits[_SEND] = send

    def set_access(self, *, read: bool, write: bool) -> None:
        """Allow or forbid to read and to write."""
        self._set(mask=_SET_ACCESS, access=(Flags.RD if read else 0) |
                  (Flags.WR if write else 0))
        # poll() has no event for access that was taken away
        for gate in self._gates.values():
            gate.wake()

    def set_packets_per_leaf(self, packets: int) -> None:
        """Set how many packets use one key, from the next epoch on: a power of
        two, 64 to 1048576."""
        if not 64 <= packets <= 1048576 or packets & packets - 1:
            raise ValueError("packets is a power of two, 64 to 1048576")
        self._set(mask=_SET_PPL, packets_per_leaf=packets)

    def set_timestamps(self, noted: bool) -> None:
        """Record the arrival time of each message, for Message.time_ns."""
        self._set(mask=_SET_TIMESTAMP, timestamp=int(noted))

    def take_down(self) -> None:
        """Take the flow down for good, on both sides."""
        self._set(mask=_SET_DOWN, down=1)

    def _set(self, **values) -> None:
        try:
            _ioctl(self._fd, _SET, _Set(**values))
        except OSError as err:
            raise self._error(err, _FLOW_WORDS) from None


class _Listener(_Endpoint):
    """A name that is served."""

    def _serve(self, name: str, buffer, backlog: int) -> None:
        self._ask(name, _LISTEN,
                  _Listen(name=ctypes.addressof(buffer), name_len=len(buffer),
                          backlog=backlog))

    def _accept(self, flags: int, nanoseconds: int) -> Flow:
        arg = _Accept(flags=flags, timeout=nanoseconds)
        if self._fd < 0:
            raise FlowError(errno.EBADF, _ACCEPT_WORDS[errno.EBADF])
        try:
            fd = fcntl.ioctl(self._fd, _ACCEPT, arg)
        except InterruptedError:
            raise
        except OSError as err:
            raise self._error(err, _ACCEPT_WORDS) from None
        flow = Flow(fd)
        flow._peer = _text(arg.peer_name), bool(arg.authenticated)
        flow.qos = Qos._unpack(arg.qos)
        return flow


class Listener(_Listener):
    """A name that is served; accept() returns its flows."""

    @classmethod
    def listen(cls, name: str, backlog: int = 64) -> "Listener":
        """Serve a name. At most backlog flows wait to be accepted."""
        buffer = _name_buffer(name)
        _check_backlog(backlog)
        listener = cls(_open_device(0))
        try:
            listener._serve(name, buffer, backlog)
        except BaseException:
            listener.close()
            raise
        return listener

    def accept(self, timeout: float | None = None) -> Flow:
        """Return the next flow, blocking; wait for at most timeout seconds."""
        limit = None if timeout is None else time.monotonic() + timeout
        left = _nanoseconds(timeout)
        while True:
            try:
                return self._accept(0, left)
            except InterruptedError:
                if limit is not None:
                    left = _nanoseconds(max(0.0, limit - time.monotonic()))


class AsyncListener(_Listener):
    """A name that is served, for asyncio; "async for" yields its flows."""

    @classmethod
    async def listen(cls, name: str, backlog: int = 64) -> "AsyncListener":
        """Serve a name. At most backlog flows wait to be accepted."""
        buffer = _name_buffer(name)
        _check_backlog(backlog)
        listener = cls(_open_device(os.O_NONBLOCK))
        try:
            listener._serve(name, buffer, backlog)
            await listener._until_done(select.EPOLLOUT, listener._check_granted,
                                       name)
        except BaseException:
            listener.close()
            raise
        return listener

    async def accept(self) -> Flow:
        """Await the next flow. The flow is non-blocking."""
        return await self._until_done(select.EPOLLIN, self._accept,
                                      _ACCEPT_NONBLOCK, _TIMEOUT_NONE)

    def __aiter__(self):
        return self

    async def __anext__(self) -> Flow:
        return await self.accept()


class Provider(_Mover):
    """Carries the packets of flows to a name, in place of UDP.

    Receive packets here, bring them to the provider of the name on the peer's host,
    and send them there. Packets are sealed, and may get lost. provide() returns a
    blocking provider, "await open()" one for asyncio. Closing the provider takes its
    flows down.
    """

    _notes_times = False

    @classmethod
    def provide(cls, name: str, mtu: int = 1400) -> "Provider":
        """Provide a name for packets of at most mtu bytes."""
        return cls._begin(0, name, mtu)

    @classmethod
    async def open(cls, name: str, mtu: int = 1400) -> "Provider":
        """Provide a name for packets of at most mtu bytes. The file is
        non-blocking."""
        provider = cls._begin(os.O_NONBLOCK, name, mtu)
        try:
            await provider._until_done(select.EPOLLOUT, provider._check_granted, name)
        except BaseException:
            provider.close()
            raise
        return provider

    @classmethod
    def _begin(cls, flags: int, name: str, mtu: int) -> "Provider":
        buffer = _name_buffer(name)
        if not PACKET_MIN <= mtu <= PACKET_MAX:
            raise ValueError(f"packets have {PACKET_MIN} to {PACKET_MAX} bytes: {mtu}")
        provider = cls(_open_device(flags))
        try:
            provider._ask(name, _PROVIDE,
                          _Provide(name=ctypes.addressof(buffer),
                                   name_len=len(buffer), mtu=mtu))
        except BaseException:
            provider.close()
            raise
        return provider
