# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Time limits of waits that are made of turns. limit.sh does the same in shell."""

import time

TURN = 1.0	# seconds that a turn counts for at most


class Limit:
    """A limit in seconds of a wait that is made of turns.

    A turn counts for at most a second, however long it took, so that a delayed machine
    does not use up the limit. A turn must not wait for longer than that by itself.
    """

    def __init__(self, seconds, turn=TURN):
        self.left, self.most = seconds, turn
        self.at = time.monotonic()

    def turn(self):
        """Counts another turn; true if there is time left."""
        now = time.monotonic()
        self.left -= min(now - self.at, self.most)
        self.at = now
        return self.left > 0

    def wait(self):
        """Seconds that the next turn may wait for an event."""
        return max(0, min(self.left, self.most))
