# SPDX-License-Identifier: GPL-2.0
"""What was measured, as a table and as bench.json.

Usage: report.py DIR ROWS...	(DIR for the results, ROWS of measure.py)
"""

import json
import sys

NAMES = {"udp": "UDP", "udp-batch": "UDP, offload", "ktls": "kTLS",
         "ipcp-rekey": "ipcp_rekey", "ipcp-rekey-batch": "ipcp_rekey"}
CIPHERS = {None: "none", "aes": "AES-256-GCM", "chacha": "ChaCha20-Poly1305"}


def system(row):
    """Its name, for people."""
    name = NAMES[row["way"]]
    if row["way"].startswith("udp") and row["cipher"]:
        name += " + OpenSSL"
    return name if row["offload"] else name + ", cut by veth"


def table(rows):
    """Lines: a system each, sizes beside each other."""
    sizes = sorted({row["size"] for row in rows})
    lines = {}
    for row in rows:
        key = system(row), row["cipher"], row["batch"]
        lines.setdefault(key, {})[row["size"]] = row["instructions"]
    yield f"{'':28}{'cipher':20}{'batch':>5}" + \
        "".join(f"{size:>9} B" for size in sizes)
    for (name, cipher, batch), found in lines.items():
        yield f"{name:28}{CIPHERS[cipher]:20}{batch:5}" + "".join(
            f"{found.get(size, ''):>11,}" if size in found else " " * 11
            for size in sizes)


def main():
    """Reports."""
    rows = []
    for path in sys.argv[2:]:
        with open(path, encoding="ascii") as f:
            rows += json.load(f)
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        print(f"\nInstructions per message, both ends together, Linux {kernel}")
        print("\n".join(table([r for r in rows if r["kernel"] == kernel])))
    with open(sys.argv[1] + "/bench.json", "w", encoding="ascii") as f:
        json.dump([{"kernel": row["kernel"], "system": system(row),
                    "cipher": CIPHERS[row["cipher"]], "size": row["size"],
                    "batch": row["batch"], "instructions": row["instructions"],
                    "spread": row["spread"]} for row in rows], f, indent=1)
        f.write("\n")


main()
