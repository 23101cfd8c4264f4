# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Which users may serve and reach which name: each rule of the configuration, for each
kind of user, with alice's agent."""

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
# name: its permitted users; root always is one. 41-policy.test configures the names.
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
    """Run fn(), which returns a number, as this user. Returns the number; 255 is an
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
    """Open the device, for a user who entered alice before dropping privileges."""
    return Endpoint("alice", fd=os.open("/dev/ipcp_rekey", os.O_RDWR | os.O_CLOEXEC))


def tried(call):
    """errno of a call, 0 on success. A refused call must leave the endpoint usable."""
    end = endpoint()
    try:
        call(end)
    except OSError as err:
        if err.errno == errno.EACCES:
            end.listen("open")
        return err.errno
    return 0


def check(call):
    """Try the call as every user with every name."""
    for name, users in RULES.items():
        want = {user: 0 if user == "root" or user in users else errno.EACCES
                for user in USERS}
        same({user: as_user(user, lambda: tried(lambda end: call(end, name)))
              for user in USERS}, want, name)


@case("only permitted users may serve a name")
def serve():
    check(lambda end, name: end.listen(name))


@case("no name stays served")
def not_served():
    until(lambda: not tool("alice", "name", "list"), "no name is served")


def refused(end, name):
    """Allocate. If the policy refuses, the reason must name the rule."""
    try:
        end.alloc(name)
    except OSError:
        reason = end.info().reason
        if name not in reason or "alloc-users" not in reason:
            raise AssertionError(reason) from None
        raise
    end.close()


@case("only permitted users may reach a name")
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


@case("no flow is left")
def no_flow():
    for end in served:
        end.close()
    until(lambda: not flows("alice") and not flows("bob"), "no flow is left")


@case("a name without a rule may be requested by all users")
def unknown():
    def call():
        end = endpoint()
        with fails(errno.ECONNREFUSED):
            end.alloc("not-served")
        return 0
    same(as_user("another user", call), 0)


@case("the policy checks the user of the call, not the opener of the endpoint")
def handed_over():
    enter("alice")
    end = Endpoint("alice")
    def call():
        try:
            end.listen("users")
        except OSError as err:
            return err.errno
        return 0
    # the caller counts, not the opener
    same(as_user("another user", call), errno.EACCES)
    same(as_user("the user", call), 0)
    end.close()


run()
