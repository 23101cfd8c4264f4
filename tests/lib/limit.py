# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Limits for waits, in turns. limit.sh is the same in shell."""

import time

TURN = 1.0	# seconds that a turn counts for at most


class Limit:
    """So many seconds of a wait that is made of turns.

    A turn counts for at most a second, whatever it took: a machine that was held
    up does not use the limit up. So a turn must not wait for longer by itself.
    """

    def __init__(self, seconds, turn=TURN):
        self.left, self.most = seconds, turn
        self.at = time.monotonic()

    def turn(self):
        """Another turn was taken: is there time left?"""
        now = time.monotonic()
        self.left -= min(now - self.at, self.most)
        self.at = now
        return self.left > 0

    def wait(self):
        """How long the next turn may wait for an event."""
        return max(0, min(self.left, self.most))
