# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Fault injection for allocations of the module: those with a function of the module on
the stack, whichever part of the kernel allocates."""

import collections
import errno
import itertools
import os

from ipcp import note

DEBUGFS = "/sys/kernel/debug"
KINDS = "failslab", "fail_page_alloc"
FAIL_NTH = "/proc/thread-self/fail-nth"
ANYWHERE = 0, (1 << 64) - 1
NOWHERE = 1, 1


def put(kind, **settings):
    """Changes settings of a kind of fault injection."""
    for name, value in settings.items():
        path = f"{DEBUGFS}/{kind}/{name.replace('_', '-')}"
        with open(path, "w", encoding="ascii") as f:
            f.write(str(value))


def code():
    """Addresses of the module's code: the first one, and the one after the last."""
    with open("/proc/modules", encoding="ascii") as f:
        for line in f:
            name, size, _users, _by, _state, start, *_ = line.split()
            if name == "ipcp_rekey":
                return int(start, 16), int(start, 16) + int(size)
    raise AssertionError("the module is not loaded")


def within(where):
    """Limits failures to allocations with an address of this range on the stack."""
    for kind in KINDS:
        put(kind, require_start=where[0], require_end=where[1])


def begin():
    """Prepares failures of allocations of the module."""
    for kind in KINDS:
        put(kind, verbose=0, ignore_gfp_wait="N", probability=0)
    # only allocations are to fail
    put("fail_usercopy", require_start=NOWHERE[0], require_end=NOWHERE[1])
    within(code())


def end():
    """Restores the default settings."""
    sometimes(0)
    for kind in KINDS:
        put(kind, ignore_gfp_wait="Y")
    within(ANYWHERE)


def sometimes(percent, only_marked=False):
    """Lets a percentage of allocations fail: of all tasks, or of marked tasks only."""
    for kind in KINDS:
        # no other task's may fail while the filter changes
        put(kind, probability=0)
        put(kind, task_filter="Y" if only_marked else "N", times=-1,
            probability=percent)


def mark_workers(yes):
    """Marks or unmarks the kernel's workers, and future ones by marking kthreadd."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                name = f.read()
            if name.startswith(("kworker", "kthreadd")):
                with open(f"/proc/{pid}/make-it-fail", "w", encoding="ascii") as f:
                    f.write("1" if yes else "0")
        except (FileNotFoundError, ProcessLookupError):
            pass	# it has ended


def failing(nth, act):
    """Runs act() with a failure of its nth allocation. Returns "ok" or the name of the
    errno, the value of act(), and whether there were n allocations."""
    fd = os.open(FAIL_NTH, os.O_RDWR)
    os.write(fd, b"%d" % nth)
    try:
        value, word = act(), "ok"
    except OSError as err:
        value, word = None, errno.errorcode[err.errno]
    left = int(os.pread(fd, 16, 0))
    os.write(fd, b"0")
    os.close(fd)
    return word, value, left == 0


def walk(act, before=None, after=None, errors=("ENOMEM",), least=1):
    """Lets each allocation of act() fail in turn, until there are no more.

    before() makes the object that act(made) works on; after(made, value, ok) checks
    that a failure changed nothing and that a retry works, and cleans up.
    """
    words = collections.Counter()
    for nth in itertools.count(1):
        made = before() if before else None
        word, value, hit = failing(nth, lambda: act(made))	# noqa: B023
        if word != "ok" and not (hit and word in errors):
            raise AssertionError(f"{word} when allocation {nth} fails, want {errors}")
        if after:
            after(made, value, word == "ok")
        if not hit:
            break
        words[word] += 1
    said = ", ".join(f"{n} x {word}" for word, n in sorted(words.items()))
    note(f"{nth - 1} allocations failed: {said}")
    assert nth > least, f"{nth - 1} allocations, {least} expected at least"
