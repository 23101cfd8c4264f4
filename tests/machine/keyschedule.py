# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""All keys derived from a seed: an implementation of the key schedule independent of
the kernel's. A dictionary selects the wanted keys:

  itself   true: the seed
  root     true: the root, derived from the seed and the chain
  chain    true: the chain, which is mixed with the next seed
  nodes    [first, end]: node keys
  forks    [direction, first, end]: forks of the nodes for that direction
  leaves   [direction, first, end]: leaf keys, counted over all nodes
"""

import hmac

NODES, LEAVES = 128, 64


def expand(prk, info, length):
    """HKDF-Expand with SHA-256."""
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def split(keys):
    """Split concatenated keys."""
    return [keys[i:i + 32] for i in range(0, len(keys), 32)]


def mix(chain, seed):
    """The root of an epoch: HKDF-Extract salted with the chain of the one before."""
    return hmac.digest(chain, seed, "sha256")


def chain_of(root):
    """The chain, which is mixed with the next seed."""
    return expand(root, b"ipcp-rekey chain", 32)


def chain_id(chain):
    """The name of a chain."""
    return expand(chain, b"ipcp-rekey chain id", 8)


def root_of(seeds):
    """The root of the last seed; the list begins with the first or a fresh seed."""
    chain = bytes(32)
    for seed in seeds[:-1]:
        chain = chain_of(mix(chain, seed))
    return mix(chain, seeds[-1])


def nodes_of(root):
    """All node keys."""
    return split(expand(root, b"ipcp-rekey node", 32 * NODES))


def fork_of(node, direction):
    """The fork of a node for a direction."""
    return expand(node, b"ipcp-rekey dir" + bytes([direction]), 32)


def leaves_of(fork):
    """All leaf keys of a node and a direction."""
    return split(expand(fork, b"ipcp-rekey leaf", 32 * LEAVES))


def keys_of(seeds, wanted):
    """Name, kind and value of each wanted key of a flow's last seed."""
    root = root_of(seeds)
    nodes = nodes_of(root)
    if wanted.get("itself"):
        yield "seed", "prf", seeds[-1]
    if wanted.get("root"):
        yield "root", "prf", root
    if wanted.get("chain"):
        yield "chain", "prf", chain_of(root)
    for n in range(*wanted.get("nodes", (0, 0))):
        yield f"node {n}", "prf", nodes[n]
    for direction, first, end in wanted.get("forks", []):
        for n in range(first, end):
            yield f"fork {n} of direction {direction}", "prf", fork_of(nodes[n], direction)
    for direction, first, end in wanted.get("leaves", []):
        for n in range(first // LEAVES, -(-end // LEAVES)):
            leaves = leaves_of(fork_of(nodes[n], direction))
            for i in range(max(first, n * LEAVES), min(end, (n + 1) * LEAVES)):
                yield f"leaf {i} of direction {direction}", "leaf", leaves[i % LEAVES]
