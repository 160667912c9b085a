"""What is taken out of histories and of the records: hidden from one user, or forgotten."""

from __future__ import annotations

import datetime

import msgspec


class HistoryHidden(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=52):
    """The call is no more in the history of the user `viewer`, and of nobody else (DCH-2). `by` is who did that, as
    `user:anna` or `operator:root`."""

    viewer: str
    call: str
    by: str
    at: datetime.datetime


class Forgotten(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=58):
    """These calls are forgotten: the store drops what it knows of them and of their recordings, whose files are gone
    already; of `files` (relative to the folder of recordings) the recordings only. `by` is who wanted it, as
    `operator:root anna` or `retention`, and `why` in words; nothing else remains."""

    calls: tuple[str, ...]
    files: tuple[str, ...]
    by: str
    why: str
    at: datetime.datetime
