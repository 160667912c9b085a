"""What the doctor says: one finding for each thing that was looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["good", "warning", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """`about` is what was examined (two words at most), `said` a sentence about how it is, `advice` what to do."""

    level: Level
    about: str
    said: str
    advice: str = ""


def good(about: str, said: str) -> Finding:
    """All is well."""
    return Finding("good", about, said)


def warning(about: str, said: str, advice: str = "") -> Finding:
    """It works, but not under load, or not for ever."""
    return Finding("warning", about, said, advice)


def bad(about: str, said: str, advice: str = "") -> Finding:
    """It does not work."""
    return Finding("bad", about, said, advice)
