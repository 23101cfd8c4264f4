# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Searches data for parts of keys, with tests/machine/scan.c, whose program is
$SCAN."""

import os
import re
import subprocess
import tempfile

import keyschedule

WINDOW = 8		# bytes of a key: too many to match by chance
NODES_USED = 2		# nodes of each epoch that a test uses


def orders(key):
    """A key as it is, reversed, and with its 32-bit words reversed, starting at any
    offset."""
    yield key
    yield key[::-1]
    for begin in range(4):
        yield b"".join(key[at:at + 4][::-1] for at in range(begin, len(key) - 3, 4))


def readings(data):
    """The data, and the bytes that its hexadecimal text stands for, with or without
    separators between the bytes."""
    yield data
    text = re.sub(rb"0x|[\s:,-]", b"", data.lower()).decode("latin1")
    for digits in re.findall("[0-9a-f]{%d,}" % (2 * WINDOW), text):
        for begin in 0, 1:
            yield bytes.fromhex(digits[begin:len(digits) - (len(digits) - begin) % 2])


class Keys:
    """All keys of some seeds."""

    def __init__(self):
        self.names = []		# of the strings that are passed to the program
        self.strings = bytearray()

    def add(self, name, seeds):
        """Add all keys derived from the last of a flow's seeds; forks and leaves of the
        first nodes only."""
        wanted = {"itself": True, "root": True, "chain": True, "nodes": [0, keyschedule.NODES],
                  "forks": [[d, 0, NODES_USED] for d in (0, 1)],
                  "leaves": [[d, 0, NODES_USED * keyschedule.LEAVES] for d in (0, 1)]}
        for what, _, key in keyschedule.keys_of(seeds, wanted):
            self.add_key(f"{name}, {what}", key)

    def add_key(self, what, key):
        """Add one key. The program searches for the 8-byte words at multiples of 8 in a
        string, so add a string for each offset in the key where a match may begin."""
        for turned in orders(key):
            for at in range(min(WINDOW, len(turned) - WINDOW + 1)):
                self.names.append(what)
                self.strings += turned[at:].hex().encode() + b"\n"

    def found(self, data):
        """Names of the keys of which the data has a part."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\0".join(readings(data)) + b"\0")
            file.flush()
            said = subprocess.run([os.environ["SCAN"], file.name], input=bytes(self.strings),
                                  stdout=subprocess.PIPE, check=True).stdout
        return sorted({self.names[int(line.split()[0])] for line in said.splitlines()})
