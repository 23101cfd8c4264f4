# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Who may serve and who may reach which name: each rule of the configuration,
by each kind of user, through alice's agent."""

import errno
import os

from ipcp import Endpoint, case, enter, fails, flows, run, same, tool, until

# user: uid, gid, other groups
USERS = {
    "root": (0, 0, []),
    "the user": (1000, 1000, []),
    "another user": (1001, 1001, []),
    "one of the group": (1002, 2000, []),
    "one of it besides": (1003, 1003, [2000]),
}
# name: who may, but for root, who always may. policy.test configures them.
RULES = {
    "open": set(USERS),
    "certified": set(),
    "certified-for-one": {"the user"},
    "users": {"the user"},
    "groups": {"one of the group", "one of it besides"},
    "users-or-groups": {"the user", "one of the group", "one of it besides"},
    "anybody": set(USERS),
    "our-program": set(USERS),
    "other-program": set(),
    "user-with-program": {"the user"},
    "user-with-other": set(),
}
served = []


def as_user(user, fn):
    """What fn(), which returns a number, returns to this user; 255 is an
    exception."""
    uid, gid, groups = USERS[user]
    enter("alice")
    pid = os.fork()
    if not pid:
        status = 255
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            status = fn()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def endpoint():
    """An open device, of who has entered alice already and may do so no more."""
    return Endpoint("alice", fd=os.open("/dev/ipcp_rekey", os.O_RDWR | os.O_CLOEXEC))


def tried(call):
    """errno of a call, 0 if it works. A refused one leaves the endpoint as it
    was."""
    end = endpoint()
    try:
        call(end)
    except OSError as err:
        if err.errno == errno.EACCES:
            end.listen("open")
        return err.errno
    return 0


def check(call):
    """Every user with every name."""
    for name, users in RULES.items():
        want = {user: 0 if user == "root" or user in users else errno.EACCES
                for user in USERS}
        same({user: as_user(user, lambda: tried(lambda end: call(end, name)))
              for user in USERS}, want, name)


@case("who may serve a name")
def serve():
    check(lambda end, name: end.listen(name))


@case("and nothing of who may not is served")
def not_served():
    until(lambda: not tool("alice", "name", "list"), "no name is served")


def refused(end, name):
    """An allocation that the policy refuses says which rule."""
    try:
        end.alloc(name)
    except OSError:
        reason = end.info().reason
        if name not in reason or "alloc-users" not in reason:
            raise AssertionError(reason) from None
        raise
    end.close()


@case("who may reach a name")
def reach():
    served.extend(Endpoint("bob").listen(name) for name in RULES)
    for name, users in RULES.items():
        for user in USERS:
            def call(name=name):
                end = endpoint()
                try:
                    refused(end, name)
                except OSError as err:
                    return err.errno
                return 0
            may = user == "root" or user in users
            same(as_user(user, call), 0 if may else errno.EACCES,
                 f"{name}, {user}")


@case("and no flow of who may not is there")
def no_flow():
    for end in served:
        end.close()
    until(lambda: not flows("alice") and not flows("bob"), "no flow is left")


@case("a name that no rule is about is anybody's, whatever it is")
def unknown():
    def call():
        end = endpoint()
        with fails(errno.ECONNREFUSED):
            end.alloc("not-served")
        return 0
    same(as_user("another user", call), 0)


@case("an endpoint of a user who may is worth nothing in the hands of one who may not")
def handed_over():
    enter("alice")
    end = Endpoint("alice")
    def call():
        try:
            end.listen("users")
        except OSError as err:
            return err.errno
        return 0
    # who calls counts, not who opened
    same(as_user("another user", call), errno.EACCES)
    same(as_user("the user", call), 0)
    end.close()


run()
