# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Checks the picture of a flow whose ends were recorded (47-timeline.test).
Usage: timeline.py CASE FOLDER"""

import json
import sys
import xml.etree.ElementTree as ET

from ipcp import same

CASE, FOLDER = sys.argv[1:]
SVG = "{http://www.w3.org/2000/svg}"
HOSTS = "alice", "bob"
REKEYS = 5
DATA = "epoch", "exchange", "installed", "observed", "promoted", "wiped"
OF_KEYS = {"epoch", "late", "ahead", "auth", "replay", "tx-nokey"}
ROOT = ET.parse(f"{FOLDER}/timeline.svg").getroot()


def group(where, name):
    """The groups of a class, in drawing order."""
    return [e for e in where.iter(SVG + "g") if e.get("class") == name]


ENDS = {end.get("data-end"): end for end in group(ROOT, "end")}


def numbers(host):
    """The epochs of an end: their numbers, by name."""
    return [{name: int(epoch.get(f"data-{name}")) for name in DATA
             if epoch.get(f"data-{name}")} for epoch in group(ENDS[host], "epoch")]


def epochs():
    """Both ends show all epochs."""
    same(tuple(ENDS), HOSTS)
    for host in HOSTS:
        same([e["epoch"] for e in numbers(host)], list(range(REKEYS + 1)), host)
    same(*([e["exchange"] for e in numbers(host)] for host in HOSTS))


def heard():
    """The peer was heard in each epoch before it was promoted, but for the initiator's
    first."""
    for host in HOSTS:
        for epoch in numbers(host):
            assert "observed" in epoch and "promoted" in epoch, (host, epoch)
            if host == "bob" or epoch["epoch"]:
                assert epoch["observed"] <= epoch["promoted"], (host, epoch)


def order():
    """Epochs are installed, promoted and wiped in order. The last one is not wiped."""
    for host in HOSTS:
        found = numbers(host)
        for epoch in found:
            assert epoch["installed"] <= min(epoch["observed"], epoch["promoted"]), epoch
        for epoch, following in zip(found, found[1:]):
            assert epoch["promoted"] < following["promoted"] < epoch["wiped"], epoch
        assert "wiped" not in found[-1], found[-1]


def bars():
    """An end sends in each epoch until it sends in the next."""
    for host in HOSTS:
        ends_at = None
        for epoch in group(ENDS[host], "epoch"):
            bar, = (e for e in epoch.iter(SVG + "rect") if e.get("class") == "sends")
            left, width = float(bar.get("x")), float(bar.get("width"))
            if ends_at is not None:
                # bars have a minimum width
                assert abs(left - ends_at) <= 0.82, (host, left, ends_at)
            ends_at = left + width


def traffic():
    """The areas are not empty; no packet was dropped for a reason of keys."""
    for host in HOSTS:
        chart, = group(ENDS[host], "traffic")
        paths = {e.get("class"): e.get("d") for e in chart.iter(SVG + "path")}
        assert paths["tx"] and paths["rx"], (host, paths)
        for drop in group(chart, "drop"):
            words = set(drop.find(SVG + "title").text.split())
            assert not words & OF_KEYS, (host, words)


def recordings():
    """Each line has a time, not before the time of the line before."""
    for host in HOSTS:
        with open(f"{FOLDER}/{host}.jsonl", encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        times = [line["time_ns"] for line in lines]
        same(times, sorted(times), host)
        assert all(abs(line["time"] - line["time_ns"] / 1e9) < 1e-4 for line in lines)
        found = {line["event"] for line in lines}
        assert "events-lost" not in found and "traffic" in found, found
        counters = [line["tx_packets"] for line in lines if line["event"] == "traffic"]
        same(counters, sorted(counters), host)
        assert counters[-1] > counters[0], host


{"epochs": epochs, "heard": heard, "order": order, "bars": bars, "traffic": traffic,
 "recordings": recordings}[CASE]()
