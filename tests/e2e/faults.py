# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Allocations that fail when told to, by the fault injection of the kernel: only
those made for the module, that is with a function of it on the stack, whichever
part of the kernel it called for them."""

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
    """Changes settings of a kind of failure."""
    for name, value in settings.items():
        path = f"{DEBUGFS}/{kind}/{name.replace('_', '-')}"
        with open(path, "w", encoding="ascii") as f:
            f.write(str(value))


def code():
    """Where the module's code is: first address, and the one after the last."""
    with open("/proc/modules", encoding="ascii") as f:
        for line in f:
            name, size, _users, _by, _state, start, *_ = line.split()
            if name == "ipcp_rekey":
                return int(start, 16), int(start, 16) + int(size)
    raise AssertionError("the module is not loaded")


def within(where):
    """What may fail from here on: allocations with such an address on the stack."""
    for kind in KINDS:
        put(kind, require_start=where[0], require_end=where[1])


def begin():
    """Failures can be asked for from here on."""
    for kind in KINDS:
        put(kind, verbose=0, ignore_gfp_wait="N", probability=0)
    # memory is the matter here
    put("fail_usercopy", require_start=NOWHERE[0], require_end=NOWHERE[1])
    within(code())


def end():
    """Back to how it was."""
    sometimes(0)
    for kind in KINDS:
        put(kind, ignore_gfp_wait="Y")
    within(ANYWHERE)


def sometimes(percent, only_marked=False):
    """So many of all allocations fail: everybody's, or of tasks marked for it."""
    for kind in KINDS:
        put(kind, task_filter="Y" if only_marked else "N", times=-1,
            probability=percent)


def mark_workers(yes):
    """Marks the kernel's workers, and those that there will be."""
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
    """What act() comes to when its nth allocation fails: a word, its value, and
    whether there were so many."""
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

    before() makes what act(made) works on; after(made, value, ok) sees that a
    failure changed nothing, that the same works then, and clears up.
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
