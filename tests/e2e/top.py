# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The output of "top" and "metrics" for two flows of alice, a busy one and a quiet one.
The terminal is restored however "top" ends."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios

from ipcp import (
    NET, agent, case, enter, flows, in_turns, run, same, tool, until, warnings)

TOP = f"{os.path.dirname(os.path.abspath(__file__))}/../.."
sys.path.insert(0, f"{TOP}/tools/userspace/cli")
import exposition	# noqa: E402 pylint: disable=wrong-import-position

BEFORE = warnings()
SUMMARY = re.compile(r"\d\d:\d\d:\d\d  (\d+) flows?, out (\S+)/s (\S+B)/s, "
                     r"in (\S+)/s (\S+B)/s, (\S+) dropped\Z")
# a metric in an expression of Prometheus with its selector, and a matcher of the latter
QUERY = re.compile(r"\b(ipcp_rekey_\w+)\b(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)(=~?)"([^"]*)"')
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
HEAD = ("ID NAME PEER EPOCH LEAF LEFT AGE OUT OUT-BYTES IN IN-BYTES DROPS "
        "REASON").split()
SOCKET = f"{os.environ['HOSTS']}/alice/agent.sock"


def shown():
    """Both flows of alice by name, as "flow list" shows them."""
    return {f["name"]: f for f in flows("alice")}


def number(text, unit=""):
    """The value of a text such as 1.23k/s, which is 1230."""
    match = re.match(rf"([\d.]+)([kMGTPE]?){unit}(/s)?\Z", text)
    assert match, text
    return float(match[1]) * 1000 ** " kMGTPE".index(match[2] or " ")


def tables(text):
    """The tables in piped output: of each the summary, the rows by name, and their
    order."""
    for table in re.split(r"\n\n(?=\d\d:\d\d:)", text.rstrip("\n")):
        summary, empty, head, *rows = table.split("\n")
        same(empty, "")
        same(head.split(), HEAD)
        rows = [dict(zip(HEAD, row.split(), strict=True)) for row in rows]
        yield SUMMARY.match(summary), {row["NAME"]: row for row in rows}, \
            [row["NAME"] for row in rows]


def top(*words):
    """The output of "top" without a terminal."""
    enter("alice")
    return subprocess.run(["ipcp-rekey", "top", *words], check=True, text=True,
                          stdout=subprocess.PIPE, timeout=NET).stdout


@case("top --count 2 prints two tables with the figures of the flows")
def plain():
    before = shown()
    found = list(tables(top("--count", "2", "--interval", "2")))
    after = shown()
    same(len(found), 2)
    for summary, rows, order in found:
        assert summary, "no summary"
        same(int(summary[1]), 2)
        same(order, ["busy", "quiet"])
        for name, row in rows.items():
            old, new = before[name], after[name]
            same(int(row["ID"]), old["id"])
            same(row["PEER"], old["peer"])
            same(int(row["EPOCH"]), old["keys"]["epoch"])
            assert old["keys"]["tx_leaf"] <= int(row["LEAF"]) <= new["keys"]["tx_leaf"]
            assert new["keys"]["tx_left"] * 0.99 <= number(row["LEFT"]) \
                <= old["keys"]["tx_left"] * 1.01, row
        same(rows["quiet"]["OUT"], "0/s")
        same(rows["quiet"]["IN-BYTES"], "0B/s")
        assert 0 < number(rows["busy"]["OUT"]) < number(rows["busy"]["OUT-BYTES"], "B")
        assert number(rows["busy"]["IN"]) > 0
        same(number(summary[2]), number(rows["busy"]["OUT"]))


@case("the table is sorted by the given column")
def is_sorted():
    numbers = {name: flow["id"] for name, flow in shown().items()}
    for column, want in (("id", sorted(numbers, key=numbers.get)),
                         ("NAME", ["busy", "quiet"]), ("in-bytes", ["busy", "quiet"])):
        (_, _, order), = tables(top("-c", "1", "-i", "0.1", "-s", column))
        same(order, want, column)


# --- metrics

def metrics(*words):
    """The metric families on stdout."""
    enter("alice")
    out = subprocess.run(["ipcp-rekey", "metrics", *words], check=True,
                         stdout=subprocess.PIPE, timeout=NET).stdout
    return exposition.parse(out)


FLOW = {
    # metric, and its value in "flow list"
    "allocated": lambda f: f["state"] == "allocated",
    "sent_messages_total": lambda f: f["stats"]["tx_packets"],
    "sent_bytes_total": lambda f: f["stats"]["tx_bytes"],
    "received_messages_total": lambda f: f["stats"]["rx_packets"],
    "received_bytes_total": lambda f: f["stats"]["rx_bytes"],
    "queued_messages": lambda f: f["queued"],
    "mtu_bytes": lambda f: f["mtu"],
    "rekeys_total": lambda f: f["stats"]["rekeys"],
    "recoveries_total": lambda f: f["stats"]["recoveries"],
    "sent_leaf_keys_total": lambda f: f["stats"]["tx_leaves"],
    "received_leaf_keys_total": lambda f: f["stats"]["rx_leaves"],
    "linger_cut_total": lambda f: f["stats"]["linger_cut"],
    "epoch": lambda f: f["keys"]["epoch"],
    "epoch_age_seconds": lambda f: f["keys"]["epoch_age_ms"] / 1000,
    "send_packets_left": lambda f: f["keys"]["tx_left"],
    "receive_packets_left": lambda f: f["keys"]["rx_left"],
    "rekey_due": lambda f: bool(f["keys"]["due"]),
}


@case("metrics of each flow agree with flow list")
def of_flows():
    before, got, after = shown(), metrics("--socket", SOCKET), shown()
    same({name for name in got if name.startswith("ipcp_rekey_flow_")},
         {f"ipcp_rekey_flow_{name}" for name in FLOW} | {
             "ipcp_rekey_flow_dropped_packets_total"})
    for flow in before.values():
        labels = {"id": str(flow["id"]), "name": flow["name"], "peer": flow["peer"]}
        for name, value in FLOW.items():
            # remaining packets decrease, all others increase
            least, most = sorted((value(flow), value(after[flow["name"]])))
            have = got[f"ipcp_rekey_flow_{name}"].value(**labels)
            # the queue changes meanwhile
            if name != "queued_messages":
                assert least <= have <= most, (name, least, have, most)
    assert before["busy"]["stats"]["tx_packets"] > 0
    same(got["ipcp_rekey_flows"].value(), len(before))


@case("metrics of drops, users and the agent agree with stats and agent status")
def of_others():
    stats, users = tool("alice", "stats"), tool("alice", "stats", "--users")
    got = metrics("--socket", SOCKET)
    for reason, count in stats["no_flow"].items():
        same(got["ipcp_rekey_dropped_packets_total"].value(reason=reason), count, reason)
    assert set(stats["flows"]) == set(stats["no_flow"])
    for user in users:
        for name, member in (("flows", "flows"), ("listeners", "listeners"),
                             ("flows_limit", "max_flows"),
                             ("queue_limit_bytes", "max_bytes")):
            same(got[f"ipcp_rekey_user_{name}"].value(uid=str(user["uid"])),
                 user[member], name)
    status = agent("alice")
    same(got["ipcp_rekey_agent_up"].value(), 1)
    same(got["ipcp_rekey_agent_registered"].value(), 1)
    same(got["ipcp_rekey_agent_info"].value(version=status["version"]), 1)
    for exchange, outcomes in status["exchanges"].items():
        for outcome, of in outcomes.items():
            same(got["ipcp_rekey_agent_exchanges_total"].value(
                exchange=exchange, outcome=outcome), of["count"])
    same(metrics("--socket", "/nowhere")["ipcp_rekey_agent_up"].value(), 0)


@case("metrics have documented labels only")
def few_labels():
    for name, family in metrics("--socket", SOCKET).items():
        for labels in family.samples:
            assert {key for key, _ in labels} <= {
                "id", "name", "peer", "reason", "version", "uid", "exchange",
                "outcome"}, (name, labels)


@case("the dashboard and the documented alerts use metrics and labels that exist")
def queries():
    got, asked = metrics("--socket", SOCKET), {}
    for path, least in (("tools/grafana/ipcp-rekey.json", 30),
                        ("Documentation/operations.md", 5)):
        with open(f"{TOP}/{path}", encoding="utf-8") as f:
            found = QUERY.findall(f.read().replace('\\"', '"'))
        assert len(found) >= least, (path, found)
        asked.update(dict.fromkeys(found, path))
    for (name, selector), path in asked.items():
        assert name in got, f"{path}: {name}"
        for label, how, value in MATCHER.findall(selector):
            if label == "instance":
                continue	# Prometheus adds it
            values = {dict(labels).get(label) for labels in got[name].samples}
            assert None not in values, f"{path}: {name}{selector}"
            assert how == "=~" or value in values, f"{path}: {name}{selector}"


@case("metrics --output replaces the file, and makes it readable for all")
def to_file():
    enter("alice")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/ipcp_rekey.prom"
        for _ in range(2):
            subprocess.run(["ipcp-rekey", "metrics", "--socket", SOCKET, "--output", path],
                           check=True, timeout=NET)
            same(os.stat(path).st_mode & 0o7777, 0o644)
            same(os.listdir(folder), ["ipcp_rekey.prom"])
            with open(path, "rb") as f:
                same(len(exposition.parse(f.read())["ipcp_rekey_flow_epoch"].samples), 2)


# --- a terminal

class Terminal:
    """A terminal that runs "top"."""

    def __init__(self, cols, rows):
        self.master, self.slave = pty.openpty()
        self.resize(cols, rows)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        enter("alice")
        self.program = subprocess.Popen(	# pylint: disable=consider-using-with
            ["ipcp-rekey", "top", "--interval", "0.2"], stdin=self.slave,
            stdout=self.slave, stderr=self.slave, start_new_session=True)

    def resize(self, cols, rows):
        """Resize the terminal, as a window does."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def until(self, condition, what):
        """Read until condition(all that was read) is true."""
        def wait(seconds):
            if condition(self.seen):
                return [True]
            if select.select([self.master], [], [], seconds)[0]:
                self.seen += os.read(self.master, 65536)
            return [condition(self.seen)]
        assert any(in_turns(wait, NET)), f"{what}: {self.seen[-2000:]!r}"

    def drawn(self):
        """Read a whole page, from its beginning to the beginning of the next."""
        self.seen = b""
        self.until(lambda seen: seen.count(b"\x1b[H") >= 3, "no page")

    def page(self):
        """The lines of the last whole page, without control sequences."""
        text = self.seen.split(b"\x1b[H")[-2].decode("ascii")
        text = re.sub(r"\r+\n\x1b\[J\Z", "", text)
        return re.split("\r+\n", re.sub(r"\x1b\[\d*[a-zA-Z]", "", text))

    def restored(self):
        """The settings are as before, and the alternate screen was left."""
        self.until(lambda seen: seen.rfind(LEAVE) > seen.rfind(ENTER), "not left")
        same(termios.tcgetattr(self.slave), self.before)

    def end(self):
        """Kill the program and close the terminal."""
        self.program.kill()
        self.program.wait()
        os.close(self.master)
        os.close(self.slave)


@contextlib.contextmanager
def terminal(cols=80, rows=24):
    """A terminal in which "top" has drawn a page."""
    term = Terminal(cols, rows)
    try:
        term.drawn()
        assert termios.tcgetattr(term.slave) != term.before
        yield term
    finally:
        term.end()


@case("a page fits the terminal, and shows the busiest flow first")
def fits():
    for cols, rows in ((80, 24), (40, 5), (200, 4), (20, 3)):
        with terminal(cols, rows) as term:
            term.drawn()	# the first page has no rates
            page = term.page()
            same(len(page), min(rows, 5))
            assert max(map(len, page)) <= cols, page
            if rows > 3:
                assert "busy" in page[3], page
            same("PEER" in page[2], cols == 200)


@case("top draws a new page when the window is resized")
def resized():
    with terminal(80, 24) as term:
        term.resize(200, 24)
        term.program.send_signal(signal.SIGWINCH)
        term.seen = b""
        term.until(lambda seen: b"PEER" in seen, "the wide page")


@case("q quits, and the terminal is restored")
def quits():
    with terminal() as term:
        os.write(term.master, b"xq")
        same(term.program.wait(NET), 0)
        term.restored()


@case("the terminal is restored by each signal that ends top")
def signals():
    for sig, status in ((signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0),
                        (signal.SIGQUIT, 0), (signal.SIGSEGV, -signal.SIGSEGV),
                        (signal.SIGABRT, -signal.SIGABRT)):
        with terminal() as term:
            term.program.send_signal(sig)
            same(term.program.wait(NET), status, sig)
            term.restored()


@case("the terminal is restored while top is stopped; top draws again when continued")
def stops():
    with terminal() as term:
        term.program.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(term.program.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status
        term.restored()
        term.program.send_signal(signal.SIGCONT)
        term.drawn()
        assert termios.tcgetattr(term.slave) != term.before
        os.write(term.master, b"q")
        same(term.program.wait(NET), 0)
        term.restored()


@case("top ends when its output pipe is closed")
def closed():
    enter("alice")
    with subprocess.Popen(["ipcp-rekey", "top", "-i", "0.1"],
                          stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        program.stdout.close()
        assert program.wait(NET) in (0, 1, -signal.SIGPIPE)


@case("a flow that ends disappears from the table")
def vanishes():
    enter("alice")
    number_of = shown()["quiet"]["id"]
    with subprocess.Popen(["ipcp-rekey", "top", "-i", "0.1"], text=True,
                          stdout=subprocess.PIPE) as program:
        def seen(word):
            return lambda: word in program.stdout.readline()
        until(seen(" quiet "), "the flow")
        subprocess.run(["ipcp-rekey", "flow", "del", str(number_of)], check=True,
                       timeout=NET)
        until(seen(" 1 flow, "), "one flow")
        program.send_signal(signal.SIGTERM)
        program.stdout.read()
        same(program.wait(NET), 0)
    same(list(next(tables(top("-c", "1", "-i", "0.1")))[1]), ["busy"])


@case("the kernel did not warn")
def no_warnings():
    same(warnings(), BEFORE)


run()
