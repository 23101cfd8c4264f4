# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Reports what was measured: prints tables, and writes bench.json (a row for each
figure), steps.json, times.json and a picture, bench.svg.

Usage: report.py OUT RESULTS...
  OUT       the folder for the files
  RESULTS   the folder of the results of a kernel
"""

import json
import os
import sys

import picture

NAMES = {"udp": "UDP", "udp-batch": "UDP, offload", "unix": "Unix datagrams",
         "ktls": "kTLS", "ipcp-rekey-local": "ipcp_rekey, one host",
         "ipcp-rekey": "ipcp_rekey", "ipcp-rekey-batch": "ipcp_rekey"}
CIPHERS = {None: "none", "aes": "AES-256-GCM", "chacha": "ChaCha20-Poly1305"}
UDP, OPENSSL, KTLS, OURS = "UDP", "UDP + OpenSSL", "kTLS", "ipcp_rekey"
LOCAL, UNIX = NAMES["ipcp-rekey-local"], NAMES["unix"]


def system(row):
    """The name of the system of a row, for people."""
    name = NAMES[row["way"]]
    if row["way"].startswith("udp") and row["cipher"]:
        name += " + OpenSSL"
    return name if row["offload"] else name + ", cut by veth"


def figures(rows):
    """The rows of bench.json."""
    return [{"kernel": row["kernel"], "system": system(row),
             "cipher": CIPHERS[row["cipher"]], "size": row["size"],
             "batch": row["batch"], "instructions": row["instructions"],
             "spread": row["spread"]} for row in rows]


def table(rows):
    """Yield lines: a row for each system, a column for each size."""
    sizes = sorted({row["size"] for row in rows})
    lines = {}
    for row in rows:
        key = row["system"], row["cipher"], row["batch"]
        lines.setdefault(key, {})[row["size"]] = row["instructions"]
    yield f"{'':28}{'cipher':20}{'batch':>5}" + \
        "".join(f"{size:>9} B" for size in sizes)
    for (name, cipher, batch), found in lines.items():
        yield f"{name:28}{cipher:20}{batch:5}" + "".join(
            f"{found[size]:>11,}" if size in found else " " * 11
            for size in sizes)


def compared(what, cipher, pairs):
    """A line: our cost relative to that of a peer, for each size."""
    return f"{what:48}{cipher:20}" + "".join(
        f"{a / b:>9.2f} x" if a and b else " " * 11 for a, b in pairs)


def ratios(rows):
    """Yield lines: our cost relative to that of each peer."""
    found = {(row["system"], row["cipher"], row["batch"], row["size"]):
             row["instructions"] for row in rows}
    sizes = sorted({row["size"] for row in rows})
    pairs = [(found.get((LOCAL, "none", 1, size)), found.get((UNIX, "none", 1, size)))
             for size in sizes]
    if any(a and b for a, b in pairs):
        yield compared(f"one host, batch 1, to {UNIX}", "none", pairs)
    for cipher in list(CIPHERS.values())[1:]:
        for mine, peer, peer_cipher, batch in (
                (1, OPENSSL, cipher, 1), (1, UDP, "none", 1),
                (1, KTLS, cipher, 1), (64, UDP, "none", 1),
                (64, UDP + ", offload", "none", 64),
                (64, UDP + ", offload + OpenSSL", cipher, 64),
                (64, KTLS, cipher, 1), (64, KTLS, cipher, 64)):
            pairs = [(found.get((OURS, cipher, mine, size)),
                      found.get((peer, peer_cipher, batch, size)))
                     for size in sizes]
            if any(a and b for a, b in pairs):
                what = f"batch {mine}, to {peer}, batch {batch}"
                yield compared(what, cipher, pairs)


def rates(times):
    """Yield lines: messages per second, and how they scale with the number of flows."""
    found = {(t["way"], t["batch"], t["flows"]): t["per_second"] for t in times}
    counts = sorted({t["flows"] for t in times})
    scaling = {}
    yield f"{'':16}{'batch':>5}" + "".join(
        f"{count:>9} flow{'s' if count > 1 else ' '}" for count in counts)
    for way, batch in dict.fromkeys((t["way"], t["batch"]) for t in times):
        line = [found[way, batch, count] for count in counts]
        scaling[way.startswith("ipcp"), batch] = [r / line[0] for r in line]
        yield f"{NAMES[way]:16}{batch:5}" + "".join(f"{r:>14,}" for r in line)
    for batch in dict.fromkeys(t["batch"] for t in times):
        line = zip(scaling[True, batch], scaling[False, batch])
        yield f"{'scales by':16}{batch:5}" + "".join(
            f"{a / b:>12.2f} x" for a, b in line) + "   as well as UDP"


def load(folders, name):
    """Yield the contents of file NAME in each folder that has it, with the folder's
    name."""
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                yield os.path.basename(folder), json.load(f)


def show(title, lines):
    """Print a table."""
    print(f"\n{title}\n")
    print("\n".join(lines))


def save(out, name, what):
    """Write a file of results."""
    with open(os.path.join(out, name), "w", encoding="ascii") as f:
        json.dump(what, f, indent=1)
        f.write("\n")


def main():
    """Report the results of all kernels."""
    out, folders = sys.argv[1], sys.argv[2:]
    rows, steps, times = [], [], []
    for kernel, found in load(folders, "rows.json"):
        found = figures(found)
        show(f"Instructions per message, both ends together, Linux {kernel}",
             table(found))
        show(f"What ipcp_rekey costs, in what a peer costs, Linux {kernel}",
             ratios(found))
        rows += found
    for name in "steps-keys.json", "steps-agents.json":
        for kernel, found in load(folders, name):
            show(f"Instructions, Linux {kernel}",
                 (f"{what:48}{n:>14,}" for what, n in found.items()))
            steps += [{"kernel": kernel, "step": what, "instructions": n}
                      for what, n in found.items()]
    for kernel, found in load(folders, "times.json"):
        show(f"Messages per second, two processors, Linux {kernel}",
             rates(found))
        times += found
    if rows:
        save(out, "bench.json", rows)
        first = rows[0]["kernel"]
        with open(os.path.join(out, "bench.svg"), "w", encoding="utf-8") as f:
            f.write(picture.draw([r for r in rows if r["kernel"] == first]))
    if steps:
        save(out, "steps.json", steps)
    if times:
        save(out, "times.json", times)


main()
