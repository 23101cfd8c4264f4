# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Errnos that an agent may give to programs reach the programs unchanged. All other
errnos are rejected with a message, and change nothing."""

import errno
import os
import select
import signal

from ipcp import ALLOCATED, A, case, fails, run, same, talk, until
from keys import Agents

ALLOWED = ["EACCES", "ECONNABORTED", "ECONNREFUSED", "EDQUOT", "EHOSTUNREACH",
           "EKEYEXPIRED", "EKEYREJECTED", "ENETUNREACH", "ENOMEM", "ENOTCONN",
           "EOPNOTSUPP", "EPROTO", "ESHUTDOWN", "ETIMEDOUT", "EUSERS"]
REFUSED = {
    "EPERM": errno.EPERM,
    "EINTR": errno.EINTR,
    "EAGAIN": errno.EAGAIN,
    "EINVAL": errno.EINVAL,
    "EPIPE": errno.EPIPE,
    "EINPROGRESS": errno.EINPROGRESS,
    "ERESTARTSYS": 512,
    "ERESTARTNOINTR": 513,
    "ERESTARTNOHAND": 514,
    "ENOIOCTLCMD": 515,
    "ERESTART_RESTARTBLOCK": 516,
    "EIOCBQUEUED": 529,
    "the last errno": 4095,
    "the first that is none": 4096,
    "INT_MAX": 2 ** 31 - 1,
    "INT_MIN": 2 ** 31,
    "-EACCES": 2 ** 32 - errno.EACCES,
    "-1": 2 ** 32 - 1,
}
agents = Agents()


def allowed_case(name):
    """Adds the cases of an errno that reaches programs."""
    number = getattr(errno, name)

    @case(f"{name} from the agent fails an allocation")
    def _alloc():
        one, asked = agents.begin("demo")
        agents.alice.do("FLOW_DEL", "FLOW", id=asked[A["UPCALL_FLOW_ID"]],
                        error=number)
        one.nonblock(False)
        with fails(number):
            one.read()
        with fails(number):
            os.write(one.fd, b"x")
        same(one.info().error, number)
        one.close()

    @case(f"{name} from the agent fails LISTEN")
    def _listen():
        with fails(number):
            agents.listen("refused", error=number)


def refuse(agent, command, space, number, **params):
    """Expects the kernel to reject this errno, and to name the valid ones."""
    try:
        agent.do(command, space, error=number, **params)
    except OSError as err:
        same((err.errno, err.attribute), (errno.EINVAL, A[f"{space}_ERROR"]))
        same([name for name in ALLOWED if name not in err.says], [], err.says)
    else:
        raise AssertionError("not refused")


def refused_case(name, number):
    """Adds the cases of an errno that is rejected."""
    @case(f"{name} ({number}) from the agent is rejected, and fails no allocation")
    def _alloc():
        listener = agents.listen("demo")
        one, asked = agents.begin("demo")
        refuse(agents.alice, "FLOW_DEL", "FLOW", number,
               id=asked[A["UPCALL_FLOW_ID"]])
        with fails(errno.EAGAIN):
            one.read()
        agents.answer("demo", asked)
        other = listener.accept()
        one.nonblock(False)
        talk(one, other)
        for end in one, other, listener:
            end.close()

    @case(f"{name} ({number}) from the agent is rejected, and takes no flow down")
    def _down():
        listener = agents.listen("demo")
        one, other = agents.connect(listener, "demo")
        for agent, end in (agents.alice, one), (agents.bob, other):
            refuse(agent, "FLOW_DEL", "FLOW", number, id=end.info().id)
            same((end.info().state, end.info().error), (ALLOCATED, 0))
        talk(one, other)
        for end in one, other, listener:
            end.close()

    if not number:
        return

    @case(f"{name} ({number}) from the agent is rejected, and fails no LISTEN")
    def _listen():
        grants = []

        def grant(asked):
            refuse(agents.bob, "UPCALL_DONE", "UPCALL", number,
                   id=asked[A["UPCALL_ID"]])
            grants.append(asked)
        agents.listen("demo", before=grant).close()
        same(len(grants), 1)


for _name in ALLOWED:
    allowed_case(_name)
for _name, _number in {"0": 0, **REFUSED}.items():
    refused_case(_name, _number)


@case("an allocation that the agent deletes without an errno fails with ECONNABORTED")
def no_errno():
    one, asked = agents.begin("demo")
    agents.alice.do("FLOW_DEL", "FLOW", id=asked[A["UPCALL_FLOW_ID"]])
    with fails(errno.ECONNABORTED):
        one.read()
    one.close()


@case("the initiator is told when the name is closed before its flow is confirmed")
def closed_early():
    listener = agents.listen("early")
    one, asked = agents.begin("early")
    agents.answer("early", asked, between=listener.close, peer_timeout=600000)
    one.wait(select.POLLHUP)
    info = one.info()
    same((info.error, info.reason), (errno.ESHUTDOWN, "the peer closed the flow"))
    one.close()
    until(lambda: not agents.bob.dump("FLOW_GET"), "bob has no flow any more")


@case("the initiator is told when the server is killed before its flow is confirmed")
def killed_early():
    listener = agents.listen("killed")
    server = os.fork()	# the only holder of the listener
    if not server:
        signal.pause()
    listener.close()

    def kill():
        os.kill(server, signal.SIGKILL)
        same(os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]), -signal.SIGKILL)
    one, asked = agents.begin("killed")
    agents.answer("killed", asked, between=kill, peer_timeout=600000)
    one.wait(select.POLLHUP)
    info = one.info()
    same((info.error, info.reason), (errno.ESHUTDOWN, "the peer closed the flow"))
    one.close()
    until(lambda: not agents.bob.dump("FLOW_GET"), "bob has no flow any more")


run()
