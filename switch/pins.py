"""PINs (PIN-1, PIN-5): digits only, none that is guessed at once, kept as a salted hash, refused after wrong tries.

A PIN of six digits is found by whoever has its hash and a day: what protects the hash is the mode of the state file.
What protects the telephone is the lock-out, which stands in the journal, so that a crash gives nobody new tries.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import secrets

LONGEST = 16
_COST, _BLOCK = 14, 8
_PREFIX = "scrypt"


def refusal(pin: str, least: int, own: str = "") -> str:
    """Why it cannot be a PIN: `digits`, `short`, `long` or `simple`; empty when it can. `own` is the extension of whose
    PIN it is."""
    if not (pin.isascii() and pin.isdigit()):
        return "digits"
    if len(pin) < least:
        return "short"
    if len(pin) > LONGEST:
        return "long"
    return "simple" if _simple(pin, own) else ""


WHY = {
    "digits": "a PIN is made of digits",
    "short": "a PIN has at least {least} digits",
    "long": f"a PIN has at most {LONGEST} digits",
    "simple": "this PIN is too easy to guess: one digit or a pair again and again, a row such as 123456, or the own "
    "number",
}
"""The same in words."""


def _simple(pin: str, own: str) -> bool:
    steps = {(int(b) - int(a)) % 10 for a, b in itertools.pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        return True
    if any(pin == (pin[:size] * len(pin))[: len(pin)] for size in (1, 2)):
        return True
    return bool(own) and (pin.strip("0") == own.strip("0") or pin == (own * len(pin))[: len(pin)])


def hashed(pin: str) -> str:
    """The PIN as it is kept. It takes some dozen milliseconds, never on the loop."""
    salt = secrets.token_bytes(16)
    return "$".join((_PREFIX, str(_COST), str(_BLOCK), _text(salt), _text(_scrypt(pin, salt, _COST, _BLOCK))))


def fits(kept: str, pin: str) -> bool:
    """Whether this is the PIN. It takes as long. What cannot be read fits nothing."""
    try:
        prefix, cost, block, salt, digest = kept.split("$")
        found = _scrypt(pin, base64.b64decode(salt), min(int(cost), 20), min(int(block), 32))
        return prefix == _PREFIX and hmac.compare_digest(found, base64.b64decode(digest))
    except (ValueError, MemoryError):
        return False


def chance(least: int, own: str = "") -> str:
    """A PIN that nobody has chosen."""
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(least))
        if not refusal(pin, least, own):
            return pin


def _scrypt(pin: str, salt: bytes, cost: int, block: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=1 << cost, r=block, p=1, maxmem=64 << 20, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
