"""How large the journal may become when nobody takes it in: the store has been down for days, or the feeder is.

Events are worth more than disk space only up to a point: a full disk costs the calls' recovery, and everything else on
it. At the bound the oldest segments go, although the store does not have them, until the journal is within it again;
but never one that an open call or the state of now is in. What went so is told and counted: those calls have no record.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path

import msgspec

from records.segments import FORMAT, locked, segments


class Dropped(msgspec.Struct, frozen=True):
    """What one look found: how many octets the journal has now, and what had to go without being in the store:
    segments, their octets, and between which instants they were written (Unix seconds)."""

    octets: int
    segments: int = 0
    dropped_octets: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


def keep_within(directory: Path, most_octets: int, needed: int, stored: int = 0) -> Dropped:
    """Drop the oldest segments before the number `needed` as long as the journal is larger than that. Those before
    `stored` are in the store: they would have gone anyway. Never raises: what the disk refuses is for the next look,
    as it is while somebody reads the journal as a whole. It blocks, so never call it from the event loop."""
    sizes = []
    for segment in segments(directory):
        with contextlib.suppress(OSError):  # the feeder may have deleted it just now
            found = segment.path.stat()
            sizes.append((segment, found.st_size, found.st_mtime))
    octets = sum(size for _, size, _ in sizes)
    lost: list[tuple[int, float]] = []
    with contextlib.suppress(OSError), locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
        for segment, size, written_at in sizes:
            if octets <= most_octets or segment.number >= needed or segment.format > FORMAT:
                break
            segment.path.unlink()
            octets -= size
            if segment.number >= stored:
                lost.append((size, written_at))
    if not lost:
        return Dropped(octets)
    return Dropped(octets, len(lost), sum(size for size, _ in lost), lost[0][1], lost[-1][1])
