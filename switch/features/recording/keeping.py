"""What recording needs of whoever has its files (`switch/recordings.py`)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Protocol

import msgspec


class RecordingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`emergency`: whether emergency calls are recorded, all of them and without an announcement. A recording ends
    after `most_s` seconds."""

    emergency: bool = False
    most_s: float = 6 * 3600.0


class Keeping(Protocol):
    """Who has the files (`switch/recordings.py`). Names are relative to its folders; nothing here waits for a disk."""

    settings: RecordingSettings

    def begun(self, call: str, file: str, spool: str) -> str:
        """A spool of that file begins, or goes on. The path to record to."""

    def opened(self, ending: str) -> Sequence[str]:
        """The paths of spools whose names end so, and that something may come into yet."""

    def closed(self, path: str) -> None:
        """Nothing more comes into that spool."""

    def over(self, file: str) -> None:
        """No more spools come for that file: it is made as soon as all are closed."""


def name_of(at: datetime.datetime, call: str, number: int, *, for_help: bool) -> str:
    """The name of a call's recording, relative to the folder. That of an emergency call says so, since such files may
    be kept for longer, and whoever deletes old ones has nothing but their names."""
    return f"{at:%Y-%m-%d}/{call}-{number}{'e' if for_help else ''}.wav"


def is_for_help(name: str) -> bool:
    """Whether a file, or a spool of it, is of an emergency call."""
    return name.rpartition("/")[2].partition(".")[0].endswith("e")
