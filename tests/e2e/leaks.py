# SPDX-License-Identifier: GPL-2.0
"""Looks for pieces of keys in whatever came from somewhere."""

import re

import keytree

WINDOW = 8		# bytes of a key that nothing has by chance
NODES_USED = 2		# of each epoch, by a test


def orders(piece):
    """A piece of a key as it is, and with its words turned round."""
    yield piece
    yield piece[::-1]
    yield piece[3::-1] + piece[:3:-1]


class Keys:
    """All keys of some seeds."""

    def __init__(self):
        self.pieces = {}	# bytes, and their hexadecimal text: what it is

    def add(self, name, seed):
        """All that an epoch has, of forks and leaves those of the first nodes."""
        wanted = {"root": True, "nodes": [0, keytree.NODES],
                  "forks": [[d, 0, NODES_USED] for d in (0, 1)],
                  "leaves": [[d, 0, NODES_USED * keytree.LEAVES] for d in (0, 1)]}
        for what, _, key in keytree.keys_of(seed, wanted):
            self.add_key(f"{name}, {what}", key)

    def add_key(self, what, key):
        """One of them."""
        for at in range(len(key) - WINDOW + 1):
            for piece in orders(key[at:at + WINDOW]):
                self.pieces[piece] = self.pieces[piece.hex().encode()] = what

    def found(self, data):
        """What keys have a piece in there: binary, or as hexadecimal text, with
        or without something between the bytes."""
        seen = {self.pieces.get(data[at:at + WINDOW])
                for at in range(len(data) - WINDOW + 1)}
        text = re.sub(rb"0x|[\s:,-]", b"", data.lower())
        for digits in re.findall(b"[0-9a-f]{%d,}" % (2 * WINDOW), text):
            seen |= {self.pieces.get(digits[at:at + 2 * WINDOW])
                     for at in range(len(digits) - 2 * WINDOW + 1)}
        return sorted(seen - {None})
