# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""All shapes in which memory may hold the keys derived from a seed.

The SHA-256 compression function and the AES key expansion are implemented
independently of the kernel. A mistake here would make the scan search for wrong
patterns. So this module checks itself when it is loaded, and the test also searches
for keys that must be present. The wanted keys are selected as in keyschedule.py, with

  cipher   NID of the flow's cipher
"""

import functools
import hashlib
import math
import struct

from keyschedule import keys_of

AES_KEY = {895: 16, 901: 32}	# bytes of a leaf key used by the cipher


# --- SHA-256, for the states that HMAC derives from a key

def fraction(root, prime):
    """The first 32 fractional bits of a prime's square or cube root."""
    value = math.isqrt(prime << 64) if root == 2 else icbrt(prime << 96)
    return value & 0xffffffff


def icbrt(n):
    """The integer part of a cube root."""
    low, high = 0, 1 << (n.bit_length() // 3 + 1)
    while low + 1 < high:
        mid = (low + high) // 2
        low, high = (mid, high) if mid ** 3 <= n else (low, mid)
    return low


PRIMES = [n for n in range(2, 312) if all(n % d for d in range(2, n))]
SHA_K = [fraction(3, p) for p in PRIMES]
SHA_H = [fraction(2, p) for p in PRIMES[:8]]


def ror(x, n):
    """Rotate 32 bits to the right."""
    return (x >> n | x << (32 - n)) & 0xffffffff


def sha_block(state, block):
    """The state after one block of 64 bytes."""
    w = list(struct.unpack(">16I", block))
    for i in range(16, 64):
        s0 = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3
        s1 = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10
        w.append((w[i - 16] + s0 + w[i - 7] + s1) & 0xffffffff)
    a, b, c, d, e, f, g, h = state
    for k, x in zip(SHA_K, w):
        s1 = ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)
        t1 = h + s1 + (e & f ^ ~e & g) + k + x
        s0 = ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)
        t2 = s0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = ((t1 + t2) & 0xffffffff, a, b, c,
                                  (d + t1) & 0xffffffff, e, f, g)
    return [(x + y) & 0xffffffff for x, y in zip(state, (a, b, c, d, e, f, g, h))]


def hmac_shapes(key):
    """The values that HMAC derives from a key before and while it hashes a message."""
    for pad, byte in ("inner", 0x36), ("outer", 0x5c):
        padded = bytes(b ^ byte for b in key)
        words = struct.unpack(">8I", padded)
        yield f"{pad} pad", padded
        # SHA-256 works on the words of a block; some implementations add the constants
        yield f"{pad} pad as words", struct.pack("<8I", *words)
        yield f"{pad} pad in the rounds", struct.pack(
            "<8I", *((w + k) & 0xffffffff for w, k in zip(words, SHA_K)))
        # as good as the key: all results of HMAC can be computed from it
        yield f"{pad} state", struct.pack(
            "<8I", *sha_block(SHA_H, padded + bytes([byte]) * 32))


# --- AES, for its round keys

def times(a, b):
    """A product in the field of AES."""
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a = a << 1 ^ (0x11b if a & 0x80 else 0)
        b >>= 1
    return out


def sbox_of(x):
    """The S-box of a byte."""
    inverse = next((y for y in range(256) if times(x, y) == 1), 0)
    out = 0x63
    for i in range(5):
        out ^= (inverse << i | inverse >> (8 - i)) & 0xff
    return out


SBOX = bytes(map(sbox_of, range(256)))
TIMES = {n: bytes(times(x, n) for x in range(256)) for n in (9, 11, 13, 14)}


def aes_schedule(key):
    """All round keys of encryption."""
    size, words = len(key) // 4, [key[i:i + 4] for i in range(0, len(key), 4)]
    rcon = 1
    for i in range(size, 4 * (size + 7)):
        word = words[-1]
        if i % size == 0:
            word = bytes(SBOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ rcon]) + word[1:]
            rcon = times(rcon, 2)
        elif size > 6 and i % size == 4:
            word = bytes(SBOX[b] for b in word)
        words.append(bytes(map(int.__xor__, word, words[i - size])))
    return b"".join(words)


def inverse_schedule(schedule):
    """All round keys of decryption, as the equivalent inverse cipher has them."""
    rounds = [schedule[i:i + 16] for i in range(0, len(schedule), 16)][::-1]
    for n in range(1, len(rounds) - 1):
        mixed = b""
        for i in range(0, 16, 4):
            word = rounds[n][i:i + 4]
            for j in range(4):
                mixed += bytes([TIMES[14][word[j]] ^ TIMES[11][word[(j + 1) % 4]] ^
                                TIMES[13][word[(j + 2) % 4]] ^ TIMES[9][word[(j + 3) % 4]]])
        rounds[n] = mixed
    return b"".join(rounds)


def aes_shapes(key):
    """The round keys that are not the key itself."""
    schedule = aes_schedule(key)
    yield "round keys", schedule[len(key):]
    yield "inverse round keys", inverse_schedule(schedule)[16:-16]


# --- for the scan

@functools.cache
def shapes_of(key, cipher):
    """All shapes of a cipher key, or of a key that others are derived from (cipher is
    None): (shape, bytes)."""
    # all keys are results of SHA-256, which holds its result as words
    shapes = [("itself", key),
              ("as words", struct.pack("<8I", *struct.unpack(">8I", key)))]
    if cipher is None:
        shapes += hmac_shapes(key)
    elif cipher in AES_KEY:
        shapes += aes_shapes(key[:AES_KEY[cipher]])
    return shapes


def patterns(name, seeds, wanted):
    """The byte patterns to search for, by (name of the key, shape)."""
    return {(f"{name}, {what}", shape): value
            for what, kind, key in keys_of(seeds, wanted)
            for shape, value in shapes_of(key, None if kind == "prf" else wanted["cipher"])}


def check():
    """Check the functions against published test vectors."""
    block = b"abc\x80" + bytes(52) + struct.pack(">Q", 24)
    digest = struct.pack(">8I", *sha_block(SHA_H, block))
    assert digest == hashlib.sha256(b"abc").digest()
    # FIPS 197, appendix A
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    assert aes_schedule(key)[-16:].hex() == "d014f9a8c9ee2589e13f0cc8b6630ca6"
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d7781"
                        "1f352c073b6108d72d9810a30914dff4")
    assert aes_schedule(key)[-16:].hex() == "fe4890d1e6188d0b046df344706c631e"
    # FIPS 197, appendix C.1: the second round key of the equivalent inverse cipher
    schedule = aes_schedule(bytes(range(16)))
    assert inverse_schedule(schedule)[16:32].hex() == "13aa29be9c8faff6f770f58000f7bf03"


check()
