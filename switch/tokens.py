"""Random tokens for tags, branches and call ids: 64 bits that nobody can guess, drawn from the kernel in bulk."""

from __future__ import annotations

import os

TOKEN_BYTES = 8
_BULK = 256


class Tokens:
    """Call it for 16 hexadecimal digits. RFC 3261 section 19.3 asks for 32 bits of randomness; these have 64."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def __call__(self) -> str:
        at = self._at
        if at >= len(self._pool):
            self._pool = os.urandom(TOKEN_BYTES * _BULK).hex()
            at = 0
        self._at = end = at + 2 * TOKEN_BYTES
        return self._pool[at:end]
