# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Reads the table that the program "profile" writes: samples of each function."""

import os


def report(table, each, digits, out):
    """Write the share of each function in the cost EACH, unless it is 0 with so many
    DIGITS, and remove the table."""
    with open(table, encoding="ascii") as f:
        (total, *_), *found = [line.split() for line in f]
    for samples, name in found:
        cost = int(samples) / int(total) * each
        if cost >= 0.5 * 10 ** -digits:
            print(f"{cost:8.{digits}f}  {name}", file=out)
    os.unlink(table)
