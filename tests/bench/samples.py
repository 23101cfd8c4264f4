# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""The table that the program profile leaves: samples of each function."""

import os


def report(table, each, digits, out):
    """Writes what each function takes of the cost each, if that shows with so many
    digits, and removes the table."""
    with open(table, encoding="ascii") as f:
        (total, *_), *found = [line.split() for line in f]
    for samples, name in found:
        cost = int(samples) / int(total) * each
        if cost >= 0.5 * 10 ** -digits:
            print(f"{cost:8.{digits}f}  {name}", file=out)
    os.unlink(table)
