"""Readable, time-ordered identifiers: `cfg_` + 26 characters (spec 1).

The ULID layout (48 bits of milliseconds, 80 random bits, Crockford's base 32) keeps new rows at the end of every index;
random keys halve SQLite's insert speed.
"""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A fresh identifier, for instance `dec_01k9x3v0c2m4q8r5t7w9y1z3b5`."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
