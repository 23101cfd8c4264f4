# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Hostile calls on the device, by threads that share files and buffers. They run as an
ordinary user of a host, or of a network namespace of their own."""

import contextlib
import ctypes
import errno
import mmap
import os
import select
import socket
import struct
import termios
import threading

from hostile_player import Player, mangled
from ipcp import (
    ACCEPT, ALLOC, GET_INFO, LISTEN, NSEC, PLAIN, PROVIDE, RECV, REKEY, SEND, SET, SET_DOWN,
    SET_RCVTIMEO, SET_SNDTIMEO, Endpoint, enter)

DEVICE = "/dev/ipcp_rekey"
COMMANDS = ALLOC, LISTEN, ACCEPT, REKEY, GET_INFO, SET, SEND, RECV, PROVIDE
NAMES = b"play", b"play", b"play", b"carried", b"kept", b"nobody's", b"", b"x" * 255, b"y" * 256
BORDERS = (0, 1, 2, 4, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 4096)
BAD_POINTERS = (0, 1, 0x7ffffffff000, 0xffff800000000000, (1 << 64) - 1)
PAGE, PAGES = mmap.PAGESIZE, 32
SYS_MMAP, SYS_MPROTECT, SYS_MUNMAP, SYS_IOCTL, SYS_DELETE_MODULE = 9, 10, 11, 16, 176
SYS_READ, SYS_WRITE, SYS_READV, SYS_WRITEV = 0, 1, 19, 20
RDWR, FIXED_PRIVATE_ANONYMOUS = 3, 0x32
MOST = 24		# open files
WAIT = 20 * int(os.environ.get("SLOW", "1")) * NSEC
MOMENT = NSEC // 5
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def syscall(number, *args):
    """Make a system call with raw arguments."""
    ret = libc.syscall(ctypes.c_long(number),
                       *(ctypes.c_ulong(arg & (1 << 64) - 1) for arg in args))
    if ret < 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err))
    return ret


class Calls(Player):
    """Random calls on the files of the process."""

    OPS = {"right": 8, "open": 4, "close": 3, "dup": 2, "pass": 1, "alloc": 6, "listen": 4,
           "accept": 4, "rekey": 2, "info": 3, "set": 3, "send": 8, "recv": 6,
           "garbage": 10, "pointer": 4, "read": 6, "write": 8, "vector": 4,
           "poll": 3, "epoll": 2, "flags": 2, "unmap": 4, "other": 3, "unload": 1,
           "provide": 2, "next": 2}
    THREADS = 3

    def set_up(self):
        self.fds, self.kinds = [], {}
        for fd in self.given.get(self.host, []):
            self.add(os.dup(fd), "given")
        self.memory = mmap.mmap(-1, PAGES * PAGE)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.mem = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
        if self.host:
            enter(self.host)
        self.drop()
        if not self.host:
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
        self.do_open()

    # --- arguments of calls

    def add(self, fd, kind):
        """Add a file: a "flow", a "given" flow inherited from the test, a "name", or a
        "new" file."""
        self.kinds[fd] = kind
        self.fds.append(fd)
        return fd

    def fd(self, kind=None):
        """Choose a file, mostly of this kind."""
        kinds = ("flow", "given") if kind == "flow" else (kind,)
        known = [fd for fd in list(self.fds) if self.kinds.get(fd) in kinds]
        if known and self.rng.random() < 0.8:
            return self.rng.choice(known)
        return self.rng.choice(self.fds) if self.fds else -1

    def place(self, data=b""):
        """Put data into memory that another thread may unmap. Return the address."""
        at = self.base + self.rng.randrange(PAGES * PAGE - len(data))
        if self.rng.random() < 0.3:	# across the end of a page
            at = min(self.base + PAGES * PAGE - len(data),
                     (at | (PAGE - 1)) + 1 - self.rng.randrange(len(data) + 2))
        try:
            os.pwrite(self.mem, data, at)
        except OSError:		# the memory is unmapped
            if self.rng.random() < 0.8:
                self.bring_back(at, len(data))
                os.pwrite(self.mem, data, at)
        return at

    @staticmethod
    def bring_back(at, size):
        """Map the memory again."""
        start = at & -PAGE
        syscall(SYS_MMAP, start, ((at + size + PAGE - 1) & -PAGE) - start, RDWR,
                FIXED_PRIVATE_ANONYMOUS, -1, 0)

    def number(self):
        """A number of up to 32 bits, often a boundary value."""
        if self.rng.random() < 0.5:
            return self.rng.choice(BORDERS)
        return self.rng.getrandbits(self.rng.randrange(1, 33))

    def time(self):
        """A time limit in ns, mostly short."""
        return self.rng.choice((1, NSEC // 1000, NSEC // 10, MOMENT, MOMENT, NSEC, NSEC,
                                -2, -(1 << 63)))

    def ioctl(self, fd, command, arg):
        """Call ioctl() with a structure, or with a damaged copy of it."""
        how = self.rng.random()
        if how < 0.1:
            arg = mangled(self.rng, arg)
        elif how < 0.2 and len(arg) >= 4:	# another size
            size = self.rng.choice((0, 3, 4, 8, len(arg) - 4, len(arg) + 8, 4096, 4097,
                                    0xffffffff))
            arg = struct.pack("=I", size) + arg[4:] + bytes(64)
        return syscall(SYS_IOCTL, fd, command, self.place(arg))

    def name(self):
        """Address and length of a name."""
        name = self.rng.choice(NAMES)
        return self.place(name), len(name)

    # --- operations

    def do_right(self):
        """Sets up a flow: bob's programs serve a name, others allocate to it."""
        while len(self.fds) >= MOST:
            self.do_close()
        if self.host != "bob":
            end = Endpoint(None, fd=self.add(os.open(DEVICE, os.O_RDWR), "new"))
            self.greet(end.alloc("play", timeout=WAIT))
            return
        if "name" not in self.kinds.values():
            end = Endpoint(None, fd=self.add(os.open(DEVICE, os.O_RDWR), "new"))
            end.listen("play")
            self.kinds[end.fd] = "name"
        for fd in [fd for fd in list(self.fds) if self.kinds.get(fd) == "name"]:
            self.greet(Endpoint(None, fd=fd).accept(timeout=WAIT))

    def greet(self, end):
        """Add the file of a new flow, set short timeouts, and send a few messages."""
        if end.fd not in self.kinds:
            self.fds.append(end.fd)
        self.kinds[end.fd] = "flow"
        end.set(SET_RCVTIMEO | SET_SNDTIMEO, rcvtimeo=MOMENT, sndtimeo=MOMENT)
        with contextlib.suppress(OSError):
            for _ in range(self.rng.randrange(20)):
                end.write(self.rng.randbytes(self.rng.choice((1, 100, 1000))))

    def do_open(self):
        """Opens one more file."""
        if len(self.fds) >= MOST:
            self.do_close()
        flags = self.rng.choice((os.O_RDWR, os.O_RDWR, os.O_RDWR, os.O_RDONLY, os.O_WRONLY))
        flags |= self.rng.choice((0, 0, os.O_NONBLOCK))
        self.add(os.open(DEVICE, flags), "new")

    def do_close(self):
        """Closes a file, which another thread may be using."""
        fd = self.fds.pop(self.rng.randrange(len(self.fds)))
        self.kinds.pop(fd, None)
        os.close(fd)

    def do_dup(self):
        """Duplicates a file, perhaps over another one."""
        one, other = self.fd("flow"), self.fd()
        if len(self.fds) < MOST:
            self.add(os.dup(one), self.kinds.get(one))
        else:
            os.dup2(one, other)
            self.kinds[other] = self.kinds.get(one)

    def do_pass(self):
        """Passes a file through a socket that may be closed before it is received."""
        one, other = socket.socketpair()
        fd = self.fd("flow")
        with one, other:
            socket.send_fds(one, [b"x"], [fd])
            if self.rng.random() < 0.7 and len(self.fds) < MOST:
                self.add(socket.recv_fds(other, 1, 1)[1][0], self.kinds.get(fd))

    def do_alloc(self):
        """Allocates a flow."""
        qos = PLAIN if self.rng.random() < 0.8 else self.rng.randbytes(len(PLAIN))
        fd, limit = self.fd("new"), WAIT if self.rng.random() < 0.5 else self.time()
        self.ioctl(fd, ALLOC, struct.pack("=IIQIIq", 64, 0, *self.name(), 0, limit) + qos)
        self.kinds[fd] = "flow"

    def do_listen(self):
        """Serves a name."""
        fd = self.fd("new")
        self.ioctl(fd, LISTEN, struct.pack("=IIQII", 24, 0, *self.name(),
                                           self.rng.choice((0, 0, 1, 1024, 1025))))
        self.kinds[fd] = "name"

    def do_provide(self):
        """Provides a name."""
        fd, name = self.fd("new"), self.rng.choice((b"carried", b"carried", *NAMES))
        self.ioctl(fd, PROVIDE, struct.pack("=IIQII", 24, 0, self.place(name), len(name),
                                            self.rng.choice((1200, 1500, 65507, 65508))))
        self.kinds[fd] = "flow"

    def do_accept(self):
        """Accepts a flow."""
        self.add(self.ioctl(self.fd("name"), ACCEPT, struct.pack(
            "=IIq32x", 48, self.rng.choice((0, 1)), self.time())), "flow")

    def do_rekey(self):
        """Takes a seed, if one arrives within a second."""
        fd, pause = self.fd("flow"), threading.Event()
        for _ in range(20):
            try:
                syscall(SYS_IOCTL, fd, REKEY, self.rng.choice((0, self.number())))
                return
            except OSError as err:
                if err.errno != errno.ENODATA:
                    raise
            pause.wait(0.05)
        raise OSError(errno.ENODATA, "no seed")

    def do_info(self):
        """Asks for the state of a flow."""
        size = self.rng.choice((864, 864, 4, 200, 500, 4096))
        self.ioctl(self.fd("flow"), GET_INFO, struct.pack("=I", size) + bytes(860))

    def do_set(self):
        """Changes settings; taking a flow down is rare, and never for shared flows."""
        mask = self.rng.choice((1, 2, 3, 4, 16, 7, 32, 8 if self.rng.random() < 0.2 else 1,
                                self.number()))
        fd = self.fd("flow")
        if mask & SET_DOWN and self.kinds.get(fd) == "given":
            mask = SET_RCVTIMEO
        self.ioctl(fd, SET, struct.pack(
            "=IIqqIIII", 40, mask, self.time(), self.time(),
            self.rng.choice((1, 2, 3, 3, 3, 3, self.number())), 1,
            self.rng.choice((64, 4096, self.number())),
            self.rng.choice((0, 0, 0, 1, self.number()))))

    def do_next(self):
        """Asks for the length of the next message."""
        self.ioctl(self.fd(self.rng.choice(("flow", "flow", "name"))),
                   termios.FIONREAD, bytes(4))

    def batch(self, command):
        """Many messages in one call, some of them at bad addresses."""
        count = self.rng.choice((1, 2, 16, 64, 200))
        size = self.rng.choice((0, 1, 100, 100, 1000, 1350, 1424, 1425, 65536, self.number()))
        rows = b""
        for _ in range(count):
            at = self.rng.choice(BAD_POINTERS) if self.rng.random() < 0.03 else \
                self.base + self.rng.randrange(PAGES * PAGE)
            if self.rng.random() < 0.05:
                size = self.rng.randrange(1500)
            rows += struct.pack("=QII", at, size, self.rng.random() < 0.01)
        told = count if self.rng.random() < 0.9 else self.number()
        times = self.rng.choice((0, 0, 0, self.base, self.number()))
        self.ioctl(self.fd("flow"), command, struct.pack(
            "=IIQIIQ", 32, self.rng.choice((1, 1, 0, 3, 5, 7)), self.place(rows),
            told, 0, times if command == RECV else 0))

    def do_send(self):
        """Sends a batch."""
        self.batch(SEND)

    def do_recv(self):
        """Receives a batch."""
        self.batch(RECV)

    def do_garbage(self):
        """A command, or an unknown one, with random bytes."""
        command = self.rng.choice(COMMANDS) if self.rng.random() < 0.7 else \
            self.rng.choice((0xE700, 0xE709, 0x5421, self.number(), 0xC004E701))
        size = self.rng.choice((0, 4, 24, 40, 48, 64, 512, 4096))
        head = struct.pack("=I", self.rng.choice((size, size, self.number())))
        syscall(SYS_IOCTL, self.fd(), command, self.place(head + self.rng.randbytes(size)))

    def do_pointer(self):
        """A command with a bad address."""
        syscall(SYS_IOCTL, self.fd(), self.rng.choice(COMMANDS),
                self.rng.choice(BAD_POINTERS + (self.number(),)))

    def buffer(self):
        """Address and length of a buffer, perhaps a bad one."""
        size = self.rng.choice((0, 1, 100, 100, 1000, 1424, 1425, 65536, 1 << 31))
        return self.rng.choice(BAD_POINTERS) if self.rng.random() < 0.1 else \
            self.base + self.rng.randrange(PAGES * PAGE), size

    def do_read(self):
        """Reads into memory that may be unmapped; not beyond its end."""
        at, size = self.buffer()
        syscall(SYS_READ, self.fd("flow"), at, min(size, max(self.base + PAGES * PAGE - at, 0)))

    def do_write(self):
        """Writes."""
        syscall(SYS_WRITE, self.fd("flow"), *self.buffer())

    def do_vector(self):
        """Writes from many buffers in one call."""
        count = self.rng.choice((1, 1, 2, 2, 7, 64))
        rows = b"".join(struct.pack("=QQ", *self.buffer()) for _ in range(count))
        syscall(SYS_WRITEV, self.fd("flow"), self.place(rows),
                count if self.rng.random() < 0.9 else self.number())

    def do_poll(self):
        """Polls for a moment."""
        poll = select.poll()
        for _ in range(self.rng.randrange(1, 5)):
            poll.register(self.fd("flow"), self.rng.getrandbits(16))
        poll.poll(self.rng.choice((0, 1, 50)))

    def do_epoll(self):
        """Polls an epoll set; other threads may close files of the set meanwhile."""
        with select.epoll() as epoll:
            for fd in set(self.fds[:8]):
                epoll.register(fd, self.rng.choice((1, 4, 5, 1 | 1 << 31, 1 | 1 << 30)))
            epoll.poll(self.rng.choice((0, 0.05)))

    def do_flags(self):
        """Makes a file blocking or non-blocking."""
        os.set_blocking(self.fd("flow"), self.rng.random() < 0.3)

    def do_unmap(self):
        """Unmaps or protects memory, or maps it again."""
        at = self.base + self.rng.randrange(PAGES) * PAGE
        size = PAGE * self.rng.randrange(1, 5)
        size = min(size, self.base + PAGES * PAGE - at)
        how = self.rng.randrange(6)
        if how == 0:
            syscall(SYS_MUNMAP, at, size)
        elif how == 1:
            syscall(SYS_MPROTECT, at, size, self.rng.choice((0, 1)))
        else:
            self.bring_back(at, size)

    def do_other(self):
        """Calls that make no sense for such a file."""
        fd = self.fd()
        self.rng.choice((
            lambda: os.lseek(fd, 100, os.SEEK_SET), lambda: os.fsync(fd),
            lambda: os.ftruncate(fd, 10), lambda: os.pread(fd, 10, 10),
            lambda: mmap.mmap(fd, PAGE), lambda: os.sendfile(fd, fd, 0, 100),
            lambda: os.fchmod(fd, 0o777), lambda: os.stat(f"/proc/self/fdinfo/{fd}"),
            lambda: open(f"/proc/self/fd/{fd}", "rb").close(),
            lambda: open(f"/proc/self/fdinfo/{fd}", "rb").read()))()

    def do_unload(self):
        """Tries to unload the module, which this user must not."""
        name = ctypes.create_string_buffer(b"ipcp_rekey")
        try:
            syscall(SYS_DELETE_MODULE, ctypes.addressof(name), os.O_NONBLOCK)
        except PermissionError:
            return
        os.write(2, b"an ordinary user may unload the module\n")
