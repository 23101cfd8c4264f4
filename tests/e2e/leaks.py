# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Looks for pieces of keys in whatever came from somewhere, with
tests/machine/scan.c, whose program is $SCAN."""

import os
import re
import subprocess
import tempfile

import keyschedule

WINDOW = 8		# bytes of a key that nothing has by chance
NODES_USED = 2		# of each epoch, by a test


def orders(key):
    """A key as it is, turned round, and with its 32-bit words turned round, which
    may begin anywhere."""
    yield key
    yield key[::-1]
    for begin in range(4):
        yield b"".join(key[at:at + 4][::-1] for at in range(begin, len(key) - 3, 4))


def readings(data):
    """What came, and what it says as hexadecimal text, with or without something
    between the bytes."""
    yield data
    text = re.sub(rb"0x|[\s:,-]", b"", data.lower()).decode("latin1")
    for digits in re.findall("[0-9a-f]{%d,}" % (2 * WINDOW), text):
        for begin in 0, 1:
            yield bytes.fromhex(digits[begin:len(digits) - (len(digits) - begin) % 2])


class Keys:
    """All keys of some seeds."""

    def __init__(self):
        self.names = []		# of the strings that the program is given
        self.strings = bytearray()

    def add(self, name, seeds):
        """All that the last of a flow's seeds gives, of forks and leaves those of the
        first nodes."""
        wanted = {"itself": True, "root": True, "chain": True, "nodes": [0, keyschedule.NODES],
                  "forks": [[d, 0, NODES_USED] for d in (0, 1)],
                  "leaves": [[d, 0, NODES_USED * keyschedule.LEAVES] for d in (0, 1)]}
        for what, _, key in keyschedule.keys_of(seeds, wanted):
            self.add_key(f"{name}, {what}", key)

    def add_key(self, what, key):
        """One of them. The program looks for words of a string, of which the first
        begins with it: so for each place in a key where one may begin."""
        for turned in orders(key):
            for at in range(min(WINDOW, len(turned) - WINDOW + 1)):
                self.names.append(what)
                self.strings += turned[at:].hex().encode() + b"\n"

    def found(self, data):
        """What keys have a piece in there."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\0".join(readings(data)) + b"\0")
            file.flush()
            said = subprocess.run([os.environ["SCAN"], file.name], input=bytes(self.strings),
                                  stdout=subprocess.PIPE, check=True).stdout
        return sorted({self.names[int(line.split()[0])] for line in said.splitlines()})
